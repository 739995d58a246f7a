"""What travels between the stages: frozen records whose arrays are read-only.

Coordinates are pixels with x to the right and y down, the centre of the first pixel at (0, 0).
Times are seconds on the source's own clock and never run backwards. Frame indices count the
frames that the source delivered, from 0. Intervals include both their first and last frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mer.facs import ActionUnit

FaceState = Literal["tracked", "absent", "lost"]
FIRST_PERSON: Final = 1
"""Number of whoever came into view first: the only one, unless several people are followed."""


class Coloured(Protocol):
    """A picture as the decoder left it, such as `mer.media.planes.Planes`."""

    def bgr(self) -> NDArray[np.uint8]:
        """Return the (H, W, 3) uint8 BGR picture, upright."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture as the source delivered it.

    Attributes:
        image: (H, W, 3) uint8, BGR, or (H, W) grey. Owned by the frame; sources never write to it again.
        time_s: Capture time on the source's clock, strictly increasing.
        index: Running number of the frame within its source, from 0.
        jpeg: (N,) uint8, the same picture with its colours where `image` is only its luma; see
            `mer.media.jpeg.in_colour`.
        planes: What has the colours where `image` is only the luma of a picture that is not a JPEG file.
        lost_before: Frames between this one and the one before that the source knows it lost.
    """

    image: NDArray[np.uint8]
    time_s: float
    index: int
    jpeg: NDArray[np.uint8] | None = None
    planes: Coloured | None = None
    lost_before: int = 0


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """The face in one frame, cut out under a transform that stays put while the head is at rest.

    Attributes:
        image: (CROP_SIZE, CROP_SIZE) uint8 grey; all zero unless `state` is "tracked".
        crop_from_source: (2, 3) float64 similarity from source pixels to crop pixels. The same
            matrix for all frames since the last re-anchoring, so it adds no jitter.
        crop_from_anchor: (2, 3) float64 similarity from the crop pixels of the anchor frame to those of this
            frame: how far the tracked head has moved inside the crop since anchoring.
        landmarks_px: (478, 2) float32 face-mesh points of the anchor frame in crop pixels.
        time_s: Capture time of the frame.
        index: Index of the frame.
        anchor: Running number of the anchoring, from 0; -1 without a face.
        state: "tracked", "absent" (no face in view) or "lost" (there was one a moment ago).
        quality: Share of the tracked points that agree with the head's motion, 0 to 1.
        n_faces: Faces seen on the last key frame; the one that was tracked first stays the one.
        eye_distance_px: Inter-ocular distance in source pixels as of the last anchoring, 0 without a face.
        notices: What became known about the faces in view with this frame, in plain words.
        depth_iod: (478,) float32 depth of the face-mesh points behind the eyes on the anchor frame, in inter-ocular
            distances, positive away from the camera; None for that of an average face.
        person: Number of the person, counted from 1 in the order in which they came into view.
    """

    image: NDArray[np.uint8]
    crop_from_source: NDArray[np.float64]
    crop_from_anchor: NDArray[np.float64]
    landmarks_px: NDArray[np.float32]
    time_s: float
    index: int
    anchor: int
    state: FaceState
    quality: float
    n_faces: int
    eye_distance_px: float = 0.0
    notices: tuple[str, ...] = ()
    depth_iod: NDArray[np.float32] | None = None
    person: int = FIRST_PERSON


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time that coincides with a frame."""

    index: int
    time_s: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of facial motion with its three moments, offset included.

    Attributes:
        onset: First frame of the motion.
        apex: Frame of the strongest motion.
        offset: Last frame of the motion.
        score: Standard deviations by which it stands out from what the face usually does.
        verdict: "micro" for a micro-expression, "rejected" for anything else.
        reason: Why it was rejected, empty for a micro-expression: the class that won, "macro" (too long or too large),
            "blink", "speech", "head" or "background" (nothing that stands out from what the face does), or "lighting",
            "gap" (frames are missing), "small" (too few pixels between the eyes), "face-lost", "unfinished" (the
            recording ends).
        detail: What was measured and what else it may be, in words; empty if nothing was.
        expressions: Class name to probability by the spotter's own network, which sees the motion before and after as
            well; None if it was not asked.
        person: Whose face moved; see `FaceCrop`.
        units: Action units that moved, by number; None if that was not asked, as of rejected intervals.
    """

    onset: Moment
    apex: Moment
    offset: Moment
    score: float = 0.0
    verdict: Literal["micro", "rejected"] = "micro"
    reason: str = ""
    detail: str = ""
    expressions: Mapping[str, float] | None = None
    person: int = FIRST_PERSON
    units: tuple[ActionUnit, ...] | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """The 13 pictures that the classifier sees, all under one crop transform.

    Attributes:
        images: (13, 90, 90) uint8 grey: onset, 5, apex, 5, offset.
        times_s: (13,) float64 sampled times on the source's clock.
        interval: What was sampled.
        interpolated: True if pictures had to be blended because the recording holds fewer than 13
            distinct frames between onset and offset.
    """

    images: NDArray[np.uint8]
    times_s: NDArray[np.float64]
    interval: Interval
    interpolated: bool
