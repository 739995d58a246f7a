"""The one bounded hand-off between capture and spotting: crops of the last few seconds."""

import threading
from typing import Final

import numpy as np

from mer.errors import MerError
from mer.messages import FIRST_PERSON, FaceCrop

UNREAD_SHARE: Final = 0.5
"""Share of the slots that may wait to be read; the rest keeps what was read, for sampling events."""


class RingBuffer:
    """Crops in order of time, for one writing and one reading thread (which may be the same).

    What the reader does not reach in time is given up, oldest first, and counted. Crops are read-only records,
    so they are handed out as they came in.

    Args:
        seconds: Length of the buffer.
        rate_hz: Crops a second: frames of the source times people.

    Attributes:
        overruns: Crops that were given up before they were read.

    Raises:
        MerError: If length or rate are not positive numbers.
    """

    def __init__(self, seconds: float, rate_hz: float) -> None:
        if not (np.isfinite(seconds * rate_hz) and seconds > 0 and rate_hz > 0):
            raise MerError(f"a buffer of {seconds} s at {rate_hz} frames/s is not possible; give positive numbers")
        self.overruns = 0
        self._slots = max(8, round(seconds * rate_hz))
        self._unread_most = int(self._slots * UNREAD_SHARE)
        self._crops: list[FaceCrop | None] = [None] * self._slots  # number n in slot n % slots
        self._written = 0
        self._read = 0
        self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """Crops written and not yet read."""
        return self._written - self._read

    @property
    def exhausted(self) -> bool:
        """Whether the writer has finished in order and everything was read; never after `fail`, which `get` raises."""
        with self._changed:
            return self._closed and self._error is None and self._read == self._written

    def put(self, crop: FaceCrop) -> None:
        """Write a crop. Never waits for the reader."""
        with self._changed:
            self._crops[self._written % self._slots] = crop
            self._written += 1
            if self._written - self._read > self._unread_most:
                self._read += 1
                self.overruns += 1
            self._changed.notify()

    def get(self, timeout_s: float = 0.0) -> FaceCrop | None:
        """Return the oldest crop not yet read.

        Args:
            timeout_s: How long to wait for one.

        Returns:
            The crop, or None if none came in time or, as `exhausted` tells, none will come.

        Raises:
            BaseException: What the writer passed to `fail`, once all crops before it were read.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._read < self._written or self._closed, timeout_s)
            if self._read < self._written:
                self._read += 1
                return self._crops[(self._read - 1) % self._slots]
            if self._error is not None:
                raise self._error
            return None

    def window(self, first_s: float, last_s: float, person: int = FIRST_PERSON) -> list[FaceCrop]:
        """Return a person's crops up to the last one read whose times lie in [first_s, last_s], both included.

        Args:
            first_s: Start in seconds on the source's clock.
            last_s: End in seconds on the source's clock.
            person: Whose.

        Returns:
            Crops in order of time; what is no longer kept is missing.
        """
        with self._changed:
            found: list[FaceCrop] = []
            for number in range(self._read - 1, max(-1, self._written - self._slots - 1), -1):
                crop = self._crops[number % self._slots]
                if crop is None or crop.time_s < first_s:
                    break
                if crop.time_s <= last_s and crop.person == person:
                    found.append(crop)
        return found[::-1]

    def close(self) -> None:
        """Tell the reader that no more crops will come; safe to call twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Close the buffer with an error that `get` raises in the reader."""
        with self._changed:
            self._error = error
        self.close()
