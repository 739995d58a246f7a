"""Faces that somebody has made unrecognisable: mediapipe finds them in coarse squares, too, but nothing moves there."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_MAX_SHARE: Final = 0.5
"""Share of edges along rows and columns from which a face is pixelated. Measured: 0.12 to 0.33 in 21 recordings of
faces, down to 10 pixels between the eyes; 0.68 to 0.92 with squares of a third to a tenth of the eye distance."""
_ALONG: Final = 0.1
_WINDOW_PX: Final = 320
_MIN_PX: Final = 8


def is_pixelated(image: NDArray[np.uint8], mesh: NDArray[np.floating]) -> bool:
    """Return whether the face under a (478, 2 or 3) mesh consists of squares larger than pixels.

    Args:
        image: (H, W, 3) uint8 BGR or (H, W) grey.
        mesh: In pixels of `image`.
    """
    height, width = image.shape[:2]
    first, last = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    half = np.minimum(last - first, _WINDOW_PX) / 2
    x0, y0 = np.clip((first + last) / 2 - half, 0, (width, height)).astype(int)
    x1, y1 = np.clip((first + last) / 2 + half, 0, (width, height)).astype(int)
    part = image[y0:y1, x0:x1]
    if min(part.shape[:2]) < _MIN_PX:
        return False
    grey = part if part.ndim == 2 else cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
    across = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0))
    down = np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    edges = np.hypot(across, down)
    along = np.minimum(across, down) < _ALONG * np.maximum(across, down)
    return bool(edges[along].sum() > _MAX_SHARE * max(float(edges.sum()), 1.0))
