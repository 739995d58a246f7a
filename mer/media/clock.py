"""A source's own time stamps as strictly increasing seconds, repaired where they are wrong and nowhere else."""

from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np

LATEST_S: Final = 1e8
"""Later stamps, three years from the start, are damaged ones."""
RESTART_S: Final = 1.0
"""Stamps that fall back by more and then run on have started over; smaller steps back are bad stamps."""
_LONGEST_STEP_S: Final = 1.0
"""Longer steps between frames are gaps and say nothing about the frame rate."""
_MIN_STEP_S: Final = 1e-6
"""Stamps that advance by less are the same."""
_STEPS_KEPT: Final = 9
"""The usual step is the median of the latest ones."""
_DOUBTFUL_STEPS: Final = 10.0
"""A jump of more steps, and of more than RESTART_S, is believed only if another stamp confirms it."""


class Clock:
    """Turns a source's time stamps into strictly increasing seconds.

    A missing, repeated or odd stamp is replaced by a time between its neighbours; those after it keep theirs. Only
    where stamps start over for good are the following ones shifted, so that time runs on. What comes next decides
    between the two, so files hand in the stamps of the following frames; without them a late stamp is believed and
    those after it are squeezed until time has caught up.

    Args:
        step_s: Assumed distance between frames until two good stamps have shown it.
        longest_jump_s: Forward jumps beyond start over, too (formats whose stamps are allowed to jump).

    Attributes:
        repaired: Stamps that had to be replaced.
        restarts: How often stamps started over.
    """

    def __init__(self, step_s: float, *, longest_jump_s: float = np.inf) -> None:
        self.repaired = 0
        self.restarts = 0
        self._steps_s: deque[float] = deque(maxlen=_STEPS_KEPT)
        self._step_s = step_s
        self._longest_jump_s = longest_jump_s
        self._shift_s = 0.0
        self._last_s = -np.inf
        self._last_stamp_s = -np.inf

    def time_s(self, stamp_s: float | None, following_s: Sequence[float | None] | None = None) -> float:
        """Return the time of the next frame.

        Args:
            stamp_s: The source's stamp for it in seconds, None if it has none.
            following_s: Stamps of the frames that follow it, empty at the end of a recording; None if they are not
                known yet.
        """
        stamp_s = _usable(stamp_s)
        following = None if following_s is None else list(map(_usable, following_s))
        if self._last_s == -np.inf:
            return self._advance(stamp_s, self._first(stamp_s, following))
        if stamp_s is not None and self._starts_over(stamp_s, following):
            self.restarts += 1
            self._shift_s = self._last_s + self._step_s - stamp_s
        time_s = self._last_s + self._step_s if stamp_s is None else stamp_s + self._shift_s
        if stamp_s is None or time_s - self._last_s < _MIN_STEP_S or self._is_odd(time_s, stamp_s, following):
            self.repaired += 1
            time_s = self._between(stamp_s, following)
        elif time_s - self._last_s < _LONGEST_STEP_S:
            self._steps_s.append(time_s - self._last_s)
            self._step_s = sorted(self._steps_s)[len(self._steps_s) // 2]
        return self._advance(stamp_s, time_s)

    def _advance(self, stamp_s: float | None, time_s: float) -> float:
        self._last_s = time_s
        self._last_stamp_s = self._last_stamp_s if stamp_s is None else stamp_s
        return time_s

    def _first(self, stamp_s: float | None, following: list[float | None] | None) -> float:
        known = [s for s in following or () if s is not None]
        if stamp_s is not None and not (known and stamp_s > max(known)):
            return stamp_s
        return max(0.0, known[0] - self._step_s) if known else (stamp_s or 0.0)

    def _starts_over(self, stamp_s: float, following: list[float | None] | None) -> bool:
        back_s = self._last_s - (stamp_s + self._shift_s)
        if -self._longest_jump_s <= back_s < RESTART_S:
            return False
        if following is None:  # believed once a second stamp has confirmed it
            return back_s > 0 and stamp_s > self._last_stamp_s
        known = [s for s in following if s is not None]
        runs_on = all(a < b for a, b in zip([stamp_s, *known], known))
        came_back = any(self._last_s < s + self._shift_s < self._last_s + self._longest_jump_s for s in known)
        return bool(known) and runs_on and not came_back

    def _is_odd(self, time_s: float, stamp_s: float, following: list[float | None] | None) -> bool:
        """Return whether a stamp that advances is contradicted by those that follow it, or not confirmed."""
        if not following:
            doubtful_s = max(RESTART_S, _DOUBTFUL_STEPS * self._step_s)
            return min(time_s - self._last_s, stamp_s - self._last_stamp_s) > doubtful_s
        later = [s + self._shift_s for s in following if s is not None and s + self._shift_s > self._last_s]
        if not later or later[0] > time_s:
            return False
        with_it, without = 1 + _rising([s for s in later if s > time_s]), _rising(later)
        if with_it != without:
            return without > with_it
        return abs(later[0] - self._last_s - 2 * self._step_s) < abs(time_s - self._last_s - self._step_s)

    def _between(self, stamp_s: float | None, following: list[float | None] | None) -> float:
        """Return a time after the last one, and before that of the next good stamp if that is known."""
        if following is None:
            squeezed = stamp_s is not None and self._last_stamp_s < stamp_s
            return self._last_s + (0.5 if squeezed else 1.0) * self._step_s
        for steps, s in enumerate(following, start=2):
            if s is not None and s + self._shift_s > self._last_s:
                return self._last_s + min(self._step_s, (s + self._shift_s - self._last_s) / steps)
        return self._last_s + self._step_s


def _usable(stamp_s: float | None) -> float | None:
    return stamp_s if stamp_s is not None and 0.0 <= stamp_s <= LATEST_S else None


def _rising(stamps_s: Sequence[float]) -> int:
    """Return the length of the longest strictly rising subsequence."""
    longest: list[int] = []
    for i, stamp_s in enumerate(stamps_s):
        longest.append(1 + max((longest[j] for j in range(i) if stamps_s[j] < stamp_s), default=0))
    return max(longest, default=0)
