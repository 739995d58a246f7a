"""Decisions of coders about the results of a recording, as the review page saves them, and what they are about."""

import csv
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mer.errors import MerError
from mer.files import from_json, read_at_most
from mer.text import cell_value

REVIEW_SCHEMA: Final = 1
REVIEWS: Final = "review-*.json"
"""Pattern of the names of decisions beside the results that they are about."""
MAX_REVIEW_BYTES: Final = 16_000_000
NONE: Final = "none"
"""Label of a micro-expression whose class its coder cannot tell."""
_MOMENTS: Final = ("onset", "apex", "offset")
_EVENTS, _REJECTED, _SUMMARY = "events.jsonl", "rejected.csv", "summary.json"
_MAX_RESULT_BYTES: Final = 256_000_000
_DO: Final = "save it again from the review page"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a coder decided about a candidate.

    Attributes:
        kind: "event" or "rejected", as the program had it.
        number: Of the event, or of the row in `rejected.csv` from 1.
        accepted: Whether it is a micro-expression.
        label: Its class, "none" for an unknown one; empty if it was rejected before one was chosen.
        frames: Onset, apex and offset as frame indices; None where they were not set.
        times_s: The same in seconds.
        note: Free text.
        blind: Whether labels, probabilities and moments were hidden from the coder.
        changed_utc: When it was last changed, ISO 8601.
    """

    kind: str
    number: int
    accepted: bool
    label: str
    frames: tuple[int, int, int] | None
    times_s: tuple[float, float, float] | None
    note: str
    blind: bool
    changed_utc: str


@dataclass(frozen=True, slots=True)
class Review:
    """The decisions of one coder.

    Attributes:
        coder: Name.
        recording: Name of the recording.
        results: Of which results, see `results_id`.
        decisions: Those that were made.
    """

    coder: str
    recording: str
    results: str
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """What `mer-replay` left of a recording.

    Attributes:
        folder: Where it lies.
        source: Full path of the recording.
        events: Lines of `events.jsonl`.
        rejected: Rows of `rejected.csv`, numbers as numbers.
        summary: What `summary.json` holds.
    """

    folder: Path
    source: Path
    events: Sequence[Mapping[str, Any]]
    rejected: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any]


def results_id(events: Iterable[Mapping[str, Any]], rejected: Iterable[Mapping[str, Any]]) -> str:
    """Return what tells the candidates of one result from those of another: a hash of their frames, 16 hex digits."""
    spans = [[[int(one[f"{moment}_frame"]) for moment in _MOMENTS] for one in some] for some in (events, rejected)]
    return hashlib.sha256(json.dumps(spans, allow_nan=False).encode()).hexdigest()[:16]


def read_review(path: Path) -> Review:
    """Read a file of the review page.

    Raises:
        MerError: If it cannot be read, or is anything else.
    """
    try:
        content = from_json(read_at_most(path, MAX_REVIEW_BYTES))
    except OSError as error:
        raise MerError(f"{path} cannot be read ({error.strerror}); give a file of the review page") from error
    except ValueError as error:
        raise MerError(f"{path} is not a file of the review page ({error}); {_DO}") from error
    try:
        return review_from(content)
    except ValueError as error:
        raise MerError(f"{path} is not a file of the review page: {error}; {_DO}") from error


def review_from(content: Any) -> Review:
    """Return the decisions that the content of a file holds.

    Raises:
        ValueError: If it is anything else; the message says what is wrong.
    """
    try:
        if content["schema"] != REVIEW_SCHEMA:
            raise ValueError(f"schema {content['schema']} given, expected {REVIEW_SCHEMA}")
        coder, recording, results = (content[name] for name in ("coder", "recording", "results"))
        if not all(isinstance(text, str) and text for text in (coder, recording, results)):
            raise ValueError("coder, recording and results must be texts")
        entries = [_decision(entry) for entry in content["decisions"] if entry["decision"] is not None]
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if len({(entry.kind, entry.number) for entry in entries}) < len(entries):
        raise ValueError("two decisions about one candidate")
    return Review(coder, recording, results, tuple(entries))


def _decision(entry: Mapping[str, Any]) -> Decision:
    place = re.fullmatch(r"(event|rejected)-([1-9]\d{0,6})", str(entry["id"]), flags=re.ASCII)
    if place is None:
        raise ValueError(f"{entry['id']!r} is not a candidate")
    if entry["decision"] not in ("accept", "reject"):
        raise ValueError(f"decision {entry['decision']!r} given, expected accept or reject")
    moments = [entry[name] for name in _MOMENTS]
    known = all(moment is not None for moment in moments)
    frames = tuple(int(moment["frame"]) for moment in moments) if known else None
    times_s = tuple(float(moment["time_s"]) for moment in moments) if known else None
    if times_s and not all(0 <= time_s < math.inf for time_s in times_s):
        raise ValueError(f"{entry['id']} has a moment that is not a time from 0")
    accepted, label = entry["decision"] == "accept", str(entry["label"] or "")
    if accepted and not (label and frames and 0 <= frames[0] <= frames[1] <= frames[2] and frames[0] < frames[2]):
        raise ValueError(f"{entry['id']} was accepted without a label or without onset, apex and offset in order")
    return Decision(
        place[1],
        int(place[2]),
        accepted,
        label,
        frames,  # type: ignore[arg-type]
        times_s,  # type: ignore[arg-type]
        str(entry["note"] or ""),
        bool(entry["blind"]),
        str(entry["changed_utc"]),
    )


def read_results(folder: Path) -> Results:
    """Read the results that decisions are about.

    Raises:
        MerError: If the folder holds no complete result.
    """
    try:
        lines = read_at_most(folder / _EVENTS, _MAX_RESULT_BYTES).decode().splitlines()
        events = [event for line in lines if line.strip() and "mark" not in (event := from_json(line))]
        table = read_at_most(folder / _REJECTED, _MAX_RESULT_BYTES).decode().splitlines()
        rejected = [_numbers(row) for row in csv.DictReader(table)]
        summary = from_json(read_at_most(folder / _SUMMARY, _MAX_RESULT_BYTES))
        results_id(events, rejected)
        return Results(folder, Path(summary["source"]), events, rejected, summary)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise MerError(f"{folder} holds no complete result of mer-replay ({reason}); replay the recording") from error


def reviews_of(results: Results) -> list[Review]:
    """Return the decisions beside results, by coder.

    Raises:
        MerError: If a file is damaged or about other results.
    """
    expected = results_id(results.events, results.rejected)
    found = []
    for path in sorted(results.folder.glob(REVIEWS)):
        review = read_review(path)
        if review.results != expected:
            raise MerError(
                f"{path} is about other results of {review.recording}, which have been replaced; replay with the "
                "settings of then, or move the file away and review again"
            )
        found.append(review)
    return sorted(found, key=lambda review: review.coder)


def chosen(results: Results, reviews: Sequence[Review], coder: str | None) -> Review:
    """Return the decisions that count.

    Args:
        results: What they are about.
        reviews: Of all coders.
        coder: Whose; None if there is only one.

    Raises:
        MerError: If there are none of the coder, or several to choose from.
    """
    fitting = [review for review in reviews if coder is None or review.coder == coder]
    names = ", ".join(review.coder for review in reviews) or "nobody"
    if len(fitting) == 1:
        return fitting[0]
    if not reviews:
        raise MerError(f"{results.folder} holds no decisions ({REVIEWS}); review it with `mer-review`")
    if coder is None:
        raise MerError(f"{results.folder} holds decisions of {names}; say whose count with --coder NAME")
    raise MerError(f"{results.folder} holds decisions of {names}, none of {coder}; give another --coder")


def candidate(results: Results, decision: Decision) -> Mapping[str, Any]:
    """Return the event or rejected candidate that a decision is about.

    Raises:
        MerError: If there is none.
    """
    if decision.kind == "event":
        found = next((event for event in results.events if event["number"] == decision.number), None)
    else:
        found = next(iter(results.rejected[decision.number - 1 : decision.number]), None)
    if found is None:
        raise MerError(f"{results.folder} has no {decision.kind} {decision.number}, which is decided about; {_DO}")
    return found


def _numbers(row: Mapping[str, str]) -> dict[str, Any]:
    """Return a row of `rejected.csv` with its numbers as numbers."""
    return {name: _value(name, text) for name, text in row.items() if name == "reason" or text}


def _value(name: str, text: str) -> str | int | float:
    if name == "reason":
        return cell_value(text)
    return int(text) if name.endswith(("_frame", "person")) else float(text)
