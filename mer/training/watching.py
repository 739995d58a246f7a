"""What a run shows while it works: bars, a line an epoch, the log and the curves."""

import csv
import io
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from mer import splits
from mer.config import TrainSettings
from mer.errors import MerError
from mer.files import write_atomically
from mer.jobs.clock import duration
from mer.text import csv_text
from mer.training.counting import progress_bar
from mer.training.loop import Epoch, History, Watch

_REDRAW_S: Final = 20.0
"""Least time between two drawings of the curves: a drawing takes longer than an epoch of a small network."""
_LOOK_EVERY_S: Final = 2.0
_FOLDS_NAMED: Final = 6
_COLUMNS: Final = ("fold", *(field.name for field in fields(Epoch)))


@contextmanager
def batches_shown(console: Console, fold: str, settings: TrainSettings, out: Path) -> Iterator[Watch]:
    """Show a bar within the epoch and a line after each; keep log.csv and curves.png up to date.

    Args:
        console: Where to show it.
        fold: Name of the fold.
        settings: For the number of epochs.
        out: Folder of the run.
    """
    others = _unfinished(out) - 1
    with progress_bar(console) as bar:
        task = bar.add_task(fold, total=None)
        drawn = [-_REDRAW_S]

        def on_batch(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        def on_epoch(history: History) -> None:
            row = history.epochs[-1]
            ends = f"ended by {history.ended_by}" if history.ended_by else _left(history, settings, others)
            star = " *" if history.best_epoch == row.epoch else ""
            seen = (
                "no validation set"
                if row.validation_loss is None or row.validation_accuracy is None
                else f"validation subjects loss {row.validation_loss:.3f}, accuracy {row.validation_accuracy:.3f}{star}"
            )
            console.print(
                f"{fold} epoch {row.epoch:3d}: loss {row.loss:.3f}, accuracy {row.accuracy:.3f}; {seen}; "
                f"lr {row.lr:.1e}, {row.seconds:.1f} s, {row.clips_per_s:.1f} clips/s, {ends}",
                soft_wrap=True,
                highlight=False,
            )
            write_log(out, fold, history)
            if history.ended_by or time.monotonic() - drawn[0] >= _REDRAW_S:
                draw_curves(out / "curves.png", out / "log.csv")
                drawn[0] = time.monotonic()

        yield Watch(on_batch, on_epoch)


def first_epoch_said(
    out: Path, folds: Sequence[str], settings: TrainSettings, jobs: int, console: Console
) -> Callable[[], None]:
    """Return what says how long all folds may take, as soon as the log of one has an epoch; to be called often.

    Args:
        out: Folder of the run.
        folds: Names of all folds.
        settings: For the number of epochs.
        jobs: Folds at a time.
        console: Where to say it.
    """
    looked = [time.monotonic()]
    said: list[bool] = []

    def look() -> None:
        if said or time.monotonic() - looked[0] < _LOOK_EVERY_S:
            return
        looked[0] = time.monotonic()
        logs = [read_log(out / name / "log.csv") for name in folds if not (out / name / "result.json").exists()]
        if seconds := [float(rows[-1]["seconds"]) for rows in logs if rows]:
            epoch_s = sum(seconds) / len(seconds)
            left_s = _at_most_s(epoch_s, settings) * len(logs) / min(jobs, len(logs))
            console.print(
                f"{epoch_s:.1f} s an epoch; at most {duration(left_s)} for {len(logs)} folds, {jobs} at a time",
                highlight=False,
            )
            said.append(True)

    return look


def _left(history: History, settings: TrainSettings, others: int) -> str:
    """Return how long this fold and the others may still take."""
    epoch_s = sum(past.seconds for past in history.epochs) / len(history.epochs)
    spent_s = epoch_s * len(history.epochs)
    whole_s = _at_most_s(epoch_s, settings)
    left_s = max(whole_s - spent_s, 0.0)
    if others < 1:
        return f"at most {duration(left_s)} left"
    return f"at most {duration(left_s)} left, {duration(left_s + others * whole_s)} with {others} other folds"


def _at_most_s(epoch_s: float, settings: TrainSettings) -> float:
    """Return the longest time of a fold in seconds."""
    return min(settings.epochs * epoch_s, 60.0 * (settings.max_minutes or math.inf))


def _unfinished(out: Path) -> int:
    """Return how many folds of a run have no result yet."""
    try:
        folds, _ = splits.load(out / "folds.json")
    except MerError:
        return 1
    return sum(not (out / fold.name / "result.json").exists() for fold in folds)


def write_log(out: Path, fold: str, history: History) -> None:
    """Write the log of one fold, then that of the run, put together from those of its folds.

    Folds may run side by side: each writes its own file, and whichever comes last sees all of them.
    """
    own = [
        dict(zip(_COLUMNS, [fold, *("" if value is None else f"{value:.6g}" for value in astuple(epoch))]))
        for epoch in history.epochs
    ]
    _write_rows(out / fold / "log.csv", own)
    logs = {path.parent.name: read_log(path) for path in out.glob("*/log.csv")}
    before = read_log(out / "log.csv")
    logs = {row["fold"]: [] for row in before if row["fold"] not in logs} | logs
    for row in before:
        if not (out / row["fold"] / "log.csv").exists():  # of a version that kept one log only
            logs[row["fold"]].append(row)
    _write_rows(out / "log.csv", [row for name in sorted(logs, key=_in_order) for row in logs[name]])


def _in_order(fold: str) -> list[tuple[int, str]]:
    """Return what sorts fold-2 before fold-10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", fold)]


def _write_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    write_atomically(path, csv_text(_COLUMNS, rows))


def read_log(path: Path) -> list[dict[str, str]]:
    """Return the lines of a log, none if there is no log."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if set(_COLUMNS) <= set(row)]


def draw_curves(path: Path, log: Path) -> None:
    """Draw loss and accuracy of all folds: thin while training, thick on the validation subjects."""
    from matplotlib.figure import Figure  # late: part of the training extra
    from matplotlib.ticker import MaxNLocator

    rows = read_log(log)
    folds = list(dict.fromkeys(row["fold"] for row in rows))
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy")):
        for colour, fold in enumerate(folds):
            own = [row for row in rows if row["fold"] == fold]
            epochs = [int(float(row["epoch"])) for row in own]
            seen = [float(row[f"validation_{name}"] or "nan") for row in own]
            axes.plot(epochs, [float(row[name]) for row in own], f"C{colour % 10}", linewidth=0.7, alpha=0.6)
            axes.plot(epochs, seen, f"C{colour % 10}", label=fold)
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    figure.axes[1].set_ylim(0, 1)
    _add_legend(figure.axes[0], folds)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_atomically(path, picture.getvalue())


def _add_legend(axes: Any, folds: Sequence[str]) -> None:
    """Say which line is which: folds by name up to six, more by their number."""
    from matplotlib.lines import Line2D  # late: part of the training extra

    lines = [
        Line2D([], [], color="0.3", linewidth=0.7, alpha=0.6, label="training"),
        Line2D([], [], color="0.3", label="validation"),
    ]
    if len(folds) <= _FOLDS_NAMED:
        lines += [Line2D([], [], color=f"C{colour}", label=fold) for colour, fold in enumerate(folds)]
    else:
        lines.append(Line2D([], [], color="none", label=f"a colour for each of {len(folds)} folds"))
    axes.legend(handles=lines, fontsize="small")
