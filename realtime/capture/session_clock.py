"""The one time line of a live session: seconds since its first frame, and when that was by the computer's clocks."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from mer.messages import Frame

FRESH_S: Final = 1.0
"""A first frame whose stamp is less than this behind the monotonic clock was stamped by it, as cameras' frames are."""


@dataclass(frozen=True, slots=True)
class SessionStart:
    """When time 0 of a session was.

    Attributes:
        utc: By the computer's clock.
        monotonic_s: By its monotonic clock (CLOCK_MONOTONIC on Linux), which kernels stamp pictures with.
    """

    utc: datetime
    monotonic_s: float

    def utc_at(self, time_s: float) -> str:
        """Return a time of the session as an ISO date and time of day, to the millisecond."""
        return (self.utc + timedelta(seconds=time_s)).isoformat(timespec="milliseconds")

    def fields(self) -> dict[str, Any]:
        """Return what stands beside times in files."""
        return {
            "start_utc": self.utc.isoformat(timespec="milliseconds"),
            "start_monotonic_s": round(self.monotonic_s, 6),
        }


def start_now(
    first_s: float | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    utc_now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> SessionStart:
    """Return the start of a session whose first frame has just come.

    Args:
        first_s: That frame's stamp on its source's clock. Where this is the monotonic clock, the frame is as old as
            the stamp says; otherwise it is taken to be of now.
        clock: Monotonic seconds.
        utc_now: The computer's clock.
    """
    now_s, utc = clock(), utc_now()
    age_s = now_s - first_s if first_s is not None and 0.0 <= now_s - first_s < FRESH_S else 0.0
    return SessionStart(utc - timedelta(seconds=age_s), now_s - age_s)


def counted_from(first_s: float, frames: Iterable[Frame]) -> Iterator[Frame]:
    """Yield frames with their times counted from `first_s`."""
    for frame in frames:
        yield replace(frame, time_s=frame.time_s - first_s)
