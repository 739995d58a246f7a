"""A file of JSON lines that stays readable whatever happens to the process."""

import errno
import io
import json
import os
import stat
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from mer.errors import MerError

if sys.platform != "win32":
    import fcntl


class EventLog:
    """A file that gets one JSON line for each event, whole or not at all.

    Each line is handed to the operating system in one piece as soon as it is there, so whatever
    happens to the process later, the lines before stay readable. An existing file is continued.

    Args:
        path: The file; its folder must exist.
        owned: Whether it is this program's alone, in a folder of results: then links, pipes, devices and files with
            a second name are refused. Else it is what the user named, whatever that is.

    Raises:
        MerError: If the file cannot be written.
    """

    def __init__(self, path: Path, *, owned: bool = False) -> None:
        try:
            self._file = io.FileIO(path, "ab", opener=_open_owned if owned else None)
            _lock(self._file, path)
            if path.is_file() and not _ends_with_a_line(path):
                self._file.write(b"\n")
        except OSError as error:
            raise MerError(
                f"{path} cannot be written ({error.strerror}); "
                + ("remove it" if owned and os.path.lexists(path) else "give a file in a folder that exists")
            ) from error

    def write(self, record: dict[str, Any]) -> None:
        """Append one record.

        Raises:
            OSError: If the disk refuses it, or the file was removed; no part of the line stays.
        """
        status = os.fstat(self._file.fileno())
        if stat.S_ISREG(status.st_mode) and not status.st_nlink:
            raise FileNotFoundError(errno.ENOENT, "the file was removed")
        line = (json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "backslashreplace")
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError:
            if stat.S_ISREG(status.st_mode):
                self._file.truncate(status.st_size)
            raise

    def clear(self) -> None:
        """Throw away what the file holds.

        Raises:
            OSError: If the disk refuses it.
        """
        self._file.truncate(0)

    def close(self) -> None:
        """Close the file, which lets others write it; safe to call twice."""
        self._file.close()

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_owned(path: str, flags: int) -> int:
    """Open a file for `io.FileIO`, and nothing but a plain file with one name."""
    handle = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a plain file with this one name")
    return handle


def _lock(file: io.FileIO, path: Path) -> None:
    """Keep the file for this process until it is closed or the process ends, however it ends."""
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = (
            path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino
        )  # not put in place meanwhile by who had it
    except BlockingIOError:
        free = False
    except OSError:  # a file system without locks
        return
    if not free:
        file.close()
        raise MerError(f"{path} is being written by another process; end that one, or give this one another output")


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, io.SEEK_END) == 0:
            return True
        file.seek(-1, io.SEEK_END)
        return file.read() == b"\n"
