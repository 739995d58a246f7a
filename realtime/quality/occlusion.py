"""Whether something is before a face: a hand or hair that comes and goes, or a mask that stays.

What comes and goes differs from what this face usually looks like, in more cells than speech, blinks and gaze change.
What is there from the first frame on cannot be told that way, but it lacks the pattern that nose and mouth always have.
"""

from collections import deque
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from realtime.quality.looks import Look

CHANGED: Final = 0.4
"""Agreement with its usual look below which a cell has changed."""
MIN_CHANGED: Final = 6
"""Changed cells of 20 from which the face is occluded, as the median of the last three looks."""
MIN_LIKENESS: Final = 0.25
"""Likeness of nose and mouth to the average face below which they are covered, as the median of the last 15 looks."""
_PLAIN: Final = 0.3
"""Contrast, over the median of all cells, that is added to that of two cells: plain skin has no pattern to compare, and
noise in it must not count as change."""
_RATE: Final = 0.02
_RATE_OCCLUDED: Final = 0.005
"""Share by which the usual look follows each new one; slower while the face is occluded."""


class Occlusion:
    """Judges one look after the other, all of one face."""

    def __init__(self) -> None:
        self._usual: NDArray[np.float32] | None = None
        self._changed: deque[int] = deque(maxlen=3)
        self._likeness: deque[float] = deque(maxlen=15)

    def add(self, look: Look) -> bool:
        """Return whether the face is occluded."""
        if self._usual is None:
            self._usual = look.cells.copy()
        self._changed.append(int((_agreement(look.cells, self._usual) < CHANGED).sum()))
        self._likeness.append(look.likeness)
        changed = median(self._changed) >= MIN_CHANGED
        self._usual += (look.cells - self._usual) * np.float32(_RATE_OCCLUDED if changed else _RATE)
        return bool(changed or median(self._likeness) < MIN_LIKENESS)


def _agreement(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far the rows of two (N, P) arrays agree: 1 for the same pattern, less for another one or for none."""
    a, b = _equal_contrast(a), _equal_contrast(b)
    plain = _PLAIN**2
    larger = np.maximum(np.einsum("ij,ij->i", a, a), np.einsum("ij,ij->i", b, b))
    found: NDArray[np.float32] = (np.einsum("ij,ij->i", a, b) + plain) / (larger + plain)
    return found


def _equal_contrast(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return cells around 0 whose norms have the median 1: what covers a part of the face hardly changes the median."""
    centred = cells - cells.mean(axis=1, keepdims=True)
    usual = float(np.median(np.linalg.norm(centred, axis=1)))
    equal: NDArray[np.float32] = centred / max(usual, 1e-3)
    return equal
