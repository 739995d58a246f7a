"""The progress bars of a replay and of a batch."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from mer.text import printable
from realtime.update import Update

_EVERY: Final = 16


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Return the frames a second of the last half minute; nothing for what does not count frames."""
        known = task.speed and task.fields.get("frames")
        return Text(f"{task.speed:.0f} frames/s" if known else "", style="progress.data.speed")


def _progress(console: Console) -> Progress:
    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class Bar:
    """A progress bar with rate and remaining time; nothing where there is no terminal.

    Args:
        name: What is being replayed.
        total: Frames it claims to hold, None if unknown.
        console: Where to draw.
    """

    def __init__(self, name: str, total: int | None, console: Console) -> None:
        self._progress = _progress(console)
        self._task = self._progress.add_task(printable(name), total=total, frames=True)

    def update(self, update: Update) -> None:
        """Move on to the frame of `update`."""
        if update.crop.index % _EVERY == 0:
            self._progress.update(self._task, completed=update.crop.index + 1)

    def close(self) -> None:
        """Take the bar away; safe to call twice."""
        self._progress.stop()

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class BatchBar:
    """One bar for all recordings of a batch and one for each that is being replayed; nothing without a terminal.

    Args:
        names: Of the recordings.
        console: Where to draw.
    """

    def __init__(self, names: Sequence[str], console: Console) -> None:
        self._progress = _progress(console)
        self._all = self._progress.add_task("recordings", total=len(names))
        self._open = {
            number: self._progress.add_task(printable(name), total=None, visible=False, frames=True)
            for number, name in enumerate(names)
        }

    def update(self, frames: Sequence[tuple[int, int]]) -> None:
        """Show how far each recording is.

        Args:
            frames: Done and expected (0: unknown) of each.
        """
        for number, task in self._open.items():
            done, total = frames[number]
            if done:
                self._progress.update(task, completed=done, total=total or None, visible=True)

    def end(self, number: int) -> None:
        """Take a recording's bar away and count it as done."""
        self._progress.remove_task(self._open.pop(number))
        self._progress.advance(self._all)

    def __enter__(self) -> "BatchBar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
