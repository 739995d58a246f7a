"""Displacement fields of action units on a grid over the face, built in four different ways.

A model that has learnt the shape of one field has learnt the renderer, not the face. So there are four families, and
each subject has radii, centres and directions of its own:

- `bumps`: (generalised) Gaussian bumps around landmarks;
- `muscle`: skin drawn along converging lines to a muscle's attachment (linear muscle of Waters, "A muscle model for
  animating three-dimensional facial expression", SIGGRAPH 1987);
- `spline`: thin-plate spline through pulled and resting landmarks (Bookstein 1989);
- `mesh`: landmarks displaced, piecewise affine in between over their Delaunay triangles.

A fifth, `shepard`, is kept for measuring: no training clip is made with it. It weighs pulled and resting landmarks by
their inverse distance (Shepard, "A two-dimensional interpolation function for irregularly-spaced data", ACM 1968).

Face coordinates: inter-ocular distances (IOD), origin between the eyes, x to the right and y down in the picture.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.synth.units import UNITS

GRID_STEP: Final = 0.025
GRID_X: Final = (-1.8, 1.8)
GRID_Y: Final = (-1.7, 2.5)
FAMILIES: Final = ("bumps", "muscle", "spline", "mesh")
HELD_OUT_FAMILY: Final = "shepard"

Field = NDArray[np.float32]
"""(rows, columns, 2) displacement (x, y) in IOD on the grid."""
Side = int
"""-1: left half of the picture, +1: right half."""
UnitSide = tuple[int, Side]

# Landmarks that follow the upper or lower lip, or the upper or lower lid; a slit keeps them from moving their partner.
_UPPER_LIP: Final = {0, 37, 267, 39, 269, 40, 270}
_LOWER_LIP: Final = {17, 84, 314, 181, 405, 91, 321, 199, 152, 169, 394}
_UPPER_LID: Final = {159, 386, 158, 385, 160, 387}
_LOWER_LID: Final = {145, 374, 153, 380, 144, 373}


@dataclass(frozen=True, slots=True)
class Style:
    """How one subject's face moves.

    Attributes:
        family: One of FAMILIES, or HELD_OUT_FAMILY.
        radius: Factor on every radius.
        exponent: Fall-off of the bumps: 2 is a Gaussian, more is a plateau with steeper flanks.
        slit: Softness of the border between the lips and between the lids, in IOD.
        shift: How far centres wander (one standard deviation), in IOD.
        turn: How far directions turn (one standard deviation), in radians.
        seed: Of the wandering and turning.
    """

    family: str = "bumps"
    radius: float = 1.0
    exponent: float = 2.0
    slit: float = 0.03
    shift: float = 0.0
    turn: float = 0.0
    seed: int = 0


def draw_style(
    generator: np.random.Generator,
    *,
    radius: tuple[float, float] = (0.8, 1.3),
    families: Sequence[str] = FAMILIES,
) -> Style:
    """Return a random style of one of some families; `radius` bounds its factor, drawn log-uniformly."""
    return Style(
        family=str(generator.choice(families)),
        radius=float(np.exp(generator.uniform(*np.log(radius)))),
        exponent=float(generator.uniform(1.4, 3.2)),
        slit=float(generator.uniform(0.015, 0.06)),
        shift=float(generator.uniform(0.0, 0.05)),
        turn=float(generator.uniform(0.0, 0.2)),
        seed=int(generator.integers(2**31)),
    )


def grid() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return x and y of the grid's nodes, (rows, columns) each, in face coordinates."""
    x = np.arange(GRID_X[0], GRID_X[1] + GRID_STEP / 2, GRID_STEP, dtype=np.float32)
    y = np.arange(GRID_Y[0], GRID_Y[1] + GRID_STEP / 2, GRID_STEP, dtype=np.float32)
    across, down = np.meshgrid(x, y)
    return across, down


def build(landmarks: NDArray[np.float64], units: Iterable[int], style: Style) -> dict[UnitSide, Field]:
    """Return the field of each unit and side of the face.

    The two sides of a unit together peak at a displacement of 1 IOD, wherever on the face that is.

    Args:
        landmarks: (478, 2) mesh in face coordinates.
        units: FACS numbers; keys of `UNITS`.
        style: How this subject moves.
    """
    x, y = grid()
    window = face_window(x, y)[..., None]
    fields: dict[UnitSide, Field] = {}
    for unit in sorted(set(units)):
        pair = {side: _field(landmarks, _pulls(landmarks, unit, side, style), style) * window for side in (-1, 1)}
        peak = float(np.sqrt(((pair[-1] + pair[1]) ** 2).sum(axis=-1)).max())
        fields |= {(unit, side): np.asarray(field / peak, np.float32) for side, field in pair.items()}
    return fields


def face_window(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 on the face, falling smoothly to 0 well outside of it."""
    radius = np.hypot(x / 1.45, (y - 0.45) / 1.95)
    return np.asarray(smoothstep((1.05 - radius) / 0.3), np.float32)


def smoothstep(value: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return 0 below 0, 1 above 1, and 3 v^2 - 2 v^3 in between."""
    clipped = np.clip(value, 0.0, 1.0)
    smooth: NDArray[np.floating] = clipped * clipped * (3.0 - 2.0 * clipped)
    return smooth


@dataclass(frozen=True, slots=True)
class _Placed:
    """A pull on one side of one face; `slit` is +1 to act only below the line y = slit_y, -1 only above, 0 both."""

    centre: NDArray[np.float64]
    motion: NDArray[np.float64]
    radius: float
    slit: int
    slit_y: float
    slit_x: tuple[float, float]


def _pulls(landmarks: NDArray[np.float64], unit: int, side: Side, style: Style) -> list[_Placed]:
    generator = np.random.default_rng((style.seed, unit, 1 + side))
    placed = []
    for pull in UNITS[unit]:
        index = pull.landmarks[side > 0]
        midline = pull.landmarks[0] == pull.landmarks[1]
        turn = generator.normal(0.0, style.turn) * (0.4 if midline else 1.0)
        motion = np.array([side * pull.out, -pull.up]) * generator.lognormal(0.0, 1.5 * style.turn)
        motion = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ motion
        centre = landmarks[index] + generator.normal(0.0, style.shift, 2) * min(1.0, pull.radius / 0.15)
        radius = pull.radius * style.radius
        placed.append(_Placed(centre, motion * (0.5 if midline else 1.0), radius, *_slit(landmarks, index, side)))
    return placed


def _slit(landmarks: NDArray[np.float64], index: int, side: Side) -> tuple[int, float, tuple[float, float]]:
    if index in _UPPER_LIP or index in _LOWER_LIP:
        mouth = (float(landmarks[61, 0]), float(landmarks[291, 0]))
        return (1 if index in _LOWER_LIP else -1), float(landmarks[[13, 14], 1].mean()), mouth
    if index in _UPPER_LID or index in _LOWER_LID:
        corners = sorted(float(v) for v in landmarks[[33, 133] if side < 0 else [362, 263], 0])
        lids = [159, 145] if side < 0 else [386, 374]
        return (1 if index in _LOWER_LID else -1), float(landmarks[lids, 1].mean()), (corners[0], corners[1])
    return 0, 0.0, (0.0, 0.0)


def _slit_weight(points: NDArray[np.floating], pull: _Placed, softness: float) -> NDArray[np.floating]:
    """Return (...,) weights that end at the lips' or lids' line, between the corners, and are 1 beyond them."""
    if pull.slit == 0:
        return np.ones(points.shape[:-1], np.float32)
    left, right = pull.slit_x
    inside = smoothstep((points[..., 0] - left) / 0.06) * smoothstep((right - points[..., 0]) / 0.06)
    near = smoothstep(0.5 + pull.slit * (points[..., 1] - pull.slit_y) / (2.0 * softness))
    weight: NDArray[np.floating] = 1.0 - inside * (1.0 - near)
    return weight


def _bump_at(points: NDArray[np.floating], pulls: list[_Placed], style: Style) -> NDArray[np.float32]:
    total = np.zeros(points.shape, np.float32)
    for pull in pulls:
        distance = np.linalg.norm(points - pull.centre.astype(np.float32), axis=-1)
        weight = np.exp(-((distance / (np.sqrt(2.0) * pull.radius)) ** style.exponent))
        weight = weight * _slit_weight(points, pull, style.slit)
        total += (weight[..., None] * pull.motion).astype(np.float32)
    return total


def _field(landmarks: NDArray[np.float64], pulls: list[_Placed], style: Style) -> Field:
    match style.family:
        case "muscle":
            return _muscle(pulls, style)
        case "spline":
            return _spline(landmarks, pulls, style)
        case "mesh":
            return _mesh(landmarks, pulls, style)
        case "shepard":
            return _shepard(landmarks, pulls, style)
        case _:
            return _bump_at(_nodes(), pulls, style)


def _nodes() -> NDArray[np.float32]:
    return np.stack(grid(), axis=-1)


def _muscle(pulls: list[_Placed], style: Style) -> Field:
    points = _nodes()
    total = np.zeros(points.shape, np.float32)
    for pull in pulls:
        strength = float(np.linalg.norm(pull.motion))
        along = pull.motion / strength
        length = 2.0 * pull.radius + 0.2
        to_attachment = (pull.centre + length * along).astype(np.float32) - points
        distance = np.maximum(np.linalg.norm(to_attachment, axis=-1), 1e-3)
        direction = to_attachment / distance[..., None]
        cosine = np.clip((direction @ along.astype(np.float32)), 0.0, 1.0)
        ahead = np.sin(np.pi / 2 * np.clip(distance / length, 0.0, 1.0)) ** 2
        behind = np.cos(np.pi / 2 * np.clip((distance - length) / (2.4 * pull.radius), 0.0, 1.0)) ** 2
        sector = cosine ** (1.4 * (length / pull.radius) ** 2 / 2)
        weight = strength * np.where(distance < length, ahead, behind) * sector * _slit_weight(points, pull, style.slit)
        total += (weight[..., None] * direction).astype(np.float32)
    return total


def _spline(landmarks: NDArray[np.float64], pulls: list[_Placed], style: Style) -> Field:
    from scipy.interpolate import RBFInterpolator

    sources, motions = _controls(landmarks, pulls)
    spline = RBFInterpolator(sources, motions, kernel="thin_plate_spline", smoothing=1e-3)
    coarse = _nodes()[::3, ::3]
    values = spline(coarse.reshape(-1, 2).astype(np.float64)).reshape(coarse.shape).astype(np.float32)
    field = _refined(values, 3)
    points = _nodes()
    return np.asarray(field * _mean_slit(points, pulls, style), np.float32)


def _controls(landmarks: NDArray[np.float64], pulls: list[_Placed]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (N, 2) places and motions: the pulls, and landmarks and a border that stay where they are."""
    reach = 1.9
    resting = [
        mark
        for mark in landmarks[:468:5]
        if all(np.linalg.norm(mark - pull.centre) > reach * pull.radius for pull in pulls)
    ]
    border = [(x, y) for x in (-1.7, -0.6, 0.6, 1.7) for y in (-1.6, 2.4)] + [(-1.7, 0.5), (1.7, 0.5)]
    sources = np.array([pull.centre for pull in pulls] + resting + border)
    motions = np.zeros(sources.shape)
    motions[: len(pulls)] = [pull.motion for pull in pulls]
    return sources, motions


def _mean_slit(points: NDArray[np.float32], pulls: list[_Placed], style: Style) -> NDArray[np.floating]:
    weights: NDArray[np.floating] = np.mean([_slit_weight(points, pull, style.slit) for pull in pulls], axis=0)
    return weights[..., None]


def _shepard(landmarks: NDArray[np.float64], pulls: list[_Placed], style: Style) -> Field:
    sources, motions = _controls(landmarks, pulls)
    coarse = _nodes()[::2, ::2]
    apart = np.linalg.norm(coarse[..., None, :] - sources, axis=-1)
    weights = 1.0 / (apart**2 + (0.06 * style.radius) ** 2) ** 1.5  # the softening takes the spikes off the controls
    values = (weights @ motions) / weights.sum(axis=-1, keepdims=True)
    return np.asarray(_refined(values.astype(np.float32), 2) * _mean_slit(_nodes(), pulls, style), np.float32)


def _refined(coarse: Field, factor: int) -> Field:
    """Return a field on the grid from one on every `factor`-th node of it."""
    x, y = grid()
    columns = ((x - GRID_X[0]) / (factor * GRID_STEP)).astype(np.float32)
    rows = ((y - GRID_Y[0]) / (factor * GRID_STEP)).astype(np.float32)
    fine = cv2.remap(coarse, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(fine, np.float32)


def _mesh(landmarks: NDArray[np.float64], pulls: list[_Placed], style: Style) -> Field:
    vertices, corners, weights = _triangulated(landmarks[:468].tobytes())
    motions = _bump_at(vertices, pulls, style)
    motions[468:] = 0.0
    field = np.einsum("rck,rckd->rcd", weights, motions[corners], optimize=False)
    return np.asarray(cv2.GaussianBlur(field.astype(np.float32), (0, 0), 1.0), np.float32)


@lru_cache(maxsize=2)
def _triangulated(landmarks: bytes) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float32]]:
    """Return the vertices (landmarks, then the border) and, for each node, its triangle's corners and their weights."""
    from scipy.spatial import Delaunay

    border = np.array([(x, y) for x in (-1.9, -0.6, 0.6, 1.9) for y in (-1.8, 2.6)] + [(-1.9, 0.4), (1.9, 0.4)])
    vertices = np.concatenate([np.frombuffer(landmarks).reshape(-1, 2), border])
    triangles = Delaunay(vertices).simplices
    # Closed lips make slivers, on which scipy's own search is slow: paint the triangles instead, slivers first.
    nodes = _nodes().astype(np.float64)
    owner = np.zeros(nodes.shape[:2], np.int32)
    places = np.rint((vertices - (GRID_X[0], GRID_Y[0])) / GRID_STEP * 16).astype(np.int32)
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    area = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    for index in np.argsort(area):
        cv2.fillConvexPoly(owner, places[triangles[index]], int(index), shift=4)
    corners = triangles[owner].astype(np.int64)
    p, q, r = (vertices[corners[..., k]] for k in range(3))
    twice = np.stack(
        [_cross(q - nodes, r - nodes), _cross(r - nodes, p - nodes), _cross(p - nodes, q - nodes)], axis=-1
    )
    # Painted borders reach half a node into the neighbour, where a weight would turn negative.
    share = np.maximum(twice * np.sign(_cross(q - p, r - p))[..., None], 1e-12)
    return vertices, corners, (share / share.sum(axis=-1, keepdims=True)).astype(np.float32)


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product
