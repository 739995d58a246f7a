"""`mer-train`: train a system under a protocol and report on people it has not seen."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final

from rich.console import Console

from mer import missing, option_help, options
from mer.cli import command
from mer.config import TrainSettings, load_settings
from mer.errors import MerError
from mer.jobs import cluster
from mer.models.registry import EPOCHS_ONLY, SYSTEMS
from mer.parser import Parser
from mer.preprocess import CHANNELS
from mer.process import settle
from mer.terminal import open_console

INTERRUPTED: Final = "interrupted; repeat the command to continue"
_MODELS: Final = f"{', '.join(SYSTEMS)}, or one of a plugin"

_NOTES: Final = (
    "An interrupted run continues when the same command is given again. Early stopping looks at a validation set of "
    "subjects taken from the training set, never at the test set. The file of --config may hold the options under "
    "'training' and --classes."
)


def parser() -> Parser:
    """Return the options of `mer-train`, for programs that add their own."""
    parser = Parser(
        prog="mer-train",
        description="Train a model under a subject-exclusive protocol and report on the test set of each fold.",
        notes=_NOTES,
        examples=(
            "mer-train --dataset mmew --root /data/MMEW --out runs/mmew",
            "mer-train --dataset casme2=/data/CASME2 --dataset samm=/data/SAMM --dataset smic-hs=/data/SMIC "
            "--list megc2019 --model conv2d --out runs/megc2019",
        ),
    )
    options.add_data(parser)
    training = parser.add_argument_group("training")
    training.add_argument("--model", metavar="NAME", help=f"{_MODELS} (default: convlstm)")
    training.add_argument("--input", choices=tuple(CHANNELS), help=option_help.INPUT)
    training.add_argument("--config", type=Path, metavar="TOML", help=option_help.CONFIG)
    training.add_argument("--init", metavar="FILE", help=option_help.INIT)
    training.add_argument(
        "--backgrounds", metavar="NPZ", help="clips of ordinary motion to mix in, as mer-data backgrounds writes them"
    )
    options.add_training(training)
    output = parser.add_argument_group("output")
    output.add_argument("--out", type=Path, required=True, metavar="DIR", help=option_help.OUT)
    output.add_argument("--dry-run", action="store_true", help=option_help.DRY_RUN)
    options.add_machine(parser)
    return parser


@command("mer-train", interrupted=INTERRUPTED)
def main(argv: Sequence[str] | None = None, *, on_checkpoint: Callable[[Path], None] | None = None) -> int:
    """Run `mer-train`.

    Args:
        argv: Options; those of the process by default.
        on_checkpoint: Called at the end with the path of the run's best.safetensors, for what is made
            from weights: an ONNX file, an engine. Its MerError is reported like any other. Not called if
            the system keeps no weights.

    Returns:
        The exit code.
    """
    given = parser().parse_args(argv)
    path = train(given)
    if on_checkpoint is not None and path is not None:
        on_checkpoint(path)
    return 0


def train(given: argparse.Namespace) -> Path | None:
    """Do what the options of `parser` say.

    Returns:
        The run's best.safetensors; None if the system keeps no weights or --dry-run is given.

    Raises:
        MerError: If something given cannot be used.
    """
    missing.check("training", *missing.TRAINING)
    chosen = {field.name: getattr(given, field.name) for field in fields(TrainSettings)}
    settings = load_settings(given.config, chosen, preset=options.preset_of(given))
    if settings.init and not Path(settings.init).is_file():
        wanted = "torchvision's vgg16 as safetensors" if settings.model == "elrcn" else "a checkpoint of the same model"
        raise MerError(f"--init {settings.init} does not exist; give {wanted}")
    threads = options.cores_for(given)
    if given.cluster:
        cluster.check(given.cluster)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave the processor to others
    # Late: torch takes seconds to import, and --help and wrong options need not wait for it.
    import torch

    from mer.training.context import RunContext
    from mer.training.repeats import repeat
    from mer.training.run import Workers, dry_run
    from mer.training.source import features_folder, read, source_from

    source = source_from(given)
    torch.set_num_threads(threads)
    settle()  # now that OpenCV is loaded
    console = open_console(width=None if sys.stdout.isatty() else 150)
    data = read(source, settings, jobs=threads, console=console)
    if unused := _unused(settings):
        console.print(f"{settings.model} is fitted at once: {', '.join(unused)} left aside", highlight=False)
    context = RunContext(
        settings,
        given.out,
        features_folder(given) or given.out / "features",
        options.device_for(given),
        threads,
        source,
        given.keep_weights,
    )
    if given.dry_run:
        dry_run(data, context, given.folds, jobs=given.jobs, console=console)
        return None
    workers = Workers(given.cluster, given.jobs) if given.cluster or given.jobs > 1 else None
    path = repeat(data, context, given.repeats, folds_file=given.folds, console=console, workers=workers)
    _report(given.out, given.repeats, settings.seed, console)
    console.print(f"weights: {path or 'none, support vector machines leave predictions only'}")
    return path


def _unused(settings: TrainSettings) -> list[str]:
    """Return the settings that were given and mean nothing to a support vector machine."""
    if SYSTEMS[settings.model].kind != "svm":
        return []
    plain = TrainSettings(model=settings.model)
    return [name.replace("_", "-") for name in EPOCHS_ONLY if getattr(settings, name) != getattr(plain, name)]


def _report(out: Path, repeats: int, seed: int, console: Console) -> None:
    """Write and print the figures of a finished run, or of one with each seed."""
    from mer.evaluation import over_seeds  # late: needs torch
    from mer.evaluation.report import show, write_files

    rows = over_seeds.rows_of(out, repeats, seed)
    write_files(out, [row for _, row in rows])
    show([row for _, row in rows], console)
    if repeated := over_seeds.grouped(rows):
        over_seeds.write(out, repeated)
        over_seeds.show(repeated, console)


if __name__ == "__main__":
    sys.exit(main())
