"""Two classical spotters, as a comparison: whole-recording methods with the recipes of published code.

Both see the same face crops as ours and work on dense flow (Farneback 2003). Neither is causal: the first takes a
local minimum within a second after a peak, the second the maximum of the whole recording.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.evaluation.matching import Label
from mer.face.geometry import CLIP_SIDE_PX, CROP_SIZE, EYE_LINE, IOD_PX

SIZE: Final = 120
RATE_HZ: Final = 50.0
"""Frames beyond this rate are left out: dense flow on all would take longer than everything else together."""
PERCENT_PER_PX: Final = 100.0 * (CROP_SIZE / SIZE) / IOD_PX
WINDOW_S: Final = 2.0
STEP_S: Final = 0.1
HALF_LENGTH_S: Final = 0.15
MIN_PERCENT: Final = (0.4, 0.6, 0.8, 1.0, 1.4, 2.0, 3.0)
"""Least peaks of the region flow to try, since the recipe gives pixels of another crop; the height above the local
minimum is 2 / 1.4 of it, as in the recipe."""
STRAIN_SHARE: Final = 0.55

# Places in the crop, in inter-ocular distances from the point between the eyes, x to the right and y down.
_REGIONS: Final = {
    "brows": (-0.5, -0.33, 0.5, 0.16),
    "brow left": (0.5, -0.33, 0.5, 0.16),
    "mouth corner right": (-0.42, 1.05, 0.2, 0.2),
    "mouth corner left": (0.42, 1.05, 0.2, 0.2),
    "mouth": (0.0, 1.05, 0.35, 0.2),
    "nose side right": (-0.28, 0.6, 0.15, 0.2),
    "nose side left": (0.28, 0.6, 0.15, 0.2),
}
_NOSE_BRIDGE: Final = (0.0, 0.2, 0.12, 0.2)
_EYES: Final = (0.0, 0.0, 0.85, 0.18)


class Curves:
    """Collects what both spotters need from the crops of one recording, in order of time."""

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self.indices: list[int] = []
        self.regions: list[NDArray[np.float64]] = []
        self.strain: list[float] = []
        self._reference: NDArray[np.uint8] | None = None
        self._reference_s = -np.inf
        self._anchored: NDArray[np.float32] | None = None
        self._recent: list[tuple[float, NDArray[np.uint8]]] = []

    def add(
        self, crop: NDArray[np.uint8], time_s: float, index: int, *, landmarks_px: NDArray[np.float32] | None
    ) -> None:
        """Take one crop with a face.

        Args:
            crop: (CROP_SIZE, CROP_SIZE) uint8.
            time_s: Its time.
            index: Of its frame.
            landmarks_px: (478, 2) points of the frame on which the crop was anchored. Where they change the face was
                cut out anew, and flow from the crops before would be the jump of the crop.
        """
        if self.times_s and time_s - self.times_s[-1] < 0.999 / RATE_HZ:
            return
        if self._anchored is None or landmarks_px is None or not np.array_equal(landmarks_px, self._anchored):
            self._reference, self._recent, self._anchored = None, [], landmarks_px
        small = np.asarray(cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)
        if self._reference is None or time_s - self._reference_s >= WINDOW_S:
            self._reference, self._reference_s = small, time_s
        self._recent = [(t, picture) for t, picture in self._recent if t >= time_s - STEP_S - 0.02]
        before = self._recent[0][1] if self._recent else small
        self._recent.append((time_s, small))
        self.times_s.append(time_s)
        self.indices.append(index)
        self.regions.append(_region_values(_flow(self._reference, small)))
        self.strain.append(_mean_strain(_flow(before, small)))


def region_flow(curves: Curves, *, least: float) -> list[Label]:
    """Spot peaks of the region flow against the first frame of each window.

    Args:
        curves: Of one recording.
        least: Least peak in percent of the inter-ocular distance.
    """
    times = np.array(curves.times_s)
    found: list[tuple[int, int, int]] = []
    for curve in _low_passed(np.array(curves.regions), times).T:
        for peak in _peaks(curve, least):
            around = np.abs(times - times[peak]) <= 0.5
            lowest = float(curve[around].min())
            if curve[peak] - lowest < least * 2.0 / 1.4:
                continue
            level = max(0.33 * curve[peak], lowest)
            found.append((_walk(curve, peak, -1, level), peak, _walk(curve, peak, 1, level)))
    return [_label(curves, *interval) for interval in _merged(found) if _is_micro(times, interval)]


def optical_strain(curves: Curves) -> list[Label]:
    """Spot peaks of the mean optical strain over `mean + 0.55 (max - mean)` of the whole recording."""
    times = np.array(curves.times_s)
    curve = _low_passed(np.array(curves.strain)[:, None], times)[:, 0]
    level = curve.mean() + STRAIN_SHARE * (curve.max() - curve.mean())
    found = []
    for peak in _peaks(curve, level):
        # The strain over STEP_S peaks while the face moves; the expression lasts about twice HALF_LENGTH_S.
        first, last = np.searchsorted(times, [times[peak] - HALF_LENGTH_S, times[peak] + HALF_LENGTH_S])
        found.append((int(first), peak, min(int(last), len(times) - 1)))
    return [_label(curves, *interval) for interval in _merged(found)]


def _flow(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.calcOpticalFlowFarneback(before, now, None, 0.5, 2, 13, 2, 5, 1.1, 0), np.float32)


def _box(place: tuple[float, float, float, float]) -> tuple[slice, slice]:
    x, y, half_width, half_height = place
    scale = SIZE / CROP_SIZE
    centre_x = CROP_SIZE / 2
    centre_y = (CROP_SIZE - CLIP_SIDE_PX) / 2 + EYE_LINE * CLIP_SIDE_PX
    low_x, high_x = ((centre_x + (x + side * half_width) * IOD_PX) * scale for side in (-1, 1))
    low_y, high_y = ((centre_y + (y + side * half_height) * IOD_PX) * scale for side in (-1, 1))
    return slice(max(round(low_y), 0), round(high_y)), slice(max(round(low_x), 0), round(high_x))


def _region_values(flow: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of the top quarter of magnitudes in each region, nose bridge subtracted, percent of the IOD."""
    moved = flow - flow[_box(_NOSE_BRIDGE)].mean(axis=(0, 1))
    values = []
    for place in _REGIONS.values():
        size = np.sort(np.hypot(*np.moveaxis(moved[_box(place)], -1, 0)).ravel())
        values.append(float(size[-max(1, len(size) // 4) :].mean()))
    return np.array(values) * PERCENT_PER_PX


def _mean_strain(flow: NDArray[np.float32]) -> float:
    u, v = flow[..., 0], flow[..., 1]
    uy, ux = np.gradient(u)
    vy, vx = np.gradient(v)
    strain = np.sqrt(ux**2 + vy**2 + 0.5 * (uy + vx) ** 2)
    strain[_box(_EYES)] = 0.0
    return float(strain[SIZE // 8 : -SIZE // 8, SIZE // 6 : -SIZE // 6].mean())


def _low_passed(curves: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, k) curves after a Gaussian low-pass with its half-power point near 5 Hz."""
    step_s = float(np.median(np.diff(times)))
    sigma = 0.1325 / 5.0 / step_s
    reach = max(1, int(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-3)) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(curves, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], axis=1)


def _peaks(curve: NDArray[np.float64], least: float) -> list[int]:
    inner = curve[1:-1]
    return (1 + np.flatnonzero((inner >= least) & (inner > curve[:-2]) & (inner >= curve[2:]))).tolist()


def _walk(curve: NDArray[np.float64], peak: int, way: int, level: float) -> int:
    at = peak
    while 0 <= at + way < len(curve) and curve[at] > level and curve[at + way] <= curve[at]:
        at += way
    return at


def _merged(intervals: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    merged: list[tuple[int, int, int]] = []
    for interval in sorted(intervals):
        if merged and interval[0] <= merged[-1][2]:
            first, peak, last = merged[-1]
            merged[-1] = (first, peak, max(last, interval[2]))
        else:
            merged.append(interval)
    return merged


def _is_micro(times: NDArray[np.float64], interval: tuple[int, int, int]) -> bool:
    return 0.05 <= times[interval[2]] - times[interval[0]] <= 0.54


def _label(curves: Curves, first: int, peak: int, last: int) -> Label:
    frames = (curves.indices[first], curves.indices[peak], curves.indices[last])
    return Label("unlabelled", frames, (curves.times_s[first], curves.times_s[peak], curves.times_s[last]))
