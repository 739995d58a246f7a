"""Regional motion over time for one anchoring of the face: measured, joined and smoothed."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.messages import FaceCrop
from realtime.spotting.motion import EYES, REGIONS, MotionMeter

SMOOTHING_S: Final = 0.04
"""Width of the triangular window over the motion vectors; half of it is the delay it costs."""
HISTORY_S: Final = 6.0
RENEW_EVERY_S: Final = 0.8
"""At rest, the reference is replaced this often, so that slow changes do not add up."""
AVERAGE_S: Final = 0.06
"""A reference is the mean of the frames of this stretch of rest."""
PAUSE_S: Final = 0.3
"""No new reference so soon after motion."""
_EPSILON_S: Final = 1e-9


@dataclass(frozen=True, slots=True)
class MotionSample:
    """Motion of one frame since the anchoring, percent of the inter-ocular distance.

    Attributes:
        index: Frame index.
        time_s: Capture time.
        regions: (13, 2) motion of each of `realtime.spotting.motion.REGIONS`.
        eyes: (2, 2) motion of each of `realtime.spotting.motion.EYES`.
        head: (2,) motion of the head as a whole.
        gain: Brightness against the reference, 1 for equal.
        sharpness: Mean gradient against the reference, 1 for equal.
    """

    index: int
    time_s: float
    regions: NDArray[np.float64]
    eyes: NDArray[np.float64]
    head: NDArray[np.float64]
    gain: float
    sharpness: float = 1.0


class MotionTrack:
    """Motion samples of consecutive crops that share an anchor.

    Args:
        first: The crop to measure against at first.
    """

    def __init__(self, first: FaceCrop) -> None:
        self.started_s = first.time_s
        self.samples: deque[MotionSample] = deque()
        self._meter = MotionMeter()
        self._meter.set_reference(self._meter.stabilise(first), first.landmarks_px)
        self._raw: deque[MotionSample] = deque()
        self._join = np.zeros((len(REGIONS), 2))
        self._join_eyes = np.zeros((len(EYES), 2))
        self._averaged: list[tuple[MotionSample, NDArray[np.float32]]] = []
        self._average_from_s = first.time_s

    def add(self, crop: FaceCrop, *, moving: bool) -> list[MotionSample]:
        """Measure one crop and return the samples whose smoothing window is now complete.

        Args:
            crop: The next crop of the same anchoring.
            moving: Whether something is going on, so that no new reference may be taken.
        """
        picture = self._meter.stabilise(crop)
        motion = self._meter.measure(crop, picture)
        raw = MotionSample(
            crop.index,
            crop.time_s,
            motion.regions + self._join,
            motion.eyes + self._join_eyes,
            motion.head,
            motion.gain,
            motion.sharpness,
        )
        self._raw.append(raw)
        self._renew_reference(raw, picture, crop.landmarks_px, moving=moving)
        return self._smooth()

    def since(self, time_s: float) -> list[MotionSample]:
        """Return the smoothed samples from `time_s` on, in order of time."""
        return _since(self.samples, time_s)

    def _renew_reference(
        self, raw: MotionSample, picture: NDArray[np.float32], landmarks_px: NDArray[np.float32], *, moving: bool
    ) -> None:
        """Replace the reference by a mean of fresh frames, joined so that motion does not jump."""
        if moving:
            self._averaged.clear()
            self._average_from_s = raw.time_s + PAUSE_S
        if raw.time_s < self._average_from_s:
            return
        self._averaged.append((raw, picture))
        if raw.time_s - self._averaged[0][0].time_s < AVERAGE_S:
            return
        mean = np.asarray(np.mean([taken for _, taken in self._averaged], axis=0), np.float32)
        self._meter.set_reference(mean, landmarks_px)
        self._join = np.mean([sample.regions for sample, _ in self._averaged], axis=0)
        self._join_eyes = np.mean([sample.eyes for sample, _ in self._averaged], axis=0)
        self._averaged.clear()
        self._average_from_s = raw.time_s + RENEW_EVERY_S

    def _smooth(self) -> list[MotionSample]:
        half = 0.5 * SMOOTHING_S
        newest_s = self._raw[-1].time_s
        done_s = self.samples[-1].time_s if self.samples else -np.inf
        window = _since(self._raw, max(done_s, newest_s - HISTORY_S) - SMOOTHING_S)
        centres = [s for s in window if done_s < s.time_s <= newest_s - half + _EPSILON_S]
        fresh = [_weighted(centre, window, half) for centre in centres]
        self.samples.extend(fresh)
        for queue in (self._raw, self.samples):
            while queue and queue[0].time_s < newest_s - HISTORY_S:
                queue.popleft()
        return fresh


def _weighted(centre: MotionSample, window: list[MotionSample], half: float) -> MotionSample:
    near = [s for s in window if abs(s.time_s - centre.time_s) < half - _EPSILON_S]
    weights = np.array([1.0 - abs(s.time_s - centre.time_s) / half for s in near])
    weights /= weights.sum()
    regions = (weights @ np.array([s.regions.ravel() for s in near])).reshape(-1, 2)
    eyes = (weights @ np.array([s.eyes.ravel() for s in near])).reshape(-1, 2)
    return MotionSample(centre.index, centre.time_s, regions, eyes, centre.head, centre.gain, centre.sharpness)


def _since(samples: deque[MotionSample], time_s: float) -> list[MotionSample]:
    found = []
    for sample in reversed(samples):
        if sample.time_s < time_s:
            break
        found.append(sample)
    return found[::-1]
