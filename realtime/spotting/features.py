"""What the spotter's network sees of the motion: changes from sample to sample, each on a scale of its own."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from realtime.spotting.face_shape import EYES, REGIONS
from realtime.spotting.motion_track import RATE_HZ, MotionSample

N_REGIONS: Final = 2 * len(REGIONS)
N_EYES: Final = 2 * len(EYES)
N_HEAD: Final = 6
GAIN: Final = N_REGIONS + N_EYES + N_HEAD
N_VALUES: Final = GAIN + 4
"""Numbers of one sample, in order: regions, eyes, head, gain, sharpness, misfit, spacing."""
CHANNELS: Final = N_VALUES

_REGION_SCALE: Final = 3.0
_EYE_SCALE: Final = 10.0
_HEAD_SCALE: Final = 20.0
"""Speeds, in percent of the inter-ocular distance a second, from which on more counts for less and less."""
_GAIN_SCALE: Final = 0.2
_SHARPNESS_SCALE: Final = 0.5


def values_of(samples: Sequence[MotionSample]) -> NDArray[np.float64]:
    """Return (n, N_VALUES) numbers of some samples."""
    return np.array(
        [
            np.concatenate([s.regions.ravel(), s.eyes.ravel(), s.head, (s.gain, s.sharpness, s.misfit, s.spacing_s)])
            for s in samples
        ]
    )


def features(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (CHANNELS, n - 1) float32: what the network sees of n consecutive samples.

    Args:
        values: (n, N_VALUES) from `values_of`.
    """
    speed = np.diff(values[:, : GAIN + 2], axis=0) * RATE_HZ
    scale = np.repeat(
        (_REGION_SCALE, _EYE_SCALE, _HEAD_SCALE, _GAIN_SCALE, _SHARPNESS_SCALE), (N_REGIONS, N_EYES, N_HEAD, 1, 1)
    )
    misfit = np.log(values[1:, GAIN + 2] + 0.1)
    spacing = np.log2(np.maximum(values[1:, GAIN + 3] * RATE_HZ, 0.25))
    return np.concatenate([np.arcsinh(speed / scale).T, misfit[np.newaxis], spacing[np.newaxis]]).astype(np.float32)
