"""`mer-evaluate`: the figures of `mer.evaluate`, with trained and shipped weights opened as every engine is."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import mer.evaluate
from engines.runtime.registry import SUFFIXES
from engines.select import SHIPPED_MODEL, open_path
from mer.cli import command
from mer.errors import MerError
from mer.evaluation.network import Network
from mer.missing import needed

SHIPPED: Final = "shipped"


def open_network(weights: str, *, threads: int) -> Network:
    """Open what is to be evaluated.

    Args:
        weights: "shipped", or the path of a .safetensors checkpoint or of an engine with its manifest.
        threads: Of the processor.

    Raises:
        MerError: If it does not exist or cannot be used.
    """
    path = SHIPPED_MODEL if weights == SHIPPED else Path(weights)
    if not path.is_file():
        raise MerError(f"{path} does not exist; give {SHIPPED!r} or the path of a {', '.join(SUFFIXES)} file")
    with needed(str(path)):
        engine = open_path(path, threads=threads)
    manifest = engine.manifest
    return Network(
        name=f"{manifest.model} ({path.name})",
        mode=engine.mode,
        classes=engine.classes,
        none_threshold=engine.none_threshold,
        parameters=manifest.parameters,
        trained_on=manifest.training_data,
        probabilities=engine.classify,
        fingerprint=_fingerprint(path),
    )


def _fingerprint(path: Path) -> str:
    """Return the fingerprint of the clips that a checkpoint was trained on, empty if it is not known."""
    if path.suffix != ".safetensors":
        return ""
    from mer import checkpoint  # late: torch takes seconds to import

    return str(checkpoint.load(path)[1].training.get("fingerprint", ""))


@command("mer-evaluate", interrupted="interrupted")
def main(argv: Sequence[str] | None = None) -> int:
    """Run `mer-evaluate`; return the exit code."""
    given = mer.evaluate.parser(open_network).parse_args(argv)
    return int(given.command(given) or 0)


if __name__ == "__main__":
    sys.exit(main())
