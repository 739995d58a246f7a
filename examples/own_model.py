"""A network of your own, trained, evaluated and exported as ours are.

mer-train --plugin own_model.py --model tiny --dataset manifest --root clips.csv --out runs/tiny
"""

from torch import Tensor, nn, relu

from mer import System, register
from mer.models.normalise import input_layer
from mer.preprocess import CHANNELS, InputMode


class Tiny(nn.Module):
    """The mean over time of one convolution."""

    def __init__(self, *, mode: InputMode, n_classes: int) -> None:
        super().__init__()
        self.input = input_layer(mode)  # (N, 13, 90, 90[, 3]) uint8 -> (N, 13, C, 90, 90)
        self.convolution = nn.Conv2d(CHANNELS[mode], 16, kernel_size=9, stride=6)
        self.out = nn.Linear(16, n_classes)

    def forward(self, clips: Tensor) -> Tensor:
        """Return (N, n_classes) logits."""
        seen = relu(self.convolution(self.input(clips).flatten(0, 1))).amax(dim=(2, 3))
        return self.out(seen.unflatten(0, (-1, 13)).mean(dim=1))  # type: ignore[no-any-return]  # of torch


register("tiny", System("network", Tiny, exported=True))
