"""What the spotter itself said it would find: the predicted detection curve of a recording.

With `--explain`, mer-replay writes for each frame the smallest amplitude that would have been found with probability
WATCHABLE (`watchable`), and how steeply that probability grows with the amplitude goes to summary.json. Both together
give a detection curve without drawing a single micro-expression.
"""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer.evaluation.detection import MAX_PERCENT, SHARES
from mer.files import from_json

WATCHABLE: Final = 0.8
"""Probability that the column `watchable` of explain.csv stands for."""
_AT: Final = np.geomspace(0.1, MAX_PERCENT, 93)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What would be found in some recordings.

    Attributes:
        watchable: (n,) amplitude found with probability WATCHABLE at each moment with a face, percent of the IOD.
        steepness: Growth of the log odds of being found with the logarithm of the amplitude.
    """

    watchable: Floats
    steepness: float

    def recall(self, amplitudes_percent: Floats) -> Floats:
        """Return the share of micro-expressions of each of (m,) amplitudes that would be found, at a random moment."""
        known = math.log(WATCHABLE / (1.0 - WATCHABLE))
        logit = known + self.steepness * (np.log(amplitudes_percent)[:, np.newaxis] - np.log(self.watchable))
        share: Floats = (1.0 / (1.0 + np.exp(-np.clip(logit, -60.0, 60.0)))).mean(axis=1)
        return share

    def amplitude(self, share: float) -> float | None:
        """Return the amplitude of which a share would be found; None if that is over MAX_PERCENT."""
        found = self.recall(_AT)
        return float(np.interp(share, found, _AT)) if found[-1] >= share else None

    def figures(self) -> dict[str, Any]:
        """Return the prediction as JSON values."""
        return {
            "found_with_probability": {f"{share:g}": self.amplitude(share) for share in SHARES},
            "curve": [{"amplitude_percent": float(a), "probability": float(p)} for a, p in zip(_AT, self.recall(_AT))],
        }


def read(results: list[Path]) -> Prediction | None:
    """Return what the results folders of some replays predict; None if nothing could be seen in any.

    Args:
        results: Folders that `mer-replay --explain` wrote.
    """
    seen, steepness = [], 1.0
    for folder in results:
        with (folder / "explain.csv").open(newline="", encoding="utf-8") as text:
            seen += [float(row["watchable"]) for row in csv.DictReader(text) if row["watchable"]]
        steepness = float(from_json((folder / "summary.json").read_text(encoding="utf-8"))["watchable_steepness"])
    return Prediction(np.array(seen), steepness) if seen else None
