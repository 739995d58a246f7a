"""Where `mer-live` writes its JSON lines: a file that is continued, or the standard output for a pipe."""

import json
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from mer.cli import let_go, say_to
from realtime.output.sinks import EventLog

STDOUT: Final = Path("-")
"""Stands for the standard output."""


class Records:
    """The JSON lines of a session, written from any thread.

    A disk that refuses them ends the writing, not the session. A pipe that nobody reads ends both.

    Args:
        path: File to append to, `-` for the standard output, None for none.
        owned: See `realtime.output.sinks.EventLog`.

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
            let_go(sys.stdout)
            self._path = None
            self.error = f"the standard output takes no lines any more ({error.strerror}); later events are missing"

    def _append(self, log: EventLog, record: dict[str, Any]) -> None:
        try:
            log.write(record)
        except OSError as error:
            self.error = f"{self._path} could not be written any more ({error.strerror}); later events are missing"
            self.close()


def say(text: str, *, path: Path | None) -> None:
    """Print a line for people, on the error output if the standard output carries JSON lines."""
    say_to(sys.stderr if path == STDOUT else sys.stdout, text)
