"""TLCNN: a deep convolutional network reads each frame, an LSTM the sequence.

From the source: features of each frame by a deep CNN of five convolutions and three dense layers, then an
LSTM; transfer in two steps, from expressions (macro-expressions) and from single frames of micro-expressions.
Assumed: AlexNet's widths (96, 256, 384, 384, 256 maps, 4096 and 4096 units) with 3 x 3 kernels on our 90 x 90
grey frames, a third dense layer of 256 and an LSTM of 256 whose last state is classified. Trained end to end
on clips from fresh weights: no macro-expressions come with the data, so there is nothing to transfer from,
and the source's advantage is not part of what is measured here.

47,896,261 parameters for five classes. The paper counts 62 M, which is AlexNet's own count (62.4 M with its
11 x 11 and 5 x 5 kernels, larger pictures and 1,000 classes).

Reference: Wang, Li, Liu, Yan, Ou, Huang, Xu, Fu, "Micro-expression recognition with small sample size by
transferring long-term convolutional neural network", Neurocomputing 312, 2018.
"""

from typing import Final

import torch
from torch import Tensor, nn

from mer.models.normalise import GrayInput
from mer.sampling import N_FRAMES

FEATURES: Final = 256
"""Numbers a frame, and units of the LSTM."""


class Tlcnn(nn.Module):
    """Frames to 256 features each, the sequence to one prediction."""

    clips_at_once = 4
    quicker_in_bfloat16 = True

    def __init__(self, *, n_classes: int) -> None:
        super().__init__()
        self.normalise = GrayInput()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 96, 3, stride=2, padding=1),  # 45 x 45
            nn.ReLU(),
            nn.MaxPool2d(2),  # 22 x 22
            nn.Conv2d(96, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 11 x 11
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 5 x 5
        )
        self.dense = nn.Sequential(
            nn.Linear(256 * 5 * 5, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, FEATURES),
            nn.ReLU(),
        )
        self.lstm = nn.LSTM(FEATURES, FEATURES, batch_first=True)
        self.classifier = nn.Linear(FEATURES, n_classes)
        for layer in (*self.convolutions, *self.dense):
            if isinstance(layer, (nn.Conv2d, nn.Linear)):  # keeps the signal's size through eight ReLUs
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, clips: Tensor) -> Tensor:
        """Return (N, n_classes) logits of (N, 13, 90, 90) grey clips."""
        maps = self.convolutions(self.normalise(clips).flatten(0, 1))  # (N * 13, 256, 5, 5)
        frames = torch.unflatten(self.dense(maps.flatten(1)), 0, (-1, N_FRAMES))  # (N, 13, 256)
        states, _ = self.lstm(frames)  # (N, 13, 256)
        logits: Tensor = self.classifier(states[:, -1])
        return logits
