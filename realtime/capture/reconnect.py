"""A camera that is unplugged, a stream whose server goes away: opened again, with the time of the gap kept."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from mer.errors import MerError
from mer.messages import Frame
from realtime.capture.live_source import LiveSource

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 8.0
"""Each attempt waits twice as long as the one before, at most so long."""


class Reconnecting:
    """Frames of a live source that is opened again when it ends; time and index run on across the gap.

    To be iterated in one thread, once.

    Args:
        source: Open; closed here, as are those that follow it.
        reopen: Opens the source again; raises MerError if that does not work yet.
        patience_s: How long to try, 0 for not at all: the end of the source is then the end.
        announce: Called with a notice of each loss and return.
        stop: Ends the waiting.
        clock: Monotonic seconds.

    Attributes:
        losses: How often the source went away.
        away_s: For how long in all, as far as it came back.
        given_up: Why the frames ended, empty if they did in order.
    """

    def __init__(
        self,
        source: LiveSource,
        *,
        reopen: Callable[[], LiveSource],
        patience_s: float,
        announce: Callable[[str], None],
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.losses = 0
        self.away_s = 0.0
        self.given_up = ""
        self._source = source
        self._reopen = reopen
        self._patience_s = patience_s
        self._announce = announce
        self._stop = stop
        self._clock = clock

    def __iter__(self) -> Iterator[Frame]:
        shift_s, first = 0.0, 0
        while True:
            last: Frame | None = None
            seen_s = self._clock()
            for frame in self._source:
                last, seen_s = replace(frame, time_s=frame.time_s + shift_s, index=frame.index + first), self._clock()
                yield last
            if last is None or self._source.finite or not self._patience_s or self._stop.is_set():
                return
            if not self._wait_for_return(seen_s):
                return
            head = self._source.peek()
            shift_s = last.time_s + (self._clock() - seen_s) - head.time_s
            first = last.index + 1 - head.index

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say about losses at the end of a session."""
        if not self.losses:
            return ()
        lost = f"the source went away {self.losses} time{'s' if self.losses > 1 else ''}"
        return (f"{lost} and was away for {self.away_s:.1f} s" if self.away_s else lost,)

    def move_region(self, dx: int, dy: int) -> None:
        """Move the part of the sensor that the source of the moment reads."""
        self._source.move_region(dx, dy)

    def close(self) -> None:
        """Release the source of the moment; safe to call twice."""
        self._source.close()

    def _wait_for_return(self, seen_s: float) -> bool:
        """Open the source again, waiting longer after each attempt; return whether that worked."""
        self._source.close()
        self.losses += 1
        self._announce(f"source lost; trying again for {self._patience_s:g} s")
        pause_s = FIRST_PAUSE_S
        while not self._stop.wait(min(pause_s, max(0.0, seen_s + self._patience_s - self._clock()))):
            try:
                self._source = self._reopen()
                self._source.skip_backlog()
                self._source.peek()
            except MerError as error:
                if self._clock() >= seen_s + self._patience_s:
                    self.given_up = f"the source went away and did not come back in {self._patience_s:g} s: {error}"
                    return False
                pause_s = min(2.0 * pause_s, LONGEST_PAUSE_S)
                continue
            away_s = self._clock() - seen_s
            self.away_s += away_s
            self._announce(f"source is back after {away_s:.1f} s")
            return True
        return False
