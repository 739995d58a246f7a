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


AVERAGE_S: Final = 0.008
"""Frames that lie so close to a sampled time, and closer to it than to the next, are averaged with its own: at high
rates camera noise would otherwise be larger than the weakest movements."""
REST_S: Final = 0.04
"""Frames so long before the onset show the face at rest and are averaged into the first picture, against which all
motion is measured."""


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """Which frames each of the 13 pictures is the weighted mean of.

    Attributes:
        times_s: (13,) float64 sampled times.
        positions: 13 arrays of int64 positions of frames.
        weights: 13 arrays of float64 weights of these, each summing to 1.
        onset: Position of the frame at the onset.
        interpolated: True if any picture stands between frames because there are too few of them.
    """

    times_s: NDArray[np.float64]
    positions: tuple[NDArray[np.int64], ...]
    weights: tuple[NDArray[np.float64], ...]
    onset: int
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

    The nearest frame is taken where that gives 13 distinct frames, together with those around it
    (`AVERAGE_S`); otherwise every picture is interpolated linearly in time between its two neighbours.
    The first picture also takes in the rest before the onset (`REST_S`).

    Args:
        times_s: (13,) sampled times in seconds.
        frame_times_s: Times of the frames at hand, strictly increasing, covering `times_s`; those up
            to `REST_S` before count as well.

    Returns:
        Positions into `frame_times_s` and weights.

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
    share = np.clip((times_s - stamps[lower]) / (stamps[upper] - stamps[lower]), 0.0, 1.0)
    nearest = np.where(share < 0.5, lower, upper).astype(np.int64)
    interpolated = len(np.unique(nearest)) < len(times_s)
    if interpolated:
        positions = [np.array([a, b], np.int64) for a, b in zip(lower, upper)]
        weights = [np.array([1.0 - w, w]) for w in share]
    else:
        positions = _around(times_s, stamps, nearest)
        weights = [np.full(len(near), 1.0 / len(near)) for near in positions]
    onset = int(nearest[0])
    positions[0] = np.flatnonzero((stamps >= stamps[onset] - REST_S) & (np.arange(len(stamps)) <= onset))
    weights[0] = np.full(len(positions[0]), 1.0 / len(positions[0]))
    return SamplePlan(times_s, tuple(positions), tuple(weights), onset, interpolated)


def _around(
    times_s: NDArray[np.float64], stamps: NDArray[np.float64], nearest: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Return the frames that are closer to each time than to the next ones and within AVERAGE_S of it."""
    reach = np.minimum(AVERAGE_S, 0.5 * np.diff(times_s))
    first = np.searchsorted(stamps, times_s - np.concatenate([[0.0], reach]))
    last = np.searchsorted(stamps, times_s + np.concatenate([reach, [0.0]]))
    return [np.union1d(np.arange(a, b), near) for a, b, near in zip(first, last, nearest)]
