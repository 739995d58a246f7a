"""Fits the network for action units, calibrates it and writes it as ONNX. Names torch."""

import json
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
from realtime.spotting.features import MOVING
from realtime.spotting.measures import WINDOW
from realtime.spotting.training.units.examples import Labelled
from realtime.spotting.units import SCHEMA, SIDES, UNITS

HIDDEN: Final = (256, 128)
N_OUT: Final = len(UNITS) * len(SIDES)
EPOCHS: Final = 12
_BATCH: Final = 256
_LEARNING_RATE: Final = 2e-3
_WEIGHT_DECAY: Final = 0.02
_DROPOUT: Final = 0.1
_SIZE: Final = 1.0
"""Weight of the sizes beside telling what is there."""
_THRESHOLDS: Final = np.linspace(0.35, 0.9, 56)
"""None below the first: what is not told is better than what is told wrong."""


class Head(nn.Module):
    """Two layers on the motion around a movement, and one for what is there and how large it is."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(MOVING * WINDOW + 1, HIDDEN[0])
        self.second = nn.Linear(*HIDDEN)
        self.last = nn.Linear(HIDDEN[1], 2 * N_OUT)
        self.drop = nn.Dropout(_DROPOUT)

    def forward(self, given: Tensor) -> Tensor:
        """Return (N, 2 N_OUT): logits of unit and side, then sizes in multiples of the amplitude."""
        x = self.drop(functional.relu(self.first(given)))
        x = self.drop(functional.relu(self.second(x)))
        out: Tensor = self.last(x)
        return out


def fit(labelled: Labelled, *, seed: int) -> Head:
    """Return a network fitted to movements whose units are known."""
    torch.manual_seed(seed)
    given, present, shares = tensors(labelled)
    model = Head()
    optimiser = torch.optim.AdamW(model.parameters(), _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    batches = max(len(given) // _BATCH, 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, EPOCHS * batches, pct_start=0.1)
    for _ in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(given)), _BATCH)[:batches]:
            logits, sizes = model(given[batch]).split(N_OUT, dim=1)
            there = present[batch]
            late = functional.smooth_l1_loss(sizes, shares[batch], reduction="none", beta=0.2)
            loss = functional.binary_cross_entropy_with_logits(logits, there)
            loss = loss + _SIZE * (late * there).sum() / there.sum().clamp(min=1.0) / len(UNITS)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # of torch
            optimiser.step()
            schedule.step()
    return model.eval()


def tensors(labelled: Labelled) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the network is given, which units are there, and their sizes in multiples of the amplitude."""
    size = np.log(np.maximum(labelled.amplitudes, 1e-3))[:, np.newaxis]
    given = np.concatenate([labelled.windows.reshape(len(size), -1), size], axis=1)
    shares = labelled.percents / np.maximum(labelled.amplitudes, 1e-3)[:, np.newaxis, np.newaxis]
    flat = (len(size), N_OUT)
    return (
        torch.from_numpy(given.astype(np.float32)),
        torch.from_numpy(labelled.present.reshape(flat).astype(np.float32)),
        torch.from_numpy(np.minimum(shares, 4.0).reshape(flat).astype(np.float32)),
    )


def calibrate(model: Head, labelled: Labelled) -> NDArray[np.float64]:
    """Make the probabilities right on movements that were not fitted; return the threshold of each unit.

    Each unit's logits get a slope and an intercept of their own (Platt 1999), which go into the last layer. The
    threshold is that of the largest F1 of the unit over both sides.
    """
    given, present, _ = tensors(labelled)
    with torch.no_grad():
        logits = model(given)[:, :N_OUT]
    thresholds = []
    for number in range(len(UNITS)):
        columns = slice(number * len(SIDES), (number + 1) * len(SIDES))
        slope, shift = _platt(logits[:, columns].reshape(-1), present[:, columns].reshape(-1))
        with torch.no_grad():
            model.last.weight[columns] *= slope
            model.last.bias[columns] = model.last.bias[columns] * slope + shift
        probable = torch.sigmoid(logits[:, columns] * slope + shift).numpy()
        thresholds.append(_best_threshold(probable.ravel(), present[:, columns].numpy().ravel() > 0.5))
    return np.array(thresholds)


def _platt(logits: Tensor, present: Tensor) -> tuple[float, float]:
    line = torch.tensor([1.0, 0.0], requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=50)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(logits * line[0] + line[1], present)
        loss.backward()  # type: ignore[no-untyped-call]  # of torch
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]  # of torch
    slope, shift = line.detach().tolist()
    return slope, shift


def _best_threshold(probable: NDArray[np.float32], there: NDArray[np.bool_]) -> float:
    scores = []
    for threshold in _THRESHOLDS:
        said = probable >= threshold
        scores.append(2.0 * (said & there).sum() / max(said.sum() + there.sum(), 1))
    return round(float(_THRESHOLDS[int(np.argmax(scores))]), 3)


def write(path: Path, model: Head, thresholds: NDArray[np.float64], *, about: dict[str, Any]) -> None:
    """Write a network to `path`, and its manifest beside it."""
    content = graph(model).SerializeToString()
    path.write_bytes(content)
    manifest = {
        "schema": SCHEMA,
        "sha256": sha256(content),
        "window": [MOVING, WINDOW],
        "units": list(UNITS),
        "thresholds": thresholds.tolist(),
        **about,
    }
    path.with_name(path.name + ".json").write_text(json.dumps(manifest, allow_nan=False) + "\n", encoding="utf-8")


def graph(model: Head) -> onnx.ModelProto:
    """Return a network as an ONNX graph: window and logarithm of the amplitude in, probabilities and sizes out."""
    constants = [
        numpy_helper.from_array(tensor.detach().numpy().astype(np.float32), name)
        for name, tensor in model.state_dict().items()
    ]
    shape = np.array([-1, len(UNITS), len(SIDES)], np.int64)
    constants.append(numpy_helper.from_array(shape, "shape"))

    def layer(name: str, given: str, out: str) -> onnx.NodeProto:
        return helper.make_node("Gemm", [given, f"{name}.weight", f"{name}.bias"], [out], transB=1)

    nodes = [
        helper.make_node("Flatten", ["window"], ["flat"], axis=1),
        helper.make_node("Concat", ["flat", "size"], ["given"], axis=1),
        layer("first", "given", "first"),
        helper.make_node("Relu", ["first"], ["first.out"]),
        layer("second", "first.out", "second"),
        helper.make_node("Relu", ["second"], ["second.out"]),
        layer("last", "second.out", "last"),
        helper.make_node("Split", ["last"], ["logits", "sizes"], axis=1),
        helper.make_node("Sigmoid", ["logits"], ["probable"]),
        helper.make_node("Relu", ["sizes"], ["positive"]),
        helper.make_node("Reshape", ["probable", "shape"], ["probabilities"]),
        helper.make_node("Reshape", ["positive", "shape"], ["shares"]),
    ]
    given = [
        helper.make_tensor_value_info("window", TensorProto.FLOAT, ["n", MOVING, WINDOW]),
        helper.make_tensor_value_info("size", TensorProto.FLOAT, ["n", 1]),
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", len(UNITS), len(SIDES)])
        for name in ("probabilities", "shares")
    ]
    opset = helper.make_opsetid("", 17)
    made = helper.make_model(
        helper.make_graph(nodes, "units", given, outputs, constants), opset_imports=[opset], producer_name="mer-live"
    )
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made
