"""The pictures of one event as data that a page can hold."""

import base64
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.preprocess import FLOW_STEPS_PER_PX, encode_flow
from mer.sampling import APEX
from realtime.output.clips import encode_picture

_LARGE: Final = 180
_MIN_RANGE: Final = 12.0
"""Grey levels that fill the scale of a difference at least, so that noise does not look like motion."""
_MIN_MOTION_PX: Final = 0.6


def data_uri(image: NDArray[np.uint8]) -> str:
    """Return a picture as a data URI (JPEG)."""
    return "data:image/jpeg;base64," + base64.b64encode(encode_picture(image, ".jpg")).decode()


def enlarged(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a (90, 90[, 3]) picture at twice its size."""
    return cv2.resize(image, (_LARGE, _LARGE), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def difference(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return apex minus onset: white for none, red for brighter, blue for darker.

    Args:
        images: (13, 90, 90) uint8 grey.

    Returns:
        (90, 90, 3) uint8 BGR.
    """
    change = cv2.GaussianBlur(images[APEX].astype(np.float32) - images[0].astype(np.float32), (0, 0), 0.7)
    share = np.clip(change / max(_MIN_RANGE, float(np.percentile(np.abs(change), 99.5))), -1.0, 1.0)
    up, down = np.maximum(share, 0.0), np.maximum(-share, 0.0)
    colours = 255.0 - up[..., np.newaxis] * (200.0, 190.0, 45.0) - down[..., np.newaxis] * (70.0, 150.0, 215.0)
    return np.asarray(np.clip(colours, 0, 255), np.uint8)


def motion(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the apex with the motion since the onset laid over it, that of the head removed.

    Args:
        images: (13, 90, 90) uint8 grey.

    Returns:
        (90, 90, 3) uint8 BGR.
    """
    flow = (encode_flow(images)[APEX, ..., :2].astype(np.float32) - 128.0) / FLOW_STEPS_PER_PX
    size = np.hypot(flow[..., 0], flow[..., 1])
    share = np.clip(size / max(_MIN_MOTION_PX, float(np.percentile(size, 99.5))), 0.0, 1.0)
    heat = cv2.applyColorMap((255 * share).astype(np.uint8), cv2.COLORMAP_INFERNO).astype(np.float32)
    weight = (0.85 * np.sqrt(share))[..., np.newaxis]
    grey = np.repeat(images[APEX, ..., np.newaxis], 3, axis=2).astype(np.float32)
    return np.asarray(np.clip((1.0 - weight) * grey + weight * heat, 0, 255), np.uint8)
