"""What came of a batch: one outcome for each recording, the table of all, and the exit code."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from rich import box
from rich.table import Table

from mer.errors import MerError
from mer.files import write_atomically
from mer.text import csv_text
from realtime.output.compare import Pair, Truth
from realtime.output.sharing import shared_path, shared_text
from realtime.recordings.inputs import Recording

RECORDINGS_CSV: Final = "recordings.csv"
RECORDINGS_JSON: Final = "recordings.json"
EXIT_PARTIAL: Final = 3
"""Some recordings failed, the others are done."""

Status = Literal["done", "skipped", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one recording; can be sent to another process.

    Attributes:
        recording: None if an argument named no recording.
        status: "done" now, "skipped" because it was done before, "failed" or "interrupted".
        summary: What `summary.json` holds; empty if it failed.
        error: Why it failed.
        lines: What to tell.
        truth: What it was compared with.
        pairs: True against found events.
    """

    recording: Recording | None
    status: Status
    summary: dict[str, Any] = field(default_factory=dict)
    error: MerError | None = None
    lines: tuple[str, ...] = ()
    truth: Truth | None = None
    pairs: tuple[Pair, ...] = ()


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Return 0 if nothing failed, the error's own code if everything did, else 3."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if not errors:
        return 0
    return errors[0].exit_code if len(errors) == len(outcomes) else EXIT_PARTIAL


def record_from_outcome(outcome: Outcome, out: Path, *, absolute: bool = False) -> dict[str, Any]:
    """Return one recording as a flat row of `recordings.csv`.

    Args:
        outcome: What came of it.
        out: Folder of all results, where the table lies.
        absolute: Whether full paths are wanted.
    """
    summary, recording = outcome.summary, outcome.recording
    path = shared_path(recording.path, beside=out, absolute=absolute) if recording else ""
    return {
        "recording": path,
        "folder": folder_below(recording, out) if recording else "",
        "status": outcome.status,
        "error": told_error(outcome, out, absolute=absolute),
        "frames": summary.get("frames"),
        "seconds": summary.get("seconds"),
        "measured_fps": summary.get("measured_fps"),
        "face_coverage": summary.get("face_coverage"),
        "events": summary.get("events"),
        "rejected": _rejected(summary) if summary else None,
        "frames_per_second": summary.get("frames_per_second"),
    }


def told_error(outcome: Outcome, out: Path, *, absolute: bool = False) -> str:
    """Return why a recording failed, for a table that others may read; empty if it did not."""
    if outcome.error is None or absolute:
        return str(outcome.error or "")
    recording = outcome.recording
    if recording is None:
        return shared_text(str(outcome.error))
    here = (recording.path, recording.path.name), (recording.folder, folder_below(recording, out)), (out, out.name)
    return shared_text(str(outcome.error), *here)


def folder_below(recording: Recording, out: Path) -> str:
    """Return the folder of a recording's results below that of all results."""
    return Path(os.path.relpath(recording.folder, out)).as_posix()


def table(outcomes: Sequence[Outcome], *, planned: int) -> Table:
    """Return one line for each recording and one for all.

    Args:
        outcomes: So far.
        planned: How many there would be without an interruption.
    """
    counts = {status: sum(outcome.status == status for outcome in outcomes) for status in Status.__args__}  # type: ignore[attr-defined]
    counts["not started"] = planned - len(outcomes)
    title = f"{planned} recordings: " + ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("recording", overflow="fold")
    made.add_column("outcome")
    for name in ("seconds", "frames/s", "face", "events", "rejected"):
        made.add_column(name, justify="right")
    for outcome in outcomes:
        row = outcome.summary
        name = outcome.recording.path.name if outcome.recording else "?"
        if not outcome.summary:
            made.add_row(name, outcome.status)
            continue
        figures = (f"{row['seconds']:.1f}", f"{row['measured_fps']:.0f}", f"{100 * row['face_coverage']:.0f} %")
        made.add_row(name, outcome.status, *figures, str(row["events"]), str(_rejected(row)))
    known = [outcome.summary for outcome in outcomes if outcome.summary]
    if len(known) > 1:
        made.add_section()
        totals = (sum(row["seconds"] for row in known), sum(row["events"] for row in known), sum(map(_rejected, known)))
        made.add_row("all", "", f"{totals[0]:.1f}", "", "", str(totals[1]), str(totals[2]))
    return made


def _rejected(summary: Mapping[str, Any]) -> int:
    return sum(summary["rejected"].values())


def write(outcomes: Sequence[Outcome], out: Path, *, absolute: bool = False) -> None:
    """Write `recordings.csv` and `recordings.json` into the folder of all results; see `record_from_outcome`.

    Raises:
        MerError: If the disk refuses it.
    """
    rows = [record_from_outcome(outcome, out, absolute=absolute) for outcome in outcomes]
    write_atomically(out / RECORDINGS_CSV, csv_text(list(rows[0]), rows))
    write_atomically(out / RECORDINGS_JSON, json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
