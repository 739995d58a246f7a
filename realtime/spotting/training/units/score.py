"""How well units are told: F1 of each with its side, sizes, calibration, and what is said of no unit at all."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from realtime.spotting.training.units.examples import Labelled
from realtime.spotting.units import UNITS, Units


@dataclass(frozen=True, slots=True)
class Score:
    """Of one unit.

    Attributes:
        there: Sides on which it moved.
        f1: Harmonic mean of precision and recall, each side counted for itself.
        side: Share of the movements in which it moved and was told whose side (left, right, both) is right.
        size_error: Median relative error of its size, where it was found.
    """

    there: int
    f1: float
    side: float
    size_error: float


def scores(units: Units, labelled: Labelled) -> dict[int, Score]:
    """Return the score of each unit on movements whose units are known."""
    probabilities, shares = units.outputs(labelled.windows, labelled.amplitudes)
    said = probabilities >= units.thresholds[:, np.newaxis]
    percents = shares * labelled.amplitudes[:, np.newaxis, np.newaxis]
    present = labelled.present
    found = {}
    for number, unit in enumerate(UNITS):
        there, named = present[:, number], said[:, number]
        hits = (there & named).sum()
        both = there.any(axis=1) & named.any(axis=1)
        right = (there == named).all(axis=1)
        true, measured = labelled.percents[:, number][there & named], percents[:, number][there & named]
        found[unit] = Score(
            there=int(there.sum()),
            f1=float(2.0 * hits / max(there.sum() + named.sum(), 1)),
            side=float(right[both].mean()) if both.any() else float("nan"),
            size_error=float(np.median(np.abs(measured / true - 1.0))) if len(true) else float("nan"),
        )
    return found


def calibration_error(units: Units, labelled: Labelled, *, bins: int = 10) -> float:
    """Return the expected calibration error over all units and sides (Naeini et al. 2015)."""
    probabilities, _ = units.outputs(labelled.windows, labelled.amplitudes)
    flat, there = probabilities.ravel(), labelled.present.ravel()
    place = np.minimum((flat * bins).astype(int), bins - 1)
    total = 0.0
    for number in range(bins):
        inside = place == number
        if inside.any():
            total += inside.mean() * abs(flat[inside].mean() - there[inside].mean())
    return float(total)


def nothing_said(units: Units, labelled: Labelled) -> float:
    """Return the share of movements without any unit of which no unit is told."""
    none = ~labelled.present.any(axis=(1, 2))
    probabilities, _ = units.outputs(labelled.windows[none], labelled.amplitudes[none])
    silent = np.all(probabilities < units.thresholds[:, np.newaxis], axis=(1, 2))
    return float(silent.mean()) if len(silent) else float("nan")


def as_record(units: Units, labelled: Labelled) -> dict[str, Any]:
    """Return all figures, JSON-like."""
    each = scores(units, labelled)
    return {
        "movements": len(labelled.amplitudes),
        "macro_f1": round(float(np.mean([score.f1 for score in each.values()])), 3),
        "calibration_error": round(calibration_error(units, labelled), 4),
        "nothing_said_of_nothing": round(nothing_said(units, labelled), 3),
        "units": {
            str(unit): {
                "there": score.there,
                "f1": round(score.f1, 3),
                "side": None if np.isnan(score.side) else round(score.side, 3),
                "size_error": None if np.isnan(score.size_error) else round(score.size_error, 3),
            }
            for unit, score in each.items()
        },
    }
