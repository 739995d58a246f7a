"""`mer-train`: train a system under a protocol and report on people it has not seen."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from mer import cluster
from mer.config import TrainSettings, load_settings
from mer.data import READERS
from mer.errors import MerError, UsageError
from mer.metrics import COMPOSITE_CLASSES
from mer.preprocess import CHANNELS
from mer.splits import PROTOCOLS
from mer.systems import EPOCHS_ONLY, SYSTEMS

_EPILOG = """\
A run that was stopped goes on when the same command is given again. The reported people never decide
when training stops: that is done on people taken from the training part. Settings may come from a TOML
file with the names of the long options as keys (max_minutes for --max-minutes); options win.
"""


def parser() -> argparse.ArgumentParser:
    """Return the options of `mer-train`, for programs that add their own."""
    options = argparse.ArgumentParser(prog="mer-train", description=__doc__, epilog=_EPILOG)
    source = options.add_argument_group("data")
    source.add_argument("--dataset", choices=tuple(READERS), help="kind of data under --root")
    source.add_argument("--root", type=Path, help="folder of the dataset, or a manifest CSV")
    source.add_argument("--clips", type=Path, help="instead of both: an .npz with the arrays clips, labels, subjects")
    source.add_argument("--classes", type=_names, help="class names with commas, or 'composite' for MEGC2019's three")
    source.add_argument("--folds", type=Path, help="folds.json of an earlier run, to divide the people as it did")
    source.add_argument(
        "--cache", type=Path, help="file for clips, beside it a folder for features (default: in --out)"
    )
    training = options.add_argument_group("training")
    training.add_argument("--model", choices=tuple(SYSTEMS), help="default convlstm")
    training.add_argument(
        "--input", choices=tuple(CHANNELS), help="default gray; systems that make their own input take no other"
    )
    training.add_argument("--protocol", choices=PROTOCOLS, help="default 5fold; 'all' trains on everybody")
    training.add_argument("--config", type=Path, help="TOML file of settings")
    training.add_argument("--epochs", type=int, help="most passes over the training part (100)")
    training.add_argument("--batch", type=int, help="clips an update (32)")
    training.add_argument("--lr", type=float, help="largest learning rate (default: that of the system)")
    training.add_argument("--warmup", type=int, help="updates over which the rate rises to --lr (100)")
    training.add_argument("--halve-after", type=int, help="epochs without gain before the rate is halved (4)")
    training.add_argument("--patience", type=int, help="epochs without gain before training stops (12)")
    training.add_argument("--oversample", type=float, help="clips a class, in multiples of the most frequent (1)")
    training.add_argument("--elastic", type=float, help="strength of random changes to encoded motion, flow only (0)")
    training.add_argument(
        "--init", help="weights to begin with: a checkpoint of this model; for elrcn torchvision's vgg16"
    )
    training.add_argument("--seed", type=int, help="of everything drawn at random (0)")
    training.add_argument("--max-minutes", type=float, help="most minutes a fold; keeps the best epoch so far")
    options.add_argument("--out", type=Path, required=True, help="folder of the run")
    options.add_argument(
        "--threads",
        type=int,
        help="processor cores to use; with --cluster for each fold (default: all, divided by --jobs)",
    )
    cluster.add_option(options)
    options.add_argument("--jobs", type=int, default=1, help="--cluster local: folds at a time (1)")
    options.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: a GPU if there is one"
    )
    return options


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
    try:
        path = train(given)
        if on_checkpoint is not None and path is not None:
            on_checkpoint(path)
    except MerError as error:
        print(f"mer-train: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("mer-train: stopped; give the same command again to go on", file=sys.stderr)
        return 130
    return 0


def train(given: argparse.Namespace) -> Path | None:
    """Do what the options of `parser` say.

    Returns:
        The run's best.safetensors; None if the system keeps no weights.

    Raises:
        MerError: If something given cannot be used.
    """
    settings = load_settings(given.config, {f.name: getattr(given, f.name) for f in fields(TrainSettings)})
    if settings.init and not Path(settings.init).is_file():
        wanted = "torchvision's vgg16 as safetensors" if settings.model == "elrcn" else "a checkpoint of the same model"
        raise MerError(f"--init {settings.init} does not exist; give {wanted}")
    threads = cores_for(given)
    if given.cluster:
        cluster.check(given.cluster)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave the processor to others
    # Late: torch takes seconds to import, and --help and wrong options need not wait for it.
    import cv2
    import torch
    from rich.console import Console

    from mer.evaluation.report import row_of_run, show, write_files
    from mer.training.run import Spread, run
    from mer.training.source import features_folder, read, source_from

    source = source_from(given)
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)  # clips are encoded side by side
    device = torch.device(device_for(given.device, elsewhere=given.cluster not in (None, cluster.LOCAL)))
    console = Console() if sys.stdout.isatty() else Console(width=150)
    data = read(source, settings, jobs=threads, console=console)
    if SYSTEMS[settings.model].kind == "svm":
        plain = TrainSettings(model=settings.model)
        unused = [name.replace("_", "-") for name in EPOCHS_ONLY if getattr(settings, name) != getattr(plain, name)]
        if unused:
            console.print(f"{settings.model} is fitted at once: {', '.join(unused)} left aside", highlight=False)
    path = run(
        data,
        settings,
        given.out,
        folds_file=given.folds,
        cache=features_folder(given),
        device=device,
        threads=threads,
        console=console,
        spread=Spread(source, given.cluster, given.jobs) if given.cluster else None,
    )
    row = row_of_run(given.out)
    write_files(given.out, [row])
    show([row], console)
    console.print(f"weights: {path or 'none, support vector machines leave their answers only'}")
    return path


def cores_for(given: argparse.Namespace) -> int:
    """Return how many cores a fold uses by --threads, --jobs and --cluster.

    Raises:
        UsageError: If they are not positive, or --jobs has no meaning.
    """
    for name in ("threads", "jobs"):
        if (number := getattr(given, name)) is not None and number < 1:
            raise UsageError(f"--{name} is {number}; expected at least 1")
    return given.threads or max(1, (os.cpu_count() or 1) // int(given.jobs))


def device_for(wanted: str, *, elsewhere: bool) -> str:
    """Return where to train, as torch names it.

    Args:
        wanted: auto, cpu or cuda.
        elsewhere: Whether other machines train, so that it does not matter what this one has.

    Raises:
        MerError: If a GPU is wanted and there is none.
    """
    import torch  # late: takes seconds

    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not elsewhere and not torch.cuda.is_available():
        raise MerError("--device cuda is given, but torch finds no GPU; leave the option out to train on the processor")
    return "cuda"


def _names(text: str) -> tuple[str, ...]:
    return COMPOSITE_CLASSES if text == "composite" else tuple(name.strip() for name in text.split(",") if name.strip())


if __name__ == "__main__":
    sys.exit(main())
