"""The folder with the results of one recording: written whole or not at all, and nothing in it that is not ours.

What another program or somebody left there is never written through, replaced or removed: a folder counts as ours if
it is new, or holds a `summary.json` (or its `.part`, written first) that names the same recording.
"""

import contextlib
import json
import os
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, Final

from mer.errors import MerError
from mer.files import from_json, read_at_most, write_new
from mer.text import csv_text
from realtime.output.clips import VIDEO_PART
from realtime.output.event_log import EventLog
from realtime.output.fields import (
    EVENTS_CSV,
    EVENTS_JSONL,
    FILES,
    REJECTED_COLUMNS,
    REJECTED_CSV,
    SCHEMA,
    SUMMARY_JSON,
    event_columns,
    interval_fields,
    record_from_event,
    row_from_record,
)
from realtime.update import Update

PART: Final = ".part"
MAX_SUMMARY_BYTES: Final = 64_000_000
_OF_THE_SYSTEM: Final = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""What file managers leave in any folder they show."""
_ALWAYS: Final = (EVENTS_JSONL, EVENTS_CSV, REJECTED_CSV, SUMMARY_JSON)


class RecordingFolder:
    """The results of replaying one recording: DIR/<stem>/ with its four files and what else was asked for.

    Everything is written beside its final name and moved there by `finish`, so that an earlier result of the same
    recording stays whole until the new one is. What is left unfinished is removed by `close`, and what a kill left
    by whoever uses the folder next.

    Args:
        folder: Created if it does not exist.
        source: Full path of the recording; events carry its last part.
        classes: Class names of the engine, for the columns of the table.
        extras: Patterns of further files that a result may hold, below the folder.
        pictures: Those of them that show faces: readable by their owner only.
        private: Whether the folder will hold such, and is to be readable by its owner only if it is created.
        top: Folder of all results, which may be a link; what lies between it and `folder` may not.

    Attributes:
        records: Lines of `events.jsonl` so far.
        rejected: Rows of `rejected.csv` so far.

    Raises:
        MerError: If the folder cannot be written, or holds something else than results of this recording.
    """

    def __init__(
        self,
        folder: Path,
        *,
        source: Path,
        classes: Sequence[str],
        extras: Sequence[str] = (),
        pictures: Sequence[str] = (),
        private: bool = False,
        top: Path | None = None,
    ) -> None:
        self.folder = folder
        self._source = source.name
        self._columns = event_columns(classes)
        self._extras = extras
        self._pictures = pictures
        self._finished = False
        self._placing = False
        self.records: list[dict[str, Any]] = []
        self.rejected: list[dict[str, Any]] = []
        _check_name(folder)
        try:
            self._created = _create(folder, top or folder.parent, private=private)
            self._earlier = _earlier_files(folder, str(source), extras)
            self._log = EventLog(self._part(EVENTS_JSONL), owned=True)
            self._log.clear()  # what an interrupted run left, now that no other process writes there
            for path in leftovers(folder, extras):
                path.unlink()
            mark = {"schema": SCHEMA, "source": str(source), "complete": False, FILES: sorted(self._earlier)}
            write_new(self._part(SUMMARY_JSON), json.dumps(mark, allow_nan=False) + "\n")
        except OSError as error:
            raise MerError(
                f"folder {folder} cannot be written ({error.strerror}); name another one with --out"
            ) from error

    def update(self, update: Update) -> None:
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
        self.rejected += [{"reason": r.reason, **interval_fields(r)} for r in update.rejected]

    def finish(self, summary: dict[str, Any], files: Mapping[str, bytes] | None = None) -> None:
        """Write the tables and the summary, put all files in place, and remove those of an earlier result.

        Args:
            summary: See `realtime.output.summary`.
            files: What was asked for beside the four: name below the folder to content.

        Raises:
            MerError: If the disk refuses it.
        """
        if sys.platform == "win32":  # it moves no open file; elsewhere the lock lasts until all is in place
            self._log.close()
        contents: dict[str, bytes | str] = {
            SUMMARY_JSON: json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
            **(files or {}),
            EVENTS_CSV: csv_text(self._columns, [row_from_record(record) for record in self.records]),
            REJECTED_CSV: csv_text(REJECTED_COLUMNS, self.rejected),
        }
        try:
            for name, content in contents.items():
                self._write_part(name, content)
            for name in self._earlier - contents.keys():
                (self.folder / name).unlink(missing_ok=True)
            self._placing = True
            # The summary comes last: a result without it is not taken for one that is complete.
            for name in (EVENTS_JSONL, *sorted(contents, key=SUMMARY_JSON.__eq__)):
                self._part(name).replace(self.folder / name)
        except OSError as error:
            raise _disk_error(self.folder, error) from error
        self._finished = True
        self._log.close()

    def close(self) -> None:
        """Close the event log and remove what was not finished; safe to call twice."""
        if not self._finished:
            self._finished = True
            with contextlib.suppress(OSError):
                # Once the first file is in place, only the summary's part tells whose folder it is.
                kept = self._part(SUMMARY_JSON) if self._placing else None
                for path in (*leftovers(self.folder, self._extras), self._part(EVENTS_JSONL)):
                    if path != kept:
                        path.unlink(missing_ok=True)
                if self._created:
                    self.folder.rmdir()
        self._log.close()

    def __enter__(self) -> "RecordingFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _part(self, name: str) -> Path:
        return self.folder / (name + PART)

    def _write_part(self, name: str, content: bytes | str) -> None:
        path, private = self._part(name), _matches(name, self._pictures)
        if path.parent != self.folder and not path.parent.exists():
            path.parent.mkdir(mode=0o700 if private else 0o777)
        path.unlink(missing_ok=True)  # a link that was put there meanwhile goes, not what it leads to
        write_new(path, content, private=private)


def leftovers(folder: Path, extras: Sequence[str]) -> list[Path]:
    """Return what a run that was killed left half written, but for the file by which runs lock each other out."""
    names = (EVENTS_CSV, REJECTED_CSV, SUMMARY_JSON, *extras)
    return [path for name in (*(f"{name}{PART}" for name in names), VIDEO_PART) for path in folder.glob(name)]


def _check_name(folder: Path) -> None:
    if folder.name in ("", ".", ".."):
        raise MerError(
            f"results cannot go to {folder}: without its suffix the recording has no name of its own; rename it"
        )


def _create(folder: Path, top: Path, *, private: bool) -> bool:
    """Make a folder if there is none; return whether it was made."""
    for path in (folder, *folder.parents):
        if path == top:
            break
        if path.is_symlink():
            raise MerError(f"{path} is a link, and results are not written through links; remove it, or change --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700 if private else 0o777)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return False
    return True


def _earlier_files(folder: Path, source: str, extras: Sequence[str]) -> set[str]:
    """Return the further files of an earlier result of the same recording.

    Raises:
        MerError: If the folder holds something else.
    """
    present = {entry.name for entry in os.scandir(folder)} - _OF_THE_SYSTEM
    summaries = [_summary(folder / name) for name in (SUMMARY_JSON, SUMMARY_JSON + PART)]
    if SUMMARY_JSON in present and summaries[0] is None:
        raise _foreign(folder, "something else")
    known = [summary for summary in summaries if summary is not None]
    for summary in known:
        if summary["source"] != source:
            raise _foreign(folder, summary["source"])
    folders = {PurePath(pattern).parts[0] for pattern in extras if len(PurePath(pattern).parts) > 1}
    for name in folders & present:
        if not stat.S_ISDIR((folder / name).lstat().st_mode):
            raise MerError(f"{folder / name} is not a folder but a link or a file; remove it, or change --out")
    if not known:
        parts = tuple(f"{name}{PART}" for name in (*_ALWAYS, *extras))
        halves = {name for name in present if _matches(name, parts)} | (present & {VIDEO_PART})
        if strange := present - halves - (folders if halves else set()):
            raise MerError(
                f"{folder} holds files that are not results of mer-replay ({_some(strange)}); "
                "choose another folder with --out, or move them away"
            )
    earlier = {name for summary in known for name in _names(summary.get(FILES)) if _matches(name, extras)}
    there = {path.relative_to(folder).as_posix() for pattern in extras for path in folder.glob(pattern)}
    if known and (strange := there - earlier):
        raise MerError(
            f"{folder} holds files that an earlier result did not have ({_some(strange)}); "
            "move them away, so that they are not replaced, or choose another folder with --out"
        )
    return earlier


def _summary(path: Path) -> dict[str, Any] | None:
    """Return a summary that names its recording; None if there is none."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        content = from_json(read_at_most(path, MAX_SUMMARY_BYTES))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and isinstance(content.get("source"), str) else None


def _names(files: object) -> list[str]:
    return [name for name in files if isinstance(name, str)] if isinstance(files, list) else []


def _matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name below a folder is of one of the patterns, part by part."""
    parts = PurePath(name).parts
    return ".." not in parts and any(
        len(PurePath(pattern).parts) == len(parts) and PurePath(name).match(pattern) for pattern in patterns
    )


def _some(names: set[str]) -> str:
    shown = sorted(names)[:3]
    return ", ".join(shown) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _foreign(folder: Path, earlier: str) -> MerError:
    return MerError(
        f"{folder} already holds the results of {earlier}; choose another folder with --out, or remove that one"
    )


def _disk_error(folder: Path, error: OSError) -> MerError:
    return MerError(f"writing to {folder} failed ({error.strerror}); is the disk full, or was the folder removed?")
