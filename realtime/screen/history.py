"""The last seconds of a session as the overlay needs them: written by one thread, read by another, no lock."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.messages import FIRST_PERSON, Interval
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
    """Motion curve, last events and rejected candidates of one person, in bounded memory.

    Attributes:
        latest: The last update, None before the first.
        events: Last events, oldest first.
        rejected: Last rejected candidates, oldest first.
    """

    def __init__(self) -> None:
        self.latest: Update | None = None
        self.events: tuple[Event, ...] = ()
        self.rejected: tuple[Interval, ...] = ()
        self._points = np.zeros((3, _POINTS))
        self._count = 0

    def add(self, update: Update) -> None:
        """Take in what one frame shows; costs microseconds."""
        time_s, spotting = update.crop.time_s, update.spotting
        self._points[:, self._count % _POINTS] = time_s, spotting.motion, spotting.threshold
        self._count += 1
        self.latest = update

    def keep(self, *, events: tuple[Event, ...] = (), rejected: tuple[Interval, ...] = ()) -> None:
        """Take in what was found and turned down."""
        self.events = (*self.events, *events)[-_KEPT:]
        self.rejected = (*self.rejected, *rejected)[-_KEPT:]

    def copy(self) -> "History":
        """Return the state of this moment, for a screen that stands still."""
        held = History()
        held.latest, held.events, held.rejected = self.latest, self.events, self.rejected
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


class Tabs:
    """The histories of everybody, of whom one is shown.

    Attributes:
        shown: Number of that person.
        events: Last events of everybody, oldest first.
        notices: Last notices with their times, oldest first.
    """

    def __init__(self) -> None:
        self.shown = FIRST_PERSON
        self.events: tuple[Event, ...] = ()
        self.notices: tuple[tuple[float, str], ...] = ()
        self._of: dict[int, History] = {FIRST_PERSON: History()}

    @property
    def people(self) -> tuple[int, ...]:
        """Numbers of everybody so far."""
        return tuple(self._of)

    @property
    def history(self) -> History:
        """That of the person who is shown."""
        return self._of[self.shown]

    def add(self, update: Update) -> None:
        """Take in one update; what it says of others than the person in its crop goes to them."""
        named = {event.person for event in update.events} | {interval.person for interval in update.rejected}
        for number in {update.crop.person} | named:
            if number not in self._of:
                self._of = self._of | {number: History()}  # another thread may be reading the old one
        for event in update.events:
            self._of[event.person].keep(events=(event,))
        for interval in update.rejected:
            self._of[interval.person].keep(rejected=(interval,))
        self._of[update.crop.person].add(update)
        self.events = (*self.events, *update.events)[-_KEPT:]
        self.notices = (*self.notices, *((update.crop.time_s, notice) for notice in update.notices))[-_KEPT:]

    def turn(self) -> None:
        """Show the next person."""
        people = self.people
        self.shown = people[(people.index(self.shown) + 1) % len(people)]

    def copy(self) -> "Tabs":
        """Return the state of this moment, for a screen that stands still."""
        held = Tabs()
        held.shown, held.events, held.notices = self.shown, self.events, self.notices
        held._of = {number: history.copy() for number, history in self._of.items()}
        return held
