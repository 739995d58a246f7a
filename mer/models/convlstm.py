"""Model C: 2D ConvLSTM over the frames, attention over its 13 states, the offset decides.

References:
    Upadhyay & Verlekar, section 2, Fig. 1c.
    Shi et al., "Convolutional LSTM network", NeurIPS 2015, equation 3, without peepholes.
"""

from typing import Final

import torch
from torch import Tensor, nn

from mer.models.head import TokenHead
from mer.models.normalise import input_layer
from mer.preprocess import CHANNELS, InputMode
from mer.sampling import N_FRAMES

STATE_CHANNELS: Final = 32
STATE_SIZE: Final = 88
"""Side of a state in pixels: the input convolution is valid, 90 to 88; the recurrent one keeps the size."""
MAPS: Final = 8
TOKEN_WIDTH: Final = MAPS * 44 * 44
OFFSET: Final = N_FRAMES - 1
"""Position of the offset among the 13 frames."""


class ConvLstmLayer(nn.Module):
    """ConvLSTM whose gates lie in the order input, forget, output, candidate.

    One sigmoid serves the first three quarters and one tanh the last.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input_conv = nn.Conv2d(channels, 4 * STATE_CHANNELS, 3)
        self.state_conv = nn.Conv2d(STATE_CHANNELS, 4 * STATE_CHANNELS, 3, padding=1, bias=False)

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Return the hidden state after each frame.

        Args:
            frames: (N, T, C, 90, 90) float.

        Returns:
            T tensors (N, 32, 88, 88).
        """
        cell: Tensor | None = None
        states: list[Tensor] = []
        for t in range(frames.shape[1]):
            gates = self.input_conv(frames[:, t])  # (N, 128, 88, 88)
            if states:  # the state before the first frame is zero
                gates = gates + self.state_conv(states[-1])
            sigmoids, candidate = gates.split((3 * STATE_CHANNELS, STATE_CHANNELS), dim=1)
            take, keep, show = torch.sigmoid(sigmoids).chunk(3, dim=1)
            update = take * torch.tanh(candidate)
            cell = update if cell is None else keep * cell + update
            states.append(show * torch.tanh(cell))
        return states


class ConvLstm(nn.Module):
    """Thirteen tokens, one a state; the attended offset is classified."""

    def __init__(self, *, mode: InputMode, n_classes: int) -> None:
        super().__init__()
        self.normalise = input_layer(mode)
        self.lstm = ConvLstmLayer(CHANNELS[mode])
        self.pool = nn.MaxPool2d(2)
        self.reduce = nn.Conv2d(STATE_CHANNELS, MAPS, 1)
        self.head = TokenHead(TOKEN_WIDTH, token=OFFSET, n_classes=n_classes)

    def token(self, state: Tensor) -> Tensor:
        """Return (N, 15488) tokens of (N, 32, 88, 88) states."""
        reduced: Tensor = self.reduce(self.pool(state))
        return reduced.flatten(1)

    def tokens(self, clips: Tensor) -> Tensor:
        """Return (N, 13, 15488) tokens of encoded clips."""
        return torch.stack([self.token(state) for state in self.lstm(self.normalise(clips))], dim=1)

    def forward(self, clips: Tensor) -> Tensor:
        """Return (N, n_classes) logits of encoded clips, (N, 13, 90, 90) or (N, 13, 90, 90, 3)."""
        logits: Tensor = self.head(self.tokens(clips))
        return logits
