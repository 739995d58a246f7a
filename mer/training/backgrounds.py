"""Micro-expressions on moving faces: encoded clips mixed with the ordinary motion of real ones, anew in every epoch.

Not in the paper. Motion adds up: what a face shows that speaks, turns and smiles, and shows a micro-expression as well,
is nearly the sum of both flows. So clips of expressions on resting faces and clips of ordinary motion
(`mer.data.backgrounds`) give any number of clips of expressions on moving faces. Ordinary motion alone has no class:
its target is the same probability for all (outlier exposure: Hendrycks, Mazeika & Dietterich, ICLR 2019), so that
the best class stays below the threshold for "none".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer.augment import Copy
from mer.errors import MerError
from mer.preprocess import FLOW_STEPS_PER_PX, STRAIN_STEPS, strain
from mer.training.data import encode_all, read_npz

MIXED_SHARE: Final = 0.85
"""Of the clips of expressions; the others stay as they are, as on a resting face."""
NONE_SHARE: Final = 0.15
"""Of all clips that become ordinary motion alone."""
SCALE: Final = (0.15, 1.25)
"""Least and largest factor of ordinary motion."""
_VALIDATION_EVERY: Final = 5
_ZERO: Final = 128.0


@dataclass(frozen=True, slots=True)
class Backgrounds:
    """Encoded clips of ordinary motion, of different recordings for training and for validation.

    Attributes:
        train: (M, 13, 90, 90, 3) uint8.
        validation: (K, 13, 90, 90, 3) uint8.
    """

    train: NDArray[np.uint8]
    validation: NDArray[np.uint8]


def read_backgrounds(path: Path, encode: Callable[[NDArray[np.uint8]], NDArray[Any]], *, threads: int) -> Backgrounds:
    """Read and encode clips of ordinary motion; every fifth recording by name is kept for validation.

    Args:
        path: An .npz file that `mer-data backgrounds` wrote.
        encode: Into flow.
        threads: Clips encoded side by side.

    Raises:
        MerError: If the file cannot be used or holds fewer than two recordings.
    """
    given = read_npz(path)
    recordings = sorted(set(given.subjects.tolist()))
    if len(recordings) < 2:
        raise MerError(f"{path} holds clips of {len(recordings)} recording; expected at least 2, of different people")
    encoded = encode_all(given.clips, [Copy(i, ()) for i in range(len(given.clips))], encode, threads=threads)
    validation = np.isin(given.subjects, recordings[:: min(_VALIDATION_EVERY, len(recordings))])
    return Backgrounds(encoded[~validation], encoded[validation])


@dataclass(frozen=True, slots=True)
class Mixed:
    """Clips and what should be predicted.

    Attributes:
        clips: (N, 13, H, W, 3) uint8 encoded flow.
        targets: (N, C) float32 probabilities.
    """

    clips: NDArray[np.uint8]
    targets: NDArray[np.float32]


def mix(
    clips: NDArray[np.uint8],
    truth: NDArray[np.int64],
    backgrounds: NDArray[np.uint8],
    *,
    n_classes: int,
    seed: Sequence[int],
    none_share: float = NONE_SHARE,
) -> Mixed:
    """Mix clips of expressions with ordinary motion.

    Args:
        clips: (N, 13, H, W, 3) uint8; see `mer.preprocess.encode_flow`.
        truth: (N,) class indices.
        backgrounds: (M, 13, H, W, 3) uint8 encoded clips of ordinary motion.
        n_classes: C.
        seed: The same seed mixes the same.
        none_share: Of the clips that become ordinary motion alone.
    """
    rng = np.random.default_rng(seed)
    mixed = np.empty_like(clips)
    targets = np.zeros((len(truth), n_classes), np.float32)
    for i, clip in enumerate(clips):
        background = backgrounds[rng.integers(len(backgrounds))]
        mirrored, factor, kind = rng.random() < 0.5, rng.uniform(*SCALE), rng.random()
        ordinary = _motion(background[:, :, ::-1] if mirrored else background) * np.float32(factor)
        if mirrored:
            ordinary[..., 0] *= -1.0
        if kind < none_share:
            targets[i] = 1.0 / n_classes
            mixed[i] = _encoded(ordinary)
            continue
        targets[i, truth[i]] = 1.0
        mixed[i] = _encoded(_motion(clip) + ordinary) if rng.random() < MIXED_SHARE else clip
    return Mixed(mixed, targets)


def _motion(clip: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the (13, H, W, 2) flow of an encoded clip, in steps of the encoding."""
    moved: NDArray[np.float32] = clip[..., :2].astype(np.float32) - np.float32(_ZERO)
    return moved


def _encoded(motion: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return (13, H, W, 3) as `mer.preprocess.encode_flow` would have encoded this motion."""
    coded = np.empty((*motion.shape[:-1], 3), np.uint8)
    coded[..., :2] = np.clip(np.rint(_ZERO + motion), 0, 255)
    for frame, moved in zip(coded, motion):
        frame[..., 2] = np.clip(np.rint(STRAIN_STEPS * strain(moved / np.float32(FLOW_STEPS_PER_PX))), 0, 255)
    coded[0] = (_ZERO, _ZERO, 0)
    return coded
