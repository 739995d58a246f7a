"""ELRCN: VGG-16 reads the flow of each frame, an LSTM the sequence.

From the source and its public code: VGG-16 up to its second dense layer, 4096 features a frame, with all
convolutions frozen; an LSTM of 3000 units; 128 units with ReLU; one unit a class; Adam with learning rate 1e-5.
Assumed: the three channels are u, v and strain of DIS flow with the head's motion removed
(`mer.preprocess.encode_flow`; the source has TV-L1 and stacks grey beside it in one of its variants); 13 frames
at 112 x 112 (the source: 10 at 224 x 224, four times the work for clips of 90 x 90), whose last maps are averaged
or repeated to 7 x 7 as torchvision does; dense layers and LSTM are trained together, not one after the other.

The convolutions come from `--init FILE`: torchvision's VGG-16 as safetensors. Without it they are drawn at
random and still frozen, so the dense layers learn on random features: training 13 convolutions from scratch on
a few hundred clips would not do better. The run says which of the two it was.

219,821,317 parameters for five classes, 14,714,688 of them frozen. VGG-16 up to its second dense layer has
134,260,544, which is the paper's 134 M: the paper leaves out the LSTM.

Reference: Khor, See, Phan, Lin, "Enriched long-term recurrent convolutional network for facial
micro-expression recognition", FG 2018, arXiv:1805.08417.
"""

from collections.abc import Mapping
from typing import Final

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from mer.errors import MerError
from mer.models.normalise import FlowInput
from mer.sampling import N_FRAMES

SIDE: Final = 112
MAPS: Final = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)
"""Convolutions of VGG-16; 0 is max-pooling."""
FEATURES: Final = 4096
UNITS: Final = 3000


class Elrcn(nn.Module):
    """Frames to 4096 features each, the sequence to one prediction. Parts are named as torchvision names them."""

    clips_at_once = 8

    def __init__(self, *, n_classes: int) -> None:
        super().__init__()
        self.normalise = FlowInput()
        self.features = _convolutions()
        self.classifier = nn.Sequential(
            nn.Linear(MAPS[-2] * 7 * 7, FEATURES),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(FEATURES, FEATURES),
            nn.ReLU(),
            nn.Dropout(0.5),
        )
        self.lstm = nn.LSTM(FEATURES, UNITS, batch_first=True)
        self.hidden = nn.Linear(UNITS, 128)
        self.out = nn.Linear(128, n_classes)
        self.features.requires_grad_(False)

    def frozen(self, clips: Tensor) -> Tensor:
        """Return (N, 13, 512, 3, 3) maps of (N, 13, 90, 90, 3) encoded flow; nothing here is trained."""
        with torch.no_grad():
            frames = self.normalise(clips).flatten(0, 1)  # (N * 13, 3, 90, 90)
            large = functional.interpolate(frames, (SIDE, SIDE), mode="bilinear", align_corners=False)
            return torch.unflatten(self.features(large), 0, (-1, N_FRAMES))

    def trained(self, maps: Tensor) -> Tensor:
        """Return (N, n_classes) logits of what `frozen` gives."""
        pooled = functional.adaptive_avg_pool2d(maps.flatten(0, 1).float(), 7)  # (N * 13, 512, 7, 7)
        frames = torch.unflatten(self.classifier(pooled.flatten(1)), 0, (-1, N_FRAMES))  # (N, 13, 4096)
        states, _ = self.lstm(frames)  # (N, 13, 3000)
        logits: Tensor = self.out(torch.relu(self.hidden(states[:, -1])))
        return logits

    def forward(self, clips: Tensor) -> Tensor:
        """Return (N, n_classes) logits of (N, 13, 90, 90, 3) encoded flow."""
        return self.trained(self.frozen(clips))

    def take_over(self, weights: Mapping[str, Tensor], source: str) -> None:
        """Take convolutions, and dense layers if they are there, from torchvision's VGG-16.

        Args:
            weights: Tensors named features.0.weight and so on; those of other layers are left aside.
            source: Where they come from, for the message.

        Raises:
            MerError: If one of the convolutions is missing or a shape differs.
        """
        own = {
            name: tensor for name, tensor in self.state_dict().items() if name.startswith(("features", "classifier"))
        }
        for name, tensor in own.items():
            given = weights.get(name)
            if given is None and name.startswith("classifier"):
                continue
            if given is None or given.shape != tensor.shape:
                raise MerError(
                    f"{source}: tensor {name!r} is {'missing' if given is None else tuple(given.shape)}, expected "
                    f"{tuple(tensor.shape)}; give torchvision's vgg16 as safetensors"
                )
            tensor.copy_(given)


def _convolutions() -> nn.Sequential:
    layers: list[nn.Module] = []
    given = 3
    for made in MAPS:
        if not made:
            layers.append(nn.MaxPool2d(2))
            continue
        convolution = nn.Conv2d(given, made, 3, padding=1)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")  # keeps the signal's size
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        layers += [convolution, nn.ReLU()]
        given = made
    return nn.Sequential(*layers)
