"""The tables of a study, tidy: one row an event, a recording, a participant and condition, a condition, a step."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer.text import csv_text
from realtime.quality.meter import FRAME_FLAGS
from realtime.study.analysis import Choices, Watched, included, names_of
from realtime.study.course import Step
from realtime.study.rates import PerPerson, Rate, Statistic, bootstrap, total

Row = dict[str, Any]
EVENTS: Final = "events.csv"
RECORDINGS: Final = "recordings.csv"
PARTICIPANTS: Final = "participants.csv"
CONDITIONS: Final = "conditions.csv"
CONTRASTS: Final = "contrasts.csv"
TIME_COURSE: Final = "timecourse.csv"
NO_EVENTS: Final = (
    *("participant", "condition", "session", "recording", "person", "included", "counted", "number", "label"),
    *("onset_s", "apex_s", "offset_s", "duration_ms", "score", "since_stimulus_s", "watchable", "flags"),
)
"""Columns of a table of events that has none."""
NO_CONDITIONS: Final = ("condition", "participants", "events", "watched_minutes", "events_per_minute")
_DIGITS: Final = 6


def event_rows(watched: Sequence[Watched]) -> list[Row]:
    """Return one row an event, those of excluded recordings and of unwatched time included and marked."""
    rows = []
    for one in watched:
        for event in one.events:
            record, quality = event.record, event.record["quality"]
            rows.append(
                {
                    **_keys(one),
                    "included": int(event.counted and not one.excluded),
                    "counted": int(event.counted),
                    "number": record.get("number"),
                    "label": record["label"],
                    **{name: record[name] for name in ("onset_s", "apex_s", "offset_s", "duration_ms", "score")},
                    "since_stimulus_s": event.since_stimulus_s,
                    "watchable": quality.get("watchable"),
                    "flags": " ".join(quality.get("flags", ())),
                    **{f"p_{name}": p for name, p in record["probabilities"].items()},
                }
            )
    return rows


def recording_rows(watched: Sequence[Watched], choices: Choices) -> list[Row]:
    """Return one row a recording, or a stretch of one."""
    rows = []
    for one in watched:
        labels = [event.record["label"] for event in one.events if event.counted]
        rows.append(
            {
                **_keys(one),
                "start_s": one.part.start_s,
                "end_s": one.part.end_s,
                "included": int(not one.excluded),
                "excluded_by": "; ".join(one.excluded),
                "reviewed_by": one.result.reviewed_by,
                "seconds": one.seconds,
                **_rate_fields(one.rate, choices),
                "events_in_all": len(one.events),
                **_shares(one),
                "eyes_px": one.figures["eyes"],
                "frames_per_s": one.figures["rate"],
                "bits_per_pixel": one.figures["bits"],
                "recording_flags": " ".join(one.result.summary.get("recording_flags", ())),
                **{f"n_{label}": labels.count(label) for label in _labels(watched)},
            }
        )
    return rows


def participant_rows(watched: Sequence[Watched], choices: Choices) -> list[Row]:
    """Return one row a participant and condition, over the recordings that are not excluded."""
    kept, rows = included(watched), []
    for participant in names_of(watched, "participant"):
        for condition in names_of(watched, "condition"):
            own = [one for one in watched if (one.part.participant, one.part.condition) == (participant, condition)]
            if not own:
                continue
            used = [one for one in own if one in kept]
            labels = [event.record["label"] for one in used for event in one.events if event.counted]
            rows.append(
                {
                    "participant": participant,
                    "condition": condition,
                    "recordings": len(used),
                    "recordings_excluded": len(own) - len(used),
                    "seconds": round(sum(one.seconds for one in used), _DIGITS),
                    **_rate_fields(total([one.rate for one in used]), choices),
                    **{f"n_{label}": labels.count(label) for label in _labels(watched)},
                }
            )
    return rows


def condition_rows(watched: Sequence[Watched], choices: Choices) -> list[Row]:
    """Return one row a condition: all its participants together, with the interval of a bootstrap over them."""
    rows = []
    for condition in names_of(included(watched), "condition"):
        people = _per_person(watched, condition)
        seen = people.of(people.minutes > 0.0)
        ends = _interval(seen.pooled, len(seen.minutes), choices)
        shared = {"condition": condition, "participants": len(seen.minutes)}
        rows.append({**shared, **_rate_fields(seen.rate, choices), **_ends("bootstrap", ends)})
    return rows


def contrast_rows(watched: Sequence[Watched], choices: Choices) -> list[Row]:
    """Return one row each two conditions: the difference of their rates, with the interval of the same bootstrap.

    A participant is drawn with all recordings, so conditions that were shown to the same people stay paired.
    """
    rows = []
    for first, second in combinations(names_of(included(watched), "condition"), 2):
        a, b = _per_person(watched, first), _per_person(watched, second)
        in_both, in_any = (a.minutes > 0.0) & (b.minutes > 0.0), (a.minutes > 0.0) | (b.minutes > 0.0)
        ends = _interval(partial(_difference, a.of(in_any), b.of(in_any)), int(in_any.sum()), choices)
        before, after = a.rate.value, b.rate.value
        rows.append(
            {
                "condition": second,
                "minus": first,
                "participants": int(in_any.sum()),
                "participants_in_both": int(in_both.sum()),
                "difference_per_minute": None if before is None or after is None else _rounded(after - before),
                **_ends("bootstrap", ends),
            }
        )
    return rows


def _difference(a: PerPerson, b: PerPerson, drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    return b.pooled(drawn) - a.pooled(drawn)


def _interval(statistic: Statistic, participants: int, choices: Choices) -> tuple[float, float] | None:
    return bootstrap(
        statistic, participants=participants, resamples=choices.resamples, level=choices.level, seed=choices.seed
    )


def course_rows(steps: Sequence[Step], choices: Choices) -> list[Row]:
    """Return one row a step of the time course and condition."""
    return [
        {
            "condition": step.condition,
            "from_s": step.start_s,
            "to_s": step.end_s,
            "stimuli": step.stimuli,
            **_rate_fields(step.rate, choices),
            "watched_time": "by frame" if step.exact else "spread evenly",
        }
        for step in steps
    ]


def table(rows: Sequence[Mapping[str, Any]], empty: Sequence[str] = ()) -> str:
    """Return rows as CSV: UTF-8, a header, a point for decimals, empty cells for what is not known.

    Args:
        rows: All with the same columns, but for some that only later ones have.
        empty: The columns of a table without rows.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row)) or list(empty)
    return csv_text(columns, rows)


def _keys(one: Watched) -> Row:
    part = one.part
    return {
        "participant": part.participant,
        "condition": part.condition,
        "session": part.session,
        "recording": part.recording,
        "person": part.person,
    }


def _labels(watched: Sequence[Watched]) -> list[str]:
    """Return the classes of the engines, and "none"."""
    classes = [name for one in watched for name in one.result.summary.get("engine", {}).get("classes", ())]
    seen = [event.record["label"] for one in watched for event in one.events]
    return sorted({*map(str, classes), *seen, "none"}, key=lambda name: (name == "none", name))


def _shares(one: Watched) -> Row:
    return {f"{name}_share": one.figures[name] for name in ("face", "watchable", "lost", *FRAME_FLAGS)}


def _per_person(watched: Sequence[Watched], condition: str) -> PerPerson:
    """Return what each participant of a study comes to in a condition."""
    kept = included(watched)
    own = [one for one in kept if one.part.condition == condition]
    rates = [total([one.rate for one in own if one.part.participant == name]) for name in names_of(kept, "participant")]
    counts, minutes = [rate.events for rate in rates], [rate.minutes for rate in rates]
    return PerPerson(np.array(counts, np.float64), np.array(minutes, np.float64))


def _rate_fields(rate: Rate, choices: Choices) -> Row:
    return {
        "events": rate.events,
        "watched_minutes": _rounded(rate.minutes),
        "events_per_minute": _rounded(rate.value),
        **_ends("poisson", rate.poisson(choices.level)),
    }


def _ends(name: str, ends: tuple[float, float] | None) -> Row:
    low, high = ends or (None, None)
    return {f"{name}_low": _rounded(low), f"{name}_high": _rounded(high)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
