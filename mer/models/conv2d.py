"""Model B: 2D convolution of each frame, attention over the 13 frames, the apex decides.

Reference: Upadhyay & Verlekar, section 2, Fig. 1b.
"""

from typing import Final

import torch
from torch import Tensor, nn

from mer.models.head import PositionalEmbedding, TokenHead
from mer.models.normalise import input_layer
from mer.preprocess import CHANNELS, InputMode
from mer.sampling import APEX, N_FRAMES

KERNELS: Final = 8
TOKEN_WIDTH: Final = KERNELS * 44 * 44
"""90 x 90 under a valid 3 x 3 convolution is 88 x 88, pooled 44 x 44."""


class Conv2d(nn.Module):
    """Thirteen tokens, one a frame; the attended apex is classified."""

    def __init__(self, *, mode: InputMode, n_classes: int) -> None:
        super().__init__()
        self.normalise = input_layer(mode)
        self.conv = nn.Conv2d(CHANNELS[mode], KERNELS, 3)
        self.pool = nn.MaxPool2d(2)
        self.position = PositionalEmbedding(N_FRAMES, TOKEN_WIDTH)
        self.head = TokenHead(TOKEN_WIDTH, token=APEX, n_classes=n_classes)

    def tokens(self, clips: Tensor) -> Tensor:
        """Return (N, 13, 15488) tokens of encoded clips, without their places."""
        features: Tensor = self.pool(self.conv(self.normalise(clips).flatten(0, 1)))  # (N * 13, 8, 44, 44)
        return torch.unflatten(features.flatten(1), 0, (-1, N_FRAMES))

    def forward(self, clips: Tensor) -> Tensor:
        """Return (N, n_classes) logits of encoded clips, (N, 13, 90, 90) or (N, 13, 90, 90, 3)."""
        logits: Tensor = self.head(self.position(self.tokens(clips)))
        return logits
