"""The part of a camera's sensor around a face: fewer rows are read faster, and fewer pixels fit through the cable."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.media.jpeg import in_colour
from mer.messages import Frame
from realtime.capture.cameras.base import Region

FRAMES: Final = 100
"""Frames in which a face is looked for."""
ROOM: Final = 0.6
"""Room on each side, in widths and heights of the mesh: heads lean and turn during a recording."""
STEP_PX: Final = 16
"""Sensors take sizes and places in steps, none of which is larger (Basler, FLIR, Allied Vision)."""


def face_region(frames: Iterable[Frame], meshes: Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]]) -> Region:
    """Return the part of the picture around the largest face, with room to move.

    Args:
        frames: Of the whole sensor, or of what is to be read of it at most.
        meshes: Finds (478, 3) meshes in a (H, W, 3) picture, the largest first.

    Raises:
        MerError: If no face comes into view.
    """
    for frame in islice(frames, FRAMES):
        found = meshes(in_colour(frame))
        if found:
            height, width = frame.image.shape[:2]
            return around(found[0], size_wh=(width, height))
    raise MerError(
        f"--roi face: no face in the first {FRAMES} frames; sit in view of the camera when it starts, or give the part "
        "as --roi WIDTHxHEIGHT+X+Y"
    )


def around(mesh: NDArray[np.floating], *, size_wh: tuple[int, int]) -> Region:
    """Return the region around a mesh: in steps of STEP_PX, within the picture.

    Args:
        mesh: (478, 2 or 3) in pixels.
        size_wh: Width and height of the picture.
    """
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    room = ROOM * (high - low)
    spans = []
    for start, end, size in zip(low - room, high + room, size_wh):
        first = max(0, int(start) // STEP_PX * STEP_PX)
        last = min(size // STEP_PX * STEP_PX, -(-int(np.ceil(end)) // STEP_PX) * STEP_PX)
        spans.append((first, last - first))
    (x, width), (y, height) = spans
    return Region(x, y, width, height)
