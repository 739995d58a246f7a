"""Fits the network to labelled peaks and writes it as ONNX. The only module of `realtime` that names torch."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional

from engines.manifest import sha256
from realtime.spotting.candidate import N_FEATURES
from realtime.spotting.network import KINDS

HIDDEN: Final = (64, 32)
EPOCHS: Final = 30
_BATCH: Final = 256
_LEARNING_RATE: Final = 2e-3
_DROPOUT: Final = 0.25
_CLIP: Final = 5.0
_MOMENT_S: Final = 0.2
"""Moments are learnt in this unit."""
_NOISE: Final = 0.05
_OTHER: Final = 0.1
"""Weight of telling apart what is no micro-expression."""

Arrays = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]


class Judge(nn.Module):
    """Two hidden layers on normalised features; kinds and moments come out."""

    def __init__(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        super().__init__()
        self.mean: torch.Tensor
        self.scale: torch.Tensor
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.first = nn.Linear(N_FEATURES, HIDDEN[0])
        self.second = nn.Linear(HIDDEN[0], HIDDEN[1])
        self.last = nn.Linear(HIDDEN[1], len(KINDS) + 3)
        self.drop = nn.Dropout(_DROPOUT)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, 6 + 3) logits: a micro-expression or not, and if not, which kind; then moments."""
        x = ((features - self.mean) / self.scale).clamp(-_CLIP, _CLIP)
        x = self.drop(functional.relu(self.first(x)))
        x = self.drop(functional.relu(self.second(x)))
        out: torch.Tensor = self.last(x)
        return out


def fit(arrays: Arrays, *, seed: int) -> Judge:
    """Return a network fitted to labelled peaks."""
    torch.manual_seed(seed)
    features, kinds, moments = (torch.from_numpy(array) for array in arrays)
    model = Judge(features.mean(dim=0), features.std(dim=0) + 0.05)
    optimiser = torch.optim.AdamW(model.parameters(), _LEARNING_RATE, weight_decay=0.02)
    steps = EPOCHS * (len(features) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, max(steps, 1), pct_start=0.1)
    for _ in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(features)), _BATCH)[: len(features) // _BATCH]:
            noisy = features[batch] + _NOISE * model.scale * torch.randn(len(batch), N_FEATURES)
            out = model(noisy)
            micro = (kinds[batch] == 0).float()
            apart = functional.smooth_l1_loss(
                out[:, len(KINDS) :], moments[batch] / _MOMENT_S, reduction="none", beta=0.2
            ).mean(dim=1)
            other = functional.cross_entropy(out[:, 1 : len(KINDS)], (kinds[batch] - 1).clamp(min=0), reduction="none")
            loss = functional.binary_cross_entropy_with_logits(out[:, 0], micro)
            loss = loss + (apart * micro).sum() / micro.sum().clamp(min=1.0) + _OTHER * (other * (1.0 - micro)).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # of torch
            optimiser.step()
            schedule.step()
    return model.eval()


def write(
    path: Path, model: Judge, *, threshold: float, expressions: list[dict[str, Any]], about: dict[str, Any]
) -> None:
    """Write the network to `path` and its manifest beside it."""
    content = _graph(model).SerializeToString()
    path.write_bytes(content)
    manifest = {
        "schema": 1,
        "sha256": sha256(content),
        "features": N_FEATURES,
        "kinds": list(KINDS),
        "threshold": threshold,
        **about,
        "expressions": expressions,
    }
    path.with_name(path.name + ".json").write_text(json.dumps(manifest, indent=None) + "\n", encoding="utf-8")


def _graph(model: Judge) -> onnx.ModelProto:
    """Return the network as ONNX: features in, probabilities of KINDS and moments in seconds out."""
    names = {"mean": model.mean, "scale": model.scale}
    for layer in ("first", "second", "last"):
        names |= {f"{layer}.w": getattr(model, layer).weight, f"{layer}.b": getattr(model, layer).bias}
    constants = [numpy_helper.from_array(t.detach().numpy().astype(np.float32), name) for name, t in names.items()]
    for name, value in (("low", -_CLIP), ("high", _CLIP), ("unit", _MOMENT_S)):
        constants.append(numpy_helper.from_array(np.array(value, np.float32), name))
    split = np.array([1, len(KINDS) - 1, 3], np.int64)
    constants.append(numpy_helper.from_array(np.array(1.0, np.float32), "one"))
    constants.append(numpy_helper.from_array(split, "split"))
    nodes = [
        helper.make_node("Sub", ["features", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["normal"]),
        helper.make_node("Clip", ["normal", "low", "high"], ["clipped"]),
        helper.make_node("Gemm", ["clipped", "first.w", "first.b"], ["a"], transB=1),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Gemm", ["b", "second.w", "second.b"], ["c"], transB=1),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Gemm", ["d", "last.w", "last.b"], ["e"], transB=1),
        helper.make_node("Split", ["e", "split"], ["logit", "logits", "shifts"], axis=1),
        helper.make_node("Sigmoid", ["logit"], ["micro"]),
        helper.make_node("Softmax", ["logits"], ["which"], axis=1),
        helper.make_node("Sub", ["one", "micro"], ["not"]),
        helper.make_node("Mul", ["not", "which"], ["others"]),
        helper.make_node("Concat", ["micro", "others"], ["probabilities"], axis=1),
        helper.make_node("Mul", ["shifts", "unit"], ["moments"]),
    ]
    graph = helper.make_graph(
        nodes,
        "spotter",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", N_FEATURES])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(KINDS)]),
            helper.make_tensor_value_info("moments", TensorProto.FLOAT, ["n", 3]),
        ],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made
