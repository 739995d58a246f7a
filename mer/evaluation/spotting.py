"""How well micro-expressions are spotted: figures over one or several recordings."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mer import metrics
from mer.data.annotation import UNLABELLED
from mer.evaluation.matching import MOMENTS, Label, Pair, Truth, compare

WEAK_PERCENT: Final = 0.8
"""Peak displacement in percent of the inter-ocular distance below which an event is called weak."""
BANDS: Final = ("weak", "nominal", "unknown")


@dataclass(frozen=True, slots=True)
class Spotted:
    """One recording after comparison.

    Attributes:
        name: Of the recording.
        pairs: Hits, misses and false events.
        seconds: Length of the recording.
        fps: Frame rate, for the breakdown.
    """

    name: str
    pairs: tuple[Pair, ...]
    seconds: float
    fps: float


def spotted(name: str, truth: Truth, found: Sequence[Label], *, seconds: float, fps: float) -> Spotted:
    """Return what was found in a recording, matched with its truth."""
    return Spotted(name, tuple(compare(truth, found)), seconds, fps)


def summarise(recordings: Sequence[Spotted]) -> dict[str, Any]:
    """Return all figures as JSON values.

    Returns:
        `all`: see `figures`; `by_rate` and, in each rate, `by_amplitude`; `by_amplitude`, `by_class`. An amplitude
        or a class is a property of true events, so false events cannot be dealt out to them: precision and F1 of an
        amplitude count all false events of its recordings, and a class has none.
    """
    rates = sorted({round(recording.fps) for recording in recordings})
    classes = sorted({pair.truth.label for pair in _pairs(recordings) if pair.truth})
    return {
        "recordings": len(recordings),
        "minutes": sum(recording.seconds for recording in recordings) / 60.0,
        "all": figures(recordings),
        "by_amplitude": _by_amplitude(recordings),
        "by_rate": {
            f"{rate}": {**figures(some), "by_amplitude": _by_amplitude(some)}
            for rate in rates
            if (some := [recording for recording in recordings if round(recording.fps) == rate])
        },
        "by_class": {name: _of_class(_pairs(recordings), name) for name in classes},
    }


def band(truth: Label) -> str:
    """Return the band of amplitudes that a true event belongs to, one of BANDS."""
    if truth.amplitude_percent is None:
        return "unknown"
    return "weak" if truth.amplitude_percent < WEAK_PERCENT else "nominal"


def figures(recordings: Sequence[Spotted], *, only: str | None = None) -> dict[str, Any]:
    """Return the figures of some recordings together.

    Args:
        recordings: Counts are summed over them.
        only: Leave true events of other amplitude bands, and the hits of these, out of account.

    Returns:
        true, found, hits, false; precision, recall, f1; false_per_minute; false_during (causes); of onset, apex and
        offset error_ms with median and p95 of the absolute error and the median signed error (bias; found minus
        true); confirm_ms, from the true offset to the deciding frame, with median and p95; recognition_f1 (macro
        F1 over the hits, a prediction "none" is a miss) and strs, its product with f1 (Liong, See, Chan,
        "Spot-then-recognize", Signal Processing: Image Communication 110, 2023). None where nothing can be said.
    """
    kept = [pair for pair in _pairs(recordings) if only is None or pair.truth is None or band(pair.truth) == only]
    hits = [pair for pair in kept if pair.hit]
    true = sum(pair.truth is not None for pair in kept)
    false = [pair for pair in kept if pair.truth is None]
    f1 = 2 * len(hits) / (true + len(hits) + len(false)) if true + len(false) else None
    recognition = recognition_f1(hits)
    minutes = sum(recording.seconds for recording in recordings) / 60.0
    return {
        "true": true,
        "found": len(hits) + len(false),
        "hits": len(hits),
        "false": len(false),
        "precision": len(hits) / (len(hits) + len(false)) if hits or false else None,
        "recall": len(hits) / true if true else None,
        "f1": f1,
        "false_per_minute": len(false) / minutes if minutes > 0 else None,
        "false_during": dict(Counter(pair.during or "nothing" for pair in false).most_common()),
        "error_ms": {name: _spread([pair.error_ms(k) for pair in hits]) for k, name in enumerate(MOMENTS)},
        "confirm_ms": _delay(hits),
        "recognition_f1": recognition,
        "strs": f1 * recognition if f1 is not None and recognition is not None else None,
    }


def recognition_f1(hits: Iterable[Pair]) -> float | None:
    """Return the macro F1 of recognition over hits, None if no hit has a true class.

    Classes are those that occur among the hits, true or predicted; "none" is not a class but a missed prediction.
    """
    named = [(p.truth.label, p.found.label) for p in hits if p.truth and p.found and p.truth.label != UNLABELLED]
    true_names = {truth for truth, _ in named}
    if not named:
        return None
    classes = sorted(true_names | {predicted for _, predicted in named if predicted != "none"})
    index = {name: k for k, name in enumerate(classes)}
    counts = metrics.confusion(
        np.array([index[truth] for truth, _ in named]),
        np.array([index.get(predicted, len(classes)) for _, predicted in named]),
        len(classes) + 1,
    )
    return float(np.nanmean(metrics.f1_scores(counts)[: len(classes)]))


def _pairs(recordings: Iterable[Spotted]) -> list[Pair]:
    return [pair for recording in recordings for pair in recording.pairs]


def _by_amplitude(recordings: Sequence[Spotted]) -> dict[str, Any]:
    there = {band(pair.truth) for pair in _pairs(recordings) if pair.truth}
    return {name: figures(recordings, only=name) for name in BANDS if name in there}


def _of_class(pairs: Iterable[Pair], name: str) -> dict[str, Any]:
    some = [pair for pair in pairs if pair.truth and pair.truth.label == name]
    hits = [pair for pair in some if pair.hit]
    return {
        "true": len(some),
        "hits": len(hits),
        "recall": len(hits) / len(some),
        "labels_right": sum(pair.label_right for pair in hits),
    }


def _spread(errors_ms: Sequence[float]) -> dict[str, float] | None:
    if not errors_ms:
        return None
    sizes = np.abs(errors_ms)
    return {
        "median": float(np.median(sizes)),
        "p95": float(np.percentile(sizes, 95)),
        "bias": float(np.median(errors_ms)),
    }


def _delay(hits: Iterable[Pair]) -> dict[str, float] | None:
    delays_ms = [
        1000.0 * (pair.found.confirmed_s - pair.truth.times_s[2])
        for pair in hits
        if pair.truth and pair.found and pair.found.confirmed_s is not None
    ]
    if not delays_ms:
        return None
    return {"median": float(np.median(delays_ms)), "p95": float(np.percentile(delays_ms, 95))}
