"""JPEG pictures, single and in Motion JPEG, of which only the luma is decoded until somebody wants their colours."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.media.size import JPEG_START, MAX_BYTES, is_too_large, size_of
from mer.messages import Frame


def in_colour(frame: Frame) -> NDArray[np.uint8]:
    """Return the (H, W, 3) BGR picture of a frame; decodes it if only its luma has been decoded so far."""
    if frame.jpeg is not None:
        return np.asarray(cv2.imdecode(frame.jpeg, cv2.IMREAD_COLOR), np.uint8)
    if frame.planes is not None:
        return frame.planes.bgr()
    return frame.image if frame.image.ndim == 3 else np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_GRAY2BGR), np.uint8)


def luma(jpeg: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the (H, W) luma of a JPEG picture, a third of the work of its colours.

    Args:
        jpeg: (N,) uint8, a JPEG file.

    Returns:
        The luma, or None if it cannot be decoded, is not a JPEG, or is too large by its header.
    """
    if jpeg[:3].tobytes() != JPEG_START or len(jpeg) > MAX_BYTES:
        return None
    size_wh = size_of(jpeg.data)
    if size_wh is None or is_too_large(size_wh):
        return None
    try:
        grey = cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)
    except cv2.error:  # damaged in a way that OpenCV does not survive as a picture
        return None
    return None if grey is None else grey.astype(np.uint8, copy=False)
