"""How long the work that is left still takes."""

import time
from collections.abc import Callable, Sequence


class Clock:
    """How long it still takes: folds of a system take as long as its others did, unknown ones as long as the mean.

    Args:
        names: System of each fold to be done.
        workers: Folds at a time.
        now: The clock.
    """

    def __init__(self, names: Sequence[str], *, workers: int, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._left = dict(enumerate(names))
        self._workers = workers
        self._spent: dict[str, list[float]] = {}
        self._before = self._now()

    def ended(self, number: int, name: str, *, counts: bool = True) -> float:
        """Take note that a fold has ended; return the seconds that are left.

        Args:
            number: Which one.
            name: Its system.
            counts: Whether its time says something about others.
        """
        del self._left[number]
        now = self._now()
        if counts:
            self._spent.setdefault(name, []).append((now - self._before) * self._workers)
        self._before = now
        every = [second for seconds in self._spent.values() for second in seconds] or [0.0]
        mean = sum(every) / len(every)
        known = {name: sum(seconds) / len(seconds) for name, seconds in self._spent.items()}
        return sum(known.get(name, mean) for name in self._left.values()) / self._workers


def duration(seconds: float) -> str:
    """Return a time in words of one unit."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
