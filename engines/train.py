"""`mer-train` with an engine at the end: the weights as ONNX, and on request as a TensorRT plan."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import mer.train
from engines import build_cli
from engines.select import SHIPPED_MODEL
from engines.source import read_source
from mer.cli import command
from mer.missing import needed
from mer.models.registry import EXPORTED, SYSTEMS
from mer.text import printable

if TYPE_CHECKING:
    from torch import nn

    from mer.checkpoint import Configuration

_SHIPPED: Final = "shipped"
"""What --init calls the weights that come with this software."""


@command("mer-train", interrupted=mer.train.INTERRUPTED)
def main(argv: Sequence[str] | None = None) -> int:
    """Train, then write best.onnx with its manifest beside the run's best.safetensors; return the exit code."""
    options = mer.train.parser()
    options.add_argument_group("engine").add_argument(
        "--build-plan", action="store_true", help="also build a TensorRT plan, as mer-build-trt does"
    )
    given = options.parse_args(argv)
    if given.init == _SHIPPED:
        given.init = str(shipped_checkpoint(given.out))
    checkpoint = mer.train.train(given)
    if given.dry_run:
        return 0
    exported = _export(checkpoint)
    if given.build_plan and exported is not None:
        return build_cli.main([str(exported), "--out", str(exported.with_suffix(".plan"))])
    return 0


def shipped_checkpoint(out: Path) -> Path:
    """Write the shipped weights as a checkpoint in the folder of a run, for --init, and return its path.

    Raises:
        MerError: If a library for it is missing.
    """
    path = out / "shipped.safetensors"
    if path.is_file():
        return path
    with needed("--init shipped"):
        from mer import checkpoint  # late: torch takes seconds to import

    checkpoint.save(path, *shipped_network())
    return path


def shipped_network() -> "tuple[nn.Module, Configuration]":
    """Return the shipped weights as a network of torch, and what describes it.

    Raises:
        MerError: If a library for it is missing.
    """
    with needed("the shipped weights in torch"):
        from engines.unfolding import unfold  # late: torch takes seconds to import
        from mer.checkpoint import Configuration

    source = read_source(SHIPPED_MODEL)
    about = source.manifest
    network = unfold(source.arrays, model=about.model, mode=about.mode)
    # The folded graph divides by the temperature itself.
    return network, Configuration(
        about.model, about.mode, about.classes, 1.0, about.none_threshold, {"data": about.training_data}
    )


def _export(path: Path | None) -> Path | None:
    """Write best.onnx and say so, or say why there is none; return the file that a plan is built from."""
    if path is None:
        print("engine: none, the run left no weights; it is for comparison only")
        return None
    with needed("writing best.onnx"):
        from engines.export import export_network  # late: torch takes seconds to import
        from mer import checkpoint

    network, configuration = checkpoint.load(path)
    if not SYSTEMS[configuration.model].exported:
        print(
            f"engine: none, only {', '.join(EXPORTED)} become engines, and models of your own that are registered with "
            f"exported=True; {configuration.model} is for comparison only"
        )
        return None
    target = path.with_suffix(".onnx")
    export_network(network, configuration, target)
    print(printable(f"engine: {target}"))
    return path if configuration.model in EXPORTED else target


if __name__ == "__main__":
    sys.exit(main())
