"""Where `mer-live` writes its JSON lines: a file that is continued, or the standard output for a pipe."""

import json
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from mer.cli import print_line, redirect_to_devnull
from realtime.capture.session_clock import SessionStart
from realtime.messages import Event, Mark
from realtime.output.event_log import EventLog
from realtime.output.fields import record_from_event, record_from_mark
from realtime.update import Update

STDOUT: Final = Path("-")
"""Stands for the standard output."""


class Records:
    """The JSON lines of a session, written from any thread.

    A disk that refuses them ends the writing, not the session. A pipe that nobody reads ends both.

    Args:
        path: File to append to, `-` for the standard output, None for none.
        owned: See `realtime.output.event_log.EventLog`.

    Attributes:
        error: Why writing ended, empty if it did not.

    Raises:
        MerError: If the file cannot be written.
    """

    def __init__(self, path: Path | None, *, owned: bool = False) -> None:
        self.error = ""
        self._path = path
        self._log = EventLog(path, owned=owned) if path is not None and path != STDOUT else None
        self._lock = threading.Lock()

    def write(self, record: dict[str, Any]) -> None:
        """Write one line.

        Raises:
            BrokenPipeError: If nobody reads the standard output any more.
        """
        with self._lock:
            if self._path == STDOUT:
                self._print(record)
            elif self._log is not None:
                self._append(self._log, record)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        log, self._log = self._log, None
        if log is not None:
            log.close()

    def __enter__(self) -> "Records":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _print(self, record: dict[str, Any]) -> None:
        try:
            print(json.dumps(record, allow_nan=False), flush=True)  # in ASCII: nothing in it acts on a terminal
        except BrokenPipeError:
            raise
        except OSError as error:
            redirect_to_devnull(sys.stdout)
            self._path = None
            self.error = f"the standard output takes no lines any more ({error.strerror}); later events are missing"

    def _append(self, log: EventLog, record: dict[str, Any]) -> None:
        try:
            log.write(record)
        except OSError as error:
            self.error = f"{self._path} could not be written any more ({error.strerror}); later events are missing"
            self.close()


class Lines:
    """Events and marks of a session as lines of its records.

    Args:
        records: Where they go; closed by `close`.
        source: What the session watches.
        start: When time 0 of a live source was, None for a recording, whose times stay as they are.
    """

    def __init__(self, records: Records, *, source: str, start: SessionStart | None) -> None:
        self._records = records
        self._source = source
        self._start = start

    def update(self, update: Update) -> None:
        """Write a line for each event.

        Raises:
            BrokenPipeError: If nobody reads the standard output any more.
        """
        for event in update.events:
            self._records.write(self._record(event))

    def mark(self, mark: Mark) -> None:
        """Write a line for a mark; from any thread."""
        start = self._start.fields() if self._start else {}
        self._records.write(record_from_mark(mark, source=self._source) | start)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._records.close()

    def _record(self, event: Event) -> dict[str, Any]:
        """Return the line of an event; of a live source with the session's start, and the apex as a time of day."""
        record = record_from_event(event, source=self._source)
        if self._start is not None:
            record |= {"apex_utc": self._start.utc_at(event.interval.apex.time_s), **self._start.fields()}
        return record


def say(text: str, *, path: Path | None) -> None:
    """Print a line for people, on the error output if the standard output carries JSON lines."""
    print_line(sys.stderr if path == STDOUT else sys.stdout, text)
