"""A manifest of the micro-expressions that coders accepted, for training on one's own recordings."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer.data.manifest import COLUMNS
from mer.data.reviews import NONE, REVIEWS, Decision, Results, candidate, chosen, read_results, reviews_of
from mer.data.tables import read_csv, rows_with_header
from mer.errors import MerError
from mer.text import csv_text


@dataclass(frozen=True, slots=True)
class Made:
    """A manifest and what did not go into it.

    Attributes:
        text: The CSV.
        clips: Its rows.
        rejected: Candidates that were rejected.
        unlabelled: Accepted ones without a class.
    """

    text: str
    clips: int
    rejected: int
    unlabelled: int


def manifest_from(
    folders: Sequence[Path], *, beside: Path, coder: str | None = None, participants: Path | None = None
) -> Made:
    """Return a manifest of what was accepted and given a class.

    Args:
        folders: With results, or results below them.
        beside: Folder of the manifest; paths are relative to it.
        coder: Whose decisions count; None where there is only one coder.
        participants: CSV with the columns recording and participant; None if each recording is of another person.

    Raises:
        MerError: If decisions or recordings are missing or do not fit.
    """
    results = [one for folder in folders for one in _reviewed(folder)]
    people = _people(participants) if participants else {}
    rows: list[dict[str, Any]] = []
    rejected = unlabelled = 0
    for one in results:
        review = chosen(one, reviews_of(one), coder)
        for decision in sorted(review.decisions, key=lambda decision: decision.frames or (0, 0, 0)):
            if not decision.accepted:
                rejected += 1
            elif decision.label == NONE:
                unlabelled += 1
            else:
                subject = _subject(one.source, people, participants) + _whose(one, decision)
                rows.append(_row(one, decision, beside=beside, subject=subject))
    if not rows:
        raise MerError(
            f"nothing was accepted with a class in {len(results)} reviewed recordings; review more of them first"
        )
    return Made(csv_text(COLUMNS, rows), len(rows), rejected, unlabelled)


def _reviewed(folder: Path) -> list[Results]:
    found = sorted({path.parent for path in folder.rglob(REVIEWS)})
    if not found:
        raise MerError(f"{folder} holds no decisions ({REVIEWS}); review its events with `mer-review {folder}` first")
    return [read_results(path) for path in found]


def _row(results: Results, decision: Decision, *, beside: Path, subject: str) -> dict[str, Any]:
    source = results.source
    if not source.exists():
        raise MerError(f"the recording {source} is gone; put it back, or replay and review it where it is now")
    rate = dict(results.summary.get("settings", {})).get("fps")
    if rate is None and source.is_dir():
        rate = results.summary["measured_fps"]
    onset, apex, offset = decision.frames or (0, 0, 0)
    return {
        "subject": subject,
        "clip": f"{results.folder.name}-{decision.kind}-{decision.number}",
        "path": Path(os.path.relpath(source, beside.resolve())).as_posix(),
        "fps": "" if rate is None else rate,
        "onset": onset,
        "apex": apex,
        "offset": offset,
        "label": decision.label,
    }


def _people(table: Path) -> Mapping[str, str]:
    columns = {"recording": ("recording",), "participant": ("participant", "subject")}
    rows = rows_with_header(table, {"": read_csv(table)}, columns)
    return {Path(row.text("recording")).name: row.text("participant") for row in rows}


def _whose(results: Results, decision: Decision) -> str:
    """Return what tells a person from others in the same recording, empty if there are none."""
    records = [*results.events, *results.rejected]
    if len({record.get("person", 1) for record in records}) < 2:
        return ""
    return f"-{candidate(results, decision).get('person', 1)}"


def _subject(source: Path, people: Mapping[str, str], table: Path | None) -> str:
    if table is None:
        return source.stem
    subject = people.get(source.name) or people.get(source.stem)
    if not subject:
        raise MerError(f"{table} names no participant for {source.name}; add a row for it")
    return subject
