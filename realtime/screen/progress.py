"""The progress bars of a replay and of a batch."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from realtime.messages import Update

_EVERY: Final = 16


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Return the frames a second of the last half minute."""
        return Text(f"{task.speed:.0f} frames/s" if task.speed else "", style="progress.data.speed")


class Bar:
    """A progress bar with rate and remaining time; nothing where there is no terminal.

    Args:
        name: What is being replayed.
        total: Frames it claims to hold, None if unknown.
        console: Where to draw.
    """

    def __init__(self, name: str, total: int | None, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task(name, total=total)

    def update(self, update: Update) -> None:
        """Move on to the frame of `update`."""
        if update.index % _EVERY == 0:
            self._progress.update(self._task, completed=update.index + 1)

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class BatchBar:
    """One bar for all recordings of a batch and one for each that is being replayed; nothing without a terminal.

    Args:
        names: Of the recordings.
        console: Where to draw.
    """

    def __init__(self, names: Sequence[str], console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._all = self._progress.add_task("recordings", total=len(names))
        self._tasks = [self._progress.add_task(name, total=None, visible=False) for name in names]

    def update(self, frames: Sequence[tuple[int, int]]) -> None:
        """Show how far each recording is.

        Args:
            frames: Done and expected (0: unknown) of each.
        """
        for task, (done, total) in zip(self._tasks, frames):
            if done and not self._progress.tasks[task].finished:
                self._progress.update(task, completed=done, total=total or None, visible=True)

    def end(self, number: int) -> None:
        """Take a recording's bar away and count it as done."""
        self._progress.update(self._tasks[number], total=1, completed=1, visible=False)
        self._progress.advance(self._all)

    def __enter__(self) -> "BatchBar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
