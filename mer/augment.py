"""More clips of the rare classes: mirrored, brighter or darker, with salt and pepper.

All of it happens to the pictures before they are encoded, so every input mode sees what a camera
could have seen. A clip gets one brightness for all its pictures: light does not flicker within half a
second, and a change from picture to picture would be motion to the network.

Reference: Upadhyay & Verlekar, section 3: oversampling by flip, brightness and salt-and-pepper noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError

Images = NDArray[np.uint8]

BRIGHTNESS: Final = 30.0
"""Largest change of brightness, in grey levels."""
NOISE: Final = 0.01
"""Largest share of pixels turned black or white."""


@dataclass(frozen=True, slots=True)
class Copy:
    """An additional clip to be made from another one.

    Attributes:
        source: Position of the clip it is made from.
        seed: What the changes are drawn from.
    """

    source: int
    seed: tuple[int, ...]


def plan_copies(labels: NDArray[np.int64], *, factor: float, seed: Sequence[int]) -> list[Copy]:
    """Say which clips to copy so that all classes are equally frequent.

    Args:
        labels: (N,) class indices of the training set, and of nothing else.
        factor: Clips a class ends up with, in multiples of the most frequent class; at least 1, or 0 for no copies.
        seed: Decides which clips are copied and how.

    Returns:
        Copies only; every clip of a class is copied equally often, give or take one.

    Raises:
        MerError: If `factor` is below 1 and not 0.
    """
    if factor == 0.0:
        return []
    if factor < 1.0:
        raise MerError(
            f"oversampling to {factor} times the most frequent class given; expected at least 1, or 0 for none"
        )
    rng = np.random.default_rng([*seed, 0])
    classes, counts = np.unique(labels, return_counts=True)
    target = round(factor * int(counts.max())) if len(counts) else 0
    sources: list[int] = []
    for name, count in zip(classes, counts):
        members = np.flatnonzero(labels == name)
        rounds = -(-(target - count) // count)
        order = [rng.permutation(members) for _ in range(rounds)]
        sources.extend(int(i) for i in np.concatenate([[], *order])[: target - count])
    return [Copy(source, (*seed, 1, number)) for number, source in enumerate(sources)]


def make_copy(images: Images, seed: Sequence[int]) -> Images:
    """Return one clip changed at random: mirrored or not, brighter or darker, with some noise.

    Args:
        images: (13, H, W) or (13, H, W, 3) uint8 pictures, not encoded.
        seed: The same seed makes the same copy.
    """
    rng = np.random.default_rng(seed)
    mirrored = flip(images) if rng.random() < 0.5 else images
    lit = brighten(mirrored, rng.uniform(-BRIGHTNESS, BRIGHTNESS))
    return salt_and_pepper(lit, rng.uniform(0.0, NOISE), rng)


def flip(images: Images) -> Images:
    """Return a clip mirrored left to right."""
    return np.ascontiguousarray(images[:, :, ::-1])


def brighten(images: Images, levels: float) -> Images:
    """Return a clip with all its pictures brighter by `levels` grey levels, saturated."""
    lit: Images = np.clip(np.rint(images + np.float32(levels)), 0, 255).astype(np.uint8)
    return lit


def salt_and_pepper(images: Images, share: float, rng: np.random.Generator) -> Images:
    """Return a clip with a share of its pixels, all colours together, turned black or white."""
    drawn = rng.random(images.shape[:3], dtype=np.float32)
    noisy: Images = images.copy()
    noisy[drawn < share / 2] = 0
    noisy[drawn > 1 - share / 2] = 255
    return noisy
