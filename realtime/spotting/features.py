"""The motion at one moment as a row of numbers, in the order that filters, candidates and training share."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from realtime.spotting.face_shape import EYES, REGIONS
from realtime.spotting.motion_track import MotionSample

N_REGIONS: Final = 2 * len(REGIONS)
N_EYES: Final = 2 * len(EYES)
N_HEAD: Final = 6
FACE: Final = N_REGIONS + N_EYES
"""Regions and eyes come first ..."""
MOVING: Final = FACE + N_HEAD
"""... then the head, and after what moves gain, sharpness, misfit and spacing."""
GAIN, SHARPNESS, MISFIT, SPACING = range(MOVING, MOVING + 4)
N_VALUES: Final = MOVING + 4


def row_of(sample: MotionSample) -> NDArray[np.float64]:
    """Return (N_VALUES,) numbers of a sample."""
    rest = (sample.gain, sample.sharpness, sample.misfit, sample.spacing_s)
    return np.concatenate([sample.regions.ravel(), sample.eyes.ravel(), sample.head, rest])
