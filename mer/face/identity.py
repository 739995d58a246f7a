"""Whose face it is: by where it is and how large, and where that does not tell, by what it looks like."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from mer.face.geometry import CLIP_SIDE_PX, CROP_SIZE

SAME: Final = 0.75
"""Likeness from which two faces count as the same person's. Measured on 21 recordings: it is reached by 95 %
of faces, compared with those of the same person in the seconds before; by 0.5 % of faces of other recordings, and by
15 % of pairs of 36 people in one studio's light."""
NOT_SAME: Final = 0.55
"""Likeness below which a face where the other one was is another person's (1 % of faces of the same person)."""
LIKELY: Final = 0.65
"""Likeness from which a face that nobody else claims is taken for that of somebody who was there before."""
REACH_IOD: Final = 1.0
"""Distance from where a face was expected, in its inter-ocular distances, up to which it may be the same, ..."""
REACH_SIZE: Final = 1.5
"""... and the ratio of their sizes."""

_PLACE_WEIGHT: Final = 0.3
"""How much being where one was expected counts beside likeness, both from 0 to 1."""
_NEW_LOOK: Final = 0.92
"""A look that is less like all known ones is worth remembering."""
_SIDE: Final = 24
_LIGHT_PX: Final = 6.0
_LOOKS: Final = 8

Look = NDArray[np.float32]
"""(576,) float32 of norm 1: a face of 24 by 24 pixels with its light taken out. The dot product is the likeness."""


def look_of(crop: NDArray[np.uint8]) -> Look:
    """Return what the face in a (CROP_SIZE, CROP_SIZE) grey crop looks like."""
    margin = (CROP_SIZE - CLIP_SIDE_PX) // 2
    face = crop[margin : CROP_SIZE - margin, margin : CROP_SIZE - margin]
    small = cv2.resize(face.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    detail = small - cv2.GaussianBlur(small, (0, 0), _LIGHT_PX)
    detail = detail / (np.sqrt(cv2.GaussianBlur(np.square(detail), (0, 0), _LIGHT_PX)) + 2.0)
    detail = detail - detail.mean()
    look: Look = (detail / max(float(np.linalg.norm(detail)), 1e-6)).ravel().astype(np.float32)
    return look


@dataclass(slots=True)
class Person:
    """Somebody who is followed.

    Attributes:
        centre_px: (2,) where the face was last, in source pixels.
        eyes_px: Its inter-ocular distance then.
        looks: What it looked like at its last cuts.
    """

    centre_px: NDArray[np.float64]
    eyes_px: float
    looks: deque[Look] = field(default_factory=lambda: deque(maxlen=_LOOKS))

    @staticmethod
    def of(mesh: NDArray[np.floating]) -> "Person":
        """Return the owner of a (478, 2) mesh."""
        return Person(_centre(mesh), geometry.inter_ocular_px(mesh))

    def is_at(self, mesh: NDArray[np.floating]) -> None:
        """Take note of where the face is now."""
        self.centre_px, self.eyes_px = _centre(mesh), geometry.inter_ocular_px(mesh)

    def likeness(self, look: Look) -> float:
        """Return how much a face looks like this one, -1 to 1; 1 if it is not known yet."""
        return max((float(known @ look) for known in self.looks), default=1.0)

    def nearest(self, meshes: Sequence[NDArray[np.float32]]) -> int | None:
        """Return which of several (478, 2) meshes is where this face was, None if none is within reach."""
        offs = [self.off(mesh) for mesh in meshes]
        place = int(np.argmin(offs)) if offs else 0
        return place if offs and offs[place] < 1.0 else None

    def remember(self, look: Look) -> None:
        """Take note of a look, if it is this person's for certain and tells something new."""
        if not self.looks or SAME <= self.likeness(look) < _NEW_LOOK:
            self.looks.append(look)

    def off(self, mesh: NDArray[np.float32]) -> float:
        """Return how far off a mesh is in place or size, 1 at the limit."""
        apart = float(np.hypot(*(_centre(mesh) - self.centre_px))) / (REACH_IOD * self.eyes_px)
        ratio = abs(float(np.log(geometry.inter_ocular_px(mesh) / self.eyes_px))) / float(np.log(REACH_SIZE))
        return max(apart, ratio)


def matched(
    people: Sequence[Person],
    meshes: Sequence[NDArray[np.float32]],
    looks: Sequence[Look],
    *,
    expected: Sequence[bool],
) -> dict[int, int]:
    """Return whose the faces of a frame are: index of the person to that of the mesh, each at most once.

    The assignment that makes the most of likeness and place together, over all faces at once (Kuhn 1955). A face where
    somebody was expected may look as different as heads do that turn; elsewhere it has to look the same.

    Args:
        people: Everybody known.
        meshes: (478, 2 or 3) each.
        looks: Those of the meshes.
        expected: Whether each person should be where `Person` says.
    """
    from scipy.optimize import linear_sum_assignment  # only where several people are followed

    if not people or not meshes:
        return {}
    like = np.array([[person.likeness(look) for look in looks] for person in people])
    off = np.array([[person.off(mesh) for mesh in meshes] for person in people])
    near = (off < 1.0) & np.array(expected)[:, np.newaxis]
    best_of_all = (like >= like.max(axis=0)) & (len(meshes) == 1)  # a turned head on its own
    possible = (like >= SAME) | (near & ((like >= NOT_SAME) | best_of_all))
    worth = np.where(possible, 1.0 + like + _PLACE_WEIGHT * np.where(near, 1.0 - off, 0.0), 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return {int(row): int(column) for row, column in zip(rows, columns) if possible[row, column]}


def _centre(mesh: NDArray[np.floating]) -> NDArray[np.float64]:
    centre: NDArray[np.float64] = geometry.eye_centres(mesh).mean(axis=0)
    return centre
