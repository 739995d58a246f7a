"""How strongly a movement is shown over time: zero, up to one, and back to zero, with a definite begin and end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

EDGE: Final = 0.05
"""Onset and offset are where the displacement passes this share of its peak; below it nothing could be seen."""

_Ramp = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _raised_cosine(u: NDArray[np.float64]) -> NDArray[np.float64]:
    ramp: NDArray[np.float64] = 0.5 - 0.5 * np.cos(np.pi * u)
    return ramp


def _smootherstep(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return u**3 * (u * (6.0 * u - 15.0) + 10.0)


def _quick_start(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Steep at first, then a long approach to the apex."""
    ramp: NDArray[np.float64] = np.sin(np.pi / 2 * u) ** 1.5
    return ramp


def _late_start(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hesitant at first, steep in the second half, round at the apex."""
    ramp: NDArray[np.float64] = _raised_cosine(u**1.35)
    return ramp


RAMPS: Final[dict[str, _Ramp]] = {
    "raised-cosine": _raised_cosine,
    "smootherstep": _smootherstep,
    "quick-start": _quick_start,
    "late-start": _late_start,
}
"""Monotonic ramps from 0 at u = 0 to 1 at u = 1, flat at 1."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One rise and fall.

    Attributes:
        apex_s: Time of the maximum.
        rise_s: From passing EDGE to the apex.
        fall_s: From the apex to passing EDGE again.
        hold_s: Time at the maximum; the rise ends at `apex_s`, the fall begins `hold_s` later.
        rise: Name of the ramp up.
        fall: Name of the ramp down, run backwards.
    """

    apex_s: float
    rise_s: float
    fall_s: float
    hold_s: float = 0.0
    rise: str = "raised-cosine"
    fall: str = "raised-cosine"

    def __call__(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the peak, 0 to 1, at each time."""
        up = np.clip(1.0 + (times_s - self.apex_s) / (self.rise_s / (1.0 - _edge_at(self.rise))), 0.0, 1.0)
        after = times_s - self.apex_s - self.hold_s
        down = np.clip(1.0 - after / (self.fall_s / (1.0 - _edge_at(self.fall))), 0.0, 1.0)
        return np.where(after <= 0.0, RAMPS[self.rise](up), RAMPS[self.fall](down))


def _edge_at(ramp: str) -> float:
    u = np.linspace(0.0, 1.0, 2001)
    return float(np.interp(EDGE, RAMPS[ramp](u), u))


def draw_profile(
    generator: np.random.Generator, *, apex_s: float, rise_s: float, fall_s: float, hold_s: float = 0.0
) -> Profile:
    """Return a profile of the given times with random ramps."""
    rise, fall = (str(generator.choice(list(RAMPS))) for _ in range(2))
    return Profile(apex_s, rise_s, fall_s, hold_s, rise, fall)
