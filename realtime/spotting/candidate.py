"""Movements that may be micro-expressions: moments at which the matched filter peaks, and what was measured there."""

from collections import deque
from copy import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from realtime.spotting import measures
from realtime.spotting.matched_filter import DURATIONS_S, LAG, LENGTH, MatchedFilter, Response, bumps_if_still
from realtime.spotting.measures import Best
from realtime.spotting.motion_track import RATE_HZ

MIN_MATCH: Final = 1.8
"""Peaks below this many standard deviations of the background are none."""
PEAK_S: Final = 0.06
"""A peak is the largest match within this time before and after."""
_REACH: Final = round(PEAK_S * RATE_HZ)
EARLY: Final = 8
"""Samples by which a peak is known sooner if the face keeps still from then on."""
_MIDDLE: Final = LAG + _REACH - EARLY
_AROUND: Final = range(_MIDDLE + _REACH, _MIDDLE - _REACH - 1, -1)
_IF_STILL: Final = bumps_if_still(_AROUND)


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
        features: (N_FEATURES,) float32 and
        window: (MOVING, WINDOW) float32 what the network decides on (`realtime.spotting.measures`).
    """

    time_s: float
    duration_s: float
    match: float
    coherence: float
    amplitude: float
    background: float
    features: NDArray[np.float32]
    window: NDArray[np.float32]


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

    @property
    def loudness(self) -> float:
        """Mean square of the motion within the last second that has been measured, in variances of the background."""
        recent = list(self._filter.moments)[-RATE_HZ:]
        return float(np.mean([moment[-2] for moment in recent])) if recent else 1.0

    def add(self, time_s: float, row: NDArray[np.float64]) -> Peak | None:
        """Take the row of one sample; return the peak that it completes, PEAK_S after what the filter needs."""
        response = self._filter.add(time_s, row)
        if response is None:
            return None
        self._waiting.append((float(response.match.max()), response))
        if len(self._waiting) <= 2 * _REACH:
            return None
        height, middle = self._waiting[_REACH]
        if height < MIN_MATCH or height < max(match for match, _ in self._waiting):
            return None
        return self._peak(middle)

    def if_still(self, time_s: float, row: NDArray[np.float64]) -> Peak | None:
        """Return the peak that `add` will find in EARLY samples should they all be like the last one.

        Args:
            time_s: Time of the last sample.
            row: Of it; it has been added before.
        """
        if self._filter.count < LENGTH:
            return None
        match = self._filter.match_if_still(_IF_STILL)
        if match[_REACH] < max(MIN_MATCH, match.max()):
            return None
        twin = copy(self)
        twin._filter, twin._waiting = self._filter.twin(), self._waiting.copy()
        for number in range(1, EARLY):
            twin.add(time_s + number / RATE_HZ, row)
        return twin.add(time_s + EARLY / RATE_HZ, row)

    def _peak(self, at: Response) -> Peak:
        best = Best.of(at)
        return Peak(
            time_s=at.time_s,
            duration_s=DURATIONS_S[best.duration],
            match=float(at.match[best.duration, best.expression]),
            coherence=float(at.coherence[best.duration, best.expression]),
            amplitude=best.amplitude,
            background=float(at.background[best.duration]),
            features=measures.features(at, best, self._filter, of_class=self._of_class, ago=_REACH),
            window=measures.window(self._filter, best.amplitude, ago=_REACH),
        )
