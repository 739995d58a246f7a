"""How well classes are recognised: counts first, then figures, intervals over subjects.

Rows of a confusion matrix are the true classes, columns the predicted ones.

References:
    See, Yap, Li, Hong, Wang, "MEGC 2019: the second facial micro-expressions grand challenge", FG 2019:
    UF1 and UAR from counts summed over all folds, three-class composite.
    Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017, equation 3: ECE.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

COMPOSITE_CLASSES: Final = ("negative", "positive", "surprise")
_COMPOSITE: Final[dict[str, str]] = {
    **dict.fromkeys(("disgust", "repression", "anger", "contempt", "fear", "sadness", "negative"), "negative"),
    **dict.fromkeys(("happiness", "positive"), "positive"),
    "surprise": "surprise",
}


def composite_label(label: str) -> str | None:
    """Return the MEGC2019 class of an emotion, or None if the composite leaves it out (others)."""
    return _COMPOSITE.get(label.strip().lower())


def confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int) -> Counts:
    """Count predictions.

    Args:
        truth: (N,) class indices.
        predicted: (N,) class indices.
        n_classes: Number of classes.

    Returns:
        (n_classes, n_classes) int64.
    """
    counts: Counts = np.bincount(truth * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)
    return counts


def accuracy(counts: NDArray[np.int64]) -> Floats:
    """Return the share of correct predictions of (..., C, C) counts."""
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1)))


def recalls(counts: NDArray[np.int64]) -> Floats:
    """Return (..., C) recall of each class; NaN where a class has no clip."""
    return _ratio(_hits(counts), counts.sum(-1))


def f1_scores(counts: NDArray[np.int64]) -> Floats:
    """Return (..., C) F1 = 2 TP / (2 TP + FP + FN) of each class; NaN where it has neither clip nor prediction."""
    return _ratio(2 * _hits(counts), counts.sum(-1) + counts.sum(-2))


def uar(counts: NDArray[np.int64]) -> Floats:
    """Return the unweighted average recall of (..., C, C) counts over the classes that have clips."""
    return _mean_of_known(recalls(counts))


def uf1(counts: NDArray[np.int64]) -> Floats:
    """Return the unweighted F1 of (..., C, C) counts over the classes that have clips or predictions."""
    return _mean_of_known(f1_scores(counts))


FIGURES: Final[dict[str, Callable[[NDArray[np.int64]], Floats]]] = {"accuracy": accuracy, "uf1": uf1, "uar": uar}
"""The figures reported for every run, by name."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its interval.

    Attributes:
        value: From all clips.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
    """

    value: float
    low: float
    high: float


def figures(
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    subjects: Sequence[str] | NDArray[np.str_],
    *,
    n_classes: int,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Figure]:
    """Return accuracy, UF1 and UAR with 95 % percentile intervals by bootstrap over subjects.

    Subjects are drawn with replacement, each with all its clips: clips of one person are not independent.

    Args:
        truth: (N,) class indices, all folds together.
        predicted: (N,) class indices.
        subjects: (N,) participants.
        n_classes: Number of classes.
        draws: Resamplings.
        seed: Of the resampling.

    Raises:
        MerError: If there is no clip.
    """
    if len(truth) == 0:
        raise MerError("no clip was classified; figures need at least one")
    names, owner = np.unique(np.asarray(subjects), return_inverse=True)
    per_subject = np.stack([confusion(truth[owner == s], predicted[owner == s], n_classes) for s in range(len(names))])
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=draws)
    resampled = np.einsum("ds,sij->dij", weights, per_subject)
    result = {}
    for name, figure in FIGURES.items():
        low, high = np.nanquantile(figure(resampled), (0.025, 0.975))
        result[name] = Figure(float(figure(per_subject.sum(0))), float(low), float(high))
    return result


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of similar confidence.

    Attributes:
        low: Least confidence, exclusive.
        high: Largest confidence, inclusive.
        count: Predictions.
        confidence: Their mean probability.
        accuracy: Share of them that are right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(probabilities: Floats, truth: NDArray[np.int64], *, bins: int = 15) -> list[Bin]:
    """Return the non-empty bins of a reliability diagram, of equal width.

    Args:
        probabilities: (N, C), rows sum to 1.
        truth: (N,) class indices.
        bins: Number of bins from 0 to 1.
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        Bin(b / bins, (b + 1) / bins, int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for b in range(bins)
        if (inside := place == b).any()
    ]


def ece(probabilities: Floats, truth: NDArray[np.int64], *, bins: int = 15) -> float:
    """Return the expected calibration error: mean distance of confidence and accuracy, weighted by predictions."""
    return sum(b.count * abs(b.confidence - b.accuracy) for b in reliability(probabilities, truth, bins=bins)) / len(
        truth
    )


def _hits(counts: NDArray[np.int64]) -> Counts:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return ratio


def _mean_of_known(values: Floats) -> Floats:
    known = ~np.isnan(values)
    sums: Floats = np.where(known, values, 0.0).sum(-1)
    mean: Floats = np.divide(sums, known.sum(-1), out=np.full(sums.shape, np.nan), where=known.any(-1))
    return mean
