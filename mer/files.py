"""Files: written so that a crash, a full disk or a kill leaves the previous one whole, read without trust."""

import contextlib
import glob
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mer.errors import MerError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

PRIVATE: Final = 0o600
"""Mode of a file that only its owner may read."""
_AS_USUAL: Final = 0o666
"""Mode of any other file; the process's umask takes away what it says."""
_ABANDONED_S: Final = 3600.0
"""Half a file that is older than this is nobody's any more."""
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def write_atomically(path: Path, data: bytes | str, *, private: bool = False) -> None:
    """Write a file under another name in the same folder, force it to disk, then put it in place.

    A link at `path` is replaced, never followed. What a process that was killed had written of the same file goes too,
    after an hour.

    Args:
        path: The file; its folder is created if it is missing.
        data: The whole content; text is written as UTF-8, bytes of file names that are not as escapes.
        private: Whether only its owner may read it; else as the umask says.

    Raises:
        MerError: If the file cannot be written; what stood at `path` before is still there.
    """
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        write_new(part, data, private=private)
        part.replace(path)
        part = None
        _sync_folder(path.parent)
    except OSError as error:
        raise MerError(
            f"{path} cannot be written: {error.strerror or error}; free some space or choose another folder"
        ) from error
    finally:
        if part is not None:
            with contextlib.suppress(OSError):
                part.unlink()


@contextlib.contextmanager
def in_place_when_written(path: Path) -> Iterator[Path]:
    """Yield the name of a file to write that takes its place once all is done; for what is too large for memory.

    What a process that was killed had begun goes as with `write_atomically`.

    Args:
        path: The file; its folder is created if it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_new(path: Path, data: bytes | str, *, private: bool = False) -> None:
    """Write a file that does not exist yet and force it to disk.

    Args:
        path: The file, in a folder that exists.
        data: See `write_atomically`.
        private: See `write_atomically`.

    Raises:
        OSError: If there is anything at `path`, a link to nowhere included, or the disk refuses it.
    """
    content = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
    with os.fdopen(os.open(path, _NEW, PRIVATE if private else _AS_USUAL), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def from_json(text: str | bytes, *, strict: bool = True) -> Any:
    """Return what JSON holds.

    Args:
        text: One value.
        strict: Whether control characters within strings are refused, as the standard has it.

    Raises:
        ValueError: If it is not JSON, or nested more deeply than anything that this program writes.
    """
    try:
        return json.loads(text, strict=strict)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def from_toml(text: str) -> dict[str, Any]:
    """Return what TOML holds.

    Raises:
        ValueError: If it is not TOML, or nested more deeply than any settings.
    """
    try:
        return dict(tomllib.loads(text))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_at_most(path: Path, most_bytes: int) -> bytes:
    """Return the content of a file that is expected to be small.

    Raises:
        ValueError: If it holds more; nothing is read then.
        OSError: If it cannot be read.
    """
    size = path.stat().st_size
    if size > most_bytes:
        raise ValueError(f"it has {size:,} bytes, expected at most {most_bytes:,}")
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)  # what is not a regular file states no size
    if len(content) > most_bytes:
        raise ValueError(f"it has more than {most_bytes:,} bytes")
    return content


def remove_half_files(folder: Path) -> None:
    """Remove what `write_atomically` had begun in a folder and below it when its process was killed.

    Args:
        folder: In which nobody else is writing.
    """
    for part in folder.rglob(".*.part"):
        with contextlib.suppress(OSError):
            part.unlink()


def _remove_abandoned(path: Path) -> None:
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):  # another process was quicker
            if time.time() - part.lstat().st_mtime > _ABANDONED_S:
                part.unlink()


def _sync_folder(folder: Path) -> None:
    """Force the new name to disk, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
