"""Frame rates: which are possible, and where a recording without time stamps states its own."""

from pathlib import Path
from typing import Final

from mer.errors import MerError

RATE_FILES: Final = ("fps", "fps.txt")
"""Files beside pictures that hold their frame rate as a plain number."""
MIN_FPS: Final = 0.1
MAX_FPS: Final = 20_000.0
"""Rates outside are not those of a face's recording but damaged or mistaken: times and buffers would overflow."""
_MAX_CHARACTERS: Final = 64


def rate_beside(folder: Path) -> float | None:
    """Return the frame rate in frames/s that a file `fps` or `fps.txt` in a folder holds, None if there is none.

    Raises:
        MerError: If there is such a file without a frame rate in it.
    """
    for name in RATE_FILES:
        file = folder / name
        if file.is_file():
            text = _beginning(file)
            try:
                rate = float(text)
            except ValueError:
                rate = 0.0
            if not MIN_FPS <= rate <= MAX_FPS:
                expected = f"the frame rate as a plain number from {MIN_FPS:g} to {MAX_FPS:g}, such as 200"
                raise MerError(f"{file} holds {text[:40]!r}; expected {expected}")
            return rate
    return None


def _beginning(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(_MAX_CHARACTERS).strip()
    except OSError as error:
        raise MerError(f"{file} cannot be read ({error.strerror}); expected the frame rate, such as 200") from error
