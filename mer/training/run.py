"""A whole run: folds, systems, calibration, reports; goes on where it was interrupted.

A run's folder holds run.json (settings and data), folds.json, log.csv, curves.png, metrics.json,
table.md, confusion.png, reliability.png, best.safetensors, features/ (see `mer.training.feature_cache`),
and for each fold a folder with best.safetensors, log.csv, predictions.csv and result.json. Of networks
that are there to compare with, only the best fold keeps its weights; support vector machines leave
neither weights nor logs.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from mer.augment import Copy
from mer.config import TrainSettings
from mer.files import write_atomically
from mer.training.claim import claim, claim_folds
from mer.training.data import ClipData, encode_all, select
from mer.training.fold import Job, run_fold
from mer.training.inputs import input_of
from mer.training.watching import counted


def run(
    given: ClipData,
    settings: TrainSettings,
    out: Path,
    *,
    folds_file: Path | None = None,
    cache: Path | None = None,
    device: torch.device,
    threads: int,
    console: Console,
) -> Path | None:
    """Train and report on all folds.

    Args:
        given: Clips of any classes.
        settings: See `TrainSettings`.
        out: Folder of the run; an unfinished run of the same settings and data goes on.
        folds_file: Folds of an earlier run to use again.
        cache: Folder that keeps flow and other features; by default features/ in `out`.
        device: Where to train.
        threads: Processor cores to use.
        console: Where progress goes.

    Returns:
        The run's best.safetensors: of several folds the one with the least loss on its stopping
        subjects, which are never the reported ones. None if the system keeps no weights.

    Raises:
        MerError: If the data do not fit the settings, or `out` holds another run.
    """
    data, truth = select(given, settings.classes)
    claim(out, data, settings)
    folds = claim_folds(out, data, settings, folds_file)
    console.print(
        f"{data.name}: {len(truth)} clips of {len(set(data.subjects.tolist()))} subjects, "
        + ", ".join(f"{name} {int((truth == i).sum())}" for i, name in enumerate(settings.classes))
    )
    job = make_job(data, truth, settings, out, cache=cache, device=device, threads=threads, console=console)
    results = [run_fold(job, fold, number, console) for number, fold in enumerate(folds)]
    return keep_best(out, [fold.name for fold in folds], [float(result["stop_loss"]) for result in results])


def make_job(
    data: ClipData,
    truth: NDArray[np.int64],
    settings: TrainSettings,
    out: Path,
    *,
    cache: Path | None,
    device: torch.device,
    threads: int,
    console: Console,
) -> Job:
    """Encode all clips and return what the folds of a run share; see `run`."""
    kept = cache or out / "features"
    with counted(console, "encoding") as progress:
        own = [Copy(i, ()) for i in range(len(truth))]
        encode = input_of(settings, cache=kept)
        encoded = encode_all(data.clips, own, encode, threads=threads, progress=progress)
    return Job(data, encoded, truth, settings, out, kept, device, threads)


def keep_best(out: Path, folds: Sequence[str], stop_losses: Sequence[float]) -> Path | None:
    """Copy the weights of the fold with the least loss on its stopping subjects; None if none were kept."""
    best = out / min(zip(stop_losses, folds))[1] / "best.safetensors"
    if not best.exists():
        return None
    path = out / "best.safetensors"
    write_atomically(path, best.read_bytes())
    return path
