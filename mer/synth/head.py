"""A portrait's head turned in depth: where each point of the picture was on the still portrait.

The relief is that of the average face (`mer.face.pose`), not the one that the motion measure assumes, and differs from
person to person. Position, size and roll move the whole picture, as if the camera moved; yaw and pitch turn the head.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face.pose import HeadPose, average_face, roll_matrix, turn_matrix
from mer.synth.fields import GRID_STEP, GRID_X, GRID_Y, grid

_BACK_OF_HEAD_IOD: Final = -1.1
_ROUNDS: Final = 8
_COARSE: Final = 4


@dataclass(frozen=True, slots=True)
class Relief:
    """How far one person's face comes out of the picture.

    Attributes:
        depth: Factor on all heights of the average face.
        nose: Further factor on heights over that of the eyes.
    """

    depth: float = 1.0
    nose: float = 1.0

    def height(self, where: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the height in IOD at (..., 2) places in face coordinates; 0 at the eyes, positive to the camera."""
        columns = (where[..., 0] - np.float32(GRID_X[0])) / np.float32(GRID_STEP)
        rows = (where[..., 1] - np.float32(GRID_Y[0])) / np.float32(GRID_STEP)
        height = cv2.remap(_average_relief(), columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(np.where(height > 0, height * np.float32(self.nose), height) * np.float32(self.depth))


def draw_relief(generator: np.random.Generator) -> Relief:
    """Return a random person's relief."""
    return Relief(float(generator.uniform(0.8, 1.25)), float(generator.uniform(0.75, 1.3)))


def undo(here: NDArray[np.float32], follow: NDArray[np.float32], relief: Relief, pose: HeadPose) -> NDArray[np.float32]:
    """Return where, on the still portrait, the skin lies that is seen at `here`.

    Args:
        here: (..., 2) places in the picture, in face coordinates of the still portrait.
        follow: (..., 1) 1 on the head, 0 in the background, at the same places.
        relief: The person's.
        pose: With position and scale in IOD of the still portrait.
    """
    back = roll_matrix(-pose.roll) / pose.scale
    offset = -back @ np.array([pose.x, pose.y])
    upright = np.asarray(cv2.transform(here, np.column_stack([back, offset])), np.float32)
    matrix = turn_matrix(pose.yaw, pose.pitch).astype(np.float32)
    change = matrix[:, :2] - np.eye(2, dtype=np.float32)
    rest = upright
    for _ in range(_ROUNDS):
        moved = cv2.transform(rest, change) + relief.height(rest)[..., np.newaxis] * matrix[:, 2]
        rest = np.asarray(upright - follow * moved, np.float32)
    return rest


@lru_cache(maxsize=1)
def _average_relief() -> NDArray[np.float32]:
    """Return the height of the average face on the grid of `mer.synth.fields`, going on to the sides of the head."""
    from scipy.interpolate import RBFInterpolator

    face = average_face()[:468]
    spline = RBFInterpolator(face[:, :2], face[:, 2], kernel="thin_plate_spline", smoothing=1e-2)
    x, y = grid()
    nodes = np.stack([x, y], axis=-1)[::_COARSE, ::_COARSE]
    coarse = spline(nodes.reshape(-1, 2).astype(np.float64)).reshape(nodes.shape[:2])
    soft = 0.1  # a soft maximum, so that the relief has no edge where it ends
    coarse = soft * np.logaddexp(coarse / soft, _BACK_OF_HEAD_IOD / soft)
    columns, rows = ((v / (_COARSE * GRID_STEP)).astype(np.float32) for v in (x - GRID_X[0], y - GRID_Y[0]))
    fine = cv2.remap(coarse.astype(np.float32), columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(fine, np.float32)
