"""Fits the network to labelled peaks and writes it as ONNX. The only module of `realtime` that names torch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from engines.manifest import sha256
from mer.labels import CLASSES
from realtime.spotting.features import MOVING
from realtime.spotting.measures import N_FEATURES, WINDOW
from realtime.spotting.network import KINDS, SCHEMA

CHANNELS: Final = 32
EMBEDDED: Final = 48
HIDDEN: Final = (96, 48)
N_OUT: Final = len(KINDS) + 3 + len(CLASSES)
MOMENTS: Final = slice(len(KINDS), len(KINDS) + 3)
"""Where onset, apex and offset stand in what comes out."""
EPOCHS: Final = 15
_KERNEL: Final = 5
_BATCH: Final = 256
_LEARNING_RATE: Final = 2e-3
_WEIGHT_DECAY: Final = 0.03
_DROPOUT: Final = 0.25
_CLIP: Final = 5.0
MOMENT_S: Final = 0.2
"""Moments are learnt in this unit."""
_NOISE: Final = 0.05
_LOUDER: Final = 0.1
_OTHER: Final = 0.1
"""Weight of telling apart what is no micro-expression ..."""
_CLASS: Final = 0.3
"""... and of telling expressions apart."""
_SHARED: Final = ("features", "window", "low", "high", "unit", "one", "split")
"""Inputs and constants that all networks of a graph share."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Peaks and what they are.

    Attributes:
        features: (N, N_FEATURES) float32.
        windows: (N, MOVING, WINDOW) float32.
        kinds: (N,) int64 index into KINDS.
        moments: (N, 3) float32 onset, apex and offset after the peak, seconds.
        classes: (N,) int64 index into `mer.labels.CLASSES`, -1 for what has none.
    """

    features: NDArray[np.float32]
    windows: NDArray[np.float32]
    kinds: NDArray[np.int64]
    moments: NDArray[np.float32]
    classes: NDArray[np.int64]


def joined(parts: Sequence[Labels]) -> Labels:
    """Return the peaks of several sets together."""
    names = [field.name for field in fields(Labels)]
    return Labels(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


class Judge(nn.Module):
    """A small convolutional network on the motion around a peak, joined by what was measured at it.

    Args:
        mean: (N_FEATURES,) of the features.
        scale: (N_FEATURES,) their spread.
    """

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.mix = nn.Conv1d(MOVING, CHANNELS, 1)
        self.look = nn.Conv1d(CHANNELS, CHANNELS, _KERNEL, padding=_KERNEL // 2)
        self.halved = nn.Conv1d(CHANNELS, CHANNELS, _KERNEL, padding=_KERNEL // 2, stride=2)
        self.quartered = nn.Conv1d(CHANNELS, CHANNELS, _KERNEL, padding=_KERNEL // 2, stride=2)
        self.embed = nn.Linear(CHANNELS * WINDOW // 4, EMBEDDED)
        self.first = nn.Linear(N_FEATURES + EMBEDDED, HIDDEN[0])
        self.second = nn.Linear(*HIDDEN)
        self.last = nn.Linear(HIDDEN[1], N_OUT)
        self.drop = nn.Dropout(_DROPOUT)

    def forward(self, features: Tensor, windows: Tensor) -> Tensor:
        """Return (N, N_OUT): logit of a micro-expression, logits of what else, moments, logits of the expressions."""
        x = ((features - self.mean) / self.scale).clamp(-_CLIP, _CLIP)
        y = functional.relu(self.mix(windows))  # (N, CHANNELS, WINDOW)
        y = y + functional.relu(self.look(y))
        y = functional.relu(self.halved(y))
        y = functional.relu(self.quartered(y))  # (N, CHANNELS, WINDOW / 4)
        y = functional.relu(self.embed(self.drop(y.flatten(1))))
        x = self.drop(functional.relu(self.first(torch.cat([x, y], dim=1))))
        x = self.drop(functional.relu(self.second(x)))
        out: Tensor = self.last(x)
        return out


def fit(labels: Labels, *, seed: int) -> Judge:
    """Return a network fitted to labelled peaks."""
    torch.manual_seed(seed)
    features, windows = torch.from_numpy(labels.features), torch.from_numpy(labels.windows)
    truth = (torch.from_numpy(labels.kinds), torch.from_numpy(labels.moments), torch.from_numpy(labels.classes))
    model = Judge(features.mean(dim=0), features.std(dim=0) + 0.05)
    optimiser = torch.optim.AdamW(model.parameters(), _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    batches = max(len(features) // _BATCH, 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, EPOCHS * batches, pct_start=0.1)
    for _ in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(features)), _BATCH)[:batches]:
            noisy = features[batch] + _NOISE * model.scale * torch.randn(len(batch), N_FEATURES)
            louder = windows[batch] * (1.0 + _LOUDER * torch.randn(len(batch), 1, 1))
            out = model(noisy, louder + _NOISE * torch.randn_like(louder))
            optimiser.zero_grad()
            _loss(out, *(part[batch] for part in truth)).backward()  # type: ignore[no-untyped-call]  # of torch
            optimiser.step()
            schedule.step()
    return model.eval()


def _loss(out: Tensor, kinds: Tensor, moments: Tensor, classes: Tensor) -> Tensor:
    micro, otherwise, when, which = torch.split(out, [1, len(KINDS) - 1, 3, len(CLASSES)], dim=1)
    is_micro, named = (kinds == 0).float(), (classes >= 0).float()
    late = functional.smooth_l1_loss(when, moments / MOMENT_S, reduction="none", beta=0.2).mean(dim=1)
    other = functional.cross_entropy(otherwise, (kinds - 1).clamp(min=0), reduction="none")
    expression = functional.cross_entropy(which, classes.clamp(min=0), reduction="none")
    loss = functional.binary_cross_entropy_with_logits(micro[:, 0], is_micro)
    loss = loss + (late * is_micro).sum() / is_micro.sum().clamp(min=1.0) + _OTHER * (other * (1.0 - is_micro)).mean()
    return loss + _CLASS * (expression * named).sum() / named.sum().clamp(min=1.0)


def write(
    path: Path, models: list[Judge], *, threshold: float, expressions: list[dict[str, Any]], about: dict[str, Any]
) -> None:
    """Write the mean of some networks to `path`, and its manifest beside it."""
    content = graph(models).SerializeToString()
    path.write_bytes(content)
    manifest = {
        "schema": SCHEMA,
        "sha256": sha256(content),
        "features": N_FEATURES,
        "window": [MOVING, WINDOW],
        "kinds": list(KINDS),
        "classes": list(CLASSES),
        "threshold": threshold,
        **about,
        "expressions": expressions,
    }
    path.with_name(path.name + ".json").write_text(json.dumps(manifest, allow_nan=False) + "\n", encoding="utf-8")


def graph(models: list[Judge]) -> onnx.ModelProto:
    """Return networks as one ONNX graph whose outputs are the means of theirs.

    Inputs are features and window; outputs the probabilities of KINDS, moments in seconds, and the probabilities of
    the expressions, given that it is one.
    """
    nodes: list[onnx.NodeProto] = []
    constants = [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (("low", -_CLIP), ("high", _CLIP), ("unit", MOMENT_S), ("one", 1.0))
    ]
    split = np.array([1, len(KINDS) - 1, 3, len(CLASSES)], np.int64)
    constants.append(numpy_helper.from_array(split, "split"))
    for number, model in enumerate(models):
        _add(nodes, constants, model, f"{number}.")
    outputs = {"kinds": len(KINDS), "moments": 3, "classes": len(CLASSES)}
    for name in outputs:
        nodes.append(helper.make_node("Mean", [f"{number}.{name}" for number in range(len(models))], [name]))
    made = helper.make_graph(
        nodes,
        "spotter",
        [
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", N_FEATURES]),
            helper.make_tensor_value_info("window", TensorProto.FLOAT, ["n", MOVING, WINDOW]),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in outputs.items()],
        constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], producer_name="mer-live")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def _add(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], model: Judge, own: str) -> None:
    """Add the nodes and weights of one network, whose names begin with `own`."""
    for name, tensor in model.state_dict().items():
        constants.append(numpy_helper.from_array(tensor.detach().numpy().astype(np.float32), own + name))

    def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> None:
        given = [name if name in _SHARED else own + name for name in inputs.split()]
        nodes.append(helper.make_node(kind, given, [own + name for name in outputs.split()], **attributes))

    def convolution(name: str, given: str, *, stride: int, kernel: int = _KERNEL) -> None:
        pads = [kernel // 2, kernel // 2]
        node("Conv", f"{given} {name}.weight {name}.bias", f"{name}.sum", strides=[stride], pads=pads)
        node("Relu", f"{name}.sum", f"{name}.out")

    def layer(name: str, given: str) -> None:
        node("Gemm", f"{given} {name}.weight {name}.bias", f"{name}.sum", transB=1)
        node("Relu", f"{name}.sum", f"{name}.out")

    node("Sub", "features mean", "centred")
    node("Div", "centred scale", "normal")
    node("Clip", "normal low high", "clipped")
    convolution("mix", "window", stride=1, kernel=1)
    convolution("look", "mix.out", stride=1)
    node("Add", "mix.out look.out", "looked")
    convolution("halved", "looked", stride=2)
    convolution("quartered", "halved.out", stride=2)
    node("Flatten", "quartered.out", "flat", axis=1)
    layer("embed", "flat")
    node("Concat", "clipped embed.out", "joined", axis=1)
    layer("first", "joined")
    layer("second", "first.out")
    node("Gemm", "second.out last.weight last.bias", "out", transB=1)
    node("Split", "out split", "micro_logit other_logits scaled class_logits", axis=1)
    node("Sigmoid", "micro_logit", "micro")
    node("Softmax", "other_logits", "otherwise", axis=1)
    node("Sub", "one micro", "not_micro")
    node("Mul", "not_micro otherwise", "others")
    node("Concat", "micro others", "kinds", axis=1)
    node("Mul", "scaled unit", "moments")
    node("Softmax", "class_logits", "classes", axis=1)
