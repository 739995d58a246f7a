"""Train a network of your own under the same folds, calibration and figures as those of the paper.

python examples/own_model.py --dataset manifest --root clips.csv --out runs/tiny
"""

import sys

import torch
from torch import Tensor, nn

from mer import train
from mer.models.normalise import input_layer
from mer.models.registry import System, register
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
        frames = self.input(clips)
        seen = torch.relu(self.convolution(frames.flatten(0, 1))).amax(dim=(2, 3))
        logits: Tensor = self.out(seen.unflatten(0, frames.shape[:2]).mean(dim=1))
        return logits


register("tiny", System("network", "own_model:Tiny"))

if __name__ == "__main__":
    sys.exit(train.main(["--model", "tiny", *sys.argv[1:]]))
