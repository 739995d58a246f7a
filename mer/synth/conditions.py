"""Under what conditions the clips of a corpus are filmed: two sets that have as little in common as possible.

A network that was trained and measured under the same conditions may have learnt the renderer. So "other" differs
from "usual" in the kind of the displacement fields, not only in numbers: see each field.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mer.synth.camera import Sensor, Tone
from mer.synth.fields import FAMILIES, HELD_OUT_FAMILY

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Ranges that a clip's conditions are drawn from.

    Attributes:
        families: Kinds of displacement fields.
        sway_iod: How far the head sways (one standard deviation), in IOD; drawn log-uniformly.
        sway_rad: How far it turns meanwhile, in radians; drawn log-uniformly.
        drift: Share of clips in which the head drifts.
        blink: Share of clips with a blink.
        read: Noise at black, grey levels; drawn log-uniformly.
        shot: Noise that light adds, grey levels; drawn log-uniformly.
        grain_px: Size of the noise's grain (one standard deviation of a Gaussian), pixels.
        gradient: Difference in brightness between the ends of the picture, as a share of it.
        gamma: Exponent of the camera's tone curve; drawn log-uniformly.
        jpeg: JPEG quality.
        lossless: Share of clips without compression.
    """

    families: tuple[str, ...] = FAMILIES
    sway_iod: Range = (0.001, 0.02)
    sway_rad: Range = (0.0005, 0.015)
    drift: float = 0.3
    blink: float = 0.12
    read: Range = (0.2, 2.5)
    shot: Range = (0.3, 3.5)
    grain_px: Range = (0.0, 0.6)
    gradient: Range = (0.0, 0.35)
    gamma: Range = (0.75, 1.3)
    jpeg: tuple[int, int] = (55, 95)
    lossless: float = 0.05


CONDITIONS: Final = {
    "usual": Conditions(),
    "other": Conditions(
        families=(HELD_OUT_FAMILY,),
        sway_iod=(0.02, 0.03),
        sway_rad=(0.015, 0.025),
        drift=0.6,
        blink=0.25,
        grain_px=(0.7, 1.2),
        gradient=(0.35, 0.6),
        gamma=(1.3, 1.7),
        jpeg=(40, 55),
        lossless=0.0,
    ),
}
"""Conditions by name: those to train under, and those that no training clip has."""


@dataclass(frozen=True, slots=True)
class Moving:
    """Ranges that a long recording of somebody who moves is drawn from, as real footage is.

    Attributes:
        iod_px: Inter-ocular distance; drawn log-uniformly.
        heights_iod: Height of the picture in IOD.
        max_height_px: A larger picture shows less around the face.
        duplicates: Share of recordings with frames that repeat the one before, and their largest share of the frames.
        speaks: Share of recordings in which the face also talks, blinks and shows expressions.
        quality: Of H.264.
        key_every: Frames from one sharp key frame to the next.
    """

    iod_px: Range = (40.0, 180.0)
    heights_iod: Range = (4.0, 5.5)
    max_height_px: int = 720
    duplicates: tuple[float, float] = (0.4, 0.25)
    speaks: float = 0.6
    quality: tuple[int, int] = (45, 85)
    key_every: tuple[int, int] = (10, 15)


MOVING: Final = Moving()
SET_CONDITIONS: Final = ("script", "moving")
"""What happens in a set: "script" (a head held still and what `--distractors` says) or "moving" (real heads, speech,
blinks, webcam compression, duplicate frames, small and large faces)."""


def draw_sensor(generator: np.random.Generator, conditions: Conditions) -> Sensor:
    """Return a random sensor."""
    return Sensor(
        log_uniform(generator, *conditions.read),
        log_uniform(generator, *conditions.shot),
        float(generator.uniform(0.2, 0.9)),
        float(generator.uniform(*conditions.grain_px)),
    )


def draw_tone(generator: np.random.Generator, conditions: Conditions) -> Tone:
    """Return a random tone curve and a light that comes from one side."""
    return Tone(
        gradient=float(generator.uniform(*conditions.gradient)),
        towards_rad=float(generator.uniform(0.0, 2.0 * np.pi)),
        gamma=log_uniform(generator, *conditions.gamma),
    )


def log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    """Return a number whose logarithm is evenly distributed."""
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))
