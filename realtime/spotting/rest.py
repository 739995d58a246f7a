"""What a face looks like at rest: where its regions are, how much they tremble, and which to believe."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from realtime.spotting.judge import strength
from realtime.spotting.motion import REGIONS
from realtime.spotting.motion_track import MotionSample

LEAST_TRUST: Final = 0.3
"""Regions that are restless at rest count less, down to this share."""
_MEMORY: Final = 0.15
"""Weight of a new look at the noise against all that were seen of this face before."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Medians, level and noise of the motion at rest, and how far each region can be believed."""

    centre: NDArray[np.float64]
    trust: NDArray[np.float64]
    level: float
    noise: float
    updated_s: float

    def moved(self, regions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (..., 13, 2) motion since the rest, that of restless regions scaled down."""
        return (regions - self.centre) * self.trust[:, np.newaxis]


UNKNOWN: Final = Rest(np.zeros((len(REGIONS), 2)), np.ones(len(REGIONS)), 0.0, 0.0, -np.inf)
"""Before anything was seen of a face."""


def rest_from(samples: Sequence[MotionSample], *, before: Rest) -> Rest:
    """Return the resting state that some samples show.

    Args:
        samples: A stretch of rest, in order of time.
        before: What was known of the same face; its noise is remembered, its place is not.
    """
    window = np.array([sample.regions for sample in samples])
    centre = np.median(window, axis=0)
    unrest = np.median(np.hypot(*np.moveaxis(window - centre, -1, 0)), axis=0)
    trust = np.clip(np.median(unrest) / np.maximum(unrest, 1e-6), LEAST_TRUST, 1.0)
    moved = strength((window - centre) * trust[:, np.newaxis])
    level = float(np.median(moved))
    noise = 1.4826 * float(np.median(np.abs(moved - level)))
    if before.noise > 0.0:
        trust = before.trust + _MEMORY * (trust - before.trust)
        level = before.level + _MEMORY * (level - before.level)
        noise = before.noise + _MEMORY * (noise - before.noise)
    return Rest(centre, trust, level, noise, samples[-1].time_s)


def thirds(samples: Sequence[MotionSample]) -> list[Sequence[MotionSample]]:
    """Return the first, middle and last third of some samples."""
    n = len(samples)
    return [samples[: n // 3], samples[n // 3 : 2 * n // 3], samples[2 * n // 3 :]]
