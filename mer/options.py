"""Options that `mer-train` and `mer-evaluate table1` share: what to train on, how, and with which cores. Torch-free."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mer import option_help
from mer.config import AS_IN_PAPER, TrainSettings
from mer.data import READERS, megc2019
from mer.data.parts import LABELS
from mer.errors import MerError, UsageError
from mer.jobs import cluster
from mer.metrics import COMPOSITE_CLASSES
from mer.splits import PROTOCOLS

_DEFAULTS: Final = TrainSettings()
_KINDS: Final = ", ".join(READERS)
_TRAINING: Final[Mapping[str, Mapping[str, Any]]] = {
    "epochs": {"type": int, "help": f"maximum number of epochs (default: {_DEFAULTS.epochs})"},
    "batch": {"type": int, "help": f"batch size (default: {_DEFAULTS.batch})"},
    "lr": {"type": float, "help": "maximum learning rate (default: the model's own)"},
    "warmup": {"type": int, "help": f"steps over which the rate rises to --lr (default: {_DEFAULTS.warmup})"},
    "halve-after": {
        "type": int,
        "help": f"epochs without improvement before the rate is halved (default: {_DEFAULTS.halve_after})",
    },
    "patience": {
        "type": int,
        "help": f"epochs without improvement before training stops (default: {_DEFAULTS.patience})",
    },
    "oversample": {"type": float, "help": f"{option_help.OVERSAMPLE} (default: {_DEFAULTS.oversample:g})"},
    "elastic": {
        "type": float,
        "help": "strength of random changes to the motion of each clip, for --input flow "
        f"(default: {_DEFAULTS.elastic:g})",
    },
    "seed": {"type": int, "help": f"{option_help.SEED} (default: {_DEFAULTS.seed})"},
    "max-minutes": {"type": float, "help": "maximum minutes per fold (default: no limit)"},
}
"""Settings of `mer.config.TrainSettings` that are plain numbers. A file may give them, so argparse has no default."""
_NO_VALIDATION: Final = (
    "train on everybody but the test set, for exactly --epochs epochs at a constant learning rate, without calibration"
)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where clips come from."""
    group = parser.add_argument_group("data")
    add_datasets(group)
    group.add_argument("--clips", type=Path, metavar="NPZ", help=option_help.CLIPS)
    group.add_argument(
        "--classes",
        type=classes,
        metavar="A,B,...",
        help=f"{option_help.CLASSES} (default: {','.join(_DEFAULTS.classes)}; 'composite' is the three of MEGC2019)",
    )
    group.add_argument("--folds", type=Path, metavar="JSON", help=option_help.FOLDS)
    group.add_argument("--cache", type=Path, metavar="NPZ", help=f"{option_help.CACHE} (default: in --out)")


def add_datasets(group: Any) -> None:
    """Add the options that name datasets, what is taken of them, and what their labels count as."""
    group.add_argument(
        "--dataset", action="append", default=[], metavar="NAME[=PATH]", help=f"{option_help.DATASET}: {_KINDS}"
    )
    group.add_argument("--root", type=Path, metavar="PATH", help=option_help.ROOT)
    group.add_argument("--list", choices=(megc2019.NAME,), help=option_help.LIST)
    group.add_argument("--labels", choices=LABELS, default=LABELS[0], help=option_help.LABELS)
    group.add_argument("--map", type=names, metavar="LABEL=CLASS,...", help=option_help.MAP)


def preset_of(given: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that --as-in-paper and --list stand for; others given, by option or file, come before."""
    listed = {"classes": COMPOSITE_CLASSES, "protocol": "loso"} if given.list else {}
    return {**(AS_IN_PAPER if given.as_in_paper else {}), **listed}


def add_training(group: Any, *, without: Sequence[str] = (), protocols: Sequence[str] = PROTOCOLS) -> None:
    """Add protocol and numbers of a training run to an argparse group.

    Args:
        group: Of `argparse.ArgumentParser.add_argument_group`.
        without: Names of numbers that have no meaning for all models of the command.
        protocols: Those the command knows.
    """
    group.add_argument("--as-in-paper", action="store_true", help=option_help.AS_IN_PAPER)
    group.add_argument(
        "--protocol", choices=protocols, help=f"how subjects are split into folds (default: {_DEFAULTS.protocol})"
    )
    for name, how in _TRAINING.items():
        if name not in without:
            group.add_argument(f"--{name}", metavar="N", **how)
    group.add_argument("--no-validation", dest="validation", action="store_false", default=None, help=_NO_VALIDATION)
    group.add_argument("--loss", metavar="NAME", help=f"{option_help.LOSS} (default: {_DEFAULTS.loss})")
    group.add_argument(
        "--augmentation", metavar="NAME", help=f"{option_help.AUGMENTATION} (default: {_DEFAULTS.augmentation})"
    )
    group.add_argument("--repeats", type=int, default=1, metavar="N", help=option_help.REPEATS)
    add_plugin(group)
    group.add_argument("--keep-weights", action="store_true", help="keep the weights of every fold, not only the best")


def add_plugin(group: Any) -> None:
    """Add the option that names a user's own code."""
    group.add_argument("--plugin", action="append", metavar="FILE", help=option_help.PLUGIN)


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what does the work."""
    group = parser.add_argument_group("processing")
    group.add_argument("--jobs", type=int, default=1, metavar="N", help=option_help.JOBS)
    group.add_argument(
        "--threads", type=int, metavar="N", help=f"{option_help.THREADS} (default: all, divided by --jobs)"
    )
    cluster.add_option(group)
    group.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to train; 'auto' takes a GPU if any"
    )


def cores_for(given: argparse.Namespace) -> int:
    """Return how many cores a fold uses by --threads, --jobs and --cluster.

    Raises:
        UsageError: If they are not positive, or --jobs has no meaning.
    """
    for name in ("threads", "jobs", "repeats"):
        if (number := getattr(given, name)) is not None and number < 1:
            raise UsageError(f"--{name} is {number}; expected at least 1")
    return given.threads or max(1, (os.cpu_count() or 1) // int(given.jobs))


def device_for(given: argparse.Namespace) -> str:
    """Return where to train, as torch names it.

    Raises:
        MerError: If a GPU is wanted and there is none; what other machines have does not matter here.
    """
    import torch  # late: takes seconds

    if given.device == "cpu" or (given.device == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if given.cluster in (None, cluster.LOCAL) and not torch.cuda.is_available():
        raise MerError("--device cuda is given, but torch finds no GPU; leave the option out to train on the processor")
    return "cuda"


def names(text: str) -> tuple[str, ...]:
    """Return names that were given with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def classes(text: str) -> tuple[str, ...]:
    """Return class names that were given with commas, or MEGC2019's three for 'composite'."""
    return COMPOSITE_CLASSES if text == "composite" else names(text)
