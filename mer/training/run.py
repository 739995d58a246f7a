"""A whole run: folds, systems, calibration, reports; goes on where it was interrupted.

A run's folder holds run.json (settings and data), folds.json, log.csv, curves.png, metrics.json,
table.md, confusion.png, reliability.png, best.safetensors, features/ (see `mer.training.feature_cache`),
and for each fold a folder with best.safetensors, log.csv, predictions.csv and result.json. Of networks
that are there to compare with, only the best fold keeps its weights; support vector machines leave
neither weights nor logs.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from mer import class_map
from mer.config import TrainSettings
from mer.errors import MerError
from mer.files import write_atomically
from mer.jobs.clock import Clock, duration
from mer.splits import Fold
from mer.training import estimate
from mer.training.claim import claim, claim_folds, folds_of
from mer.training.counting import counted
from mer.training.data import ClipData, select
from mer.training.fold import make_job, run_fold
from mer.training.source import Source
from mer.training.tasks import FoldTask, Shared, each_fold
from mer.training.watching import first_epoch_said


@dataclass(frozen=True, slots=True)
class Spread:
    """Where folds are done that are not done here.

    Attributes:
        source: Where every process reads the clips.
        cluster: Address of a cluster; None for processes of this machine.
        jobs: Folds at a time on this machine.
    """

    source: Source
    cluster: str | None
    jobs: int


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
    spread: Spread | None = None,
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
        spread: Where the folds are done; None for here, one after the other.

    Returns:
        The run's best.safetensors: of several folds the one with the least loss on its stopping
        subjects, which are never the reported ones. None if the system keeps no weights.

    Raises:
        MerError: If the data do not fit the settings, or `out` holds another run.
    """
    data, truth = select(given, settings.classes, class_map.parse(settings.map))
    claim(out, data, settings)
    folds = claim_folds(out, data, settings, folds_file)
    _say_counts(data, truth, settings, console)
    if spread is not None:
        shared = Shared(
            spread.source, settings, out.resolve(), cache or (out / "features").resolve(), str(device), threads
        )
        results = _spread(shared, folds, spread, console)
    else:
        job = make_job(data, truth, settings, out, cache=cache, device=device, threads=threads, console=console)
        results = [run_fold(job, fold, number, console) for number, fold in enumerate(folds)]
    return keep_best(out, [fold.name for fold in folds], [float(result["stop_loss"]) for result in results])


def dry_run(
    given: ClipData,
    settings: TrainSettings,
    out: Path,
    folds_file: Path | None,
    *,
    device: torch.device,
    jobs: int,
    threads: int,
    console: Console,
) -> None:
    """Print what `run` would do and take, and leave nothing behind.

    Raises:
        MerError: As `run` does.
    """
    data, truth = select(given, settings.classes, class_map.parse(settings.map))
    folds = folds_of(out, data, settings, folds_file)
    _say_counts(data, truth, settings, console)
    cost = estimate.measure(data, truth, settings, device)
    sizes = estimate.sizes(data, truth, settings, folds)
    for line in estimate.lines(settings, sizes, cost, jobs=jobs, threads=threads):
        console.print(line, soft_wrap=True, highlight=False)
    console.print("nothing was trained: --dry-run")


def _say_counts(data: ClipData, truth: NDArray[np.int64], settings: TrainSettings, console: Console) -> None:
    counts = [f"{name} {int((truth == i).sum())}" for i, name in enumerate(settings.classes)]
    console.print(
        f"{data.name}: {len(truth)} clips of {len(set(data.subjects.tolist()))} subjects, {', '.join(counts)}"
    )


def _spread(shared: Shared, folds: Sequence[Fold], spread: Spread, console: Console) -> list[dict[str, Any]]:
    tasks = [FoldTask(shared, fold, number) for number, fold in enumerate(folds)]
    results: dict[int, dict[str, Any]] = {}
    reasons = []
    clock = Clock([shared.settings.model for _ in tasks], workers=spread.jobs)
    watch = first_epoch_said(shared.out, [fold.name for fold in folds], shared.settings, spread.jobs, console)
    with (
        counted(console, "folds") as progress,
        closing(each_fold(tasks, where=spread.cluster, jobs=spread.jobs, watch=watch)) as all_,
    ):
        progress(0, len(tasks))
        for number, ended in all_:
            left_s = clock.ended(number, shared.settings.model, counts=ended.result is not None)
            if ended.result is not None:
                results[number] = ended.result
                left = f"; about {duration(left_s)} left" if len(results) < len(tasks) else ""
                console.print(f"{folds[number].name}: done, {len(results)} of {len(tasks)}{left}", highlight=False)
                progress(len(results), len(tasks))
            elif ended.reason:
                reasons.append(f"{folds[number].name}: {ended.reason}")
    if len(results) < len(tasks):
        raise MerError("; ".join(reasons))
    return [results[number] for number in range(len(tasks))]


def keep_best(out: Path, folds: Sequence[str], stop_losses: Sequence[float]) -> Path | None:
    """Copy the weights of the fold with the least loss on its validation subjects; None if none were kept."""
    best = out / min(zip(stop_losses, folds))[1] / "best.safetensors"
    if not best.exists():
        return None
    path = out / "best.safetensors"
    write_atomically(path, best.read_bytes())
    return path
