"""The frames of a live session: from the source as it was opened, brought back when it goes away."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from mer.errors import MerError
from mer.messages import Frame
from realtime.capture.live_source import LiveSource
from realtime.capture.reconnect import Reconnecting
from realtime.capture.session_clock import counted_from, start_now
from realtime.capture.source import Source, paced

PATIENCE_S: Final = 60.0
"""How long a live source that went away is waited for unless told otherwise."""


class Feed:
    """An open source and what becomes of it during a session.

    Args:
        open_: Opens the source, and opens it again if it went away.
        patience_s: How long a live source that went away is tried, 0 for not at all.
        stop: Ends all waiting.

    Attributes:
        source: As it was opened first.
        start: When time 0 of the session was; known once `frames` was called.

    Raises:
        MerError: If it cannot be opened.
    """

    def __init__(self, open_: Callable[[], Source], *, patience_s: float, stop: threading.Event) -> None:
        self.source = open_()
        self.start = start_now()
        self._open = open_
        self._patience_s = patience_s
        self._stop = stop
        self._returning: Reconnecting | None = None

    def frames(self, announce: Callable[[str], None]) -> Iterator[Frame]:
        """Return the frames from now on: live ones as they come, a recording's at its own pace.

        Times of a live source are seconds since its first frame; those of a recording stay as they are, so that
        they are the same as in a replay.

        Args:
            announce: Called with a notice when a live source goes away and comes back.
        """
        if not isinstance(self.source, LiveSource):
            self.start = start_now()
            return paced(self.source, clock=time.monotonic, wait=self._stop.wait)
        self.source.skip_backlog()
        self._returning = Reconnecting(
            self.source, reopen=self._reopen, patience_s=self._patience_s, announce=announce, stop=self._stop
        )
        first_s = _first_s(self.source)
        self.start = start_now(first_s)
        return counted_from(first_s, self._returning)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd about the source, complete at the end of the session."""
        return (*self.source.notes, *(self._returning.notes if self._returning else ()))

    @property
    def error(self) -> str:
        """Why the frames ended too early, empty if they did not."""
        return self._returning.given_up if self._returning else ""

    def move_region(self, dx: int, dy: int) -> None:
        """Move the part of the sensor that a camera reads, by pixels to the right and down, if it can."""
        if self._returning is not None:
            self._returning.move_region(dx, dy)

    def close(self) -> None:
        """Release the source; safe to call twice."""
        (self._returning or self.source).close()

    def _reopen(self) -> LiveSource:
        source = self._open()
        if not isinstance(source, LiveSource):
            source.close()
            raise MerError("what is there now is not a live source")
        return source


def _first_s(source: LiveSource) -> float:
    try:
        return source.peek().time_s
    except MerError:  # it has ended meanwhile, which whoever iterates finds out
        return 0.0
