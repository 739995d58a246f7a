"""From predictions to the figures of one system on one set of data."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mer import metrics
from mer.metrics import COMPOSITE_CLASSES, composite_label
from mer.training.predictions import Predictions


def summarise(predictions: Predictions) -> dict[str, Any]:
    """Return all figures as JSON values.

    Returns:
        clips, subjects; accuracy, uf1 and uar with value, low and high; recall by class; confusion
        (counts, rows are true classes); ece; reliability; `none`: how many correct and wrong predictions
        the threshold turns into "none"; `composite`: the same three figures for the classes of
        MEGC2019, where the classes map to at least two of them; folds: figures of each; datasets: clips,
        subjects, the three figures and the confusion of each dataset, where there are several.
    """
    classes = predictions.classes
    truth, predicted = predictions.truth, predictions.predicted
    counts = metrics.confusion(truth, predicted, len(classes))
    figures = metrics.figures(truth, predicted, predictions.subjects, n_classes=len(classes))
    right = truth == predicted
    silent = predictions.probabilities.max(axis=1) < predictions.none_thresholds
    bins = metrics.reliability(predictions.probabilities, truth)
    return {
        "clips": len(truth),
        "subjects": len(np.unique(predictions.subjects)),
        "classes": list(classes),
        **{name: _figure(figure) for name, figure in figures.items()},
        "recall": dict(zip(classes, _numbers(metrics.recalls(counts)))),
        "confusion": counts.tolist(),
        "ece": metrics.ece(predictions.probabilities, truth),
        "reliability": [{"confidence": b.confidence, "accuracy": b.accuracy, "count": b.count} for b in bins],
        "none": {
            "right_silenced": int((silent & right).sum()),
            "wrong_silenced": int((silent & ~right).sum()),
            "right": int(right.sum()),
            "wrong": int((~right).sum()),
        },
        "composite": _composite(predictions),
        "folds": _by_fold(predictions),
        "datasets": _by_dataset(predictions),
    }


def _by_dataset(predictions: Predictions) -> list[dict[str, Any]]:
    names = sorted(set(predictions.datasets.tolist()))
    n_classes = len(predictions.classes)
    rows = []
    for name in names if len(names) > 1 else []:
        inside = predictions.datasets == name
        truth, predicted, subjects = (
            array[inside] for array in (predictions.truth, predictions.predicted, predictions.subjects)
        )
        figures = metrics.figures(truth, predicted, subjects, n_classes=n_classes)
        rows.append(
            {
                "dataset": name,
                "clips": len(truth),
                "subjects": len(np.unique(subjects)),
                **{figure: _figure(value) for figure, value in figures.items()},
                "confusion": metrics.confusion(truth, predicted, n_classes).tolist(),
            }
        )
    return rows


def _by_fold(predictions: Predictions) -> list[dict[str, Any]]:
    rows = []
    for name in dict.fromkeys(predictions.folds.tolist()):
        inside = predictions.folds == name
        counts = metrics.confusion(predictions.truth[inside], predictions.predicted[inside], len(predictions.classes))
        values = {figure: float(compute(counts)) for figure, compute in metrics.FIGURES.items()}
        rows.append({"fold": name, "clips": int(inside.sum()), **values})
    return rows


def _composite(predictions: Predictions) -> Mapping[str, Any] | None:
    """Figures after the predictions of the network are mapped to the three classes of MEGC2019."""
    names = [composite_label(name) for name in predictions.classes]
    if predictions.classes == COMPOSITE_CLASSES or len({name for name in names if name}) < 2:
        return None
    left_out = len(COMPOSITE_CLASSES)  # "others" as a prediction is a miss, as the truth it is left out
    to = np.array([COMPOSITE_CLASSES.index(name) if name else left_out for name in names])
    truth, predicted = to[predictions.truth], to[predictions.predicted]
    kept = truth != left_out
    if not kept.any():
        return None
    counts = metrics.confusion(truth[kept], predicted[kept], left_out + 1)
    # Misses into "others" stay in the rows' sums; the column itself is not a class.
    recall = metrics.recalls(counts)[:left_out]
    f1 = metrics.f1_scores(counts)[:left_out]
    return {
        "clips": int(kept.sum()),
        "accuracy": float(metrics.accuracy(counts)),
        "uf1": float(np.nanmean(f1)),
        "uar": float(np.nanmean(recall)),
        "recall": dict(zip(COMPOSITE_CLASSES, _numbers(recall))),
    }


def _figure(figure: metrics.Figure) -> dict[str, float]:
    return {"value": figure.value, "low": figure.low, "high": figure.high}


def _numbers(values: metrics.Floats) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
