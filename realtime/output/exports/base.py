"""What an export is given, and what an entry of the table of exports is.

All take the records of `realtime.output.sinks` and give the content of a file. Times are those of the recording.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from realtime.output.sharing import shared_path

Record: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What an exporter is given.

    Attributes:
        source: Full path of the recording.
        folder: Where the file will lie.
        events: Lines of `events.jsonl`.
        rejected: Rows of `rejected.csv`.
        summary: What `summary.json` holds.
        absolute_paths: Whether files may say where on this computer the recording lies.
    """

    source: Path
    folder: Path
    events: Sequence[Record]
    rejected: Sequence[Record]
    summary: Record
    absolute_paths: bool = False

    @property
    def media(self) -> str:
        """How a file in the folder names the recording."""
        return shared_path(self.source, beside=self.folder, absolute=self.absolute_paths)


@dataclass(frozen=True, slots=True)
class Export:
    """A format of another tool.

    Attributes:
        file: Name of the file.
        what: What it is, for `--help`.
        content: Makes its content.
        module: A module that it needs, empty for none.
        extra: The extra that installs it.
    """

    file: str
    what: str
    content: Callable[[Found], bytes]
    module: str = ""
    extra: str = ""


def title(record: Record) -> str:
    """Return label and probability of an event."""
    return f"{record['label']} {100 * max(record['probabilities'].values()):.0f} %"


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds, 0 or more."""
    return max(0, round(1000 * seconds))
