"""From the arrays of `engines.folding` back to a torch network that gives the same outputs. Needs torch.

The shipped file holds folded weights only, and torch is what the other runners are measured against. Folding
cannot be undone, but a network of the same shape, at the same cost, can be given weights with the same predictions.
"""

import math

import torch
from torch import Tensor, nn

from engines.protocol import Arrays
from mer.errors import MerError
from mer.models import networks
from mer.models.head import ATTENTION_WIDTH, HEAD_WIDTH


def unfold(arrays: Arrays, *, model: str, mode: str) -> nn.Module:
    """Return a convlstm network whose softmax equals the folded graph's, temperature 1.

    The output projection keeps the 64 mixed values in the first of its 15,488 numbers; the first
    classifier layer reads only those.

    Raises:
        MerError: For the models with a positional embedding, which cannot be recovered.
    """
    if model != "convlstm":
        raise MerError(f"the torch network of {model} cannot be made from its ONNX file; give the checkpoint")
    network = networks.create(model, mode=mode, n_classes=len(arrays["out_bias"]))
    weights = {name: torch.from_numpy(array) for name, array in arrays.items()}
    width = len(weights["query_weight"])
    attention, classifier = "head.attention", "head.classifier"
    key, value = torch.tensor_split(weights["key_value_weight"], 2, dim=1)
    first = torch.zeros(width, ATTENTION_WIDTH)
    first[:ATTENTION_WIDTH] = torch.eye(ATTENTION_WIDTH)
    hidden = torch.zeros(weights["hidden_weight"].shape[1], width)
    hidden[:, :ATTENTION_WIDTH] = weights["hidden_weight"].t()
    state: dict[str, Tensor] = {
        "lstm.input_conv.weight": weights["input_weight"],
        "lstm.input_conv.bias": weights["input_bias"],
        "lstm.state_conv.weight": weights["state_weight"],
        "reduce.weight": weights["reduce_weight"],
        "reduce.bias": weights["reduce_bias"],
        f"{attention}.query.weight": weights["query_weight"].t() * math.sqrt(HEAD_WIDTH),
        f"{attention}.query.bias": weights["query_bias"][0] * math.sqrt(HEAD_WIDTH),
        f"{attention}.key.weight": key.t(),
        f"{attention}.key.bias": torch.zeros(ATTENTION_WIDTH),
        f"{attention}.value.weight": value.t(),
        f"{attention}.value.bias": torch.zeros(ATTENTION_WIDTH),
        f"{attention}.out.weight": first,
        f"{attention}.out.bias": torch.zeros(width),
        f"{classifier}.hidden.weight": hidden,
        f"{classifier}.hidden.bias": weights["hidden_bias"],
        f"{classifier}.out.weight": weights["out_weight"].t(),
        f"{classifier}.out.bias": weights["out_bias"],
    }
    network.load_state_dict(state)
    return network.eval()
