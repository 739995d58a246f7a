"""How far two engines' probabilities are apart, on clips that are the same everywhere."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.manifest import Deviation, clip_shape
from mer.preprocess import InputMode

PARITY_CLIPS: Final = 4
PARITY_SEED: Final = 13
_TINY: Final = 1e-30


def parity_clips(mode: InputMode, count: int = PARITY_CLIPS) -> NDArray[np.uint8]:
    """Return (count, 13, 90, 90[, 3]) uint8 clips: half noise, half a bright bar that moves.

    Fixed by a seed, so that figures of different days and machines can be compared.
    """
    shape = clip_shape(mode)
    clips = np.random.default_rng(PARITY_SEED).integers(0, 256, (count, *shape), dtype=np.uint8)
    for i in range(count // 2, count):
        clips[i] //= 8
        for t in range(shape[0]):
            clips[i, t, 20 + i + t : 40 + i + 2 * t] += 100
    return clips


def deviation(found: NDArray[np.floating], expected: NDArray[np.floating], *, reference: str) -> Deviation:
    """Compare (N, n_classes) probabilities.

    The relative error is that of the log-probabilities less their mean, which are the centred logits,
    whatever the softmax made of them: their largest difference over their largest magnitude.
    """
    logits = [np.log(np.maximum(p.astype(np.float64), _TINY)) for p in (found, expected)]
    ours, theirs = (values - values.mean(axis=1, keepdims=True) for values in logits)
    return Deviation(
        reference=reference,
        clips=len(found),
        relative=float(np.abs(ours - theirs).max() / max(float(np.abs(theirs).max()), _TINY)),
        absolute=float(np.abs(found.astype(np.float64) - expected).max()),
    )
