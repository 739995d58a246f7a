"""Which way up a face is. mediapipe finds faces on their side, but puts wrong meshes on those that stand on their head.

A right mesh turns with the picture; a wrong one does not. So a mesh counts only if the same face is found again in the
picture turned a little further.
"""

from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face import geometry

MAX_ROLL: Final = 60.0
"""Degrees between the line of the eyes and the horizontal up to which a face counts as upright."""
IRREGULAR_IOD: Final = 0.05
"""Misfit of a mesh's eyes and nose to the average face, in inter-ocular distances, from which it is looked at twice.
Measured: frontal faces 0.02 to 0.04 (turned ones up to 0.12), wrong meshes on faces upside down 0.05 to 0.29."""

_SIDE_PX: Final = 640
_TILT: Final = 20.0
_SAME_IOD: Final = 0.15
_TURNS: Final = (0, 180, 90, 270)

Find = Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]]
"""Meshes in pixels of all faces in a (H, W, 3) uint8 BGR picture that stands alone."""


def roll(mesh: NDArray[np.floating]) -> float:
    """Return by how many degrees the line of the eyes is turned clockwise, -180 to 180."""
    right, left = geometry.eye_centres(mesh)
    return float(np.degrees(np.arctan2(left[1] - right[1], left[0] - right[0])))


def looks_wrong(mesh: NDArray[np.floating]) -> bool:
    """Return whether a mesh should be looked at twice: it lies on its side, or is not like a face from the front."""
    indices, template = list(geometry.TEMPLATE_IOD), np.array(list(geometry.TEMPLATE_IOD.values()))
    placed = geometry.apply(geometry.fit_similarity(mesh[indices, :2], template), mesh[indices, :2])
    misfit = float(np.sqrt(np.square(placed - template).sum(axis=1).mean()))
    return abs(roll(mesh)) > MAX_ROLL or misfit > IRREGULAR_IOD


def turn_to_upright(image_bgr: NDArray[np.uint8], find: Find) -> int | None:
    """Return by how many degrees a picture must be turned clockwise for a face in it to stand upright.

    Args:
        image_bgr: (H, W, 3) uint8.
        find: Looks for faces; called up to eight times.

    Returns:
        0, 90, 180 or 270; None if no face can be told for certain.
    """
    picture = _reduced(image_bgr)
    found: list[tuple[float, int]] = []
    for turn in _TURNS:
        turned = np.ascontiguousarray(np.rot90(picture, -turn // 90))
        rolls = [abs(roll(mesh)) for mesh in _certain(turned, find)]
        if turn == 0 and rolls and min(rolls) <= MAX_ROLL:
            return 0
        found += [(angle, turn) for angle in rolls if angle <= MAX_ROLL]
    return min(found)[1] if found else None


def _certain(picture: NDArray[np.uint8], find: Find) -> Sequence[NDArray[np.float32]]:
    """Return the faces that are found in the same place again when the picture is turned a little."""
    meshes = find(picture)
    if not meshes:
        return []
    height, width = picture.shape[:2]
    tilt = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), _TILT, 1.0), np.float64)
    tilted = cv2.warpAffine(picture, tilt, (width, height), borderMode=cv2.BORDER_REPLICATE)
    again = [geometry.apply(geometry.invert(tilt), mesh) for mesh in find(tilted.astype(np.uint8, copy=False))]
    return [mesh for mesh in meshes if any(_same(mesh, other) for other in again)]


def _same(mesh: NDArray[np.floating], other: NDArray[np.floating]) -> bool:
    indices = list(geometry.TEMPLATE_IOD)
    apart = np.hypot(*(mesh[indices, :2] - other[indices, :2]).T).mean()
    return bool(apart < _SAME_IOD * geometry.inter_ocular_px(mesh))


def _reduced(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = _SIDE_PX / max(image.shape[:2])
    if factor >= 1.0:
        return image
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
