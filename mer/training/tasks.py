"""Folds of one or many runs, each done in whatever process is free: of this machine, or of a cluster.

A process reads and encodes the clips itself, so that what travels is small and no picture of a face
leaves the files it is in.
"""

import functools
import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from rich.console import Console

from mer import class_map, plugins
from mer.errors import MerError
from mer.jobs import cluster, processes
from mer.splits import Fold
from mer.training.context import RunContext
from mer.training.data import select
from mer.training.fold import RunData, prepare, run_fold
from mer.training.source import read

GIVEN_UP: Final = "given-up.txt"
"""In the folder of a run while the others go on: its other folds need not be tried."""
_LOOK_EVERY_S: Final = 0.2
_DIED: Final = (
    "the process that trained it ended without a result: it crashed or was killed, as it is when memory runs out "
    "(the system's log says so); repeat the command, with fewer --jobs if it was memory"
)


@dataclass(frozen=True, slots=True)
class FoldTask:
    """One fold of a run.

    Attributes:
        context: The run; its paths are full ones, and it names the source of the clips.
        fold: Training, validation and test set.
        number: Position of the fold in the run, from 0.
    """

    context: RunContext
    fold: Fold
    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a fold ended.

    Attributes:
        result: What its result.json says; None if there is none.
        reason: Why there is none; empty if another fold of the run had given up before.
    """

    result: dict[str, Any] | None
    reason: str = ""


@functools.lru_cache(maxsize=1)
def _run_data(context: RunContext) -> RunData:
    quiet, settings = Console(quiet=True), context.settings
    if context.source is None:
        raise RuntimeError("a fold in another process needs the source of its clips")
    plugins.load(settings.plugin)
    given = read(context.source, settings, jobs=1, console=quiet)
    data, truth = select(given, settings.classes, class_map.parse(settings.map))
    return prepare(context, data, truth, console=quiet)


def do_fold(task: FoldTask) -> Ended:
    """Train and report one fold, unless that is done or the run was given up; never raises what data can cause."""
    given_up = task.context.out / GIVEN_UP
    if given_up.exists():
        return Ended(None)
    try:
        return Ended(run_fold(_run_data(task.context), task.fold, task.number))
    except (MerError, MemoryError, RuntimeError) as error:  # torch has no error of its own for what is too large
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    _give_up(task, reason)
    return Ended(None, reason)


def do_fold_in_process(task: FoldTask, progress: processes.Progress) -> Ended:
    """Do a fold in a process of this machine, which ends at once when it shall stop: the last epoch is on disk."""
    threading.Thread(target=_end_when_told, args=(progress,), daemon=True).start()
    return do_fold(task)


def _end_when_told(progress: processes.Progress) -> None:
    while True:
        try:
            progress.update(0, None)
        except KeyboardInterrupt:
            os._exit(1)
        time.sleep(_LOOK_EVERY_S)


def each_fold(
    tasks: Sequence[FoldTask], *, where: str | None, jobs: int, watch: Callable[[], None] = lambda: None
) -> Generator[tuple[int, Ended], None, None]:
    """Do folds side by side.

    Args:
        tasks: Those of one run one after the other, because a process keeps the clips of the last run only.
        where: Address of a cluster, None for processes of this machine.
        jobs: Folds at a time on this machine.
        watch: Called often while folds are done in processes of this machine.

    Yields:
        Position of a fold and how it ended, in the order in which they end.

    Raises:
        MerError: If the cluster failed.
        KeyboardInterrupt: After Ctrl-C; what was done is on disk.
    """
    if not tasks:
        return
    for out in {task.context.out for task in tasks}:
        (out / GIVEN_UP).unlink(missing_ok=True)
    if where is None:
        ended = processes.in_processes(tasks, do_fold_in_process, processes=jobs, watch=lambda _: watch())
    else:
        context = tasks[0].context
        gpus = 1 if torch.device(context.device).type == "cuda" else 0
        ended = cluster.each(do_fold, tasks, cluster=where, workers=jobs, cores=context.threads, gpus=gpus)
    for number, outcome in ended:
        if outcome is None:
            _give_up(tasks[number], _DIED)
        yield number, outcome or Ended(None, _DIED)


def _give_up(task: FoldTask, reason: str) -> None:
    path = task.context.out / GIVEN_UP
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{task.fold.name}: {reason}\n", encoding="utf-8")
