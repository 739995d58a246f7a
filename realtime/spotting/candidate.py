"""Movements that may be micro-expressions: moments at which the matched filter peaks, and what was measured there."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from realtime.spotting.features import (
    FACE,
    GAIN,
    MISFIT,
    MOVING,
    N_REGIONS,
    SHARPNESS,
    SPACING,
)
from realtime.spotting.matched_filter import DURATIONS_S, LAG, LENGTH, MatchedFilter, Response
from realtime.spotting.motion_track import RATE_HZ

LEAST_MATCH: Final = 2.5
"""Peaks below this many standard deviations of the background are none."""
PEAK_S: Final = 0.06
"""A peak is the largest match within this time before and after."""
_REACH: Final = round(PEAK_S * RATE_HZ)
CURVE: Final = tuple(range(-24, LAG + 1, 2))
"""Samples around the middle at which the course of the movement is looked at."""
_PARTS: Final = (slice(0, 8), slice(8, 16), slice(16, N_REGIONS), slice(N_REGIONS, FACE), slice(FACE, MOVING))
"""Channels of brows, cheeks with nose wings, mouth with chin, eyes, and head."""
_WHEN: Final = ((-30, -17), (-15, 0), (0, 15))
"""Samples before, while rising and while falling."""


@dataclass(frozen=True, slots=True)
class Peak:
    """One of them.

    Attributes:
        time_s: Its middle.
        duration_s: Of the bump that fits best.
        match: Standard deviations of the background.
        coherence: Share of the movement that has the shape of an expression, 0 to 1.
        amplitude: Largest motion of a region, percent of the inter-ocular distance.
        background: Usual motion of a region in such a time, same unit.
        features: (N_FEATURES,) float32 what the network decides on.
    """

    time_s: float
    duration_s: float
    match: float
    coherence: float
    amplitude: float
    background: float
    features: NDArray[np.float32]


class PeakFinder:
    """Finds peaks in what a matched filter says.

    Args:
        expressions: See `MatchedFilter`.
        classes: Index of the class of each expression.
    """

    def __init__(self, expressions: NDArray[np.float64], classes: NDArray[np.intp]) -> None:
        self._filter = MatchedFilter(expressions)
        self._of_class = np.array([classes == index for index in range(int(classes.max()) + 1)])
        self._waiting: deque[tuple[float, Response]] = deque(maxlen=2 * _REACH + 1)

    @property
    def lag(self) -> int:
        """Samples after the middle of a movement at which it is known to be a peak."""
        return LAG + _REACH

    @property
    def background(self) -> float:
        """Usual motion of a region within the time of an expression, percent of the inter-ocular distance."""
        return float(self._filter.background[-2])

    def add(self, time_s: float, row: NDArray[np.float64]) -> Peak | None:
        """Take the row of one sample; return the peak that it completes, PEAK_S after what the filter needs."""
        response = self._filter.add(time_s, row)
        if response is None:
            return None
        self._waiting.append((float(response.match.max()), response))
        if len(self._waiting) <= 2 * _REACH:
            return None
        height, middle = self._waiting[_REACH]
        if height < LEAST_MATCH or height < max(match for match, _ in self._waiting):
            return None
        return self._peak(middle)

    def _peak(self, at: Response) -> Peak:
        duration, best = np.unravel_index(int(at.match.argmax()), at.match.shape)
        heights = at.heights[duration]
        regions, eyes = heights[:N_REGIONS].reshape(-1, 2), heights[N_REGIONS:FACE].reshape(-1, 2)
        amplitude = float(np.hypot(regions[:, 0], regions[:, 1]).max())
        along = at.weights[duration, best]
        size = max(float(along @ heights), 1e-3)
        recent = self._filter.recent[: len(self._filter.recent) - _REACH]
        middle = len(recent) - 1 - LAG
        course = recent[:, :MOVING] @ along
        speed = np.abs(np.diff(recent[:, :MOVING], axis=0)) * RATE_HZ
        unrest = [[speed[middle + a : middle + b, part].mean() for part in _PARTS] for a, b in _WHEN]
        inside = recent[middle - LAG : middle + LAG + 1]
        match, coherence = float(at.match[duration, best]), float(at.coherence[duration, best])
        by_class = [at.match[duration, of].max() for of in self._of_class]
        measured = {
            "sizes": np.log([match, size, amplitude, at.background[duration]]),
            "shape": (coherence, DURATIONS_S[duration] * 5.0),
            "by duration": np.arcsinh(at.match.max(axis=1)),
            "energy": np.log(at.energy + 0.1),
            "by class": np.arcsinh(by_class),
            "regions": heights[:N_REGIONS] / max(amplitude, 1e-3),
            "eyes": np.arcsinh(eyes.ravel()),
            "lids": (np.arcsinh(eyes[:, 1].min() / max(amplitude, 0.05)),),
            "head": np.arcsinh(heights[FACE:MOVING]),
            "course": _straightened(course, middle) / size,
            "unrest": np.log(np.array(unrest).ravel() + 0.2),
            "relative unrest": np.log(np.array(unrest)[:, :3].ravel() / max(amplitude, 0.05) + 0.2),
            "picture": np.ptp(inside[:, [GAIN, SHARPNESS]], axis=0) * (20.0, 10.0),
            "misfit": np.log(inside[:, MISFIT].mean(keepdims=True) + 0.1),
            "spacing": np.log2(np.maximum(inside[:, SPACING].max(keepdims=True) * RATE_HZ, 0.25)),
            "age": (np.log(self._filter.seconds),),
        }
        features = np.concatenate([measured[name] for name, _ in LAYOUT])
        return Peak(
            time_s=at.time_s,
            duration_s=DURATIONS_S[duration],
            match=match,
            coherence=coherence,
            amplitude=amplitude,
            background=float(at.background[duration]),
            features=np.clip(features, -8.0, 8.0).astype(np.float32),
        )


def _straightened(course: NDArray[np.float64], middle: int) -> NDArray[np.float64]:
    """Return the course at CURVE, less the straight line between what lies before and after."""
    inside = course[middle - LAG : middle + LAG + 1]
    ends = np.arange(LENGTH) - LAG
    outer = np.abs(ends) > LAG - 4
    slope, level = np.polyfit(ends[outer], inside[outer], 1)
    at = np.array(CURVE)
    straight: NDArray[np.float64] = course[middle + at] - (level + slope * at)
    return straight


LAYOUT: Final = (
    *(("sizes", 4), ("shape", 2), ("by duration", len(DURATIONS_S)), ("energy", len(DURATIONS_S)), ("by class", 5)),
    *(("regions", N_REGIONS), ("eyes", FACE - N_REGIONS), ("lids", 1), ("head", MOVING - FACE), ("course", len(CURVE))),
    *(("unrest", 15), ("relative unrest", 9), ("picture", 2), ("misfit", 1), ("spacing", 1), ("age", 1)),
)
"""Name and number of the features, in order."""
N_FEATURES: Final = sum(size for _, size in LAYOUT)


def named(features: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return the features by the names of LAYOUT."""
    ends = np.cumsum([size for _, size in LAYOUT])
    return {name: features[end - size : end] for (name, size), end in zip(LAYOUT, ends)}
