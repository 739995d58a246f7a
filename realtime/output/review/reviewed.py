"""What coders decided, as tables and exports beside the results that they looked at."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from mer.data.reviews import Decision, Results, Review, candidate
from mer.text import csv_text
from realtime.output.exports.registry import EXPORTS
from realtime.output.found import Found

REVIEWED_CSV: Final = "events.reviewed.csv"
_MOMENTS: Final = ("onset", "apex", "offset")
REVIEWED_COLUMNS: Final = (
    *("source", "coder", "person", "kind", "number", "decision", "label", "program_label"),
    *(f"{moment}_{unit}" for moment in _MOMENTS for unit in ("frame", "s")),
    *("duration_ms", "score", "moved", "note", "blind", "changed_utc"),
)


_LACKING: Final[dict[str, Any]] = {"units": [], "facs": ""}
"""What exports name of events and rejected candidates do not have."""


def file_name(coder: str) -> str:
    """Return the name of the file with the decisions of a coder; the page's `fileName` gives the same."""
    plain = unicodedata.normalize("NFKD", coder).lower()
    return f"review-{re.sub('[^a-z0-9]+', '-', plain).strip('-') or f'{_fnv(coder):x}'}.json"


def reviewed_table(results: Results, reviews: Sequence[Review]) -> str:
    """Return `events.reviewed.csv`: one row for each decision of each coder, in order of time.

    Moments that a coder did not set are those of the program.
    """
    rows = [_row(results, review.coder, decision) for review in reviews for decision in review.decisions]
    return csv_text(REVIEWED_COLUMNS, sorted(rows, key=lambda row: (row["coder"], row["onset_s"])))


def reviewed_exports(results: Results, review: Review, names: Sequence[str]) -> dict[str, bytes]:
    """Return name and content of exports of what a coder accepted and rejected.

    Args:
        results: What was reviewed.
        review: The decisions that count.
        names: Keys of EXPORTS.
    """
    found = reviewed_found(results, review)
    chosen = [EXPORTS[name] for name in names]
    return {export.file.replace("events.", "events.reviewed.", 1): export.content(found) for export in chosen}


def reviewed_found(results: Results, review: Review) -> Found:
    """Return results in which the decisions of a coder stand in the place of the program's.

    Candidates about which nothing was decided are left out.
    """
    accepted, rejected = [], []
    for decision in review.decisions:
        row = _row(results, review.coder, decision)
        if decision.accepted:
            accepted.append({**_LACKING, **candidate(results, decision), **row, "probabilities": {}})
        else:
            rejected.append({**row, "reason": f"rejected by {review.coder}"})
    accepted.sort(key=lambda row: row["onset_s"])
    numbered = [{**row, "number": number} for number, row in enumerate(accepted, start=1)]
    return Found(results.source, results.folder, numbered, rejected, results.summary)


def _row(results: Results, coder: str, decision: Decision) -> dict[str, Any]:
    record = candidate(results, decision)
    before = tuple(int(record[f"{name}_frame"]) for name in _MOMENTS)
    frames = decision.frames or before
    times_s = decision.times_s or tuple(float(record[f"{name}_s"]) for name in _MOMENTS)
    moments = {f"{name}_frame": frame for name, frame in zip(_MOMENTS, frames)}
    moments |= {f"{name}_s": round(time_s, 6) for name, time_s in zip(_MOMENTS, times_s)}  # type: ignore[misc]
    return {
        "source": results.source.name,
        "coder": coder,
        "person": record.get("person", 1),
        "kind": decision.kind,
        "number": decision.number,
        "decision": "accept" if decision.accepted else "reject",
        "label": decision.label,
        "program_label": record.get("label", ""),
        **moments,
        "duration_ms": round(1000.0 * (times_s[2] - times_s[0]), 2),
        "score": record["score"],
        "moved": frames != before,
        "note": decision.note,
        "blind": decision.blind,
        "changed_utc": decision.changed_utc,
    }


def _fnv(text: str) -> int:
    value = 0x811C9DC5  # FNV-1a, 32 bits
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value
