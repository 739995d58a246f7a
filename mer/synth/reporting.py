"""What the commands of `mer-synth` show: a bar while they run, a table of what they drew."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from mer.terminal import open_console


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr; what is yielded takes what is done and what there is in all."""
    columns = (TextColumn(what, markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=open_console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def event_table(events: Sequence[Mapping[str, Any]], title: str) -> Table:
    """Return the events of a truth file as a table."""
    table = Table(title=title)
    for column in ("class", "units", "onset s", "apex s", "offset s", "% IOD"):
        table.add_column(column)
    for event in events:
        moments = (f"{event[key]['time_s']:.3f}" for key in ("onset", "apex", "offset"))
        table.add_row(event["label"], " ".join(event["units"]), *moments, f"{event['amplitude_percent']:.2f}")
    return table
