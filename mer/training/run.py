"""A whole run: folds, systems, calibration, reports; goes on where it was interrupted.

A run's folder holds run.json (settings and data), folds.json, log.csv, curves.png, metrics.json,
table.md, confusion.png, reliability.png, best.safetensors, features/ (see `mer.training.feature_cache`),
and for each fold a folder with best.safetensors, log.csv, predictions.csv and result.json. Of networks
for comparison, only the best fold keeps its weights; support vector machines leave
neither weights nor logs.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
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
from mer.training.context import RunContext
from mer.training.counting import counted
from mer.training.data import ClipData, select
from mer.training.fold import prepare, run_fold
from mer.training.tasks import FoldTask, each_fold
from mer.training.watching import first_epoch_said


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes that do folds side by side.

    Attributes:
        cluster: Address of a cluster; None for processes of this machine.
        jobs: Folds at a time on this machine.
    """

    cluster: str | None
    jobs: int


def run(
    given: ClipData,
    context: RunContext,
    *,
    folds_file: Path | None = None,
    console: Console,
    workers: Workers | None = None,
) -> Path | None:
    """Train and report on all folds.

    Args:
        given: Clips of any classes.
        context: Settings, folder, machine; an unfinished run of the same settings and data goes on.
        folds_file: Folds of an earlier run to use again.
        console: Where progress goes.
        workers: Who does the folds; None for this process, one after the other.

    Returns:
        The run's best.safetensors: of several folds the one with the least loss on its validation
        subjects, which are never the test subjects. None if the system keeps no weights.

    Raises:
        MerError: If the data do not fit the settings, or the folder holds another run.
    """
    settings, out = context.settings, context.out
    data, truth = select(given, settings.classes, class_map.parse(settings.map))
    claim(out, data, settings)
    folds = claim_folds(out, data, settings, folds_file)
    _say_counts(data, truth, settings, console)
    if workers is not None:
        results = _side_by_side(context, folds, workers, console)
    else:
        prepared = prepare(context, data, truth, console=console)
        results = [run_fold(prepared, fold, number, console) for number, fold in enumerate(folds)]
    return keep_best(out, [fold.name for fold in folds], [float(result["validation_loss"]) for result in results])


def dry_run(given: ClipData, context: RunContext, folds_file: Path | None, *, jobs: int, console: Console) -> None:
    """Print what `run` would do and take, and leave nothing behind.

    Raises:
        MerError: As `run` does.
    """
    settings = context.settings
    data, truth = select(given, settings.classes, class_map.parse(settings.map))
    folds = folds_of(context.out, data, settings, folds_file)
    _say_counts(data, truth, settings, console)
    cost = estimate.measure(data, truth, settings, torch.device(context.device))
    sizes = estimate.sizes(data, truth, settings, folds)
    for line in estimate.lines(settings, sizes, cost, jobs=jobs, threads=context.threads):
        console.print(line, soft_wrap=True, highlight=False)
    console.print("nothing was trained: --dry-run")


def _say_counts(data: ClipData, truth: NDArray[np.int64], settings: TrainSettings, console: Console) -> None:
    counts = [f"{name} {int((truth == i).sum())}" for i, name in enumerate(settings.classes)]
    console.print(
        f"{data.name}: {len(truth)} clips of {len(set(data.subjects.tolist()))} subjects, {', '.join(counts)}"
    )


def _side_by_side(
    context: RunContext, folds: Sequence[Fold], workers: Workers, console: Console
) -> list[dict[str, Any]]:
    whole = replace(context, out=context.out.resolve(), features=context.features.resolve())
    tasks = [FoldTask(whole, fold, number) for number, fold in enumerate(folds)]
    results: dict[int, dict[str, Any]] = {}
    reasons = []
    clock = Clock([whole.settings.model for _ in tasks], workers=workers.jobs)
    watch = first_epoch_said(whole.out, [fold.name for fold in folds], whole.settings, workers.jobs, console)
    with (
        counted(console, "folds") as progress,
        closing(each_fold(tasks, where=workers.cluster, jobs=workers.jobs, watch=watch)) as all_,
    ):
        progress(0, len(tasks))
        for number, ended in all_:
            left_s = clock.ended(number, whole.settings.model, counts=ended.result is not None)
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


def keep_best(out: Path, folds: Sequence[str], validation_losses: Sequence[float]) -> Path | None:
    """Copy the weights of the fold with the least loss on its validation subjects; None if none were kept."""
    best = out / min(zip(validation_losses, folds))[1] / "best.safetensors"
    if not best.exists():
        return None
    path = out / "best.safetensors"
    write_atomically(path, best.read_bytes())
    return path
