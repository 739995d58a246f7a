"""From the encoded uint8 clip to what the convolutions see; part of the network, so part of its ONNX graph."""

from typing import Final

import torch
from torch import Tensor, nn

from mer.preprocess import FLOW_STEPS_PER_PX, InputMode

RESIDUAL_STEPS: Final = 16.0
"""Grey levels of difference to the onset frame that become 1: the order of a strong micro-motion."""
STRAIN_STEPS_PER_UNIT: Final = 30.0
"""Encoded strain (600 steps per pixel per pixel) that becomes 1: 0.05, the order of a strong micro-motion."""


class GrayInput(nn.Module):
    """Grey levels 0 to 255 become -1 to 1: (N, 13, 90, 90) to (N, 13, 1, 90, 90)."""

    def forward(self, clips: Tensor) -> Tensor:
        """Return float (N, 13, 1, 90, 90) in -1 to 1."""
        return (clips.float() / 127.5 - 1.0).unsqueeze(2)


class RgbInput(nn.Module):
    """Colours 0 to 255 become -1 to 1: (N, 13, 90, 90, 3) to (N, 13, 3, 90, 90)."""

    def forward(self, clips: Tensor) -> Tensor:
        """Return float (N, 13, 3, 90, 90) in -1 to 1."""
        return (clips.float() / 127.5 - 1.0).movedim(-1, 2)


class ResidualInput(nn.Module):
    """Difference to the onset frame in units of 16 grey levels: (N, 13, 90, 90) to (N, 13, 1, 90, 90)."""

    def forward(self, clips: Tensor) -> Tensor:
        """Return float (N, 13, 1, 90, 90); the onset frame is zero."""
        grey = clips.float()
        return ((grey - grey[:, :1]) / RESIDUAL_STEPS).unsqueeze(2)


class FlowInput(nn.Module):
    """Decode flow to pixels and strain to units of 0.05: (N, 13, 90, 90, 3) to (N, 13, 3, 90, 90)."""

    def __init__(self) -> None:
        super().__init__()
        steps = [FLOW_STEPS_PER_PX, FLOW_STEPS_PER_PX, STRAIN_STEPS_PER_UNIT]
        self.register_buffer("zero", torch.tensor([128.0, 128.0, 0.0]), persistent=False)
        self.register_buffer("steps", torch.tensor(steps), persistent=False)
        self.zero: Tensor
        self.steps: Tensor

    def forward(self, clips: Tensor) -> Tensor:
        """Return float (N, 13, 3, 90, 90): u and v in pixels, strain in units of 0.05."""
        return ((clips.float() - self.zero) / self.steps).movedim(-1, 2)


def input_layer(mode: InputMode) -> nn.Module:
    """Return the module that turns encoded clips of `mode` into (N, 13, C, 90, 90) float frames."""
    layers: dict[InputMode, type[nn.Module]] = {
        "gray": GrayInput,
        "rgb": RgbInput,
        "residual": ResidualInput,
        "flow": FlowInput,
    }
    return layers[mode]()
