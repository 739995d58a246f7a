"""Regional motion over time: measured frame by frame, and resampled to a steady clock.

What follows works in seconds and knows nothing of frame rates: the samples are means, over a short window, of the
straight lines between the frames' measurements. A frame that repeats the one before is no measurement.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.messages import FaceCrop, Moment
from realtime.spotting.face_shape import EYES, REGIONS
from realtime.spotting.motion import Motion, MotionMeter

RATE_HZ: Final = 50
"""Samples a second, at whole multiples of their distance on the source's clock."""
SMOOTHING_S: Final = 0.03
"""Each sample is the mean over this stretch; half of it is the delay it costs."""
HISTORY_S: Final = 2.0
FRAMES_S: Final = 2.0
MIN_STEP_S: Final = 0.009
"""Frames that follow the last measured one sooner are not measured: 100 a second are twice what the samples need."""
MAX_REPEAT_S: Final = 0.1
"""A face that stays the same for longer is really still."""
_REPEAT_LEVELS: Final = 0.2
"""A frame that differs by less than this from the one before (mean, grey levels) ..."""
_REPEAT_SHARE: Final = 0.2
"""... and by less than this share of what frames of this recording differ by, repeats it."""
_MEMORY: Final = 0.9
_EPSILON_S: Final = 1e-9


@dataclass(frozen=True, slots=True)
class MotionSample:
    """Motion at one moment of the steady clock, percent of the inter-ocular distance.

    Attributes:
        time_s: On the source's clock.
        regions: (13, 2) motion of each of `realtime.spotting.motion.REGIONS` since the face was found.
        eyes: (2, 2) motion of each of `realtime.spotting.motion.EYES`.
        head: (6,) motion of the head: right, down, nearer; roll, yaw and pitch in hundredths of a radian.
        gain: Brightness against the reference, 1 for equal.
        sharpness: Mean gradient against the reference, 1 for equal.
        misfit: Motion of the skin that a rigid head does not explain.
        spacing_s: Distance of the measurements around it: frames that repeat others or are missing widen it.
    """

    time_s: float
    regions: NDArray[np.float64]
    eyes: NDArray[np.float64]
    head: NDArray[np.float64]
    gain: float
    sharpness: float
    misfit: float
    spacing_s: float


class MotionTrack:
    """Motion of one face from the crop in which it was found until it is lost.

    Args:
        first: The crop to measure against at first; give it to `add`, too.
    """

    def __init__(self, first: FaceCrop) -> None:
        self.started_s = first.time_s
        self.samples: deque[MotionSample] = deque()
        self._meter = MotionMeter(first)
        self._frames: deque[tuple[float, int]] = deque()
        self._clock = _SteadyClock()
        self._last: FaceCrop | None = None
        self._usual_change = 0.0

    def add(self, crop: FaceCrop) -> list[MotionSample]:
        """Measure one crop and return the samples whose window is now complete."""
        self._frames.append((crop.time_s, crop.index))
        if (self._last is not None and crop.time_s - self._last.time_s < MIN_STEP_S) or self._repeats(crop):
            return []
        self._last = crop
        fresh = self._clock.add(crop.time_s, self._meter.measure(crop))
        self.samples.extend(fresh)
        while self.samples and self.samples[0].time_s < crop.time_s - HISTORY_S:
            self.samples.popleft()
        while self._frames[0][0] < crop.time_s - FRAMES_S:
            self._frames.popleft()
        return fresh

    def since(self, time_s: float) -> list[MotionSample]:
        """Return the samples from `time_s` on, in order of time."""
        found = []
        for sample in reversed(self.samples):
            if sample.time_s < time_s - _EPSILON_S:
                break
            found.append(sample)
        return found[::-1]

    def moment(self, time_s: float) -> Moment:
        """Return the frame nearest to a time of the last FRAMES_S."""
        stamp, index = min(self._frames, key=lambda frame: abs(frame[0] - time_s))
        return Moment(index, stamp)

    def _repeats(self, crop: FaceCrop) -> bool:
        last = self._last
        if last is None or crop.anchor != last.anchor:
            return False
        change = cv2.norm(crop.image, last.image, cv2.NORM_L1) / crop.image.size
        self._usual_change = max(change, _MEMORY * self._usual_change + (1.0 - _MEMORY) * change)
        least = min(_REPEAT_LEVELS, _REPEAT_SHARE * self._usual_change)
        return change < least and crop.time_s - last.time_s < MAX_REPEAT_S


class _SteadyClock:
    """Turns measurements at any times into means over windows around the multiples of 1 / RATE_HZ."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, NDArray[np.float64], NDArray[np.float64]]] = deque()
        self._next = 0

    def add(self, time_s: float, motion: Motion) -> list[MotionSample]:
        """Take one measurement and return the samples that it completes."""
        values = np.concatenate(
            [
                motion.regions.ravel(),
                motion.eyes.ravel(),
                motion.head,
                (motion.gain, motion.sharpness, motion.misfit),
            ]
        )
        half = 0.5 * SMOOTHING_S
        if not self._points:
            self._points.append((time_s, values, np.zeros_like(values)))
            self._next = int(np.ceil((time_s + half) * RATE_HZ - _EPSILON_S))
            return []
        before_s, before, integral = self._points[-1]
        self._points.append((time_s, values, integral + 0.5 * (time_s - before_s) * (before + values)))
        made = []
        while self._next / RATE_HZ + half <= time_s + _EPSILON_S:
            made.append(self._sample(self._next / RATE_HZ))
            self._next += 1
        while len(self._points) > 2 and self._points[1][0] < self._next / RATE_HZ - half:
            self._points.popleft()
        return made

    def _sample(self, time_s: float) -> MotionSample:
        half, n = 0.5 * SMOOTHING_S, 2 * len(REGIONS)
        eyes, head = n + 2 * len(EYES), n + 2 * len(EYES) + 6
        values = (self._integral(time_s + half) - self._integral(time_s - half)) / SMOOTHING_S
        stamps = [point[0] for point in self._points]
        after = min(int(np.searchsorted(stamps, time_s)), len(stamps) - 1)
        return MotionSample(
            time_s=time_s,
            regions=values[:n].reshape(-1, 2),
            eyes=values[n:eyes].reshape(-1, 2),
            head=values[eyes:head],
            gain=float(values[head]),
            sharpness=float(values[head + 1]),
            misfit=float(values[head + 2]),
            spacing_s=stamps[after] - stamps[max(after - 1, 0)],
        )

    def _integral(self, time_s: float) -> NDArray[np.float64]:
        """Return the integral of the straight lines between the measurements up to a time."""
        stamps = [point[0] for point in self._points]
        i = int(np.clip(np.searchsorted(stamps, time_s), 1, len(stamps) - 1))
        (start_s, start, integral), (end_s, end, _) = self._points[i - 1], self._points[i]
        part = (time_s - start_s) / (end_s - start_s)
        here = start + part * (end - start)
        total: NDArray[np.float64] = integral + 0.5 * (time_s - start_s) * (start + here)
        return total
