"""`--roi face` during a session: the region of the sensor goes after a face that comes close to its border."""

from collections.abc import Callable
from typing import Final

import numpy as np

from mer.face import geometry
from mer.messages import FIRST_PERSON
from realtime.capture.face_region import STEP_PX
from realtime.update import Update

CLOSE: Final = 0.2
"""Room between face and border, in widths and heights of the face, at which the region moves; it begins with 0.6, so
that it moves seldom, and not back and forth."""
PAUSE_S: Final = 1.0
"""Between two moves: frames that were taken before the first one come until then."""


class FaceFollower:
    """A sink that centres the region on the face of the first person when this comes close to the border.

    The size of the region stays, so pictures keep theirs. The face is found anew in the first picture of the new place.

    Args:
        move: Moves the region by pixels to the right and down.
        size_wh: Width and height of the region.
        announce: Called with a notice of each move.
    """

    def __init__(
        self, move: Callable[[int, int], None], *, size_wh: tuple[int, int], announce: Callable[[str], None]
    ) -> None:
        self._move = move
        self._size_wh = np.array(size_wh, float)
        self._announce = announce
        self._next_s = -np.inf

    def close(self) -> None:
        """Nothing is open."""

    def update(self, update: Update) -> None:
        """Look at where the face is in one frame."""
        crop = update.crop
        if crop.person != FIRST_PERSON or crop.state != "tracked" or crop.time_s < self._next_s:
            return
        in_crop = geometry.apply(crop.crop_from_anchor, crop.landmarks_px)
        face = geometry.apply(geometry.invert(crop.crop_from_source), in_crop)
        low, high = face.min(axis=0), face.max(axis=0)
        before, behind = low, self._size_wh - high
        if np.all(np.minimum(before, behind) >= CLOSE * (high - low)):
            return
        dx, dy = (int(shift) for shift in np.trunc((before - behind) / 2.0 / STEP_PX) * STEP_PX)
        if not dx and not dy:
            return
        self._next_s = crop.time_s + PAUSE_S
        self._move(dx, dy)
        self._announce(f"the region follows the face by {dx:+d}, {dy:+d} px")
