"""How far each region of the face has moved against its state at rest, free of head motion.

Dense optical flow by least squares (Lucas & Kanade 1981) between a reference picture, averaged
over a moment of rest, and each stabilised frame. The reference's gradients are computed once, so a
frame costs one warp and a few box filters. A brightness offset per window and a gain per frame
keep light changes out. The motion of the head as a whole (shift, scale, roll and, through the
depth of an average face, yaw and pitch) is fitted robustly and removed.

Motion is in percent of the inter-ocular distance, so it means the same at any camera distance.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from mer.face.geometry import CROP_SIZE, IOD_PX
from mer.messages import FaceCrop

SIZE: Final = CROP_SIZE // 2
"""Side of the pictures that motion is measured on."""
PERCENT_PER_PX: Final = 100.0 * 2.0 / IOD_PX

REGIONS: Final[dict[str, tuple[int, ...]]] = {
    "right inner brow": (55, 107),
    "left inner brow": (285, 336),
    "right outer brow": (105, 63),
    "left outer brow": (334, 293),
    "right cheek": (50, 101),
    "left cheek": (280, 330),
    "right nose wing": (49, 203),
    "left nose wing": (279, 423),
    "upper lip": (0, 164),
    "right mouth corner": (61, 57),
    "left mouth corner": (291, 287),
    "lower lip": (17, 18),
    "chin": (199, 200),
}
"""Regions and the face-mesh points whose mean is their centre."""
EYES: Final[dict[str, tuple[int, ...]]] = {"right eye": (159, 145), "left eye": (386, 374)}
"""Regions that only tell blinks and gaze from expressions."""

_WINDOW: Final = 13
_STRIDE: Final = 4
_REGION_RADIUS_IOD: Final = 0.13
_DAMPING: Final = 3.0
"""Gradient energy (grey levels per pixel, squared) below which a window's motion is not believed."""
_FACE_RADII_IOD: Final = (1.05, 1.3)
_FACE_CENTRE_IOD: Final = 0.5
_LEAST_SCALE: Final = 0.004
_REWEIGHTINGS: Final = 3


@dataclass(frozen=True, slots=True)
class Motion:
    """What one frame shows against the reference.

    Attributes:
        regions: (13, 2) float64 motion of each of REGIONS, percent of the inter-ocular distance.
        eyes: (2, 2) float64 the same for the EYES.
        head: (2,) float64 how far the head as a whole has moved since the anchoring, same unit.
        gain: Brightness of the face against the reference, 1 for equal.
        sharpness: Mean gradient of the face against the reference, 1 for equal; a lens that hunts lowers it.
    """

    regions: NDArray[np.float64]
    eyes: NDArray[np.float64]
    head: NDArray[np.float64]
    gain: float
    sharpness: float = 1.0


class MotionMeter:
    """Measures motion against a reference that the caller chooses by `set_reference`."""

    def __init__(self) -> None:
        self._reference: _Reference | None = None

    def stabilise(self, crop: FaceCrop) -> NDArray[np.float32]:
        """Return the (SIZE, SIZE) picture of the face as if the head had not moved since anchoring."""
        crop_from_small = np.array([[2.0, 0.0, 0.5], [0.0, 2.0, 0.5]])
        inverse = geometry.compose(crop.motion, crop_from_small)
        small = cv2.warpAffine(
            crop.image,
            inverse,
            (SIZE, SIZE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(cv2.GaussianBlur(small, (5, 5), 1.0), np.float32)

    def set_reference(self, picture: NDArray[np.float32], landmarks_px: NDArray[np.float32]) -> None:
        """Measure against this picture from now on.

        Args:
            picture: (SIZE, SIZE) float32, from `stabilise` or a mean of such pictures.
            landmarks_px: (478, 2) face mesh in crop pixels at the anchoring.
        """
        self._reference = _Reference.of(picture, landmarks_px)

    def measure(self, crop: FaceCrop, picture: NDArray[np.float32]) -> Motion:
        """Return the motion of one frame.

        Args:
            crop: The frame's crop.
            picture: The same, stabilised.

        Raises:
            RuntimeError: If no reference was set.
        """
        reference = self._reference
        if reference is None:
            raise RuntimeError("measure() called before set_reference()")
        gain = reference.mean / max(cv2.mean(picture[reference.core])[0], 1.0)
        flow = reference.flow(picture * np.float32(gain))
        moved = (reference.weights @ reference.without_head(flow)) * PERCENT_PER_PX
        centre = np.full((1, 2), CROP_SIZE / 2)
        head = (geometry.apply(crop.motion, centre) - centre)[0] * (100.0 / IOD_PX)
        sharpness = gain * _mean_gradient(picture[reference.core]) / reference.gradient
        return Motion(moved[: len(REGIONS)], moved[len(REGIONS) :], head, 1.0 / gain, sharpness)


@dataclass(frozen=True, slots=True)
class _Reference:
    picture: NDArray[np.float32]
    mean: float
    gradient: float
    core: tuple[slice, slice]
    gradients: tuple[NDArray[np.float32], NDArray[np.float32]]
    at: NDArray[np.intp]
    inverse: NDArray[np.float32]
    trust: NDArray[np.float64]
    rigid: NDArray[np.float64]
    weights: NDArray[np.float64]

    @staticmethod
    def of(picture: NDArray[np.float32], landmarks_px: NDArray[np.float32]) -> "_Reference":
        landmarks = (landmarks_px.astype(np.float64) - 0.5) / 2.0
        iod = geometry.inter_ocular_px(landmarks)
        eyes = geometry.eye_centres(landmarks).mean(axis=0)
        gx = cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
        gy = cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
        ys, xs = np.mgrid[_STRIDE:SIZE:_STRIDE, _STRIDE:SIZE:_STRIDE]
        position = (np.stack([xs, ys], axis=-1).reshape(-1, 2) - eyes) / iod
        radii = np.hypot(position[:, 0] / _FACE_RADII_IOD[0], (position[:, 1] - _FACE_CENTRE_IOD) / _FACE_RADII_IOD[1])
        on_face = radii < 1.0
        at = (ys.ravel()[on_face], xs.ravel()[on_face])
        position = position[on_face]
        sums = _box(np.stack([gx * gx, gx * gy, gy * gy, gx, gy], axis=-1))[at].astype(np.float64)
        system = np.empty((len(position), 3, 3))
        system[:, 0, 0] = sums[:, 0]
        system[:, 0, 1] = system[:, 1, 0] = sums[:, 1]
        system[:, 1, 1] = sums[:, 2]
        system[:, 0, 2] = system[:, 2, 0] = sums[:, 3]
        system[:, 1, 2] = system[:, 2, 1] = sums[:, 4]
        system[:, 2, 2] = 1.0
        inverse = np.linalg.inv(system + np.diag([_DAMPING, _DAMPING, 0.0]))[:, :2]
        response = inverse @ system[:, :, :2]
        variance_x, variance_y = sums[:, 0] - sums[:, 3] ** 2, sums[:, 2] - sums[:, 4] ** 2
        trust = np.minimum(variance_x, variance_y)
        trust = np.clip(trust / (trust + _DAMPING), 0.02, 1.0)
        centre = (int(eyes[0]), int(eyes[1] + 0.5 * iod))
        half = int(0.8 * iod)
        core = (slice(max(centre[1] - half, 0), centre[1] + half), slice(max(centre[0] - half, 0), centre[0] + half))
        return _Reference(
            picture=picture,
            mean=cv2.mean(picture[core])[0],
            gradient=max(_mean_gradient(picture[core]), 1e-3),
            core=core,
            gradients=(np.asarray(gx, np.float32), np.asarray(gy, np.float32)),
            at=np.ravel_multi_index(at, (SIZE, SIZE)),
            inverse=inverse.astype(np.float32),
            trust=trust,
            rigid=_rigid_basis(position, response),
            weights=_region_weights(position, (landmarks - eyes) / iod, trust),
        )

    def flow(self, picture: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the (P, 2) motion of the grid points in pixels."""
        change = self.picture - picture
        gx, gy = self.gradients
        right_side = np.stack([_box(plane).ravel()[self.at] for plane in (gx * change, gy * change, change)], axis=-1)
        flow: NDArray[np.float64] = np.einsum("pij,pj->pi", self.inverse, right_side).astype(np.float64)
        return flow

    def without_head(self, flow: NDArray[np.float64]) -> NDArray[np.float64]:
        """Subtract the motion of the head that most of the face follows (Cauchy weights)."""
        points = len(self.trust)
        target = flow.T.ravel()
        weight = self.trust
        rest = flow
        for _ in range(_REWEIGHTINGS):
            weighted = self.rigid * np.concatenate([weight, weight])
            head = _solve(weighted @ self.rigid.T, weighted @ target)
            rest = (target - head @ self.rigid).reshape(2, points).T
            distance = np.hypot(rest[:, 0], rest[:, 1])
            scale = max(1.4826 * geometry.median(distance), _LEAST_SCALE)
            weight = self.trust / (1.0 + (distance / scale) ** 2)
        return rest


def _solve(system: NDArray[np.float64], right_side: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the solution of a small symmetric positive definite system, in a quarter of numpy's time.

    Raises:
        numpy.linalg.LinAlgError: If it is singular.
    """
    # OpenCV 5 refuses a right side of one dimension.
    solved, solution = cv2.solve(system, right_side[:, np.newaxis], flags=cv2.DECOMP_CHOLESKY)
    if not solved:
        raise np.linalg.LinAlgError("Singular matrix")
    return np.asarray(solution, np.float64)[:, 0]


def _mean_gradient(picture: NDArray[np.float32]) -> float:
    """Return the mean difference of pixels two apart, which averages noise out and blur not."""
    across = cv2.norm(picture[:, 2:], picture[:, :-2], cv2.NORM_L1)
    down = cv2.norm(picture[2:], picture[:-2], cv2.NORM_L1)
    return float(across + down) / picture.size


def _box(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.blur(channels, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REFLECT), np.float32)


def _rigid_basis(position: NDArray[np.float64], response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (6, 2P): shift in x and y, scale, roll, yaw and pitch as motion of the grid points.

    Args:
        position: (P, 2) grid points in IOD, origin between the eyes.
        response: (P, 2, 2) what the damped flow shows of a true motion at each point.
    """
    x, y = position.T
    none, one = np.zeros_like(x), np.ones_like(x)
    # Depth of the average face in IOD, fitted to mediapipe's mesh of 72 neutral portraits (rms 0.11).
    depth = 0.68 * x**2 + 0.03 * (y + 0.48) ** 2 - 0.51 * np.exp(-((x / 0.23) ** 2) - ((y - 0.5) / 0.21) ** 2)
    pairs = [(one, none), (none, one), (x, y), (-y, x), (depth, none), (none, depth)]
    true = np.array([np.stack(pair, axis=-1) for pair in pairs])
    shown: NDArray[np.float64] = np.einsum("pij,bpj->bip", response, true)
    return shown.reshape(len(pairs), -1)


def _region_weights(
    position: NDArray[np.float64], landmarks: NDArray[np.float64], trust: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (13 + 2, P): each region's motion as a weighted mean of the grid points near its centre."""
    rows = []
    for indices in (*REGIONS.values(), *EYES.values()):
        centre = landmarks[list(indices)].mean(axis=0)
        near = np.exp(-0.5 * ((position - centre) ** 2).sum(axis=1) / _REGION_RADIUS_IOD**2) * trust
        rows.append(near / near.sum())
    return np.array(rows)
