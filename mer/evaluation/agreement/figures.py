"""Figures of agreement between coders, with 95 % intervals by bootstrap over recordings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import chain, combinations
from typing import Any, Final, TypeVar

import numpy as np

from mer.coding.messages import Coded, Coding
from mer.errors import MerError
from mer.evaluation.agreement.coefficients import alpha, coincidences, icc, kappa, limits
from mer.evaluation.agreement.pairs import NOTHING, Compared, Shared, compared, framewise, shared
from mer.evaluation.matching import HIT_IOU, MOMENTS

DRAWS: Final = 1000
SPANS: Final = {"duration": (0, 2), "rise": (0, 1), "fall": (1, 2)}
"""Lengths of time between moments, by name; unlike the moments they do not depend on where in a recording they are."""

COMPARED: Final = ("label", "onset_s", "apex_s", "offset_s")
"""Fields of an event that stand in the list of matches."""

Figures = dict[str, float | None]
T = TypeVar("T")


def agreement(
    codings: Sequence[Coding],
    *,
    fps: float | None = None,
    seconds: float | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """Return all figures as JSON values: of each two coders, and of all together.

    Args:
        codings: Of two coders or more, with different names.
        fps: See `mer.evaluation.agreement.pairs.shared`.
        seconds: See there.
        draws: Resamplings of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        MerError: If they have no recording in common, or nothing was coded.
    """
    recordings = shared(codings, fps=fps, seconds=seconds)
    events = [event for one in recordings for coding in one.codings for event in coding.events]
    if not events:
        raise MerError("none of the coders coded an event in the recordings they share; there is nothing to compare")
    named = {label for one in recordings for c in one.codings for label in (c.candidates or {}).values() if label}
    labels = sorted({event.label for event in events} | named)
    parts = sorted({part for event in events for part in event.parts})
    pairs = [
        _pair(recordings, codings, a, b, labels, parts, draws=draws, seed=seed)
        for a, b in combinations(range(len(codings)), 2)
    ]
    tables = _grouped(recordings, [_coincidences(one, labels) for one in recordings])
    whole = _with_intervals(tables, lambda some: {"alpha_frames": alpha(np.sum(some, axis=0))}, draws=draws, seed=seed)
    return {
        "schema": 1,
        "coders": [{"name": c.coder, "program": c.program} for c in codings],
        "recordings": [
            {
                **{"name": r.name, "recording": r.whole or r.name},
                **{"seconds": r.seconds, "fps": r.fps, "assumed": list(r.assumed)},
            }
            for r in recordings
        ],
        "labels": labels,
        "min_iou": HIT_IOU,
        "draws": draws if len(tables) > 1 else 0,
        "all": whole,
        "pairs": pairs,
    }


def _pair(
    recordings: Sequence[Shared],
    codings: Sequence[Coding],
    a: int,
    b: int,
    labels: Sequence[str],
    parts: Sequence[str],
    *,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    each = [compared(one, a, b, labels, parts) for one in recordings]
    groups = _grouped(recordings, each)
    moments = np.concatenate([one.moments_s for one in each])
    candidates = [one.candidates for one in each if one.candidates is not None]
    return {
        "coders": [codings[a].coder, codings[b].coder],
        "figures": _with_intervals(groups, figures, draws=draws, seed=seed),
        "people": {
            recording.name: _with_intervals([[one]], figures, draws=draws, seed=seed)
            for recording, one in zip(recordings, each)
            if recording.whole
        },
        "differences_ms": {name: _spread(moments, name) for name in (*MOMENTS, *SPANS)},
        "classes": {
            part: _with_intervals(groups, lambda some, p=part: _of_part(some, p), draws=draws, seed=seed)  # type: ignore[misc]
            for part in parts
        },
        "events": np.sum([one.events for one in each], axis=0).tolist(),
        "candidates": np.sum(candidates, axis=0).tolist() if candidates else None,
        "matches": [
            {"recording": recording.name, "first": _told(one), "second": _told(other)}
            for recording, counted in zip(recordings, each)
            for one, other in counted.matches
        ],
    }


def _told(coded: Coded | None) -> dict[str, Any] | None:
    return None if coded is None else {name: getattr(coded, name) for name in COMPARED}


def figures(some: Sequence[Compared]) -> Figures:
    """Return the figures of two coders over recordings.

    Args:
        some: What they did with each.
    """
    events = np.sum([one.events for one in some], axis=0)
    frames = np.sum([one.frames for one in some], axis=0)
    judged = [one.candidates for one in some if one.candidates is not None]
    n_labels = len(events) - 1
    hits, of_first, of_second = int(events[:-1, :-1].sum()), int(events[:-1].sum()), int(events[:, :-1].sum())
    moments = np.concatenate([one.moments_s for one in some])
    made: Figures = {
        "events_first": of_first,
        "events_second": of_second,
        "matched": hits,
        "found_by_second": hits / of_first if of_first else None,
        "found_by_first": hits / of_second if of_second else None,
        "f1": 2 * hits / (of_first + of_second) if of_first + of_second else None,
        "f1_with_label": 2 * int(np.trace(events[:-1, :-1])) / (of_first + of_second) if of_first + of_second else None,
        "label_agreement": int(np.trace(events[:-1, :-1])) / hits if hits else None,
        "kappa_labels": kappa(events[:-1, :-1]),
        "kappa_events": kappa(events, empty=n_labels),
        "kappa_candidates": kappa(np.sum(judged, axis=0)) if judged else None,
        "kappa_candidates_any": kappa(_binary(np.sum(judged, axis=0))) if judged else None,
        "kappa_frames": kappa(frames),
        "kappa_frames_any": kappa(_binary(frames)),
    }
    for name in (*MOMENTS, *SPANS):
        first, second = _values(moments, name)
        made[f"icc_{name}"] = icc(np.stack([first, second], axis=1))
        made[f"bias_{name}_ms"] = 1000.0 * float((second - first).mean()) if len(first) else None
    return made


def _binary(counts: Any) -> Any:
    """Return counts by label as counts of something and nothing."""
    return np.array([[counts[:-1, :-1].sum(), counts[:-1, -1].sum()], [counts[-1, :-1].sum(), counts[-1, -1]]])


def _values(moments_s: Any, name: str) -> tuple[Any, Any]:
    """Return a moment or a span of matched events as both coders have it, where both have it."""
    if name in SPANS:
        start, end = SPANS[name]
        values = moments_s[:, :, end] - moments_s[:, :, start]
    else:
        values = moments_s[:, :, MOMENTS.index(name)]
    known = values[~np.isnan(values).any(axis=1)]
    return known[:, 0], known[:, 1]


def _spread(moments_s: Any, name: str) -> dict[str, Any] | None:
    first, second = _values(moments_s, name)
    found = limits(1000.0 * (second - first))
    return None if found is None else asdict(found)


def _of_part(some: Sequence[Compared], part: str) -> Figures:
    hits, first, second = (sum(one.parts[part][k] for one in some) for k in range(3))
    return {
        "events_first": first,
        "events_second": second,
        "matched": hits,
        "f1": 2 * hits / (first + second) if first + second else None,
        "kappa_frames": kappa(np.sum([one.part_frames[part] for one in some], axis=0)),
    }


def _coincidences(recording: Shared, labels: Sequence[str]) -> Any:
    place = {label: number for number, label in enumerate(labels)} | {NOTHING: len(labels)}
    values = np.stack([framewise(coding.events, recording, place) for coding in recording.codings])
    return coincidences(values, len(place))


def _grouped(recordings: Sequence[Shared], parts: Sequence[T]) -> list[list[T]]:
    """Return what was made of each recording, that of several people in it together."""
    groups: dict[str, list[T]] = {}
    for recording, part in zip(recordings, parts):
        groups.setdefault(recording.whole or recording.name, []).append(part)
    return list(groups.values())


def _with_intervals(
    groups: Sequence[Sequence[Any]], work: Callable[[Sequence[Any]], Figures], *, draws: int, seed: int
) -> dict[str, Mapping[str, float | None]]:
    """Return figures with percentile intervals: recordings are drawn with replacement, each with all its events."""
    values = work(list(chain.from_iterable(groups)))
    ends: dict[str, tuple[float | None, float | None]] = dict.fromkeys(values, (None, None))
    if len(groups) > 1:
        rng, count = np.random.default_rng(seed), len(groups)
        drawn = [work([one for k in rng.integers(count, size=count) for one in groups[k]]) for _ in range(draws)]
        for name in values:
            known = [value for one in drawn if (value := one[name]) is not None]
            if known and values[name] is not None:
                low, high = np.quantile(known, (0.025, 0.975))
                ends[name] = float(low), float(high)
    return {name: {"value": values[name], "low": ends[name][0], "high": ends[name][1]} for name in values}
