"""How far each region of the face has moved, free of the motion of the head.

The head's pose is followed with its rotation in depth, on the shape that the face mesh gives it
(`realtime.spotting.head_pose`). Each frame is pictured as if the head had not moved and compared with a reference
(`realtime.spotting.reference`), a mean of such pictures that is replaced twice a second whether the face rests or not,
so that neither light nor slow changes add up. What is measured against one reference goes on from what was measured
against the one before, also when the face is cut out anew.

Motion is in percent of the inter-ocular distance, so it means the same at any camera distance.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from mer.face.geometry import Similarity
from mer.messages import FaceCrop
from realtime.spotting.face_shape import CELLS, EYES, REGIONS, SIZE, FaceShape
from realtime.spotting.head_pose import Pose
from realtime.spotting.reference import Flow, Picture, Reference, mean_gradient

RENEW_EVERY_S: Final = 0.5
"""The reference is replaced this often."""
FIRST_RENEWAL_S: Final = 0.1
"""The first one of a new shape is a single frame and is replaced this soon."""
AVERAGE_S: Final = 0.06
"""A reference is the mean of the pictures of this stretch."""
_ONCE_MORE_PX: Final = 0.25
"""A head that has moved further since the frame before is pictured once more at its new pose."""
_PASSES_ACROSS: Final = 3
"""The same where the face is cut out anew, since the tracker does not know how it moved in between."""
_SAME_POSE: Final = 0.01
"""Within so much, in IOD and radians, the directions in which the cells move hardly change."""
_CROP_FROM_PICTURE: Final = np.array([[2.0, 0.0, 0.5], [0.0, 2.0, 0.5]])
_PERCENT: Final = 100.0


@dataclass(frozen=True, slots=True)
class Motion:
    """What one frame shows.

    Attributes:
        regions: (13, 2) float64 motion of each of REGIONS since the face was found, percent of the inter-ocular
            distance, x to the right of the picture and y down.
        eyes: (2, 2) float64 the same for the EYES.
        head: (6,) float64 motion of the head since then: right, down and nearer in the same unit, roll, yaw and
            pitch in hundredths of a radian.
        gain: Brightness of the face against the reference, 1 for equal.
        sharpness: Mean gradient of the face against the reference, 1 for equal; a lens that hunts lowers it.
        misfit: Typical motion of the skin that a rigid head does not explain, percent of the inter-ocular distance.
    """

    regions: NDArray[np.float64]
    eyes: NDArray[np.float64]
    head: NDArray[np.float64]
    gain: float
    sharpness: float
    misfit: float


class MotionMeter:
    """Measures the motion of one face through consecutive crops, beginning with the first.

    Args:
        first: The crop to measure against at first.
    """

    def __init__(self, first: FaceCrop) -> None:
        self._moved = np.zeros((len(REGIONS) + len(EYES), 2))
        self._head_before = np.zeros(6)
        self._shape = FaceShape.of(first)
        self._begin(first, self._shape)

    def _take_reference(self, picture: Picture) -> None:
        self._reference: Reference = Reference.of(picture, self._shape)
        self._take_basis()

    def _take_basis(self) -> None:
        points = self._shape.cells[:, self._shape.on_face]
        directions = self._pose.directions(points, self._pose.turned(points))
        self._basis = self._reference.seen(self._shape.iod_px * directions)
        self._basis_at = self._pose.vector

    def _begin(self, crop: FaceCrop, shape: FaceShape) -> None:
        """Take a crop for the reference; motion goes on from where it is."""
        self._before: FaceCrop = crop
        self._shape = shape
        self._pose: Pose = Pose.still()
        self._anchor, self._first_from_source = crop.anchor, crop.crop_from_source
        self._anchor_from_shape: Similarity = geometry.identity()
        self._take_reference(self._picture(crop))
        self._joined: NDArray[np.float64] = self._moved
        self._recent: list[tuple[float, Picture, NDArray[np.float64]]] = []
        self._renew_at_s = crop.time_s + FIRST_RENEWAL_S

    def measure(self, crop: FaceCrop) -> Motion:
        """Return the motion of the next crop; it may be cut out anew, but must be tracked."""
        across = crop.anchor != self._before.anchor
        if across:
            self._carry_over(crop)
        picture, gain, flow = self._look(crop)
        for _ in range(_PASSES_ACROSS if across else 1):
            if across or flow.head_px > _ONCE_MORE_PX:
                self._pose = self._pose.after(flow.step)
                picture, gain, flow = self._look(crop)
        self._pose = self._pose.after(flow.step)
        reference, percent_per_px = self._reference, _PERCENT / self._shape.iod_px
        self._moved = self._joined + (reference.weights @ flow.rest.T) * percent_per_px
        head = self._head_before + self._head(crop)
        motion = Motion(
            regions=self._moved[: len(REGIONS)],
            eyes=self._moved[len(REGIONS) :],
            head=head,
            gain=1.0 / gain,
            sharpness=gain * mean_gradient(picture[self._shape.core]) / reference.sharpness,
            misfit=flow.scale * percent_per_px,
        )
        if across or not self._pose.is_plausible:
            self._head_before = head
            self._begin(crop, FaceShape.of(crop))
        else:
            self._renew(crop.time_s, picture)
        self._before = crop
        return motion

    def _carry_over(self, crop: FaceCrop) -> None:
        """Express what is known about the head in the pixels of a new cut, as if it had not moved in between."""
        before = self._before
        new_from_old = geometry.compose(crop.crop_from_source, geometry.invert(before.crop_from_source))
        seen_before = geometry.compose(before.crop_from_anchor, self._anchor_from_shape)
        self._anchor_from_shape = geometry.compose(new_from_old, seen_before)

    def _crop_from_picture(self, crop: FaceCrop) -> Similarity:
        return geometry.compose(geometry.compose(crop.crop_from_anchor, self._anchor_from_shape), _CROP_FROM_PICTURE)

    def _picture(self, crop: FaceCrop) -> Picture:
        """Return the face as if the head had not moved since the shape was taken."""
        shape, crop_from_picture = self._shape, self._crop_from_picture(crop)
        seen = self._pose.seen(shape.cells, self._pose.turned(shape.cells))
        at = crop_from_picture[:, :2] @ (shape.iod_px * seen + shape.eyes_px[:, np.newaxis])
        at += crop_from_picture[:, 2:]
        cells = np.ascontiguousarray(at.T, np.float32).reshape(CELLS, CELLS, 2)
        where = cv2.resize(cells, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
        picture = cv2.remap(  # type: ignore[call-overload]
            crop.image, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(cv2.GaussianBlur(picture, (5, 5), 1.0), np.float32)

    def _look(self, crop: FaceCrop) -> tuple[Picture, float, Flow]:
        picture, reference, shape = self._picture(crop), self._reference, self._shape
        gain = reference.brightness / max(cv2.mean(picture[shape.core])[0], 1.0)
        if np.abs(self._pose.vector - self._basis_at).max() > _SAME_POSE:
            self._take_basis()
        return picture, gain, reference.flow(picture * np.float32(gain), self._basis)

    def _head(self, crop: FaceCrop) -> NDArray[np.float64]:
        """Return (6,) how far the head has moved since the shape was taken."""
        shape = self._shape
        first_from_picture = self._crop_from_picture(crop)
        if crop.anchor != self._anchor:
            first_from_crop = geometry.compose(self._first_from_source, geometry.invert(crop.crop_from_source))
            first_from_picture = geometry.compose(first_from_crop, first_from_picture)
        linear = complex(first_from_picture[0, 0], first_from_picture[1, 0]) / 2.0
        head = self._pose.vector
        shift = first_from_picture[:, :2] @ (shape.iod_px * self._pose.shift + shape.eyes_px) + first_from_picture[:, 2]
        head[:2] = (shift - (2.0 * shape.eyes_px + 0.5)) / (2.0 * shape.iod_px)
        head[2] += np.log(abs(linear))
        head[3] += np.angle(linear)
        percent: NDArray[np.float64] = _PERCENT * head
        return percent

    def _renew(self, time_s: float, picture: Picture) -> None:
        """Replace the reference, once it is old, by a mean of fresh pictures."""
        self._recent = [kept for kept in self._recent if kept[0] > time_s - AVERAGE_S]
        self._recent.append((time_s, picture, self._moved))
        if time_s < self._renew_at_s:
            return
        mean = np.asarray(np.mean([taken for _, taken, _ in self._recent], axis=0), np.float32)
        self._take_reference(mean)
        self._joined = np.mean([moved for _, _, moved in self._recent], axis=0)
        self._renew_at_s = time_s + RENEW_EVERY_S
