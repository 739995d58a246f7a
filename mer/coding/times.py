"""Times as coding programs write them, in seconds."""

import math
import re
from typing import Final

from mer.data.tables import Cell, cell_text

_CLOCK: Final = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)", re.ASCII)
_FRAMES: Final = re.compile(r"(\d+):(\d{1,2}):(\d{1,2})[:;](\d{1,4})", re.ASCII)


def seconds(cell: Cell, *, fps: float | None = None) -> float:
    """Return the seconds that a cell holds: 1.5, 1,5, 00:00:01.500 or 00:00:01:12 (frames).

    Args:
        cell: Of a table, or text.
        fps: Frames per second, for times that count frames.

    Raises:
        ValueError: If it is not a time from 0, or counts frames and no rate is known.
    """
    text = cell_text(cell)
    if clock := _FRAMES.fullmatch(text):
        if fps is None:
            raise ValueError(f"{text} counts frames; give their rate with --fps")
        hours, minutes, whole, frames = map(int, clock.groups())
        return 3600 * hours + 60 * minutes + whole + frames / fps
    if clock := _CLOCK.fullmatch(text):
        return 3600 * int(clock[1] or 0) + 60 * int(clock[2]) + float(clock[3].replace(",", "."))
    value = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{text} is not a time from 0")
    return value


def positive(value: object) -> float | None:
    """Return a length or rate that a file names, None if it is not a finite number over 0."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None
