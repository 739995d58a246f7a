"""ONNX of networks that the graph writer does not know, a user's own: by torch's exporter. Needs torch, onnxscript."""

import copy
import io
import logging
import warnings
from contextlib import redirect_stdout

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.manifest import INPUT, OUTPUT, clip_shape
from mer.checkpoint import Configuration
from mer.errors import MerError
from mer.preprocess import check_mode

_BATCH = 2
"""Clips of the example: the exporter takes a batch of one for a constant."""


class _Probabilities(nn.Module):
    """A network with temperature and softmax, as an engine's graph has them inside."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, clips: Tensor) -> Tensor:
        """Return (N, n_classes) probabilities of encoded clips, uint8."""
        return torch.softmax(self.network(clips) / self.temperature, dim=1)


def traced_bytes(network: nn.Module, configuration: Configuration) -> tuple[bytes, int]:
    """Return the ONNX file of a network in single precision, for any number of clips, and its opset.

    Raises:
        MerError: If torch's exporter cannot write the network.
    """
    whole = _Probabilities(copy.deepcopy(network).cpu(), configuration.temperature).eval()
    example = torch.zeros((_BATCH, *clip_shape(check_mode(configuration.mode))), dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # the exporter reports its steps
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                whole,
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes={"clips": {0: torch.export.Dim("n")}},
                verbose=False,
            )
        if program is None:
            raise RuntimeError("it returned nothing")
        model = program.model_proto
    except Exception as error:  # whatever its many stages raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise MerError(
            f"torch's ONNX exporter cannot write model {configuration.model!r} ({reason}); change its forward so that "
            "torch.export takes it, or use the .safetensors file"
        ) from error
    content: bytes = model.SerializeToString()
    return content, int(model.opset_import[0].version)


def plain_probabilities(
    network: nn.Module, configuration: Configuration, clips: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return (N, n_classes) probabilities of torch in single precision: a user's network may fix that of its input."""
    whole = _Probabilities(copy.deepcopy(network).cpu(), configuration.temperature).eval()
    with torch.inference_mode():
        found: NDArray[np.float64] = whole(torch.from_numpy(clips)).double().numpy()
    return found
