"""The results of one recording, as what makes further files of them is given them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from realtime.output.sharing import shared_path

Record: TypeAlias = Mapping[str, Any]
"""A line of `events.jsonl`, a row of `rejected.csv`, or `summary.json`; see `realtime.output.fields`."""


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
    def several(self) -> bool:
        """Whether more than one person was in view and followed."""
        return len(self.summary.get("people", ())) > 1

    @property
    def media(self) -> str:
        """How a file in the folder names the recording."""
        return shared_path(self.source, beside=self.folder, absolute=self.absolute_paths)
