"""Crop geometry: where the eyes, nose and mouth lie in a crop, and the similarities that put them there.

Lengths are given in inter-ocular distances (IOD): the distance between the centres of the two
eyes, each the midpoint of its inner and outer corner. It hardly depends on gaze or expression.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

CROP_SIZE: Final = 240
"""Side of the crop kept for every frame, in pixels."""
CLIP_SIZE: Final = 90
"""Side of the pictures that the classifier sees, in pixels (Upadhyay & Verlekar, section 2)."""
CLIP_SIDE_IOD: Final = 2.6
"""Side of the square that the classifier sees: from above the brows to the chin."""
EYE_LINE: Final = 0.28
"""Height of the eyes in that square, as a share of its side from the top."""
CLIP_SIDE_PX: Final = 2 * CLIP_SIZE
"""Side of the classifier's square inside the crop: two crop pixels to one of its own."""
IOD_PX: Final = CLIP_SIDE_PX / CLIP_SIDE_IOD
"""Inter-ocular distance in the crop, in pixels."""

RIGHT_EYE_CORNERS: Final = (33, 133)
LEFT_EYE_CORNERS: Final = (362, 263)

# Mean position of rigid landmarks in IOD, origin between the eyes: eye corners, nose bridge and
# subnasale. Measured on 72 neutral portraits (Face Research Lab London Set, CC BY 4.0).
TEMPLATE_IOD: Final[dict[int, tuple[float, float]]] = {
    33: (-0.729, -0.014),
    133: (-0.271, 0.014),
    362: (0.271, 0.014),
    263: (0.729, -0.014),
    168: (0.0, -0.080),
    6: (0.0, 0.044),
    197: (0.0, 0.155),
    2: (0.0, 0.720),
}

_REWEIGHTINGS: Final = 4

Similarity = NDArray[np.float64]
"""(2, 3) float64: rotation with scale, then translation."""


def eye_centres(landmarks_px: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the (2, 2) centres of the right and left eye of a (478, 2 or 3) face mesh."""
    right = landmarks_px[list(RIGHT_EYE_CORNERS), :2].mean(axis=0)
    left = landmarks_px[list(LEFT_EYE_CORNERS), :2].mean(axis=0)
    return np.stack([right, left]).astype(np.float64)


def inter_ocular_px(landmarks_px: NDArray[np.floating]) -> float:
    """Return the distance between the eye centres, in the pixels of the landmarks."""
    right, left = eye_centres(landmarks_px)
    return float(np.hypot(*(left - right)))


def depth_behind_eyes(mesh: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the (478,) depth of a (478, 3) mesh behind the eyes' corners, in IOD; positive is away from the camera."""
    corners = [*RIGHT_EYE_CORNERS, *LEFT_EYE_CORNERS]
    depth = (mesh[:, 2] - mesh[corners, 2].mean()) / inter_ocular_px(mesh[:, :2])
    return np.asarray(depth, np.float32)


def fit_similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> Similarity:
    """Return the least-squares similarity from `source` to `target`, both (N, 2), N >= 2 (Umeyama 1991)."""
    a = source @ np.array([1.0, 1.0j])
    b = target @ np.array([1.0, 1.0j])
    a_mean, b_mean = a.mean(), b.mean()
    factor = np.vdot(a - a_mean, b - b_mean) / np.vdot(a - a_mean, a - a_mean).real
    shift = b_mean - factor * a_mean
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def fit_similarity_robustly(
    source: NDArray[np.floating],
    target: NDArray[np.floating],
    *,
    min_scale: float,
    weight: NDArray[np.floating] | None = None,
) -> tuple[Similarity, NDArray[np.float64]]:
    """Return the similarity that most points follow, and how far each point is from following it.

    Iteratively reweighted least squares with Cauchy weights; the scale is the median distance.

    Args:
        source: (N, 2) points.
        target: (N, 2) points.
        min_scale: Distance, in target pixels, below which points count as the same.
        weight: (N,) prior weights, or None for equal ones.

    Returns:
        The similarity and the (N,) distances in target pixels.
    """
    a = source @ np.array([1.0, 1.0j])
    b = target @ np.array([1.0, 1.0j])
    prior = np.ones(len(a)) if weight is None else weight
    w = prior
    for _ in range(_REWEIGHTINGS):
        total = w.sum()
        a_mean, b_mean = (w @ a) / total, (w @ b) / total
        centred = a - a_mean
        factor = (w @ (centred.conj() * (b - b_mean))) / (w @ (centred.real**2 + centred.imag**2))
        shift = b_mean - factor * a_mean
        distance = np.abs(b - factor * a - shift)
        scale = max(1.4826 * median(distance), min_scale)
        w = prior / (1.0 + (distance / scale) ** 2)
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]), distance


def fit_motions_robustly(
    points: NDArray[np.floating], motions: NDArray[np.floating], *, min_scale: float
) -> NDArray[np.float64]:
    """Return the similarity that most points of each of N motions follow, less the identity.

    The same as `fit_similarity_robustly` of one target after the other, in the time of two or three.

    Args:
        points: (P, 2) points that all motions start from.
        motions: (2, N, P) how far each point moves along x and along y.
        min_scale: Distance, in pixels, below which points count as the same.

    Returns:
        (N, 2, 3) float64: linear part times a point, plus the last column, is how far the similarity moves it.
    """
    centre = points.mean(axis=0)
    x, y = (points - centre).T.astype(np.float64)
    u, v = motions.astype(np.float64)  # (N, P) each
    sums = np.stack([np.ones_like(x), x, y, x * x + y * y], axis=1)
    moved = np.stack([u, v, x * u + y * v, x * v - y * u], axis=1)  # (N, 4, P)
    weight = np.ones_like(u)
    for _ in range(_REWEIGHTINGS):
        total, x_sum, y_sum, square_sum = (weight @ sums).T
        u_sum, v_sum, dot, cross = (moved @ weight[..., None])[..., 0].T
        spread = square_sum - (x_sum**2 + y_sum**2) / total
        a = (dot - (x_sum * u_sum + y_sum * v_sum) / total) / spread
        b = (cross - (x_sum * v_sum - y_sum * u_sum) / total) / spread
        u_shift = (u_sum - a * x_sum + b * y_sum) / total
        v_shift = (v_sum - b * x_sum - a * y_sum) / total
        a_, b_ = a[:, None], b[:, None]
        square = (u - a_ * x + b_ * y - u_shift[:, None]) ** 2 + (v - b_ * x - a_ * y - v_shift[:, None]) ** 2
        scale = np.maximum(1.4826 * _medians(np.sqrt(square)), min_scale)
        weight = 1.0 / (1.0 + square / scale[:, None] ** 2)
    shift = np.stack([u_shift - a * centre[0] + b * centre[1], v_shift - b * centre[0] - a * centre[1]], axis=-1)
    return np.stack([np.stack([a, b], axis=-1), np.stack([-b, a], axis=-1), shift], axis=-1)


def _medians(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the (N,) medians of (N, P) rows; see `median`."""
    middle = [(values.shape[1] - 1) // 2, values.shape[1] // 2]
    medians: NDArray[np.float64] = np.partition(values, middle, axis=1)[:, middle].mean(axis=1)
    return medians


def median(values: NDArray[np.floating]) -> float:
    """Return the median of a plain (N,) array, N >= 1: the same number as numpy's, in a fifth of its time."""
    middle = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, middle)[middle])
    ordered = np.partition(values, (middle - 1, middle))
    return float((ordered[middle - 1] + ordered[middle]) / 2)


def compose(outer: Similarity, inner: Similarity) -> Similarity:
    """Return the transform that applies `inner` first, then `outer`."""
    composed = np.empty((2, 3))
    composed[:, :2] = outer[:, :2] @ inner[:, :2]
    composed[:, 2] = outer[:, :2] @ inner[:, 2] + outer[:, 2]
    return composed


def invert(transform: Similarity) -> Similarity:
    """Return the inverse of a (2, 3) transform."""
    linear = np.linalg.inv(transform[:, :2])
    return np.column_stack([linear, -linear @ transform[:, 2]])


def apply(transform: Similarity, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (N, 2) points moved by a (2, 3) transform; further columns, such as a mesh's depth, stay as they are."""
    moved: NDArray[np.float64] = points[:, :2] @ transform[:, :2].T + transform[:, 2]
    return moved if points.shape[1] == 2 else np.column_stack([moved, points[:, 2:]])


def identity() -> Similarity:
    """Return the transform that changes nothing."""
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def crop_from_landmarks(landmarks_px: NDArray[np.floating]) -> Similarity:
    """Return the similarity from the picture of the landmarks to its crop of CROP_SIZE pixels.

    Args:
        landmarks_px: (478, 2 or 3) face mesh in picture pixels.
    """
    indices = list(TEMPLATE_IOD)
    template = np.array(list(TEMPLATE_IOD.values()))
    margin = (CROP_SIZE - CLIP_SIDE_PX) / 2
    eyes = np.array([CROP_SIZE / 2, margin + EYE_LINE * CLIP_SIDE_PX]) - 0.5
    return fit_similarity(landmarks_px[indices, :2], template * IOD_PX + eyes)


def square_from_crop() -> Similarity:
    """Return the shift from crop pixels to the pixels of the classifier's square of CLIP_SIDE_PX."""
    margin = (CROP_SIZE - CLIP_SIDE_PX) / 2
    return np.array([[1.0, 0.0, -margin], [0.0, 1.0, -margin]])
