"""Writing files so that a crash, a full disk or a kill leaves the previous one whole."""

import contextlib
import os
import tempfile
from pathlib import Path

from mer.errors import MerError


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file under another name in the same folder, force it to disk, then put it in place.

    Args:
        path: The file; its folder is created if it is missing.
        data: The whole content; text is written as UTF-8.

    Raises:
        MerError: If the file cannot be written; what stood at `path` before is still there.
    """
    content = data.encode() if isinstance(data, str) else data
    part: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(part).chmod(0o644)
        Path(part).replace(path)
        part = None
        _sync_folder(path.parent)
    except OSError as error:
        raise MerError(
            f"{path} cannot be written: {error.strerror or error}; free some space or choose another folder"
        ) from error
    finally:
        if part is not None:
            with contextlib.suppress(OSError):
                Path(part).unlink()


def _sync_folder(folder: Path) -> None:
    """Force the new name to disk, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
