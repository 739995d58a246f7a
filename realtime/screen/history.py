"""The last seconds of a session as the overlay needs them: written by one thread, read by another, no lock."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.messages import Interval
from realtime.messages import Event
from realtime.update import Update

_POINTS: Final = 8192
_KEPT: Final = 32


@dataclass(frozen=True, slots=True)
class Stretch:
    """The most recent part of the motion curve.

    Attributes:
        times_s: (N,) capture times, increasing.
        motion: (N,) percent of the inter-ocular distance.
        threshold: (N,) of the spotter, same unit.
    """

    times_s: NDArray[np.float64]
    motion: NDArray[np.float64]
    threshold: NDArray[np.float64]

    @property
    def rate_hz(self) -> float:
        """Frames a second by their time stamps, 0 if there are fewer than two."""
        if len(self.times_s) < 2:
            return 0.0
        return float((len(self.times_s) - 1) / (self.times_s[-1] - self.times_s[0]))


class History:
    """Motion curve, last events, rejected candidates and notices, in bounded memory.

    Attributes:
        latest: The last update, None before the first.
        events: Last events, oldest first.
        rejected: Last rejected candidates, oldest first.
        notices: Last notices with their times, oldest first.
    """

    def __init__(self) -> None:
        self.latest: Update | None = None
        self.events: tuple[Event, ...] = ()
        self.rejected: tuple[Interval, ...] = ()
        self.notices: tuple[tuple[float, str], ...] = ()
        self._points = np.zeros((3, _POINTS))
        self._count = 0

    def add(self, update: Update) -> None:
        """Take in one update; costs microseconds."""
        time_s, spotting = update.crop.time_s, update.spotting
        self._points[:, self._count % _POINTS] = time_s, spotting.motion, spotting.threshold
        self._count += 1
        if update.events:
            self.events = (*self.events, *update.events)[-_KEPT:]
        if update.rejected:
            self.rejected = (*self.rejected, *update.rejected)[-_KEPT:]
        if update.notices:
            self.notices = (*self.notices, *((time_s, notice) for notice in update.notices))[-_KEPT:]
        self.latest = update

    def copy(self) -> "History":
        """Return the state of this moment, for a screen that stands still."""
        held = History()
        held.latest, held.events, held.rejected, held.notices = self.latest, self.events, self.rejected, self.notices
        held._points, held._count = self._points.copy(), self._count
        return held

    def last(self, seconds: float) -> Stretch:
        """Return the curve of the last `seconds` on the source's clock."""
        count = self._count
        points = self._points.copy()
        kept = min(count, _POINTS - 64)  # the oldest slots may be overwritten during the copy
        times_s, motion, threshold = points[:, np.arange(count - kept, count) % _POINTS]
        first = int(np.searchsorted(times_s, times_s[-1] - seconds)) if kept else 0
        return Stretch(times_s[first:], motion[first:], threshold[first:])
