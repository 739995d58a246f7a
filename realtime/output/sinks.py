"""What stays after a session: events as JSON lines and CSV, rejected candidates, and a summary.

The fields are documented in `realtime/README.md`; SCHEMA changes whenever their meaning does.
"""

import errno
import io
import json
import os
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from mer.errors import MerError
from mer.files import from_json
from mer.messages import Interval
from mer.text import csv_text
from realtime.messages import Event, Update

if sys.platform != "win32":
    import fcntl

SCHEMA: Final = 1
EVENTS_JSONL: Final = "events.jsonl"
EVENTS_CSV: Final = "events.csv"
REJECTED_CSV: Final = "rejected.csv"
SUMMARY_JSON: Final = "summary.json"
_PART: Final = ".part"
_MOMENTS: Final = ("onset", "apex", "offset")
_INTERVAL_COLUMNS: Final = (
    *(f"{moment}_{unit}" for moment in _MOMENTS for unit in ("frame", "s")),
    "duration_ms",
    "score",
)
_REJECTED_COLUMNS: Final = ("reason", *_INTERVAL_COLUMNS)


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
        **_interval_fields(event.interval),
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


def row_from_record(record: dict[str, Any]) -> dict[str, Any]:
    """Return one event as a flat row of `events.csv`, which holds nothing that differs from run to run."""
    row = {key: value for key, value in record.items() if not isinstance(value, dict)}
    row.update({f"p_{name}": p for name, p in record["probabilities"].items()}, **record["quality"])
    row["confirm_ms"] = record["latency"]["confirm_ms"]
    return row


def _event_columns(classes: Sequence[str]) -> list[str]:
    head = ["schema", "source", "number", "label", *_INTERVAL_COLUMNS, "engine"]
    return [*head, *(f"p_{name}" for name in classes), "interpolated", "gap", "tracking", "rate_hz", "confirm_ms"]


def _interval_fields(interval: Interval) -> dict[str, Any]:
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

    Raises:
        MerError: If the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("ab", buffering=0)
            _lock(self._file, path)
            if path.is_file() and not _ends_with_a_line(path):
                self._file.write(b"\n")
        except OSError as error:
            raise MerError(
                f"{path} cannot be written ({error.strerror}); give a file in a folder that exists"
            ) from error

    def write(self, record: dict[str, Any]) -> None:
        """Append one record.

        Raises:
            OSError: If the disk refuses it, or the file was removed; no part of the line stays.
        """
        status = os.fstat(self._file.fileno())
        if stat.S_ISREG(status.st_mode) and not status.st_nlink:
            raise FileNotFoundError(errno.ENOENT, "the file was removed")
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode()
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


class RecordingFolder:
    """The results of replaying one recording: DIR/<stem>/ with its four files.

    Everything is written beside its final name and moved there by `finish`, so that an earlier
    result of the same recording stays whole until the new one is.

    Args:
        folder: Created if it does not exist.
        source: Full path of the recording; events carry its last part.
        classes: Class names of the engine, for the columns of the table.

    Attributes:
        records: Lines of `events.jsonl` so far.
        rejected: Rows of `rejected.csv` so far.

    Raises:
        MerError: If the folder cannot be written, or holds results of another recording.
    """

    def __init__(self, folder: Path, *, source: Path, classes: Sequence[str]) -> None:
        self.folder = folder
        self._source = source.name
        self._columns = _event_columns(classes)
        self.records: list[dict[str, Any]] = []
        self.rejected: list[dict[str, Any]] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_foreign(folder, str(source))
            self._log = EventLog(self._part(EVENTS_JSONL))
            self._log.clear()  # what an interrupted run left, now that no other process writes there
        except OSError as error:
            raise MerError(
                f"folder {folder} cannot be written ({error.strerror}); name another one with --out"
            ) from error

    def write(self, update: Update) -> None:
        """Write the events and keep the rejected candidates of one frame.

        Raises:
            MerError: If the disk refuses it.
        """
        for event in update.events:
            record = record_from_event(event, source=self._source)
            self.records.append(record)
            try:
                self._log.write(record)
            except OSError as error:
                raise _disk_error(self.folder, error) from error
        self.rejected += [{"reason": r.reason, **_interval_fields(r)} for r in update.rejected]

    def finish(
        self, summary: dict[str, Any], extras: Mapping[str, bytes] | None = None, *, replaces: Iterable[str] = ()
    ) -> None:
        """Write the tables and the summary and put all files in place.

        Args:
            summary: See `realtime.output.summary`.
            extras: Further files, name below the folder to content.
            replaces: Patterns of files of an earlier result that go if they are not written again.

        Raises:
            MerError: If the disk refuses it.
        """
        if sys.platform == "win32":  # it moves no open file; elsewhere the lock lasts until all is in place
            self._log.close()
        contents: dict[str, bytes] = {
            **(extras or {}),
            EVENTS_CSV: csv_text(self._columns, [row_from_record(record) for record in self.records]).encode(),
            REJECTED_CSV: csv_text(_REJECTED_COLUMNS, self.rejected).encode(),
            SUMMARY_JSON: (json.dumps(summary, indent=2, ensure_ascii=False) + "\n").encode(),
        }
        try:
            for name, content in contents.items():
                self._part(name).parent.mkdir(exist_ok=True)
                self._part(name).write_bytes(content)
            for pattern in replaces:
                for path in self.folder.glob(pattern):
                    path.unlink()
            for name in (EVENTS_JSONL, *contents):
                self._part(name).replace(self.folder / name)
        except OSError as error:
            raise _disk_error(self.folder, error) from error
        self._log.close()

    def close(self) -> None:
        """Close the event log without finishing; safe to call twice."""
        self._log.close()

    def __enter__(self) -> "RecordingFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _part(self, name: str) -> Path:
        return self.folder / (name + _PART)


def _refuse_foreign(folder: Path, source: str) -> None:
    summary = folder / SUMMARY_JSON
    if not summary.is_file():
        return
    try:
        earlier = from_json(summary.read_text(encoding="utf-8"))["source"]
    except (ValueError, KeyError, TypeError):
        earlier = "something else"
    if earlier != source:
        raise MerError(
            f"{folder} already holds the results of {earlier}; choose another folder with --out, or remove that one"
        )


def _disk_error(folder: Path, error: OSError) -> MerError:
    return MerError(f"writing to {folder} failed ({error.strerror}); is the disk full, or was the folder removed?")
