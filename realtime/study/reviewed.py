"""What a coder decided about the events of a recording, in the place of what the program found."""

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from mer.errors import MerError
from mer.text import cell_value
from realtime.output.found import Record
from realtime.output.review.reviewed import REVIEWED_CSV
from realtime.study.design import FIRST
from realtime.study.results import Result

_MOMENTS: Final = ("onset_s", "apex_s", "offset_s")
_AGAIN: Final = "write it again with `mer-review FOLDER --apply`"


def reviewed(result: Result, coder: str | None) -> Result:
    """Return a result with the events that a coder accepted, with the labels and moments of the review.

    A result that nobody reviewed stays as it is. Events about which nothing was decided are left out and counted.

    Args:
        result: Of a recording.
        coder: Whose decisions count; None if there is only one coder.

    Raises:
        MerError: If `events.reviewed.csv` is damaged or about other results, or several coders decided.
    """
    path = result.folder / REVIEWED_CSV
    if not path.is_file():
        return result
    try:
        with path.open(encoding="utf-8", newline="") as file:
            own = _own(path, list(csv.DictReader(file)), coder)
        _check(own, result)
        events = [_event(row, result) for row in own if row["decision"] == "accept"]
        decided = {int(row["number"]) for row in own if row["kind"] == "event"}
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise MerError(f"{path} cannot be used ({type(error).__name__}: {error}); {_AGAIN}") from error
    return replace(
        result,
        events=tuple(sorted(events, key=lambda event: event["onset_s"])),
        reviewed_by=cell_value(own[0]["coder"]),
        undecided=sum(event["number"] not in decided for event in result.events),
    )


def _own(path: Path, rows: list[dict[str, str]], coder: str | None) -> list[dict[str, str]]:
    """Return the decisions that count."""
    coders = sorted({row["coder"] for row in rows})
    if coder is None and len(coders) > 1:
        raise MerError(f"{path} holds decisions of {', '.join(coders)}; say whose count with --coder NAME")
    own = [row for row in rows if coder in (None, row["coder"])]
    if not own:
        raise MerError(
            f"{path} holds decisions of {', '.join(coders) or 'nobody'}, none of {coder}; give another --coder, or "
            "--as-found"
        )
    return own


def _check(rows: list[dict[str, str]], result: Result) -> None:
    """Raise whatever rows raise that are no decisions about these results."""
    frames = {event["number"]: event["onset_frame"] for event in result.events}
    for row in rows:
        if row["decision"] not in ("accept", "reject"):
            raise ValueError(f"{row['decision']!r} is not a decision")
        known = frames.get(int(row["number"])) if row["kind"] == "event" else None
        if row["kind"] == "event" and (known is None or (row["moved"] == "False" and int(row["onset_frame"]) != known)):
            raise ValueError(f"it decides about another event {row['number']}: the results have been replaced")


def _event(row: dict[str, str], result: Result) -> Record:
    """Return an accepted candidate as a line of `events.jsonl`; a rejected one has no number there."""
    times_s = [float(row[name]) for name in _MOMENTS]
    if not all(map(math.isfinite, times_s)):
        raise ValueError(f"{row['kind']} {row['number']} has no times")
    changed: Record = {
        **dict(zip(_MOMENTS, times_s)),
        **{"label": cell_value(row["label"]), "duration_ms": float(row["duration_ms"]), "score": float(row["score"])},
        "person": int(row["person"] or FIRST),
    }
    if row["kind"] == "event":
        return {**next(event for event in result.events if event["number"] == int(row["number"])), **changed}
    return {**changed, "number": None, "probabilities": {}, "quality": _quality(result, changed)}


def _quality(result: Result, event: Record) -> dict[str, Any]:
    """Return what could be watched at an event, as far as it is known."""
    frames = result.of(event["person"]).frames()
    if frames is None or not len(frames.times_s):
        return {}
    at = min(int(np.searchsorted(frames.times_s, event["onset_s"])), len(frames.times_s) - 1)
    watchable = float(frames.watchable[at])
    return {"watchable": watchable if math.isfinite(watchable) else None}
