"""A picture of the face that others are compared with, and the small motions that they show against it.

Dense optical flow by least squares (Lucas & Kanade 1981) in overlapping windows. Gradients are computed once, so that
a picture costs three products and a few means. A brightness offset per window keeps changes of light out.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from realtime.spotting.face_shape import CELLS, FaceShape
from realtime.spotting.head_pose import RIGID

DAMPING: Final = 3.0
"""Gradient energy (grey levels per pixel, squared) below which a window's motion is not believed."""
_WINDOW: Final = 3
"""Side of a window in cells."""
_MIN_SCALE: Final = 0.004
"""Motion, in pixels, below which cells are not told apart."""
_REWEIGHTINGS: Final = 3
_SHAPE_IS_RIGHT: Final = 0.3
"""Weight of the belief that the mesh is right about the shape, against that of the whole face's motion."""

Picture = NDArray[np.float32]
"""(SIZE, SIZE) brightness of a face that is held still."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Motion of the cells on the face against a reference.

    Attributes:
        step: Change of the head's pose that most of the face follows, along `Pose.directions`.
        head_px: Mean motion that it explains, in pixels, as the damped flow shows it.
        rest: (2, P) motion that it does not explain, in pixels.
        scale: Typical length of that, in pixels.
    """

    step: NDArray[np.float64]
    head_px: float
    rest: NDArray[np.float64]
    scale: float


@dataclass(frozen=True, slots=True)
class Reference:
    """One such picture, prepared. Made by `of`."""

    picture: Picture
    shape: FaceShape
    brightness: float
    sharpness: float
    trust: NDArray[np.float64]
    weights: NDArray[np.float64]
    _gradients: tuple[Picture, Picture]
    _means: tuple[NDArray[np.float64], NDArray[np.float64]]
    _inverse: NDArray[np.float64]
    _response: NDArray[np.float64]

    @staticmethod
    def of(picture: Picture, shape: FaceShape) -> "Reference":
        """Prepare a picture."""
        gx = np.asarray(cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8), np.float32)
        gy = np.asarray(cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8), np.float32)
        xx, xy, yy, x, y = (_windows(plane, shape) for plane in (gx * gx, gx * gy, gy * gy, gx, gy))
        xx, xy, yy = xx - x * x, xy - x * y, yy - y * y  # the brightness offset is eliminated
        determinant = (xx + DAMPING) * (yy + DAMPING) - xy * xy
        inverse = np.array([[yy + DAMPING, -xy], [-xy, xx + DAMPING]]) / determinant
        trust = np.minimum(xx, yy)
        trust = np.clip(trust / (trust + DAMPING), 0.02, 1.0)
        weights = shape.near * trust
        return Reference(
            picture=picture,
            shape=shape,
            brightness=cv2.mean(picture[shape.core])[0],
            sharpness=max(mean_gradient(picture[shape.core]), 1e-3),
            trust=trust,
            weights=weights / weights.sum(axis=1, keepdims=True),
            _gradients=(gx, gy),
            _means=(x, y),
            _inverse=inverse,
            _response=np.einsum("ijp,jkp->ikp", inverse, np.array([[xx, xy], [xy, yy]])),
        )

    def seen(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (STEPS, 2P): what the damped flow shows of a true motion along each direction.

        Args:
            directions: (STEPS, 2, P) motion of the cells along each parameter of the pose, in pixels.
        """
        seen: NDArray[np.float64] = np.einsum("ijp,bjp->bip", self._response, directions)
        return seen.reshape(len(directions), -1)

    def flow(self, picture: Picture, basis: NDArray[np.float64]) -> Flow:
        """Return the motion of a picture.

        The motion of the head is fitted robustly (Cauchy weights), so that it is what most of the face follows.

        Args:
            picture: Of equal brightness.
            basis: From `seen`.
        """
        change = self.picture - picture
        gx, gy = self._gradients
        a, b, offset = (_windows(plane, self.shape) for plane in (gx * change, gy * change, change))
        right_side = np.array([a - self._means[0] * offset, b - self._means[1] * offset])
        target = np.einsum("ijp,jp->ip", self._inverse, right_side).ravel()
        belief = np.zeros((len(basis), len(basis)))
        loose = np.arange(RIGID, len(basis))
        belief[loose, loose] = _SHAPE_IS_RIGHT * self.shape.iod_px**2
        points = len(self.trust)
        weight = self.trust
        for _ in range(_REWEIGHTINGS):
            weighted = basis * np.concatenate([weight, weight])
            step = solve(weighted @ basis.T + belief * weight.sum(), weighted @ target)
            rest = (target - step @ basis).reshape(2, points)
            distance = np.hypot(rest[0], rest[1])
            scale = max(1.4826 * geometry.median(distance), _MIN_SCALE)
            weight = self.trust / (1.0 + (distance / scale) ** 2)
        head_px = float(np.abs(step[:RIGID] @ basis[:RIGID]).mean())
        return Flow(step, head_px, rest, scale)


def mean_gradient(picture: Picture) -> float:
    """Return the mean difference of pixels two apart, which averages noise out and blur not."""
    across = cv2.mean(cv2.absdiff(picture[:, 2:], picture[:, :-2]))[0]
    return across + cv2.mean(cv2.absdiff(picture[2:], picture[:-2]))[0]


def _windows(plane: NDArray[np.float32], shape: FaceShape) -> NDArray[np.float64]:
    """Return the mean of a plane over the window around each cell on the face."""
    cells = cv2.resize(plane, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    means = cv2.blur(cells, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REFLECT)
    return np.asarray(means, np.float64).ravel()[shape.on_face]


def solve(system: NDArray[np.float64], right_side: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the solution of a small symmetric positive definite system, in a quarter of numpy's time.

    Raises:
        numpy.linalg.LinAlgError: If it is singular.
    """
    # OpenCV 5 refuses a right side of one dimension.
    solved, solution = cv2.solve(system, right_side[:, np.newaxis], flags=cv2.DECOMP_CHOLESKY)
    if not solved:
        raise np.linalg.LinAlgError("Singular matrix")
    return np.asarray(solution, np.float64)[:, 0]
