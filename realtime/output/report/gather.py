"""What a report needs of a replay, kept in bounded memory but for the pictures of the events."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.messages import FIRST_PERSON, Interval
from realtime.messages import Event
from realtime.spotting.motion_track import SMOOTHING_S
from realtime.update import Update

BINS: Final = 2048
_FIRST_WIDTH_S: Final = 0.005
_AROUND_S: Final = 0.4
_KEPT_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Curve:
    """Motion and threshold over time, percent of the inter-ocular distance.

    Attributes:
        times_s: (N,) increasing.
        motion: (N,).
        threshold: (N,).
        face: (N,) bool, whether a face was tracked.
        watchable: (N,) smallest micro-expression that would have been found, same unit; infinite where nothing would.
    """

    times_s: NDArray[np.float64]
    motion: NDArray[np.float64]
    threshold: NDArray[np.float64]
    face: NDArray[np.bool_]
    watchable: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finding:
    """An event and the curve around it."""

    event: Event
    curve: Curve


class _Recorder:
    """The curve of one person.

    It is kept as the maxima of at most 2048 equal spans of time, whose width doubles whenever
    they are full. Its times are set back by the delay of the smoothing, so that it fits the intervals.
    """

    def __init__(self) -> None:
        self._start_s: float | None = None
        self._width_s = _FIRST_WIDTH_S
        self._bins = np.full((4, BINS), -np.inf)  # motion, threshold, 1 with a face, watchable
        self._recent: deque[tuple[float, float, float, bool, float]] = deque()

    def add(self, update: Update) -> None:
        """Take in what one frame shows."""
        crop, spotting = update.crop, update.spotting
        time_s = crop.time_s - SMOOTHING_S / 2.0
        watchable = np.inf if spotting.watchable is None else spotting.watchable
        point = (time_s, spotting.motion, spotting.threshold, crop.state == "tracked", watchable)
        self._recent.append(point)
        while self._recent[0][0] < time_s - _KEPT_S:
            self._recent.popleft()
        if self._start_s is None:
            self._start_s = time_s
        while (place := int((time_s - self._start_s) / self._width_s)) >= BINS:
            pairs = self._bins.reshape(4, BINS // 2, 2).max(axis=2)
            self._bins = np.concatenate([pairs, np.full_like(pairs, -np.inf)], axis=1)
            self._width_s *= 2.0
        np.maximum(self._bins[:, place], point[1:], out=self._bins[:, place])

    def curve(self) -> Curve:
        """Return the curve of the whole recording; spans without a frame are left out."""
        known = np.flatnonzero(np.isfinite(self._bins[0]))
        motion, threshold, face, watchable = self._bins[:, known]
        times_s = (self._start_s or 0.0) + (known + 0.5) * self._width_s
        return Curve(np.asarray(times_s, np.float64), motion, threshold, face > 0, watchable)

    def around(self, interval: Interval) -> Curve:
        """Return what was seen shortly before, during and after an interval of the last seconds."""
        first_s, last_s = interval.onset.time_s - _AROUND_S, interval.offset.time_s + _AROUND_S
        points = np.array([p for p in self._recent if first_s <= p[0] <= last_s], np.float64).reshape(-1, 5)
        return Curve(points[:, 0], points[:, 1], points[:, 2], points[:, 3] > 0, points[:, 4])


class Gatherer:
    """Takes every update of a replay.

    Attributes:
        findings: Events in order.
        rejected: Candidates turned down, in order.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.rejected: list[Interval] = []
        self._recorders: dict[int, _Recorder] = {}

    @property
    def people(self) -> tuple[int, ...]:
        """Numbers of those who were followed."""
        return tuple(self._recorders)

    def update(self, update: Update) -> None:
        """Take in one update."""
        self._recorders.setdefault(update.crop.person, _Recorder()).add(update)
        self.rejected += update.rejected
        self.findings += [
            Finding(event, self._recorders[event.person].around(event.interval)) for event in update.events
        ]

    def curve(self, person: int = FIRST_PERSON) -> Curve:
        """Return the curve of a person over the whole recording; spans without a frame are left out."""
        return self._recorders.get(person, _Recorder()).curve()
