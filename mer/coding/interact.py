"""Tables of INTERACT (Mangold) in the structure that its manual gives for editing files outside of it.

The first four columns are level, start time, offset and memo; all others are classes whose cells hold codes. Only rows
of level 3 are events.
"""

from collections.abc import Sequence
from typing import Final

from mer.coding.messages import Coded, Recording, with_apexes
from mer.coding.times import seconds
from mer.data.tables import Grid, cell_text
from mer.errors import UsageError

_EVENT: Final = "3"
_STARTS: Final = ("start time", "starttime", "onset", "start")
_ENDS: Final = ("offset", "end time", "endtime", "end")


def is_interact(grid: Grid) -> bool:
    """Return whether a table has that structure."""
    head = [cell_text(cell).casefold() for cell in grid[0][:4]] if grid else []
    return len(head) == 4 and head[0] == "level" and head[1] in _STARTS and head[2] in _ENDS


def from_interact(grid: Grid, *, tiers: Sequence[str], fps: float | None) -> dict[str, Recording]:
    """Return the events of a table as one recording without a name.

    Args:
        grid: Its rows, header first.
        tiers: Classes to read; none for all.
        fps: Frames per second, for times such as 00:00:01:12.

    Raises:
        UsageError: If a class that is wanted is not among the columns.
        ValueError: If a cell cannot be read.
    """
    classes = [cell_text(cell) for cell in grid[0][4:]]
    if missing := [tier for tier in tiers if tier not in classes]:
        raise UsageError(f"there is no class {missing[0]!r}; the classes are {', '.join(classes) or 'none'}")
    made = []
    for number, row in enumerate(grid[1:], start=2):
        if not row or cell_text(row[0]) != _EVENT:
            continue
        try:
            onset_s, offset_s = (seconds(cell, fps=fps) for cell in row[1:3])
        except ValueError as error:
            raise ValueError(f"row {number}: {error}") from error
        codes = [(name, cell_text(cell)) for name, cell in zip(classes, row[4:]) if cell_text(cell)]
        wanted = [(name, code) for name, code in codes if not tiers or name in tiers or name.casefold() == "apex"]
        made += [Coded(code, onset_s, offset_s, tier=name) for name, code in wanted]
    return {"": Recording(with_apexes(made), fps=fps)}
