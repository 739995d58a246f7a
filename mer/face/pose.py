"""How a head is turned: the weak-perspective pose of an average face that explains a face mesh best.

Coordinates of the face: inter-ocular distances (IOD), origin between the eyes, x to the right and y down in the
picture, z towards the camera. A point P of the face is seen at `position + scale * turn @ P`, where the rows of `turn`
are the first two of a rotation: first yaw, then pitch, then roll.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

_AVERAGE_FACE: Final = Path(__file__).with_name("average_face.csv")
_SOFT: Final = 0.04
"""Distance from the average face, in IOD, from which a point counts less: persons and expressions differ."""
_REWEIGHTINGS: Final = 4
# Points that speech, expressions and blinks move most: lids and brows, mouth, chin and jaw.
_MOUTH_TOP_IOD: Final = 0.8
_BROWS_IOD: Final = (-0.75, 0.25)


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Where a head is and how it is turned.

    Attributes:
        x: Position of the point between the eyes, to the right; in the unit of the caller.
        y: The same, down.
        scale: Length of one IOD of a head that looks into the camera, same unit.
        yaw: Turn to the side in radians; positive moves the nose to the right of the picture.
        pitch: Nod in radians; positive moves the nose down.
        roll: Rotation in the picture plane in radians, clockwise on the screen.
    """

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def turn(self) -> NDArray[np.float64]:
        """(2, 3) first two rows of the rotation."""
        return roll_matrix(self.roll) @ turn_matrix(self.yaw, self.pitch)


@lru_cache(maxsize=1)
def average_face() -> NDArray[np.float64]:
    """Return the (478, 3) mesh of an average neutral face in face coordinates; read-only."""
    mesh = np.loadtxt(_AVERAGE_FACE, delimiter=",", skiprows=3)
    mesh.flags.writeable = False
    return mesh


def turn_matrix(yaw: float, pitch: float) -> NDArray[np.float64]:
    """Return the (2, 3) projection of a head after yaw and pitch."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    return np.array([[cy, 0.0, sy], [-sp * sy, cp, sp * cy]])


def roll_matrix(roll: float) -> NDArray[np.float64]:
    """Return the (2, 2) rotation in the picture plane."""
    return np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])


def fit_pose(landmarks_px: NDArray[np.floating]) -> HeadPose:
    """Return the pose of a face mesh; speech, blinks and raised brows are left out of account.

    The affine map from the average face to the mesh is fitted robustly and the nearest scaled rotation taken.

    Args:
        landmarks_px: (478, 2) face mesh.

    Returns:
        The pose; position and scale in the unit of the mesh.
    """
    points = _rigid_points()
    face = np.column_stack([average_face()[points], np.ones(len(points))])
    seen = np.asarray(landmarks_px, np.float64)[points]
    weight = np.ones(len(points))
    affine = np.zeros((4, 2))
    for _ in range(_REWEIGHTINGS):
        root = np.sqrt(weight)[:, np.newaxis]
        affine = np.linalg.lstsq(root * face, root * seen, rcond=None)[0]
        distance = np.linalg.norm(face @ affine - seen, axis=1)
        size = np.linalg.norm(affine[:3], axis=0).mean()
        weight = 1.0 / (1.0 + (distance / (_SOFT * size)) ** 2)
    u, singular, v = np.linalg.svd(affine[:3].T, full_matrices=False)
    turn = u @ v
    roll = float(np.arctan2(-turn[0, 1], turn[1, 1]))
    upright = roll_matrix(-roll) @ turn
    yaw = float(np.arctan2(upright[0, 2], upright[0, 0]))
    pitch = float(np.arctan2(upright[1, 2] / max(np.cos(yaw), 0.1), upright[1, 1]))
    return HeadPose(float(affine[3, 0]), float(affine[3, 1]), float(singular.mean()), yaw, pitch, roll)


@lru_cache(maxsize=1)
def _rigid_points() -> NDArray[np.intp]:
    x, y, _ = average_face().T
    lids_or_brows = (y > _BROWS_IOD[0]) & (y < _BROWS_IOD[1]) & (np.abs(np.abs(x) - 0.5) < 0.4)
    points = np.flatnonzero((y < _MOUTH_TOP_IOD) & ~lids_or_brows)
    points.flags.writeable = False
    return points
