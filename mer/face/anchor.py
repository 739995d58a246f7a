"""One cut of a face and how the head moves inside it, by tracking points against the frame of the cut itself."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from mer.face.cutting import Cutter
from mer.face.geometry import CROP_SIZE, IOD_PX, Similarity

CONSISTENT_PX: Final = 0.03 * IOD_PX
"""Distance from the head's motion, in crop pixels, up to which a point counts as consistent."""
MAX_SHIFT: Final = 0.2 * IOD_PX
"""Crop pixels the head may move before the crop is anchored again (its margin is 30)."""
MAX_TURN: Final = 0.1
"""Change of scale or rotation (radians) before the crop is anchored again."""

_HALF: Final = 2
_MAX_POINTS: Final = 60
_WINDOW: Final = (11, 11)
_MIN_SCALE_PX: Final = 0.05
_FACE_OVAL: Final = (10, 297, 284, 389, 454, 361, 397, 379, 152, 150, 172, 132, 234, 162, 54, 67)
_RIGHT_EYE: Final = (226, 29, 27, 56, 190, 243, 22, 24)
_LEFT_EYE: Final = (446, 259, 257, 286, 414, 463, 252, 254)
_MOUTH: Final = (57, 40, 37, 0, 267, 270, 287, 321, 314, 17, 84, 91)


@dataclass(slots=True)
class Anchor:
    """A face as it was cut out first, and where it is now.

    Attributes:
        number: Running number of the cut.
        crop_from_source: (2, 3) float64 similarity from source pixels to crop pixels.
        cutter: Cuts later frames in the same way.
        landmarks_px: (478, 2) float32 mesh of the first frame in crop pixels.
        depth_iod: (478,) float32 depth of its points behind the eyes, in IOD; None if it is not known.
        eye_distance_px: Inter-ocular distance of the first frame in source pixels.
        motion: (2, 3) float64 similarity from the crop pixels of the first frame to those of the latest.
    """

    number: int
    crop_from_source: Similarity
    cutter: Cutter
    landmarks_px: NDArray[np.float32]
    depth_iod: NDArray[np.float32] | None
    eye_distance_px: float
    motion: Similarity
    _half: NDArray[np.uint8]
    _points: NDArray[np.float32]
    _moved: NDArray[np.float32]

    @staticmethod
    def at(mesh: NDArray[np.float32], image: NDArray[np.uint8], *, number: int) -> "tuple[Anchor, NDArray[np.uint8]]":
        """Return the anchor of a (478, 2 or 3) mesh in a frame's picture, and the first crop."""
        crop_from_source = geometry.crop_from_landmarks(mesh)
        height, width = image.shape[:2]
        cutter = Cutter.of(crop_from_source, size_wh=(width, height))
        crop = cutter.cut(image)
        landmarks = geometry.apply(crop_from_source, mesh[:, :2]).astype(np.float32)
        depth = geometry.depth_behind_eyes(mesh) if mesh.shape[1] == 3 else None
        half = _halve(crop)
        points = _find_points(half, landmarks)
        for array in (crop_from_source, landmarks):
            array.flags.writeable = False
        eyes_px = geometry.inter_ocular_px(mesh)
        motion = geometry.identity()
        anchor = Anchor(
            number, crop_from_source, cutter, landmarks, depth, eyes_px, motion, half, points, points.copy()
        )
        return anchor, crop

    def follow(self, crop: NDArray[np.uint8]) -> float:
        """Find the head's motion in the next crop; return the share of points that follow it, 0 to 1."""
        if len(self._points) < 8:
            return 0.0
        moved, found, _ = cv2.calcOpticalFlowPyrLK(
            self._half,
            _halve(crop),
            self._points,
            self._moved.copy(),
            winSize=_WINDOW,
            maxLevel=2,
            criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.01),
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        good = found.ravel() == 1
        if good.sum() < 8:
            return 0.0
        motion, distance = geometry.fit_similarity_robustly(
            _full(self._points[good]), _full(moved[good]), min_scale=_MIN_SCALE_PX
        )
        predicted = (geometry.apply(motion, _full(self._points)) - 0.5) / _HALF
        self._moved = predicted.astype(np.float32).reshape(-1, 1, 2)
        motion.flags.writeable = False
        self.motion = motion
        return float((distance < CONSISTENT_PX).sum()) / len(self._points)

    def moved_since(self, motion: Similarity) -> Similarity:
        """Return the similarity in source pixels from where the head was at an earlier `motion` to where it is now."""
        since = geometry.compose(self.motion, geometry.invert(motion))
        return geometry.compose(geometry.invert(self.crop_from_source), geometry.compose(since, self.crop_from_source))

    def is_off(self, mesh: NDArray[np.floating]) -> bool:
        """Return whether a (478, 2 or 3) mesh in source pixels asks for another crop than this one."""
        off = geometry.compose(geometry.crop_from_landmarks(mesh), geometry.invert(self.crop_from_source))
        return _displacement(geometry.invert(off)) > MAX_SHIFT or _turn(off) > MAX_TURN

    def has_left(self) -> bool:
        """Return whether the head has moved so far that the crop may not hold it any more."""
        return _displacement(self.motion) > 2.0 * MAX_SHIFT or _turn(self.motion) > 2.0 * MAX_TURN

    def mesh(self) -> NDArray[np.float64]:
        """Return where the (478, 2) mesh has moved to, in source pixels."""
        return geometry.apply(geometry.compose(geometry.invert(self.crop_from_source), self.motion), self.landmarks_px)


def _halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = CROP_SIZE // _HALF
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _full(points: NDArray[np.float32]) -> NDArray[np.float64]:
    return points.reshape(-1, 2).astype(np.float64) * _HALF + 0.5


def _find_points(half: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Corners of the face outside eyes and mouth, which move by themselves."""
    mask = np.zeros_like(half)
    for polygon, value in ((_FACE_OVAL, 255), (_RIGHT_EYE, 0), (_LEFT_EYE, 0), (_MOUTH, 0)):
        outline = np.rint((landmarks[list(polygon)] - 0.5) / _HALF).astype(np.int32)
        cv2.fillPoly(mask, [outline], value)
    points = cv2.goodFeaturesToTrack(half, _MAX_POINTS, qualityLevel=0.005, minDistance=5, mask=mask, blockSize=5)
    return np.zeros((0, 1, 2), np.float32) if points is None else points.astype(np.float32)


def _displacement(motion: Similarity) -> float:
    centre = np.full((1, 2), CROP_SIZE / 2)
    return float(np.hypot(*(geometry.apply(motion, centre) - centre)[0]))


def _turn(motion: Similarity) -> float:
    return abs(complex(motion[0, 0], motion[1, 0]) - 1.0)
