"""`mer-train` with an engine at the end: the weights as ONNX, and on request as a TensorRT plan."""

import sys
from collections.abc import Sequence
from pathlib import Path

import mer.train
from engines import build_cli
from mer.cli import command
from mer.missing import needed
from mer.models.registry import EXPORTED
from mer.text import printable


@command("mer-train", interrupted=mer.train.INTERRUPTED)
def main(argv: Sequence[str] | None = None) -> int:
    """Train, then write best.onnx with its manifest beside the run's best.safetensors; return the exit code."""
    options = mer.train.parser()
    options.add_argument_group("engine").add_argument(
        "--build-plan", action="store_true", help="also build a TensorRT plan, as mer-build-trt does"
    )
    given = options.parse_args(argv)
    checkpoint = mer.train.train(given)
    exported = _export(checkpoint)
    if given.build_plan and checkpoint is not None and exported:
        return build_cli.main([str(checkpoint), "--out", str(checkpoint.with_suffix(".plan"))])
    return 0


def _export(path: Path | None) -> bool:
    """Write best.onnx and say so, or say why there is none; return whether it was written."""
    if path is None:
        print("engine: none, the run left no weights; it is there to compare with")
        return False
    with needed("writing best.onnx"):
        from engines.export import export_network  # late: torch takes seconds to import
        from mer import checkpoint

    network, configuration = checkpoint.load(path)
    if configuration.model not in EXPORTED:
        print(
            f"engine: none, only {', '.join(EXPORTED)} become engines; {configuration.model} is there to compare with"
        )
        return False
    target = path.with_suffix(".onnx")
    export_network(network, configuration, target)
    print(printable(f"engine: {target}"))
    return True


if __name__ == "__main__":
    sys.exit(main())
