"""The face as the overlay shows it: the crop, the tracked points on it and the regions that move."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from realtime.spotting.face_shape import REGIONS
from realtime.update import Update

POINT: Final = (90, 200, 255)
"""Colour of a tracked point, RGB."""
MOVING: Final = (255, 140, 0)
"""Colour of a region that moves by the threshold or more, RGB."""
_REGION_RADIUS_IOD: Final = 0.16
_PIXELS_A_DOT: Final = 160
"""Width from which on a point is three pixels wide, so that it can be seen."""
_MIN_SHARE: Final = 0.4
"""Share of the threshold from which on the motion of a region is shown."""
_CONTOURS: Final = (
    *(70, 105, 107, 336, 334, 300),  # brows
    *(33, 159, 133, 145, 362, 386, 263, 374),  # eyes
    *(168, 4, 49, 279),  # nose
    *(61, 0, 291, 17),  # mouth
    *(234, 172, 152, 397, 454),  # outline
)


def points_px(update: Update) -> NDArray[np.float64]:
    """Return (N, 2) face-mesh points to draw, in crop pixels, moved along with the head; none without a face."""
    crop = update.crop
    if crop.state != "tracked":
        return np.zeros((0, 2))
    return geometry.apply(crop.crop_from_anchor, crop.landmarks_px[list(_CONTOURS)].astype(np.float64))


def regions_px(update: Update) -> NDArray[np.float64]:
    """Return (N, 3): centres in crop pixels of the regions that move, and how much, 1 being the threshold."""
    crop = update.crop
    if update.regions is None or crop.state != "tracked":
        return np.zeros((0, 3))
    lengths = np.hypot(update.regions[:, 0], update.regions[:, 1]) / max(update.spotting.threshold, 1e-6)
    centres = np.array([crop.landmarks_px[list(of)].mean(axis=0) for of in REGIONS.values()], np.float64)
    found = np.column_stack([geometry.apply(crop.crop_from_anchor, centres), lengths])
    return found[lengths >= _MIN_SHARE]


def face_picture(update: Update, *, width: int, height: int) -> NDArray[np.uint8]:
    """Draw the face with its points and moving regions.

    Args:
        update: The frame to draw.
        width: Pixels of the result.
        height: Pixels of the result.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    grey = cv2.resize(update.crop.image, (width, height), interpolation=cv2.INTER_AREA)
    image = np.repeat(np.asarray(grey, np.uint8)[:, :, np.newaxis], 3, axis=2)
    scale = np.array([width, height]) / update.crop.image.shape[1]
    radius = _REGION_RADIUS_IOD * geometry.IOD_PX * scale[0]
    ys, xs = np.mgrid[0:height, 0:width]
    for x_px, y_px, share in regions_px(update):
        near = np.hypot(xs - x_px * scale[0], ys - y_px * scale[1]) < max(radius, 0.7)
        opacity = 0.75 * min(share, 1.0)
        image[near] = ((1.0 - opacity) * image[near] + opacity * np.array(MOVING)).astype(np.uint8)
    dot = width // _PIXELS_A_DOT
    for x, y in (points_px(update) * scale).astype(int):
        if 0 <= x < width and 0 <= y < height:
            image[max(0, y - dot) : y + dot + 1, max(0, x - dot) : x + dot + 1] = POINT
    return image


def face_letters(update: Update, *, width: int, height: int) -> dict[tuple[int, int], str]:
    """Return letters for terminals without colours: `o` for points, `M` for regions over the threshold.

    Args:
        update: The frame to draw.
        width: Cells.
        height: Cells.

    Returns:
        (row, column) to letter.
    """
    scale = np.array([width, height]) / update.crop.image.shape[1]
    letters = {(int(y), int(x)): "o" for x, y in points_px(update) * scale}
    moving = regions_px(update)
    moving = moving[moving[:, 2] >= 1.0]
    return letters | {(int(y), int(x)): "M" for x, y in moving[:, :2] * scale}
