"""Quality flags, frame by frame: what a study may exclude by.

The face is looked at every INTERVAL_S only, because what is flagged lasts longer than a frame; how far the head is
turned is known for every frame. Thresholds and what they were measured on: `docs/reference/quality.md`.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.face.pose import fit_pose
from mer.messages import FaceCrop, Interval
from realtime.face_size import ADVISED_PX
from realtime.quality.looks import look_at
from realtime.quality.occlusion import Occlusion

INTERVAL_S: Final = 0.4
MAX_TURN_DEG: Final = 25.0
"""Yaw or pitch from which a head counts as turned."""
MIN_SHARPNESS: Final = 0.75
MIN_BRIGHTNESS: Final = 40.0
MAX_WHITE: Final = 0.1
TURNED: Final = "turned"
FRAME_FLAGS: Final = ("occluded", "blurred", "small", "dark", "overexposed", TURNED)
"""In the order in which they are told."""
_KEPT_S: Final = 4.0
_DEG: Final = math.degrees(0.01)
"""Degrees in the hundredth of a radian that rotations of the head are given in."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """A frame and its flags."""

    time_s: float
    flags: tuple[str, ...]


class QualityMeter:
    """Flags the frames of one face; remembers those of the last seconds for its events."""

    def __init__(self) -> None:
        self._recent: deque[Flagged] = deque()
        self._seen: tuple[str, ...] = ()
        self._next_s = -np.inf
        self._occlusion = Occlusion()
        self._anchor = -1
        self._turned_deg = (0.0, 0.0)

    def add(self, crop: FaceCrop, head: NDArray[np.float64] | None) -> tuple[str, ...]:
        """Return the flags of the next frame, none without a face.

        Args:
            crop: The face in it.
            head: (6,) motion of the head since the face was found, as `realtime.spotting.motion.Motion` has it; None
                if it was not measured.
        """
        if crop.state != "tracked":
            self._anchor, self._next_s = -1, -np.inf
            if crop.state == "absent":  # whoever comes next looks otherwise
                self._occlusion = Occlusion()
            return ()
        yaw_deg, pitch_deg = (0.0, 0.0) if head is None else (_DEG * float(head[4]), _DEG * float(head[5]))
        if crop.anchor != self._anchor:
            self._anchor, self._next_s = crop.anchor, -np.inf
            pose = fit_pose(crop.landmarks_px)
            self._turned_deg = math.degrees(pose.yaw) - yaw_deg, math.degrees(pose.pitch) - pitch_deg
        if crop.time_s >= self._next_s:
            self._next_s = crop.time_s + INTERVAL_S
            self._seen = self._look(crop)
        turn_deg = max(abs(self._turned_deg[0] + yaw_deg), abs(self._turned_deg[1] + pitch_deg))
        flags = self._seen if turn_deg < MAX_TURN_DEG else (*self._seen, TURNED)
        recent = self._recent
        recent.append(Flagged(crop.time_s, flags))
        while recent[0].time_s < crop.time_s - _KEPT_S:
            recent.popleft()
        return flags

    def during(self, interval: Interval) -> tuple[str, ...]:
        """Return the flags that any frame of an interval of the last seconds has."""
        start_s, end_s = interval.onset.time_s, interval.offset.time_s
        found = {name for frame in self._recent if start_s <= frame.time_s <= end_s for name in frame.flags}
        return tuple(name for name in FRAME_FLAGS if name in found)

    def _look(self, crop: FaceCrop) -> tuple[str, ...]:
        look = look_at(crop.image, crop.crop_from_anchor)
        flags = {
            "occluded": self._occlusion.add(look),
            "blurred": look.sharpness < MIN_SHARPNESS,
            "small": 0.0 < crop.eye_distance_px < ADVISED_PX,
            "dark": look.brightness < MIN_BRIGHTNESS,
            "overexposed": look.white > MAX_WHITE,
        }
        return tuple(name for name, is_so in flags.items() if is_so)
