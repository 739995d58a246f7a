"""The shape of a face, on a grid of cells over the pictures that motion is measured on."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from mer.face.geometry import CROP_SIZE
from mer.messages import FaceCrop

SIZE: Final = CROP_SIZE // 2
"""Side of the pictures that motion is measured on."""
CELL: Final = 4
"""Side of a cell in their pixels."""
CELLS: Final = SIZE // CELL

REGIONS: Final[dict[str, tuple[int, ...]]] = {
    "right inner brow": (55, 107),
    "left inner brow": (285, 336),
    "right outer brow": (105, 63),
    "left outer brow": (334, 293),
    "right cheek": (50, 101),
    "left cheek": (280, 330),
    "right nose wing": (49, 203),
    "left nose wing": (279, 423),
    "upper lip": (0, 164),
    "right mouth corner": (61, 57),
    "left mouth corner": (291, 287),
    "lower lip": (17, 18),
    "chin": (199, 200),
}
"""Regions and the face-mesh points whose mean is their centre."""
EYES: Final[dict[str, tuple[int, ...]]] = {"right eye": (159, 145), "left eye": (386, 374)}
"""Regions that only tell blinks and gaze from expressions."""

_REGION_RADIUS_IOD: Final = 0.13
_DEPTH_RADIUS_CELLS: Final = 0.8
_BEYOND_CELLS: Final = (3.0, 9.0)
"""The same for places where there are no points of the mesh."""
_FACE_RADII_IOD: Final = (1.05, 1.3)
_FACE_CENTRE_IOD: Final = 0.5
_MESH: Final = 468
"""Points of the mesh without the irises, which have no depth of their own."""


@dataclass(frozen=True, slots=True)
class FaceShape:
    """A face as it was cut out, in IOD from the point between the eyes.

    Attributes:
        iod_px: Inter-ocular distance in pixels of the pictures.
        eyes_px: (2,) point between the eyes in them.
        cells: (3, CELLS * CELLS) position and depth of every cell's centre.
        on_face: (P,) indices of the cells on the face.
        near: (13 + 2, P) how close each of these is to the centre of each of REGIONS and EYES, 0 to 1.
        core: Rows and columns of the middle of the face, for its brightness and sharpness.
    """

    iod_px: float
    eyes_px: NDArray[np.float64]
    cells: NDArray[np.float64]
    on_face: NDArray[np.intp]
    near: NDArray[np.float64]
    core: tuple[slice, slice]

    @staticmethod
    def of(crop: FaceCrop) -> "FaceShape":
        """Return the shape that the mesh of a crop has."""
        landmarks = (crop.landmarks_px.astype(np.float64) - 0.5) / 2.0
        iod_px = geometry.inter_ocular_px(landmarks)
        eyes_px = geometry.eye_centres(landmarks).mean(axis=0)
        landmarks = (landmarks - eyes_px) / iod_px
        centres = CELL * np.arange(CELLS) + 0.5 * (CELL - 1)
        place = (np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2) - eyes_px) / iod_px
        depth = average_depth(*place.T) if crop.depth_iod is None else _depth(place, landmarks, crop.depth_iod)
        radii = np.hypot(place[:, 0] / _FACE_RADII_IOD[0], (place[:, 1] - _FACE_CENTRE_IOD) / _FACE_RADII_IOD[1])
        on_face = np.flatnonzero(radii < 1.0)
        named = (*REGIONS.values(), *EYES.values())
        middle = np.array([landmarks[list(points)].mean(axis=0) for points in named])
        x, y, half = int(eyes_px[0]), int(eyes_px[1] + 0.5 * iod_px), int(0.8 * iod_px)
        return FaceShape(
            iod_px=iod_px,
            eyes_px=eyes_px,
            cells=np.array([*place.T, depth]),
            on_face=on_face,
            near=_gauss(middle, place[on_face], _REGION_RADIUS_IOD),
            core=(slice(max(y - half, 0), y + half), slice(max(x - half, 0), x + half)),
        )


def average_depth(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the depth of an average face, fitted to mediapipe's mesh of 72 neutral portraits (rms 0.11 IOD)."""
    nose = 0.51 * np.exp(-((x / 0.23) ** 2) - ((y - 0.5) / 0.21) ** 2)
    depth: NDArray[np.float64] = 0.68 * x**2 + 0.03 * (y + 0.48) ** 2 - nose
    return depth


def _depth(
    place: NDArray[np.float64], landmarks: NDArray[np.float64], depth_iod: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the depth of each cell: the mean of the mesh's points nearby, beyond its rim that of the nearest."""
    cell = np.clip(np.rint((landmarks[:_MESH] - place[0]) / (place[1, 0] - place[0, 0])), 0, CELLS - 1).astype(int)
    index = cell @ np.array([1, CELLS])
    count = np.bincount(index, minlength=CELLS**2).astype(np.float32)
    total = np.bincount(index, depth_iod[:_MESH], minlength=CELLS**2).astype(np.float32)
    sums = np.stack([total, count], axis=-1).reshape(CELLS, CELLS, 2)
    blurred = cv2.GaussianBlur(sums, (0, 0), _DEPTH_RADIUS_CELLS)
    for radius in _BEYOND_CELLS:
        blurred += 1e-3 * blurred[..., 1:].max() * cv2.GaussianBlur(sums, (0, 0), radius)
    return np.asarray(blurred[..., 0] / blurred[..., 1], np.float64).ravel()


def _gauss(centres: NDArray[np.float64], points: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    apart = ((points - centres[:, np.newaxis]) ** 2).sum(axis=-1)
    near: NDArray[np.float64] = np.exp(-0.5 * apart / radius**2)
    return near
