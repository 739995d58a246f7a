"""A portrait that moves: one backward map a frame, applied to a texture that is prepared once.

The texture holds the portrait at three times the resolution of the picture, already low-passed for the picture's
pixels. OpenCV's `remap` rounds positions to 1/32 of a texture pixel, hence to about 1/100 of a picture pixel: a
micro-expression of 0.3 % of an inter-ocular distance of 45 pixels moves the skin by 0.13 pixels, and must not turn
into steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from mer.face.pose import HeadPose
from mer.synth import head
from mer.synth.eyes import blink_shift, gaze_weights
from mer.synth.fields import GRID_STEP, GRID_X, GRID_Y, Field, UnitSide, smoothstep
from mer.synth.portrait import Portrait

TEXTURE_SCALE: Final = 3
MARGIN_IOD: Final = 0.5
"""Texture beyond the picture's border, for a face that moves in."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How the head differs from the portrait's pose.

    Attributes:
        shift: (x, y) translation in IOD.
        roll: Rotation in the picture plane, radians, clockwise on the screen.
        scale: Factor on size.
        yaw: Turn to the side in radians; positive moves the nose to the right of the picture.
        pitch: Nod in radians; positive moves the nose down.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    roll: float = 0.0
    scale: float = 1.0
    yaw: float = 0.0
    pitch: float = 0.0


@dataclass(frozen=True, slots=True)
class Expressed:
    """What the face does at one moment.

    Attributes:
        units: Displacement in IOD of each unit and side.
        closure: How far the left and the right eye of the picture are closed, 0 to 1.
        gaze: (x, y) shift of both irises in IOD.
    """

    units: Mapping[UnitSide, float]
    closure: tuple[float, float] = (0.0, 0.0)
    gaze: tuple[float, float] = (0.0, 0.0)


class Scene:
    """One portrait in one picture format, ready to be rendered frame by frame.

    Args:
        portrait: Whom to show.
        basis: From `fields.build`.
        size_wh: Width and height of the picture in pixels.
        iod_px: Inter-ocular distance in the picture.
        origin_px: Where the point between the eyes lies in the picture at rest; None centres the face.
        roll: Constant roll of the head, in radians.
        blur_px: Standard deviation of the lens blur, in picture pixels.
        reach_iod: How far a `HeadPose` may move the whole picture, in IOD.
        relief: Height of the face, for a `HeadPose`.
    """

    def __init__(
        self,
        portrait: Portrait,
        basis: Mapping[UnitSide, Field],
        *,
        size_wh: tuple[int, int],
        iod_px: float,
        origin_px: tuple[float, float] | None = None,
        roll: float = 0.0,
        blur_px: float = 0.0,
        reach_iod: float = 0.0,
        relief: head.Relief | None = None,
    ) -> None:
        width, height = size_wh
        self.size_wh = size_wh
        self.basis = basis
        origin = origin_px or (width / 2, height / 2 - 0.35 * iod_px)
        cosine, sine = iod_px * np.cos(roll), iod_px * np.sin(roll)
        self.picture_from_face = np.array([[cosine, -sine, origin[0]], [sine, cosine, origin[1]]])
        face_from_portrait = portrait.face_from_image
        self.picture_from_portrait = geometry.compose(self.picture_from_face, face_from_portrait)
        self.landmarks_px = geometry.apply(self.picture_from_portrait, portrait.landmarks_px)
        self.landmarks = geometry.apply(face_from_portrait, portrait.landmarks_px)
        margin = (MARGIN_IOD + reach_iod) * iod_px
        self._relief = relief or head.Relief()
        self._texture = _texture(portrait.image, self.picture_from_portrait, size_wh, margin, blur_px)
        self.iod_px = iod_px
        self._prepare(iod_px, margin, whole=reach_iod > 0.0)

    def _prepare(self, iod_px: float, margin: float, *, whole: bool) -> None:
        width, height = self.size_wh
        everywhere = _texture_position(self.size_wh, margin)
        # An absent second map must be None: OpenCV 5 takes an empty array without complaint and returns wrong pixels.
        self._still = cv2.remap(self._texture, everywhere, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
        step = max(1, round(0.03 * iod_px))
        box = _head_box(self.picture_from_face, self.size_wh, step, around_iod=6.0 if whole else 0.0)
        x0, y0, columns, rows = box
        px, py = np.meshgrid(x0 + (np.arange(columns) + 0.5) * step - 0.5, y0 + (np.arange(rows) + 0.5) * step - 0.5)
        face = geometry.apply(geometry.invert(self.picture_from_face), np.stack([px.ravel(), py.ravel()], axis=1))
        self._face = face.reshape(rows, columns, 2).astype(np.float32)
        self._follow = _head_mask(self._face)[..., None]
        self._depth = _depth(self._face)
        self._gaze = gaze_weights(self.landmarks, self._face)
        self._roi = (slice(y0, min(height, y0 + rows * step)), slice(x0, min(width, x0 + columns * step)))
        self._fine_wh = (columns * step, rows * step)
        self._at_rest = everywhere[self._roi]

    def render(self, expressed: Expressed, pose: Pose | HeadPose | None = None) -> NDArray[np.float32]:
        """Return the picture of one moment, (H, W, 3) float32 BGR, 0 to 255.

        The array is the caller's.
        """
        shift = cv2.transform(self._backward(expressed, pose or Pose()), TEXTURE_SCALE * self.picture_from_face[:, :2])
        fine = cv2.resize(shift, self._fine_wh, interpolation=cv2.INTER_LINEAR)
        height, width = self._at_rest.shape[:2]
        position = cv2.add(self._at_rest, np.ascontiguousarray(fine[:height, :width]))
        picture = np.array(self._still, np.float32)
        picture[self._roi] = cv2.remap(  # type: ignore[call-overload]
            self._texture, position, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return picture

    def _backward(self, expressed: Expressed, pose: Pose | HeadPose) -> NDArray[np.float32]:
        """Return, for each lattice node, how far away (in IOD) the skin seen there lies at rest."""
        if isinstance(pose, HeadPose):
            here = head.undo(self._face, self._follow, self._relief, pose)
        else:
            here = self._face + self._follow * self._undo_pose(pose)
        if max(expressed.closure) > 0.0:
            here = here + blink_shift(self.landmarks, here, expressed.closure)
        field = self._displacement(expressed)
        if field is not None:
            # Skin that is seen at `here` came from p with p + D(p) = here; three rounds of p = here - D(p) suffice.
            rest = here
            for _ in range(3):
                rest = here - _lookup(field, rest)
            here = rest
        if expressed.gaze != (0.0, 0.0):
            irises = gaze_weights(self.landmarks, here) if isinstance(pose, HeadPose) else self._gaze
            here = here - irises[..., None] * np.array(expressed.gaze, np.float32)
        return np.asarray(here - self._face, np.float32)

    def _undo_pose(self, pose: Pose) -> NDArray[np.float32]:
        centre = np.array([0.0, 0.9])  # heads turn about the neck, not about the eyes
        cosine, sine = np.cos(pose.roll) / pose.scale, np.sin(pose.roll) / pose.scale
        back = np.array([[cosine, sine], [-sine, cosine]])
        offset = centre - back @ (centre + np.array(pose.shift))
        moved = cv2.transform(self._face, np.column_stack([back - np.eye(2), offset]))
        parallax = cv2.merge([self._depth * np.float32(np.sin(a)) for a in (pose.yaw, pose.pitch)])
        return np.asarray(cv2.subtract(moved, parallax), np.float32)

    def _displacement(self, expressed: Expressed) -> Field | None:
        total: Field | None = None
        for key, amount in expressed.units.items():
            if amount == 0.0:
                continue
            if total is None:
                total = self.basis[key] * np.float32(amount)
            else:
                cv2.scaleAdd(self.basis[key], float(amount), total, total)
        return total


def _texture_position(size_wh: tuple[int, int], margin: float) -> NDArray[np.float32]:
    """Return, for each pixel of the picture, where it lies in the texture."""
    x, y = np.meshgrid(np.arange(size_wh[0]), np.arange(size_wh[1]))
    return np.asarray(TEXTURE_SCALE * (np.stack([x, y], axis=-1) + margin + 0.5) - 0.5, np.float32)


def _texture(
    image: NDArray[np.uint8],
    picture_from_portrait: geometry.Similarity,
    size_wh: tuple[int, int],
    margin: float,
    blur_px: float,
) -> NDArray[np.float32]:
    scale = float(np.hypot(*picture_from_portrait[:, 0]))
    # A pixel of the picture covers 1 / scale pixels of the portrait: low-pass to that before sampling.
    sigma = np.hypot(0.45 * np.sqrt(max(0.0, scale**-2 - 1.0)), blur_px / scale)
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma) if sigma > 0.05 else image.astype(np.float32)
    matrix = TEXTURE_SCALE * (picture_from_portrait + np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]) * (margin + 0.5))
    matrix[:, 2] -= 0.5
    size = tuple(round(TEXTURE_SCALE * (side + 2 * margin)) for side in size_wh)
    inside = cv2.warpAffine(smooth, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    height, width = image.shape[:2]
    corners = geometry.apply(matrix, np.array([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)]))
    solid = np.zeros((-(-size[1] // 8), -(-size[0] // 8)), np.float32)
    cv2.fillConvexPoly(solid, np.rint(corners / 8).astype(np.int32), 1.0)
    if solid.min() < 1.0:
        # Outside of the portrait its border pixels go on; without a blur they would make streaks.
        soft = max(1.0, solid.shape[0] / 60)
        small = cv2.resize(inside, solid.shape[::-1], interpolation=cv2.INTER_AREA)
        backdrop = cv2.resize(cv2.GaussianBlur(small, (0, 0), 3 * soft), size, interpolation=cv2.INTER_LINEAR)
        near = cv2.erode(solid, np.ones((3, 3)), iterations=round(2 * soft), borderValue=1.0)
        near = cv2.resize(cv2.GaussianBlur(near, (0, 0), soft), size, interpolation=cv2.INTER_LINEAR)
        inside = backdrop + near[..., None] * (inside - backdrop)
    return np.clip(inside, 0.0, 255.0).astype(np.float32)


def _head_mask(face: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 on the head, falling to 0 in the background, which stays at rest."""
    radius = np.hypot(face[..., 0] / 1.5, (face[..., 1] - 0.35) / 2.0)
    return np.asarray(smoothstep((2.0 - radius) / 0.95), np.float32)


def _head_box(
    picture_from_face: geometry.Similarity, size_wh: tuple[int, int], step: int, *, around_iod: float
) -> tuple[int, int, int, int]:
    far = around_iod
    corners = np.array([(x, y) for x in (-3.0 - far, 3.0 + far) for y in (-3.65 - far, 4.35 + far)])
    box = geometry.apply(picture_from_face, corners)
    low = np.maximum(np.floor(box.min(axis=0)), 0.0).astype(int)
    high = np.minimum(np.ceil(box.max(axis=0)), np.array(size_wh)).astype(int)
    columns, rows = (max(1, -(-int(n) // step)) for n in high - low)
    return int(low[0]), int(low[1]), columns, rows


def _depth(face: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the height of a mean head towards the camera, in IOD: half an ellipsoid with a nose."""
    x, y = face[..., 0], face[..., 1] - 0.4
    head = 1.2 * np.sqrt(np.maximum(1.0 - (x / 1.25) ** 2 - (y / 1.8) ** 2, 0.0))
    nose = 0.3 * np.exp(-((x / 0.2) ** 2) - ((y - 0.1) / 0.25) ** 2)
    return np.asarray(cv2.GaussianBlur((head + nose).astype(np.float32), (0, 0), 2.0), np.float32)


def _lookup(field: Field, where: NDArray[np.float32]) -> NDArray[np.float32]:
    columns = (where[..., 0] - np.float32(GRID_X[0])) / np.float32(GRID_STEP)
    rows = (where[..., 1] - np.float32(GRID_Y[0])) / np.float32(GRID_STEP)
    value = cv2.remap(field, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(value, np.float32)
