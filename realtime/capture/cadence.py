"""How evenly frames come: jitter, gaps and pictures that come twice, watched while they arrive."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.messages import Frame

_KEPT: Final = 512
"""Steps that rate and jitter are taken from."""
_EVERY: Final = 16
"""Frames between two looks at the usual step."""
_HOLE: Final = 1.5
"""A step of so many usual ones is a gap, ..."""
_CAUGHT_UP: Final = 0.6
"""... unless steps below so many usual ones follow at once: then frames were late and none is missing."""
_THIN: Final = 16
"""Only pictures that agree in every so many pixels are compared as a whole."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How evenly frames came.

    Attributes:
        rate_hz: One over the usual (median) step of the latest frames, 0 before there are two.
        jitter_ms: 95 % of the latest steps differ from the usual one by no more.
        gaps: Steps of 1.5 usual ones or more, since the start, that were not caught up with at once.
        missing: Frames that would have fitted into them, or that the source knows it lost.
        repeated: Frames whose picture is the one before, since the start.
    """

    rate_hz: float = 0.0
    jitter_ms: float = 0.0
    gaps: int = 0
    missing: int = 0
    repeated: int = 0

    def __str__(self) -> str:
        even = f"{self.rate_hz:.1f} fps, jitter {self.jitter_ms:.1f} ms"
        gaps = f", {self.gaps} gap{'s' if self.gaps > 1 else ''} ({self.missing} frames)" if self.gaps else ""
        return even + gaps + (f", {self.repeated} repeated" if self.repeated else "")


class Cadence:
    """Watches the time stamps and pictures of a source; `add` belongs to one thread, `rhythm` to any."""

    def __init__(self) -> None:
        self._steps_s: deque[float] = deque(maxlen=_KEPT)
        self._usual_s = 0.0
        self._last_s = -np.inf
        self._frames = 0
        self._gaps = self._missing = self._repeated = self._late = 0
        self._picture: NDArray[np.uint8] | None = None

    def add(self, frame: Frame) -> None:
        """Take in one frame, in microseconds."""
        before, self._picture = self._picture, frame.image
        if before is not None and _same(before, frame.image):
            self._repeated += 1
        step_s, self._last_s = frame.time_s - self._last_s, frame.time_s
        self._frames += 1
        if not np.isfinite(step_s):
            return
        if frame.lost_before:
            self._gaps += 1
            self._missing += frame.lost_before
        elif self._usual_s:
            self._look_for_gap(step_s / self._usual_s)
        self._steps_s.append(step_s)
        if self._frames % _EVERY == 0:
            self._usual_s = float(np.median(self._steps_s))

    def _look_for_gap(self, steps: float) -> None:
        if steps > _HOLE:
            self._late = round(steps) - 1
            self._gaps += 1
            self._missing += self._late
        elif steps < _CAUGHT_UP and self._late:
            self._late -= 1
            self._missing -= 1
            self._gaps -= self._late == 0
        else:
            self._late = 0

    @property
    def rhythm(self) -> Rhythm:
        """How evenly frames have come so far."""
        steps_s = np.array(self._steps_s.copy())
        if not len(steps_s):
            return Rhythm()
        usual_s = float(np.median(steps_s))
        jitter_ms = 1000.0 * float(np.quantile(np.abs(steps_s - usual_s), 0.95))
        return Rhythm(1.0 / usual_s, jitter_ms, self._gaps, self._missing, self._repeated)


def _same(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    middle = slice(len(a) // 2, len(a) // 2 + 1)  # a row lies in one piece: a tenth of the time of the thinned picture
    return all(np.array_equal(a[part], b[part]) for part in (middle, (slice(None, None, _THIN),) * 2, ...))
