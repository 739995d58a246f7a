"""Blinks and gaze: the two movements of the eyes that are not micro-expressions."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.synth.fields import smoothstep

# Lid lines from corner to corner, left eye of the picture first.
_UPPER: Final = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (362, 398, 384, 385, 386, 387, 388, 466, 263))
_LOWER: Final = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (362, 382, 381, 380, 374, 373, 390, 249, 263))
_IRIS: Final = (468, 473)
_CREASE_IOD: Final = 0.2
"""How much skin above the lid unrolls when the eye closes."""


def blink_shift(
    landmarks: NDArray[np.float64], here: NDArray[np.float32], closure: tuple[float, float]
) -> NDArray[np.float32]:
    """Return how far from `here` lies what is seen there while the upper lids are `closure` down.

    In each column, the skin between crease and lid line is stretched down to the new lid line, and what is left of the
    eye is squeezed below it. The lower lid rises by a tenth of the way.

    Args:
        landmarks: (478, 2) mesh in face coordinates.
        here: (..., 2) points in face coordinates.
        closure: 0 (open) to 1 (closed), left and right eye of the picture.

    Returns:
        (..., 2) float32 in IOD.
    """
    shift = np.zeros_like(here)
    for closed, upper_line, lower_line in zip(closure, _UPPER, _LOWER):
        if closed <= 0.0:
            continue
        x, y = here[..., 0], here[..., 1]
        upper, lower = landmarks[list(upper_line)], landmarks[list(lower_line)]
        top = np.interp(x, upper[:, 0], upper[:, 1])
        bottom = np.interp(x, lower[:, 0], lower[:, 1])
        opening = np.maximum(bottom - top, 1e-4)
        crease, below = top - _CREASE_IOD, bottom + 0.12
        lid = top + 0.9 * min(closed, 0.98) * opening
        rim = bottom - 0.1 * min(closed, 0.98) * opening
        source = np.where(
            y < lid,
            crease + (y - crease) * (top - crease) / (lid - crease),
            np.where(
                y < rim,
                top + (y - lid) * opening / np.maximum(rim - lid, 1e-4),
                bottom + (y - rim) * (below - bottom) / (below - rim),
            ),
        )
        inside = (y > crease) & (y < below) & (x > upper[0, 0]) & (x < upper[-1, 0])
        shift[..., 1] += np.where(inside, source - y, 0.0).astype(np.float32)
    return shift


def gaze_weights(landmarks: NDArray[np.float64], here: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 on the irises, falling to 0 towards the lids and corners, where nothing moves with the gaze."""
    total = np.zeros(here.shape[:-1], np.float32)
    for iris, upper_line, lower_line in zip(_IRIS, _UPPER, _LOWER):
        upper, lower = landmarks[list(upper_line)], landmarks[list(lower_line)]
        x, y = here[..., 0], here[..., 1]
        radius = float(np.linalg.norm(landmarks[[iris + k for k in range(1, 5)]] - landmarks[iris], axis=1).mean())
        distance = np.hypot(x - landmarks[iris, 0], y - landmarks[iris, 1])
        near = smoothstep((2.2 * radius - distance) / (1.2 * radius))
        top, bottom = np.interp(x, upper[:, 0], upper[:, 1]), np.interp(x, lower[:, 0], lower[:, 1])
        between = smoothstep((y - top) / 0.03) * smoothstep((bottom - y) / 0.03)
        total += (near * between).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(total, (0, 0), 0.8), np.float32)
