"""Turns a checkpoint into an ONNX file with its manifest: `python -m engines.export CHECKPOINT --out MODEL.onnx`.

Needs the `train` extra: torch reads and checks, onnx writes.
"""

import copy
import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engines.folding import can_fold, fold
from engines.graph import LAYOUTS, OPSET, build_graph, writable
from engines.manifest import INPUT, Deviation, Layout, Manifest, Precision, manifest_path, sha256, write_pair
from engines.parity import deviation, parity_clips
from engines.runtime.onnx import new_session
from engines.traced import plain_probabilities, traced_bytes
from mer import checkpoint, option_help, options, plugins
from mer.checkpoint import Configuration
from mer.cli import command
from mer.errors import MerError
from mer.models.networks import parameter_count
from mer.parser import Parser
from mer.preprocess import check_mode
from mer.text import printable

TOLERANCE: Final[dict[Precision, float]] = {"fp32": 1e-3, "fp16-weights": 1e-2, "fp16": 1e-2, "int8": 5e-2}
"""Largest relative error against torch in float64 with which a file is written."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A graph and how far it is from torch."""

    content: bytes
    precision: Precision
    opset: int
    deviation: Deviation


def export_network(
    network: nn.Module,
    configuration: Configuration,
    path: Path,
    *,
    precision: Precision | None = None,
    spotter_weight: float = 0.0,
) -> Manifest:
    """Write MODEL.onnx and MODEL.onnx.json, after comparing the graph with torch in float64.

    Args:
        network: A trained network.
        configuration: What its checkpoint says about it.
        path: Where to write, ending in .onnx.
        precision: fp32; fp16-weights, half the size and computed in single precision; int8, half the time on a CPU;
            or fp16, for GPUs. None for int8 where the model allows it and its predictions are the same, and
            fp16-weights otherwise. A network that is not one of ours is written by torch's exporter, in fp32.
        spotter_weight: Power to which the spotter's own probabilities count in those of an event.

    Returns:
        The manifest that was written.

    Raises:
        MerError: If the graph deviates too far from torch, or torch's exporter or the disk refuses it.
    """
    if path.suffix != ".onnx":
        raise MerError(f"cannot export to {path}: give a name that ends in .onnx")
    written = _ours(network, configuration, precision) if can_fold(configuration.model) else None
    made = written or _traced(network, configuration)
    if not made.deviation.relative <= TOLERANCE[made.precision]:
        raise MerError(
            f"the {made.precision} graph deviates from torch by {made.deviation.relative:.1e}, more than "
            f"{TOLERANCE[made.precision]:.0e}; "
            + ("export with --precision fp32" if written else "use the .safetensors file instead")
        )
    manifest = Manifest(
        file=path.name,
        sha256=sha256(made.content),
        backend="onnx",
        model=configuration.model,
        parameters=parameter_count(network),
        mode=check_mode(configuration.mode),
        classes=configuration.classes,
        none_threshold=configuration.none_threshold,
        temperature=configuration.temperature,
        precision=made.precision,
        opset=made.opset,
        versions={name: importlib.metadata.version(name) for name in ("mer-live", "onnx", "onnxruntime", "torch")},
        training_data=configuration.training_data,
        deviation=made.deviation,
        spotter_weight=spotter_weight,
    )
    write_pair(path, made.content, manifest)
    return manifest


def _ours(network: nn.Module, configuration: Configuration, precision: Precision | None) -> _Written:
    """Return the graph in a precision, or in the fastest one whose predictions are the same."""
    clips = parity_clips(check_mode(configuration.mode))
    expected: NDArray[np.float64] | None = None
    for chosen in (precision,) if precision else _for_processors(configuration):
        content = onnx_bytes(network, configuration, precision=chosen, layout=LAYOUTS[chosen])
        if expected is None:  # seconds of float64, which a precision that cannot be written does not need
            expected = reference_probabilities(network, configuration, clips)
        found = deviation(_probabilities(content, clips), expected, reference="torch float64")
        made = _Written(content, chosen, OPSET, found)
        if made.deviation.relative <= TOLERANCE[chosen]:
            break
    return made


def _traced(network: nn.Module, configuration: Configuration) -> _Written:
    content, opset = traced_bytes(network, configuration)
    clips = parity_clips(check_mode(configuration.mode))
    expected = plain_probabilities(network, configuration, clips)
    found = deviation(_probabilities(content, clips), expected, reference="torch float32")
    return _Written(content, "fp32", opset, found)


def _for_processors(configuration: Configuration) -> tuple[Precision, ...]:
    """Return the precisions to try, fastest first."""
    wanted: tuple[Precision, ...] = ("int8", "fp16-weights")
    return tuple(one for one in wanted if writable(configuration.model, check_mode(configuration.mode), one))


def onnx_bytes(network: nn.Module, configuration: Configuration, *, precision: Precision, layout: Layout) -> bytes:
    """Return the ONNX file of a network."""
    mode = check_mode(configuration.mode)
    arrays = fold(network, model=configuration.model, mode=mode, temperature=configuration.temperature)
    graph = build_graph(arrays, model=configuration.model, mode=mode, precision=precision, layout=layout)
    content: bytes = graph.SerializeToString()
    return content


def reference_probabilities(
    network: nn.Module, configuration: Configuration, clips: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return (N, n_classes) probabilities of torch in float64; the network itself is left alone."""
    exact = copy.deepcopy(network).eval().double().cpu()
    exact.get_submodule("normalise").register_forward_hook(lambda _module, _inputs, frames: frames.double())
    with torch.inference_mode():
        logits = torch.cat([exact(torch.from_numpy(clip[None])) for clip in clips])
        probabilities: NDArray[np.float64] = torch.softmax(logits / configuration.temperature, dim=1).numpy()
    return probabilities


def _probabilities(content: bytes, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the (N, n_classes) probabilities of a graph."""
    session = new_session(content, source="the exported graph")
    return np.concatenate([session.run(None, {INPUT: clip[None]})[0] for clip in clips])


@command("mer-export")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = Parser(
        prog="python -m engines.export",
        description="Export a checkpoint to ONNX, with the manifest of an engine beside it.",
        examples=(
            "python -m engines.export runs/a/best.safetensors --out model.onnx",
            "python -m engines.export runs/a/best.safetensors --out model.onnx --precision fp32",
        ),
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help=".safetensors file written by mer-train")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="ONNX", help=option_help.OUT)
    parser.add_argument("--precision", choices=get_args(Precision), help=option_help.PRECISION)
    parser.add_argument(
        "--spotter-weight",
        type=float,
        default=0.0,
        metavar="W",
        help="power to which the spotter's own probabilities count in those of an event",
    )
    options.add_plugin(parser)
    arguments = parser.parse_args(argv)
    if not 0.0 <= arguments.spotter_weight <= 1.0:
        parser.error(f"--spotter-weight {arguments.spotter_weight:g} is not a number from 0 to 1")
    plugins.load(arguments.plugin or ())
    network, configuration = checkpoint.load(arguments.checkpoint)
    manifest = export_network(
        network,
        configuration,
        arguments.out,
        precision=arguments.precision,
        spotter_weight=arguments.spotter_weight,
    )
    assert manifest.deviation is not None  # for the type checker: just measured
    print(
        f"{printable(arguments.out)}: {arguments.out.stat().st_size / 1e6:.1f} MB, {manifest.precision}, opset "
        f"{manifest.opset}, relative error {manifest.deviation.relative:.1e} against {manifest.deviation.reference}\n"
        f"{printable(manifest_path(arguments.out))}: {manifest.model}, {manifest.mode}, "
        f"{printable(', '.join(manifest.classes))}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
