"""Any network of timm, on the motion at the apex; torchvision's models take num_classes just so.

mer-train --plugin own_backbone.py --model resnet18 --dataset manifest --root clips.csv --out runs/resnet18
"""

import timm
from torch import Tensor, nn

from mer import System, register
from mer.models.normalise import input_layer
from mer.preprocess import CHANNELS, InputMode
from mer.sampling import APEX


class Backbone(nn.Module):
    """ResNet-18 on one frame of 13; pretrained=True where its weights can be downloaded."""

    def __init__(self, *, mode: InputMode, n_classes: int) -> None:
        super().__init__()
        self.input = input_layer(mode)  # (N, 13, 90, 90[, 3]) uint8 -> (N, 13, C, 90, 90)
        self.network = timm.create_model("resnet18", in_chans=CHANNELS[mode], num_classes=n_classes)

    def forward(self, clips: Tensor) -> Tensor:
        """Return (N, n_classes) logits."""
        return self.network(self.input(clips)[:, APEX])  # type: ignore[no-any-return]  # of torch


register("resnet18", System("network", Backbone, lr=3e-4, exported=True))
