"""Which 13 moments of a micro-expression are looked at, and which frames show them.

Sampling is by time, not by index: webcams do not keep a constant rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError

N_FRAMES: Final = 13
"""Onset, five frames, apex, five frames, offset (Upadhyay & Verlekar, section 2)."""
APEX: Final = 6
"""Position of the apex among the 13."""


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """How each of the 13 pictures is made from two neighbouring frames.

    Attributes:
        times_s: (13,) float64 sampled times.
        lower: (13,) int64 position of the frame at or before each time.
        upper: (13,) int64 position of the frame blended with it; equals `lower` if none is.
        weight: (13,) float64 share of `upper`, 0 to 1.
        interpolated: True if any picture is a blend.
    """

    times_s: NDArray[np.float64]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    weight: NDArray[np.float64]
    interpolated: bool


def sample_times(onset_s: float, apex_s: float, offset_s: float) -> NDArray[np.float64]:
    """Return the 13 times: onset, 5 evenly spaced, apex, 5 evenly spaced, offset.

    Args:
        onset_s: Start of the motion in seconds.
        apex_s: Moment of the strongest motion in seconds.
        offset_s: End of the motion in seconds.

    Returns:
        (13,) float64, non-decreasing.

    Raises:
        MerError: If the three are not in order or the interval is empty.
    """
    if not (onset_s <= apex_s <= offset_s and onset_s < offset_s):
        raise MerError(
            f"onset {onset_s:.4f} s, apex {apex_s:.4f} s, offset {offset_s:.4f} s cannot be sampled: "
            "expected onset <= apex <= offset and onset < offset; check the annotation"
        )
    rise = np.linspace(onset_s, apex_s, APEX + 1)
    fall = np.linspace(apex_s, offset_s, N_FRAMES - APEX)
    return np.concatenate([rise, fall[1:]])


def plan(times_s: NDArray[np.float64], frame_times_s: Sequence[float] | NDArray[np.float64]) -> SamplePlan:
    """Find the frames that show the sampled times.

    The nearest frame is taken where that gives 13 distinct frames; otherwise every picture is
    interpolated linearly in time between its two neighbours.

    Args:
        times_s: (13,) sampled times in seconds.
        frame_times_s: Times of the frames at hand, strictly increasing, covering `times_s`.

    Returns:
        Positions into `frame_times_s` and blending weights.

    Raises:
        MerError: If fewer than two frames are given or they do not cover the sampled times.
    """
    stamps = np.asarray(frame_times_s, dtype=np.float64)
    if len(stamps) < 2:
        raise MerError(f"{len(stamps)} frame(s) given; at least 2 are needed to sample a micro-expression")
    slack = 0.5 * float(np.median(np.diff(stamps)))
    if times_s[0] < stamps[0] - slack or times_s[-1] > stamps[-1] + slack:
        raise MerError(
            f"frames cover {stamps[0]:.4f} to {stamps[-1]:.4f} s, but {times_s[0]:.4f} to {times_s[-1]:.4f} s "
            "were to be sampled; give the whole interval"
        )
    upper = np.clip(np.searchsorted(stamps, times_s), 1, len(stamps) - 1)
    lower = upper - 1
    weight = np.clip((times_s - stamps[lower]) / (stamps[upper] - stamps[lower]), 0.0, 1.0)
    nearest = np.where(weight < 0.5, lower, upper).astype(np.int64)
    if len(np.unique(nearest)) == len(times_s):
        return SamplePlan(times_s, nearest, nearest, np.zeros(len(times_s)), interpolated=False)
    return SamplePlan(times_s, lower.astype(np.int64), upper.astype(np.int64), weight, interpolated=True)
