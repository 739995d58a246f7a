"""A loss and an augmentation of your own; settings.toml holds: loss = "focal", augmentation = "shift".

mer-train --plugin own_loss.py --config settings.toml --dataset manifest --root clips.csv --out runs/focal
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from mer import register_augmentation, register_loss


def focal(logits: Tensor, targets: Tensor) -> Tensor:
    """Return (N,) losses that count sure answers less (Lin et al., "Focal loss for dense object detection", 2017)."""
    loss = cross_entropy(logits, targets, reduction="none")
    return (1.0 - (-loss).exp()) ** 2 * loss


def shift(clip: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """Return a clip moved by up to three pixels; its frames stay where they are to one another."""
    down, right = draw.integers(-3, 4, size=2)
    return np.roll(clip, (down, right), axis=(1, 2))


register_loss("focal", focal)
register_augmentation("shift", shift)
