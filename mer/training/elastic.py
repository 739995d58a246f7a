"""Encoded motion changed at random, anew in every epoch, so that a network learns the face and not the renderer.

Not in the paper. A clip keeps its class when it is mirrored, when its motion is stronger or weaker, when the moving
places lie a little elsewhere, and when the face around them does not hold quite still.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.preprocess import FLOW_STEPS_PER_PX, STRAIN_STEPS, strain

Floats = NDArray[np.float32]

AMPLITUDE: Final = 1.7
"""Motion is at most this many times stronger or weaker."""
ELASTIC_PX: Final = 2.5
"""How far places wander (one standard deviation at the nodes), in pixels of the 90 x 90 pictures."""
SHIFT_PX: Final = 2.5
"""How far the whole face moves within the picture (one standard deviation), in pixels."""
ZOOM: Final = 0.06
"""How much larger or smaller the face gets (one standard deviation), as a share."""
RESTLESS_PX: Final = 0.12
"""Largest motion added to the face (one standard deviation at the nodes), in pixels."""
_NODES: Final = 5
_ZERO: Final = 128.0


def vary_flow(clips: NDArray[np.uint8], strength: float, seed: Sequence[int]) -> NDArray[np.uint8]:
    """Return clips of encoded flow, each changed at random.

    Args:
        clips: (N, 13, H, W, 3) uint8; see `mer.preprocess.encode_flow`.
        strength: 0 changes nothing but left and right; 1 is what the constants of this module say.
        seed: The same seed makes the same changes.
    """
    rng = np.random.default_rng(seed)
    return np.stack([_varied(clip, strength, rng) for clip in clips])


def _varied(clip: NDArray[np.uint8], strength: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    count, height, width, _ = clip.shape
    moved = clip.astype(np.float32)
    moved[..., :2] -= _ZERO
    if rng.random() < 0.5:
        moved = np.ascontiguousarray(moved[:, :, ::-1])
        moved[..., 0] *= -1.0
    places = _places(height, width, strength, rng)
    for i in range(1, count):
        moved[i] = cv2.remap(moved[i], *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    moved *= np.float32(AMPLITUDE ** (strength * rng.uniform(-1.0, 1.0)))
    _add_restlessness(moved, strength, rng)
    moved[..., :2] += _ZERO
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


def _places(height: int, width: int, strength: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return where in the picture each pixel comes from, (H, W) columns and rows."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    wander = _smooth(rng.normal(0.0, strength * ELASTIC_PX, (_NODES, _NODES, 2)), height, width)
    zoom = np.float32(1.0 + strength * ZOOM * rng.normal())
    shift = rng.normal(0.0, strength * SHIFT_PX, 2).astype(np.float32)
    columns = width / 2 + (x - width / 2) * zoom + shift[0] + wander[..., 0]
    rows = height / 2 + (y - height / 2) * zoom + shift[1] + wander[..., 1]
    return np.asarray(columns, np.float32), np.asarray(rows, np.float32)


def _add_restlessness(moved: Floats, strength: float, rng: np.random.Generator) -> None:
    """Add smooth motion that grows over the clip and trembles from picture to picture, and the strain of its growth."""
    count, height, width, _ = moved.shape
    size = strength * RESTLESS_PX * rng.random()
    nodes = rng.normal(0.0, size, (_NODES, _NODES, 2))
    stretched = STRAIN_STEPS * strain(_smooth(nodes, height, width))
    for i in range(1, count):
        share = i / (count - 1)
        trembling = rng.normal(0.0, size / 2, nodes.shape)
        moved[i, ..., :2] += _smooth(FLOW_STEPS_PER_PX * (share * nodes + trembling), height, width)
        moved[i, ..., 2] = np.sqrt(moved[i, ..., 2] ** 2 + (share * stretched) ** 2)


def _smooth(nodes: NDArray[np.float64], height: int, width: int) -> Floats:
    """Return (H, W, 2) values between a few nodes."""
    return np.asarray(cv2.resize(nodes.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
