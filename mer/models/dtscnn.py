"""DTSCNN: two shallow convolutional streams that see the flow at two temporal scales.

From the source: sequences of optical flow, interpolated to 64 and to 128 frames; a stream for each; four
convolutions with pooling in a stream; features of both streams side by side; a linear classifier.
Assumed, as the layers could not be verified: 3 x 3 x 3 convolutions of 16, 32, 64 and 128 maps, each followed
by batch normalisation, ReLU and 2 x 2 x 2 max-pooling (the last by the mean over what is left); flow at half
the side of a clip, 45 x 45; the 13 flow fields of a clip (DIS, u, v and strain against the onset, head motion
removed: `mer.preprocess.encode_flow`) interpolated linearly in time; the linear classifier trained with the
streams by cross-entropy, not a linear SVM afterwards.

585,445 parameters for five classes. The paper counts 63 M: dense layers over full-size frames would be
needed for that, which "shallow" in the source's own words does not suggest.

Reference: Peng, Wang, Chen, Liu, Fu, "Dual temporal scale convolutional neural network for
micro-expression recognition", Frontiers in Psychology 8:1745, 2017.
"""

from typing import Final

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from mer.models.normalise import FlowInput

SCALES: Final = (64, 128)
"""Frames that the streams see."""
MAPS: Final = (16, 32, 64, 128)


class Stream(nn.Module):
    """Four 3D convolutions over a clip stretched to a number of frames."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames
        layers: list[nn.Module] = []
        for given, made in zip((3, *MAPS), MAPS):
            layers += [nn.Conv3d(given, made, 3, padding=1, bias=False), nn.BatchNorm3d(made), nn.ReLU()]
            layers.append(nn.MaxPool3d(2) if made != MAPS[-1] else nn.AdaptiveAvgPool3d(1))
        self.layers = nn.Sequential(*layers)

    def forward(self, flow: Tensor) -> Tensor:
        """Return (N, 128) features of (N, 3, 13, 45, 45) flow."""
        stretched = functional.interpolate(
            flow, (self.frames, *flow.shape[3:]), mode="trilinear", align_corners=True
        )  # (N, 3, 64 or 128, 45, 45)
        features: Tensor = self.layers(stretched)
        return features.flatten(1)


class Dtscnn(nn.Module):
    """Both streams and one linear layer."""

    clips_at_once = 4
    quicker_in_bfloat16 = True

    def __init__(self, *, n_classes: int) -> None:
        super().__init__()
        self.normalise = FlowInput()
        self.streams = nn.ModuleList(Stream(frames) for frames in SCALES)
        self.classifier = nn.Linear(len(SCALES) * MAPS[-1], n_classes)

    def forward(self, clips: Tensor) -> Tensor:
        """Return (N, n_classes) logits of (N, 13, 90, 90, 3) encoded flow."""
        flow = self.normalise(clips).movedim(2, 1)  # (N, 3, 13, 90, 90)
        small = functional.avg_pool3d(flow, (1, 2, 2))
        small = small.contiguous(memory_format=torch.channels_last_3d)  # quicker on processors, equal up to rounding
        logits: Tensor = self.classifier(torch.cat([stream(small) for stream in self.streams], dim=1))
        return logits
