"""What `mer-replay` found, and what coders decided about it on the review page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mer.coding.messages import Coded, Coding, Recording
from mer.data.reviews import Decision, Results, Review, candidate, read_results, read_review, reviews_of
from mer.errors import MerError, UsageError
from mer.messages import FIRST_PERSON

PROGRAM = "program"


def is_results(folder: Path) -> bool:
    """Return whether a folder holds results of `mer-replay`, or folders with such."""
    return folder.is_dir() and next(folder.rglob("events.jsonl"), None) is not None


def from_results(folder: Path, coder: str | None) -> Coding:
    """Return what the program found, or what a coder decided beside it.

    Args:
        folder: With results, or results below it.
        coder: Name of a coder who reviewed them; None or "program" for the program.

    Raises:
        MerError: If a result is damaged, or the coder decided nothing.
    """
    results = [read_results(path.parent) for path in sorted(folder.rglob("events.jsonl"))]
    if coder in (None, PROGRAM):
        found = {one.source.stem: _found(one) for one in results}
        return Coding(PROGRAM, found, program=True)
    reviews = [(one, review) for one in results for review in reviews_of(one)]
    mine = {one.source.stem: _decided(review, one) for one, review in reviews if review.coder == coder}
    if not mine:
        names = ", ".join(sorted({review.coder for _, review in reviews})) or "nobody"
        raise UsageError(f"{folder} holds nothing of {coder}; {names} reviewed it, and '{PROGRAM}' is the program")
    return Coding(str(coder), mine)


def from_review(path: Path) -> Coding:
    """Return the decisions of a file that the review page saved.

    Raises:
        MerError: If it is not one.
    """
    review = read_review(path)
    results = read_results(path.parent) if (path.parent / "summary.json").is_file() else None
    return Coding(review.coder, {Path(review.recording).stem: _decided(review, results)})


def _found(results: Results) -> Recording:
    events = [_coded(event) for event in results.events]
    return Recording(tuple(sorted(events, key=lambda one: one.onset_s)), *_length(results))


def _coded(event: Mapping[str, Any]) -> Coded:
    try:
        onset_s, apex_s, offset_s = (float(event[f"{name}_s"]) for name in ("onset", "apex", "offset"))
        return Coded(str(event["label"]), onset_s, offset_s, apex_s, person=int(event.get("person", FIRST_PERSON)))
    except (KeyError, TypeError, ValueError) as error:
        raise MerError(f"an event lacks {error}; replay the recording") from error


def _decided(review: Review, results: Results | None) -> Recording:
    events = [
        Coded(one.label, one.times_s[0], one.times_s[2], one.times_s[1], person=_person(one, results))
        for one in review.decisions
        if one.accepted and one.times_s
    ]
    candidates = {f"{one.kind}-{one.number}": one.label if one.accepted else "" for one in review.decisions}
    persons = {f"{one.kind}-{one.number}": _person(one, results) for one in review.decisions}
    known = {key: person for key, person in persons.items() if person is not None}
    seconds, fps = _length(results) if results else (None, _rate(review))
    return Recording(tuple(sorted(events, key=lambda one: one.onset_s)), seconds, fps, candidates, known)


def _person(decision: Decision, results: Results | None) -> int | None:
    """Return whose face a decision is about; None where the results are not at hand."""
    return None if results is None else int(candidate(results, decision).get("person", FIRST_PERSON))


def _length(results: Results) -> tuple[float | None, float | None]:
    """Return seconds and frames per second of a recording, as far as they are known."""

    def figure(name: str) -> float | None:
        value = results.summary.get(name)
        return float(value) if isinstance(value, int | float) and value > 0 else None

    return figure("seconds"), figure("measured_fps")


def _rate(review: Review) -> float | None:
    """Return the rate that frames and times of decisions tell."""
    spans: Sequence[tuple[int, float]] = [
        (one.frames[2] - one.frames[0], one.times_s[2] - one.times_s[0])
        for one in review.decisions
        if one.frames and one.times_s and one.times_s[2] > one.times_s[0]
    ]
    frames, seconds = sum(span[0] for span in spans), sum(span[1] for span in spans)
    return frames / seconds if seconds else None
