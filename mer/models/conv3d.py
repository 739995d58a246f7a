"""Model A: a 3 x 3 grid of blocks through time, 3D convolution, attention over the nine blocks.

Reference: Upadhyay & Verlekar, section 2, Fig. 1a.
"""

from typing import Final

import torch
from torch import Tensor, nn

from mer.models.head import MeanHead, PositionalEmbedding
from mer.models.normalise import input_layer
from mer.preprocess import CHANNELS, InputMode

GRID: Final = 3
BLOCK: Final = 30
KERNELS: Final = 8
TOKEN_WIDTH: Final = KERNELS * 4 * 13 * 13
"""13 x 30 x 30 under a valid 5 x 5 x 5 convolution is 9 x 26 x 26, pooled 4 x 13 x 13."""


class Conv3d(nn.Module):
    """Nine tokens, one a block; their attended mean is classified."""

    def __init__(self, *, mode: InputMode, n_classes: int) -> None:
        super().__init__()
        self.normalise = input_layer(mode)
        self.conv = nn.Conv3d(CHANNELS[mode], KERNELS, 5)
        self.pool = nn.MaxPool3d(2)
        self.position = PositionalEmbedding(GRID * GRID, TOKEN_WIDTH)
        self.head = MeanHead(TOKEN_WIDTH, n_classes=n_classes)

    def tokens(self, clips: Tensor) -> Tensor:
        """Return (N, 9, 5408) tokens of encoded clips, blocks in reading order, without their places."""
        blocks = split_blocks(self.normalise(clips))  # (N * 9, C, 13, 30, 30)
        features: Tensor = self.pool(self.conv(blocks))  # (N * 9, 8, 4, 13, 13)
        return torch.unflatten(features.flatten(1), 0, (-1, GRID * GRID))

    def forward(self, clips: Tensor) -> Tensor:
        """Return (N, n_classes) logits of encoded clips, (N, 13, 90, 90) or (N, 13, 90, 90, 3)."""
        logits: Tensor = self.head(self.position(self.tokens(clips)))
        return logits


def split_blocks(frames: Tensor) -> Tensor:
    """Cut frames into a 3 x 3 grid.

    Args:
        frames: (N, 13, C, 90, 90).

    Returns:
        (N * 9, C, 13, 30, 30): the nine blocks of a clip in reading order, time as depth.
    """
    grid = torch.unflatten(torch.unflatten(frames, 4, (GRID, BLOCK)), 3, (GRID, BLOCK))  # (N, 13, C, 3, 30, 3, 30)
    return grid.permute(0, 3, 5, 2, 1, 4, 6).flatten(0, 2)
