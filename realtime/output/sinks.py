"""What stays after a session: events as JSON lines and CSV, rejected candidates, and a summary.

The fields are documented in `realtime/README.md`; SCHEMA changes whenever their meaning does.
"""

import errno
import io
import json
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from mer.errors import MerError
from mer.messages import Interval
from realtime.messages import Event, Mark

if sys.platform != "win32":
    import fcntl

SCHEMA: Final = 1
EVENTS_JSONL: Final = "events.jsonl"
EVENTS_CSV: Final = "events.csv"
REJECTED_CSV: Final = "rejected.csv"
SUMMARY_JSON: Final = "summary.json"
FILES: Final = "files"
"""Field of `summary.json`: names of the files of a result beside the four."""
_MOMENTS: Final = ("onset", "apex", "offset")
_INTERVAL_COLUMNS: Final = (
    *(f"{moment}_{unit}" for moment in _MOMENTS for unit in ("frame", "s")),
    "duration_ms",
    "score",
)
REJECTED_COLUMNS: Final = ("reason", *_INTERVAL_COLUMNS)


def record_from_event(event: Event, *, source: str) -> dict[str, Any]:
    """Return one event as what a line of `events.jsonl` holds.

    Args:
        event: The event; its clip is left out.
        source: Name of the recording or camera.
    """
    quality, latency = event.quality, event.latency
    return {
        "schema": SCHEMA,
        "source": source,
        "number": event.number,
        "label": event.label,
        "probabilities": {name: round(p, 4) for name, p in event.probabilities.items()},
        **interval_fields(event.interval),
        "quality": {
            "interpolated": quality.interpolated,
            "gap": quality.gap,
            "tracking": round(quality.tracking, 3),
            "rate_hz": round(quality.rate_hz, 2),
        },
        "latency": {
            "confirm_ms": round(latency.confirm_ms, 1),
            "compute_ms": round(latency.compute_ms, 2),
            "engine_ms": round(latency.engine_ms, 2),
        },
        "engine": event.engine,
    }


def record_from_mark(mark: Mark, *, source: str) -> dict[str, Any]:
    """Return a mark as what a line of the events file holds."""
    return {
        "schema": SCHEMA,
        "source": source,
        "mark": mark.number,
        "time_s": round(mark.time_s, 6),
        "utc": mark.utc.isoformat(timespec="milliseconds"),
    }


def row_from_record(record: dict[str, Any]) -> dict[str, Any]:
    """Return one event as a flat row of `events.csv`, which holds nothing that differs from run to run."""
    row = {key: value for key, value in record.items() if not isinstance(value, dict)}
    row.update({f"p_{name}": p for name, p in record["probabilities"].items()}, **record["quality"])
    row["confirm_ms"] = record["latency"]["confirm_ms"]
    return row


def event_columns(classes: Sequence[str]) -> list[str]:
    """Return the columns of `events.csv`."""
    head = ["schema", "source", "number", "label", *_INTERVAL_COLUMNS, "engine"]
    return [*head, *(f"p_{name}" for name in classes), "interpolated", "gap", "tracking", "rate_hz", "confirm_ms"]


def interval_fields(interval: Interval) -> dict[str, Any]:
    """Return what a line of `events.jsonl` or a row of `rejected.csv` holds of an interval."""
    fields: dict[str, Any] = {}
    for name in _MOMENTS:
        moment = getattr(interval, name)
        fields[f"{name}_frame"] = moment.index
        fields[f"{name}_s"] = round(moment.time_s, 6)
    fields["duration_ms"] = round(1000.0 * (interval.offset.time_s - interval.onset.time_s), 2)
    return fields | {"score": round(interval.score, 3)}


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
