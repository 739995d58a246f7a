"""Options that `mer-train` and `mer-evaluate table1` share: what to train on, how, and with which cores. Torch-free."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mer.data import READERS
from mer.errors import MerError, UsageError
from mer.jobs import cluster
from mer.metrics import COMPOSITE_CLASSES
from mer.splits import PROTOCOLS

_TRAINING: Final[Mapping[str, Mapping[str, Any]]] = {
    "epochs": {"type": int, "help": "most passes over the training part (100)"},
    "batch": {"type": int, "help": "clips an update (32)"},
    "lr": {"type": float, "help": "largest learning rate (default: that of the system)"},
    "warmup": {"type": int, "help": "updates over which the rate rises to --lr (100)"},
    "halve-after": {"type": int, "help": "epochs without gain before the rate is halved (4)"},
    "patience": {"type": int, "help": "epochs without gain before training stops (12)"},
    "oversample": {"type": float, "help": "clips a class, in multiples of the most frequent (1)"},
    "elastic": {"type": float, "help": "strength of random changes to encoded motion, flow only (0)"},
    "seed": {"type": int, "help": "of everything drawn at random (0)"},
    "max-minutes": {"type": float, "help": "most minutes a fold; keeps the best epoch so far"},
}
"""Settings of `mer.config.TrainSettings` that are plain numbers."""


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where clips come from."""
    group = parser.add_argument_group("data")
    group.add_argument("--dataset", choices=tuple(READERS), help="kind of data under --root")
    group.add_argument("--root", type=Path, help="folder of the dataset, or a manifest CSV")
    group.add_argument("--clips", type=Path, help="instead of both: an .npz with the arrays clips, labels, subjects")
    group.add_argument("--classes", type=classes, help="class names with commas, or 'composite' for MEGC2019's three")
    group.add_argument("--folds", type=Path, help="folds.json of an earlier run, to divide the people as it did")
    group.add_argument("--cache", type=Path, help="file for clips, beside it a folder for features (default: in --out)")


def add_training(group: Any, *, without: Sequence[str] = (), protocols: Sequence[str] = PROTOCOLS) -> None:
    """Add protocol and numbers of a training run to an argparse group.

    Args:
        group: Of `argparse.ArgumentParser.add_argument_group`.
        without: Names of numbers that have no meaning for all systems of the command.
        protocols: Those the command knows.
    """
    group.add_argument("--protocol", choices=protocols, help="default 5fold; 'all' trains on everybody")
    for name, how in _TRAINING.items():
        if name not in without:
            group.add_argument(f"--{name}", **how)


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what does the work."""
    parser.add_argument("--jobs", type=int, default=1, help="folds at a time on this machine (1)")
    parser.add_argument("--threads", type=int, help="processor cores for each fold (default: all, divided by --jobs)")
    cluster.add_option(parser)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: a GPU if any")


def cores_for(given: argparse.Namespace) -> int:
    """Return how many cores a fold uses by --threads, --jobs and --cluster.

    Raises:
        UsageError: If they are not positive, or --jobs has no meaning.
    """
    for name in ("threads", "jobs"):
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
