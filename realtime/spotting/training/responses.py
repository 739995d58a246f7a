"""What the motion measure shows of each action unit: faces are displaced by a unit's field and measured."""

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from mer.face.geometry import CROP_SIZE, Similarity
from mer.messages import FaceCrop
from mer.synth import fields
from mer.synth.expressions import COMBINATIONS, COMPANIONS
from mer.synth.fields import GRID_STEP, GRID_X, GRID_Y, Field
from mer.synth.timeline import SPEECH_UNITS
from realtime.spotting.features import FACE, N_REGIONS
from realtime.spotting.motion import MotionMeter

UNITS: Final = tuple(
    sorted({unit for sets in COMBINATIONS.values() for units in sets for unit in units} | set(SPEECH_UNITS))
)
SIDES: Final = (-1, 1)
_PROBE_IOD: Final = 0.02
_RADIUS: Final = (0.7, 1.5)
_COMPANION: Final = 0.45
_LEADING: Final = 0.85
"""Mean strengths of `mer.synth.expressions.draw_expression`."""


def responses(crop: FaceCrop, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return (len(UNITS), 2, FACE) motion shown by each unit and side, percent for each percent of displacement.

    Args:
        crop: A face, tracked.
        generator: Draws how it moves (`mer.synth.fields.draw_style`).
    """
    face_from_crop = _face_from_crop(crop.landmarks_px.astype(np.float64))
    landmarks = geometry.apply(face_from_crop, crop.landmarks_px)
    basis = fields.build(landmarks, UNITS, fields.draw_style(generator, radius=_RADIUS))
    shown = np.zeros((len(UNITS), len(SIDES), FACE))
    for i, unit in enumerate(UNITS):
        for j, side in enumerate(SIDES):
            meter = MotionMeter(crop)
            rest = meter.measure(crop)
            field = np.asarray(basis[unit, side] * _PROBE_IOD, np.float32)
            moved = meter.measure(replace(crop, image=displaced(crop, field)))
            change = np.concatenate([(moved.regions - rest.regions).ravel(), (moved.eyes - rest.eyes).ravel()])
            shown[i, j] = change / (100.0 * _PROBE_IOD)
    return shown


def displaced(crop: FaceCrop, field: Field) -> NDArray[np.uint8]:
    """Return the picture of a crop with the skin displaced by a field where the head is now."""
    face_from_anchor = _face_from_crop(crop.landmarks_px.astype(np.float64))
    face_from_picture = geometry.compose(face_from_anchor, geometry.invert(crop.crop_from_anchor))
    pixels = (
        np.stack(np.meshgrid(np.arange(CROP_SIZE), np.arange(CROP_SIZE)), axis=-1).reshape(-1, 2).astype(np.float64)
    )
    here = geometry.apply(face_from_picture, pixels).reshape(CROP_SIZE, CROP_SIZE, 2).astype(np.float32)
    rest = here
    for _ in range(3):  # skin seen here came from p with p + field(p) = here
        columns = (rest[..., 0] - np.float32(GRID_X[0])) / np.float32(GRID_STEP)
        rows = (rest[..., 1] - np.float32(GRID_Y[0])) / np.float32(GRID_STEP)
        rest = here - cv2.remap(field, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    shift = (rest - here).reshape(-1, 2) @ np.linalg.inv(face_from_picture[:, :2]).T
    source = (pixels + shift).reshape(CROP_SIZE, CROP_SIZE, 2).astype(np.float32)
    picture = cv2.remap(  # type: ignore[call-overload]
        crop.image, source, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(picture, np.uint8)


def expressions(shown: NDArray[np.float64]) -> list[tuple[str, tuple[int, ...], NDArray[np.float64]]]:
    """Return class, units and (FACE,) motion, of unit length over the regions, of every combination of units.

    Args:
        shown: (faces, len(UNITS), 2, FACE) from `responses`.
    """
    mean = shown.mean(axis=0).sum(axis=1)
    found = []
    for label, combinations in COMBINATIONS.items():
        for units in sorted(set(combinations)):
            motion = sum((_COMPANION if unit in COMPANIONS else _LEADING) * mean[UNITS.index(unit)] for unit in units)
            found.append((label, units, np.asarray(motion / np.linalg.norm(motion[:N_REGIONS]))))
    return found


def _face_from_crop(landmarks_px: NDArray[np.float64]) -> Similarity:
    """Return the similarity from crop pixels to IOD from the point between the eyes."""
    right, left = geometry.eye_centres(landmarks_px)
    across = complex(*(left - right))
    cosine, sine = (1.0 / across).real, -(1.0 / across).imag
    linear = np.array([[cosine, sine], [-sine, cosine]])
    return np.column_stack([linear, -linear @ (0.5 * (right + left))])
