"""Displacement fields of action units on a face mesh in a picture: where each pixel's skin was before, and the warp.

The field is looked up at each point of the mesh, carried along with the head (turned, foreshortened, scaled), spread
between the points and resampled. Pixels that no skin moves under are not touched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face.pose import HeadPose, average_face
from mer.synth.fields import GRID_STEP, GRID_X, GRID_Y, Field, UnitSide
from mer.synth.injection.planes import Plane

N_SKIN: Final = 468
"""Points of the mesh on the skin; those beyond are the irises."""
MIN_PX: Final = 1 / 256
"""Shorter displacements are none: they change no grey level by one."""
_LATTICE_IOD: Final = 0.03
_BORDER: Final = 1.5
"""Where the skin rests again: the outline of the mesh, enlarged about its middle."""
_OUTLINE: Final = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377)
_OUTLINE_BACK: Final = (152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
_ROUNDS: Final = 3
_TAPS: Final = 3


@dataclass(frozen=True, slots=True)
class Shift:
    """Where, relative to each pixel of a part of the picture, the skin seen there was before.

    Attributes:
        rows: Of the picture.
        columns: Of the picture; both even-numbered at the begin.
        back_px: (h, w, 2) float32 offset (x, y) in pixels to the place in the undrawn picture.
    """

    rows: slice
    columns: slice
    back_px: NDArray[np.float32]


class Skin:
    """The face of one person, ready to carry displacement fields.

    Args:
        landmarks: (478, 2) mesh in face coordinates, from `meshes.at_rest`.
        basis: From `fields.build` on the same landmarks.
    """

    def __init__(self, landmarks: NDArray[np.float64], basis: Mapping[UnitSide, Field]) -> None:
        self._basis = basis
        points = landmarks[:N_SKIN].astype(np.float32)
        self._columns = ((points[:, 0] - GRID_X[0]) / GRID_STEP).reshape(-1, 1)
        self._rows = ((points[:, 1] - GRID_Y[0]) / GRID_STEP).reshape(-1, 1)
        self._slope = _slopes(landmarks[:N_SKIN])
        self._rest = _with_border(landmarks)
        self._triangles = _triangulated(self._rest)

    def full_size(self, amounts: Mapping[UnitSide, float]) -> float:
        """Return which share of a field's largest displacement is left after spreading it between the mesh's points."""
        total = self._total(amounts)
        if total is None or not total.any():
            return 1.0
        lattice = _spread(self._triangles, self._rest, self._at_points(total)[:, :2], 0.5 * _LATTICE_IOD)[0]
        return float(np.linalg.norm(lattice, axis=-1).max() / np.linalg.norm(total, axis=-1).max())

    def shift(
        self, amounts: Mapping[UnitSide, float], mesh_px: NDArray[np.float64], pose: HeadPose, size_wh: tuple[int, int]
    ) -> Shift | None:
        """Return how a picture changes when some units are shown; None if nothing moves.

        Args:
            amounts: Displacement in IOD of each unit and side.
            mesh_px: (478, 2) mesh of the frame.
            pose: Of the same mesh.
            size_wh: Of the picture.
        """
        total = self._total(amounts)
        if total is None:
            return None
        moved_px = pose.scale * self._at_points(total) @ pose.turn.T
        if np.abs(moved_px).max() < MIN_PX:
            return None
        step = max(1, round(_LATTICE_IOD * pose.scale))
        coarse, corner = _spread(self._triangles, _with_border(mesh_px), moved_px, float(step))
        fine = cv2.resize(coarse, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
        return _inside(_backward(np.asarray(fine, np.float32)), corner, size_wh)

    def _total(self, amounts: Mapping[UnitSide, float]) -> Field | None:
        shown = [self._basis[key] * np.float32(amount) for key, amount in amounts.items() if amount != 0.0]
        return np.sum(shown, axis=0, dtype=np.float32) if shown else None

    def _at_points(self, field: Field) -> NDArray[np.float64]:
        """Return the (468, 3) displacement of the mesh's points: along the skin, which is not flat."""
        flat = cv2.remap(field, self._columns, self._rows, cv2.INTER_LINEAR)[:, 0].astype(np.float64)
        return np.column_stack([flat, (flat * self._slope).sum(axis=1)])


def warp(planes: tuple[Plane, Plane, Plane], shift: Shift) -> tuple[Plane, Plane, Plane]:
    """Return planes with a shift applied; pixels under which nothing moves keep their bytes."""
    luma, first, second = planes
    moved = [_warped(luma, shift.rows, shift.columns, shift.back_px)]
    factor = luma.shape[0] // first.shape[0]
    rows, columns = (slice(part.start // factor, part.stop // factor) for part in (shift.rows, shift.columns))
    back = shift.back_px
    if factor > 1:
        size = (columns.stop - columns.start, rows.stop - rows.start)
        back = np.asarray(cv2.resize(back, size, interpolation=cv2.INTER_AREA) / factor, np.float32)
    moved += [_warped(plane, rows, columns, back) for plane in (first, second)]
    return moved[0], moved[1], moved[2]


def _slopes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (468, 2) how fast the skin's height changes to the right and down, from planes through near points."""
    depth = average_face()[:N_SKIN, 2]
    slopes = np.zeros((N_SKIN, 2))
    for i, point in enumerate(points):
        near = np.argsort(((points - point) ** 2).sum(axis=1))[:16]
        plane = np.column_stack([points[near] - point, np.ones(len(near))])
        slopes[i] = np.linalg.lstsq(plane, depth[near], rcond=None)[0][:2]
    return np.clip(slopes, -1.5, 1.5)


def _with_border(mesh: NDArray[np.float64]) -> NDArray[np.float64]:
    outline = mesh[list(_OUTLINE + _OUTLINE_BACK)]
    middle = outline.mean(axis=0)
    return np.concatenate([mesh[:N_SKIN], middle + _BORDER * (outline - middle)])


def _triangulated(points: NDArray[np.float64]) -> NDArray[np.intp]:
    from scipy.spatial import Delaunay

    return np.asarray(Delaunay(points).simplices, np.intp)


def _spread(
    triangles: NDArray[np.intp], points: NDArray[np.float64], moved: NDArray[np.float64], step: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return displacements on a lattice of squares of `step`, affine in each triangle, and the corner of its first."""
    low, high = np.floor(points.min(axis=0) / (2 * step)) * 2 * step, points.max(axis=0)
    columns, rows = (int(np.ceil(n / step)) + 1 for n in high - low)
    # Pixel centres are at whole numbers: a square of `step` pixels that begins at `low` is centred half a pixel less.
    first = low + 0.5 * step - (0.5 if step >= 1.0 else 0.0)
    at = (points - first) / step
    owner = np.full((rows, columns), -1, np.int32)
    a, b, c = (at[triangles[:, k]] for k in range(3))
    area = np.abs(_cross(b - a, c - a))
    places = np.rint(at * 16).astype(np.int32)
    for index in np.argsort(area):  # closed lips make slivers, which larger neighbours may cover
        cv2.fillConvexPoly(owner, places[triangles[index]], int(index), shift=4)
    y, x = np.nonzero(owner >= 0)
    corners = triangles[owner[y, x]]
    node = np.column_stack([x, y])
    p, q, r = (at[corners[:, k]] for k in range(3))
    share = np.stack([_cross(q - node, r - node), _cross(r - node, p - node), _cross(p - node, q - node)], axis=1)
    # Painted borders reach into the neighbour, where a weight would turn negative.
    share = np.maximum(share * np.sign(_cross(q - p, r - p))[:, np.newaxis], 1e-9)
    values = np.zeros((len(points), 2))
    values[: len(moved)] = moved
    field = np.zeros((rows, columns, 2), np.float32)
    field[y, x] = np.einsum("nk,nkd->nd", share / share.sum(axis=1, keepdims=True), values[corners])
    return field, low


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product


def _backward(forward: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the offset to where the skin came from: -D(p), with p + D(p) = here."""
    y, x = np.mgrid[: forward.shape[0], : forward.shape[1]].astype(np.float32)
    back = -forward
    for _ in range(_ROUNDS):
        back = -np.asarray(cv2.remap(forward, x + back[..., 0], y + back[..., 1], cv2.INTER_LINEAR), np.float32)
    return back


def _inside(back: NDArray[np.float32], corner: NDArray[np.float64], size_wh: tuple[int, int]) -> Shift | None:
    """Return the part of the picture that moves, with even borders."""
    there = np.argwhere(np.abs(back).max(axis=-1) >= MIN_PX)
    if not len(there):
        return None
    x0, y0 = (int(v) for v in np.rint(corner))
    limits = []
    for axis, offset, side in ((0, y0, size_wh[1]), (1, x0, size_wh[0])):
        first = max(0, (int(there[:, axis].min()) + offset) // 2 * 2)
        last = min(side, -(-(int(there[:, axis].max()) + offset + 1) // 2) * 2)
        limits.append((first, last))
    (top, bottom), (left, right) = limits
    if bottom <= top or right <= left:
        return None
    part = np.zeros((bottom - top, right - left, 2), np.float32)
    height, width = back.shape[:2]
    ys, xs = slice(max(top, y0), min(bottom, y0 + height)), slice(max(left, x0), min(right, x0 + width))
    part[ys.start - top : ys.stop - top, xs.start - left : xs.stop - left] = back[
        ys.start - y0 : ys.stop - y0, xs.start - x0 : xs.stop - x0
    ]
    return Shift(slice(top, bottom), slice(left, right), part)


def _warped(plane: Plane, rows: slice, columns: slice, back: NDArray[np.float32]) -> Plane:
    moves = np.abs(back).max(axis=-1) >= MIN_PX
    if not moves.any():
        return plane
    reach = int(np.ceil(np.abs(back).max())) + _HALF_BAND + _TAPS
    part = _padded(plane, rows, columns, reach)
    y, x = np.nonzero(moves)
    fine = _doubled(part)
    at = np.asarray(2.0 * (np.column_stack([x, y]) + reach + back[y, x]), np.float64)
    drawn = np.array(plane)
    drawn[rows, columns][y, x] = np.clip(np.rint(_sampled(fine, at)), 0, 255).astype(np.uint8)
    return drawn


def _padded(plane: Plane, rows: slice, columns: slice, reach: int) -> NDArray[np.float32]:
    ys = np.clip(np.arange(rows.start - reach, rows.stop + reach), 0, plane.shape[0] - 1)
    xs = np.clip(np.arange(columns.start - reach, columns.stop + reach), 0, plane.shape[1] - 1)
    return np.asarray(plane[np.ix_(ys, xs)], np.float32)


_LANCZOS_STEPS: Final = 4096
_LANCZOS_AT: Final = np.arange(_TAPS * _LANCZOS_STEPS + 1) / _LANCZOS_STEPS
_LANCZOS: Final = (np.sinc(_LANCZOS_AT) * np.sinc(_LANCZOS_AT / _TAPS)).astype(np.float32)
_HALF_BAND: Final = 12
"""Pixels on each side that a value half-way between two is worked out from: noise passes up to 0.9 of the finest."""


def _half_band() -> NDArray[np.float64]:
    offsets = np.arange(-_HALF_BAND + 0.5, _HALF_BAND)
    taps = np.sinc(offsets) * np.kaiser(2 * _HALF_BAND, 4.0)
    return np.asarray(taps / taps.sum(), np.float64)


def _doubled(part: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return twice the resolution; values of the original stand unchanged at even places.

    A kernel of a few pixels would take noise away wherever the skin moves by half a pixel, which a motion measure
    could see.
    """
    taps = _half_band()
    anchor = _HALF_BAND - 1
    wide = np.empty((part.shape[0], 2 * part.shape[1]), np.float32)
    wide[:, ::2] = part
    wide[:, 1::2] = cv2.filter2D(part, -1, taps.reshape(1, -1), anchor=(anchor, 0), borderType=cv2.BORDER_REPLICATE)
    fine = np.empty((2 * part.shape[0], wide.shape[1]), np.float32)
    fine[::2] = wide
    fine[1::2] = cv2.filter2D(wide, -1, taps.reshape(-1, 1), anchor=(0, anchor), borderType=cv2.BORDER_REPLICATE)
    return fine


def _sampled(fine: NDArray[np.float32], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values at (N, 2) exact positions by a Lanczos kernel, which on doubled resolution loses nothing."""
    whole = np.floor(at).astype(np.intp)
    part = at - whole
    offsets = np.arange(1 - _TAPS, _TAPS + 1)
    apart = part[:, :, np.newaxis] - offsets
    weight = _LANCZOS[np.rint(np.abs(apart) * _LANCZOS_STEPS).astype(np.intp)]
    weight /= weight.sum(axis=-1, keepdims=True)
    total = np.zeros(len(at))
    for j, dy in enumerate(offsets):
        line = np.zeros(len(at))
        for i, dx in enumerate(offsets):
            line += weight[:, 0, i] * fine[whole[:, 1] + dy, whole[:, 0] + dx]
        total += weight[:, 1, j] * line
    return total
