"""What the network is told about a peak of the matched filter: numbers measured there, and the motion around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from realtime.spotting.features import FACE, GAIN, MISFIT, MOVING, N_REGIONS, SHARPNESS, SPACING
from realtime.spotting.matched_filter import DURATIONS_S, LAG, LENGTH, MatchedFilter, Response
from realtime.spotting.motion_track import RATE_HZ

CURVE: Final = tuple(range(-24, LAG + 1, 2))
"""Samples around the middle at which the course of the movement is looked at."""
BEFORE: Final = 40
"""Samples of the window before the middle; LAG come after it."""
WINDOW: Final = (BEFORE + LAG) // 2
"""Steps of the window, each the mean of two samples."""
_HEAD_SHARE: Final = 3.0
"""The head's motion in the window is divided by so much more than the face's."""
_MIN_PERCENT: Final = 0.05
_PARTS: Final = (slice(0, 8), slice(8, 16), slice(16, N_REGIONS), slice(N_REGIONS, FACE), slice(FACE, MOVING))
"""Channels of brows, cheeks with nose wings, mouth with chin, eyes, and head."""
_WHEN: Final = ((-30, -17), (-15, 0), (0, 15))
"""Samples before, while rising and while falling."""
_LONG_AGO, _BEFORE, _DURING = slice(None, -60), slice(-60, -18), slice(None, -18)
"""Moments among the last ones: before the movement can have begun, and shortly before it."""

LAYOUT: Final = (
    *(("sizes", 4), ("shape", 2), ("by duration", len(DURATIONS_S)), ("energy", len(DURATIONS_S)), ("by class", 5)),
    *(("regions", N_REGIONS), ("eyes", FACE - N_REGIONS), ("lids", 1), ("head", MOVING - FACE), ("course", len(CURVE))),
    *(
        ("unrest", 15),
        ("relative unrest", 9),
        ("picture", 2),
        ("misfit", 1),
        ("spacing", 1),
        ("loudness", 5),
        ("age", 1),
    ),
)
"""Name and number of the features, in order."""
N_FEATURES: Final = sum(size for _, size in LAYOUT)


@dataclass(frozen=True, slots=True)
class Best:
    """Where the matched filter is largest, and by how much.

    Attributes:
        duration: Index of the bump's duration.
        expression: Index of the expression.
        amplitude: Largest motion of a region, percent of the inter-ocular distance.
    """

    duration: int
    expression: int
    amplitude: float

    @staticmethod
    def of(at: Response) -> "Best":
        """Return the best of a response."""
        duration, expression = np.unravel_index(int(at.match.argmax()), at.match.shape)
        regions = at.heights[duration][:N_REGIONS].reshape(-1, 2)
        return Best(int(duration), int(expression), float(np.hypot(regions[:, 0], regions[:, 1]).max()))


def features(
    at: Response, best: Best, filters: MatchedFilter, *, of_class: NDArray[np.bool_], ago: int
) -> NDArray[np.float32]:
    """Return (N_FEATURES,) numbers about a peak.

    Args:
        at: What the filter said there.
        best: Of it.
        filters: What measured it.
        of_class: (classes, K) which expressions belong to each class.
        ago: Samples since what the filter measured last.
    """
    duration, amplitude, heights = best.duration, best.amplitude, at.heights[best.duration]
    eyes = heights[N_REGIONS:FACE].reshape(-1, 2)
    along = at.weights[duration, best.expression]
    size = max(float(along @ heights), 1e-3)
    recent = filters.recent[: len(filters.recent) - ago]
    middle = len(recent) - 1 - LAG
    speed = np.abs(np.diff(recent[:, :MOVING], axis=0)) * RATE_HZ
    unrest = np.array([[speed[middle + a : middle + b, part].mean() for part in _PARTS] for a, b in _WHEN])
    inside = recent[middle - LAG : middle + LAG + 1]
    match, coherence = at.match[duration, best.expression], at.coherence[duration, best.expression]
    measured = {
        "sizes": np.log([match, size, amplitude, at.background[duration]]),
        "shape": (coherence, DURATIONS_S[duration] * 5.0),
        "by duration": np.arcsinh(at.match.max(axis=1)),
        "energy": np.log(at.energy + 0.1),
        "by class": np.arcsinh([at.match[duration, of].max() for of in of_class]),
        "regions": heights[:N_REGIONS] / max(amplitude, 1e-3),
        "eyes": np.arcsinh(eyes.ravel()),
        "lids": (np.arcsinh(eyes[:, 1].min() / max(amplitude, _MIN_PERCENT)),),
        "head": np.arcsinh(heights[FACE:MOVING]),
        "course": _straightened(recent[:, :MOVING] @ along, middle) / size,
        "unrest": np.log(unrest.ravel() + 0.2),
        "relative unrest": np.log(unrest[:, :3].ravel() / max(amplitude, _MIN_PERCENT) + 0.2),
        "picture": np.ptp(inside[:, [GAIN, SHARPNESS]], axis=0) * (20.0, 10.0),
        "misfit": np.log(inside[:, MISFIT].mean(keepdims=True) + 0.1),
        "spacing": np.log2(np.maximum(inside[:, SPACING].max(keepdims=True) * RATE_HZ, 0.25)),
        "loudness": _loudness(filters, duration, ago),
        "age": (np.log(filters.seconds),),
    }
    found = np.concatenate([measured[name] for name, _ in LAYOUT])
    clipped: NDArray[np.float32] = np.clip(found, -8.0, 8.0).astype(np.float32)
    return clipped


def window(filters: MatchedFilter, amplitude: float, *, ago: int) -> NDArray[np.float32]:
    """Return (MOVING, WINDOW) motion around a peak in multiples of its amplitude, compressed by an inverse sinh.

    Args:
        filters: What measured it.
        amplitude: Of the peak, percent of the inter-ocular distance.
        ago: Samples since what the filter measured last.
    """
    return windowed(filters.recent[: len(filters.recent) - ago], amplitude)


def windowed(recent: NDArray[np.float64], amplitude: float) -> NDArray[np.float32]:
    """Return the same of (n, N_VALUES or MOVING) rows that end LAG samples after the middle."""
    recent = recent[:, :MOVING]
    middle = len(recent) - 1 - LAG
    rows = recent[middle - BEFORE : middle + LAG].reshape(WINDOW, 2, MOVING).mean(axis=1)
    rows = (rows - rows.mean(axis=0)) / max(amplitude, _MIN_PERCENT)
    rows[:, FACE:] /= _HEAD_SHARE
    return np.ascontiguousarray(np.arcsinh(rows).T, np.float32)


def named(features: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return the features by the names of LAYOUT."""
    ends = np.cumsum([size for _, size in LAYOUT])
    return {name: features[end - size : end] for (name, size), end in zip(LAYOUT, ends)}


def _straightened(course: NDArray[np.float64], middle: int) -> NDArray[np.float64]:
    """Return the course at CURVE, less the straight line between what lies before and after."""
    inside = course[middle - LAG : middle + LAG + 1]
    ends = np.arange(LENGTH) - LAG
    outer = np.abs(ends) > LAG - 4
    slope, level = np.polyfit(ends[outer], inside[outer], 1)
    at = np.array(CURVE)
    straight: NDArray[np.float64] = course[middle + at] - (level + slope * at)
    return straight


def _loudness(filters: MatchedFilter, duration: int, ago: int) -> Sequence[float]:
    """Return how loud the face was: in the last seconds, before the movement, just before it, and at most."""
    moments = [float(moment[duration]) for moment in filters.moments]
    quiet = [1.0] * max(filters.moments.maxlen or 0, len(moments))
    past = np.log(np.array([*quiet, *moments])[len(moments) :][: len(quiet) - ago] + 0.03)
    before = past[_BEFORE]
    lately = float(np.log(filters.loudness[duration] + 0.03))
    return lately, past[_LONG_AGO].mean(), before.mean(), before.max(), past[_DURING].max()
