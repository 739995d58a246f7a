"""From a trained network to the few arrays that its output depends on. Needs torch.

What is linear and follows something linear is multiplied out once, in float64: the attention's
output projection with the first classifier layer (three million parameters become 8,192), the
values' bias, the places' embedding, the attention's 1 / sqrt(d) and the temperature.
"""

import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engines.protocol import Arrays
from mer.errors import MerError
from mer.models.head import HEAD_WIDTH
from mer.models.normalise import RESIDUAL_STEPS, STRAIN_STEPS_PER_UNIT
from mer.preprocess import FLOW_STEPS_PER_PX, InputMode
from mer.sampling import APEX

_CONVOLUTIONS: Final = {
    "convlstm": {"input": "lstm.input_conv", "state": "lstm.state_conv", "reduce": "reduce"},
    "conv2d": {"conv": "conv"},
    "conv3d": {"conv": "conv"},
}
_SCALES: Final[dict[InputMode, list[float]]] = {
    "gray": [1 / 127.5],
    "rgb": [1 / 127.5],
    "residual": [1 / RESIDUAL_STEPS],
    "flow": [1 / FLOW_STEPS_PER_PX, 1 / FLOW_STEPS_PER_PX, 1 / STRAIN_STEPS_PER_UNIT],
}
_SHIFTS: Final[dict[InputMode, list[float]]] = {
    "gray": [127.5],
    "rgb": [127.5],
    "residual": [0.0],
    "flow": [128.0, 128.0, 0.0],
}


def can_fold(model: str) -> bool:
    """Return whether a model is one whose graph is written node by node."""
    return model in _CONVOLUTIONS


def fold(network: nn.Module, *, model: str, mode: InputMode, temperature: float) -> Arrays:
    """Return the arrays that `engines.graph.build_graph` needs.

    Args:
        network: A trained network of `mer.models.networks.create`.
        model: Its name.
        mode: Its input mode.
        temperature: What the logits are divided by before the softmax (Guo et al., "On calibration
            of modern neural networks", 2017).

    Returns:
        Name to float32 array; matrices are (inputs, outputs).

    Raises:
        MerError: If it is a network for comparison, not for live use.
    """
    if model not in _CONVOLUTIONS:
        raise MerError(f"model {model!r} cannot become an engine; only {', '.join(_CONVOLUTIONS)} can")
    with torch.no_grad():
        state = {name: value.detach().cpu().double().numpy() for name, value in network.state_dict().items()}
    arrays = {"input_scale": np.array(_SCALES[mode]), "input_shift": np.array(_SHIFTS[mode])}
    for ours, theirs in _CONVOLUTIONS[model].items():
        arrays[f"{ours}_weight"] = state[f"{theirs}.weight"]
        if f"{theirs}.bias" in state:
            arrays[f"{ours}_bias"] = state[f"{theirs}.bias"]
    arrays |= _fold_head(state, model, temperature)
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in arrays.items()}


def _fold_head(state: dict[str, NDArray[np.float64]], model: str, temperature: float) -> dict[str, NDArray[np.float64]]:
    def linear(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return state[f"{name}.weight"].T, state[f"{name}.bias"]

    query, query_bias = linear("head.attention.query")
    key, _ = linear("head.attention.key")  # its bias shifts all scores of a query alike: softmax does not see it
    value, value_bias = linear("head.attention.value")
    out, out_bias = linear("head.attention.out")
    hidden, hidden_bias = linear("head.classifier.hidden")
    last, last_bias = linear("head.classifier.out")
    mixed_to_hidden = out @ hidden
    folded = {
        "query_weight": query,
        "query_bias": query_bias[None],
        "key_value_weight": np.concatenate([key, value], axis=1),
        "hidden_weight": mixed_to_hidden,
        "hidden_bias": hidden_bias + out_bias @ hidden + value_bias @ mixed_to_hidden,  # shares sum to 1
        "out_weight": last / temperature,
        "out_bias": last_bias / temperature,
    }
    if "position.table" in state:
        table = state["position.table"]
        asking = table[APEX : APEX + 1] if model == "conv2d" else table
        folded["query_bias"] = query_bias + asking @ query
        folded["key_value_bias"] = table @ folded["key_value_weight"]
    folded["query_weight"] = folded["query_weight"] / math.sqrt(HEAD_WIDTH)
    folded["query_bias"] = folded["query_bias"] / math.sqrt(HEAD_WIDTH)
    return folded
