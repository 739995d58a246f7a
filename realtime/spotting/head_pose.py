"""How the head has moved since the face was cut out: rotation in depth, size and shift, in front of a near camera."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

CAMERA_IOD: Final = 9.0
"""Distance of the camera in inter-ocular distances, about 60 cm; what is nearer looks larger and moves further."""
STEPS: Final = 10
"""Directions that a fit may take: six of a rigid head, and four for what the mesh gets wrong about its shape."""
RIGID: Final = 6
MAX_TURN: Final = 0.6
"""Rotation, in radians, from which too much of the face is hidden for a pose to mean anything."""
_MAX_ZOOM: Final = 1.35


@dataclass(frozen=True, slots=True)
class Pose:
    """A pose of the head relative to the one in which its shape was measured.

    Attributes:
        rotation: (3, 3) matrix; x to the right, y down, z away from the camera.
        scale: Factor on size.
        shift: (2,) in IOD.
    """

    rotation: NDArray[np.float64]
    scale: float
    shift: NDArray[np.float64]

    @staticmethod
    def still() -> "Pose":
        """Return the pose in which nothing has moved."""
        return Pose(np.eye(3), 1.0, np.zeros(2))

    def turned(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (3, P) points after the rotation."""
        rotated: NDArray[np.float64] = self.rotation @ points
        return rotated

    def seen(self, points: NDArray[np.float64], turned: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (2, P): where points are seen that were seen at their x and y in the still pose.

        Args:
            points: (3, P) in IOD.
            turned: The same, from `turned`.
        """
        nearer = self.scale * (1.0 + points[2] / CAMERA_IOD) / (1.0 + turned[2] / CAMERA_IOD)
        place: NDArray[np.float64] = turned[:2] * nearer + self.shift[:, np.newaxis]
        return place

    def directions(self, points: NDArray[np.float64], turned: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (STEPS, 2, P): how points seem to move with each parameter of `after`, per unit.

        The first RIGID are shift in x and y, size, roll, yaw and pitch; the others are two shears, and the change of
        perspective that a nearer or more distant camera would give to yaw and pitch.
        """
        x, y = self.seen(points, turned) - self.shift[:, np.newaxis]
        across, down, depth = self.scale * turned
        none, one = np.zeros_like(x), np.ones_like(x)
        yaw = (depth + x * turned[0] / CAMERA_IOD, y * turned[0] / CAMERA_IOD)
        pitch = (-x * turned[1] / CAMERA_IOD, -depth - y * turned[1] / CAMERA_IOD)
        rigid = [(one, none), (none, one), (x, y), (-down, across), yaw, pitch]
        u, v = points[0], points[1]
        loose = [(u, -v), (v, u), (u * u, u * v), (u * v, v * v)]
        return np.array(rigid + loose)

    def after(self, step: NDArray[np.float64]) -> "Pose":
        """Return the pose after a small step along the RIGID directions."""
        roll, yaw, pitch = step[3:6].tolist()
        turn = np.array([[1.0, -roll, yaw], [roll, 1.0, -pitch], [-yaw, pitch, 1.0]])
        rotation = turn @ self.rotation
        rotation = rotation @ (1.5 * np.eye(3) - 0.5 * rotation.T @ rotation)  # back to a rotation (Newton's step)
        return Pose(rotation, self.scale * (1.0 + float(step[2])), self.shift + step[:2])

    @property
    def vector(self) -> NDArray[np.float64]:
        """(6,) shift in x and y, logarithm of the size, and sines of roll, yaw and pitch, in IOD."""
        r = self.rotation.tolist()
        roll, yaw, pitch = 0.5 * (r[1][0] - r[0][1]), 0.5 * (r[0][2] - r[2][0]), 0.5 * (r[2][1] - r[1][2])
        return np.array([*self.shift, np.log(self.scale), roll, yaw, pitch])

    @property
    def is_plausible(self) -> bool:
        """Whether a head that is still tracked can have this pose; a fit that went astray has not."""
        turned = float(np.trace(self.rotation)) < 1.0 + 2.0 * np.cos(MAX_TURN)
        return not turned and 1.0 / _MAX_ZOOM < self.scale < _MAX_ZOOM and bool(np.abs(self.shift).max() < 1.0)
