"""The motion curve of the overlay, with the marks of what was found and turned down below it."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from mer.messages import Interval
from realtime.messages import Event
from realtime.screen import drawing
from realtime.screen.history import Stretch

MIN_TOP: Final = 0.5
"""Least height of the curve's scale, percent of the inter-ocular distance: rest must look like rest."""
MAX_WATCHABLE: Final = 5.0
"""Micro-expressions that must be larger than this to be seen are macro-expressions."""
_EMPTY: Final = "\u2800"
_LINE: Final = Style.parse("cyan")
_OVER: Final = Style.parse("bold green")
_TURNED_DOWN: Final = Style.parse("yellow")
_THRESHOLD: Final = Style.parse("red")
_DIM: Final = Style.parse("dim")


class Curve:
    """Motion over the last seconds, the threshold, and below it what was found and turned down.

    Args:
        stretch: The curve.
        events: Recent events.
        rejected: Recent rejected candidates.
        seconds: Width of the picture in time.
        watchable: Smallest micro-expression that would be found now, percent of the inter-ocular distance, if known.
    """

    def __init__(
        self,
        stretch: Stretch,
        events: Sequence[Event],
        rejected: Sequence[Interval],
        *,
        seconds: float,
        watchable: float | None = None,
    ) -> None:
        self._stretch = stretch
        self._events = events
        self._rejected = rejected
        self._seconds = seconds
        self._watchable = watchable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width - 1, max(2, (options.height or options.max_height) - 3)
        if width < 10 or not len(self._stretch.times_s):
            return
        first_s = float(self._stretch.times_s[-1]) - self._seconds
        motion = _columns(self._stretch.times_s, self._stretch.motion, first_s, self._seconds, 2 * width)
        threshold = float(self._stretch.threshold[-1])
        top = max(MIN_TOP, 2.0 * threshold, float(np.nanmax(motion, initial=0.0)) * 1.1)
        styles = [_LINE] * width
        marks = [(" ", _DIM)] * width
        shown = [(interval, _TURNED_DOWN, interval.reason) for interval in self._rejected]
        shown += [(event.interval, _OVER, event.label) for event in self._events]
        placed = [(self._cells(interval, first_s, width), style, name) for interval, style, name in shown]
        for cells, style, _ in placed:
            _mark(styles, marks, cells, style)
        for cells, style, name in reversed(placed):  # the latest event first, in case there is no room for all
            if cells[2] >= 0:
                _name(marks, cells, style, name)
        seen = seen_from(self._watchable)
        headings = (
            _joined(f"motion, % of the eye distance; top {top:.2f}, stands out from {threshold:.2f}", seen),
            _joined(f"motion to {top:.1f} %, from {threshold:.2f}", seen),
            seen,
        )
        heading = next((text for text in headings if len(text) <= width), "")
        yield Segment(heading[:width].ljust(width), _DIM)
        yield Segment.line()
        threshold_row = height - 1 - int(min(threshold / top, 0.999) * height)
        for y, line in enumerate(drawing.curve(motion, width=width, height=height, top=top)):
            for x, cell in enumerate(line):
                empty = cell == _EMPTY and y == threshold_row and threshold > 0
                yield Segment("┄", _THRESHOLD) if empty else Segment(cell, styles[x])
            yield Segment.line()
        for letter, style in marks:
            yield Segment(letter, style)
        yield Segment.line()
        yield Segment(f"-{self._seconds:g} s".ljust(width - 3, "─") + "now", _DIM)

    def _cells(self, interval: Interval, first_s: float, width: int) -> tuple[int, int, int]:
        onset, apex, offset = (
            int(np.floor((moment.time_s - first_s) / self._seconds * width))
            for moment in (interval.onset, interval.apex, interval.offset)
        )
        return onset, apex, offset


def seen_from(watchable: float | None) -> str:
    """Say which micro-expressions could be seen now, in words; nothing if that is not known."""
    if watchable is None:
        return ""
    return f"sees from {watchable:.1f} %" if watchable <= MAX_WATCHABLE else "too much movement"


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _columns(
    times_s: NDArray[np.float64], values: NDArray[np.float64], first_s: float, seconds: float, count: int
) -> NDArray[np.float64]:
    """Return the largest value of each of `count` equal spans of time; spans between frames are joined up."""
    place = np.clip(((times_s - first_s) / seconds * count).astype(int), 0, count - 1)
    columns = np.full(count, -np.inf)
    np.maximum.at(columns, place, values)
    known = np.flatnonzero(np.isfinite(columns))
    joined = np.interp(np.arange(count), known, columns[known], left=np.nan)
    return np.asarray(joined, np.float64)


def _mark(styles: list[Style], marks: list[tuple[str, Style]], cells: tuple[int, int, int], style: Style) -> None:
    """Colour the curve over an interval and draw its three moments below it."""
    onset, apex, offset = cells
    width = len(styles)
    for x in range(max(0, onset), min(width, offset + 1)):
        styles[x] = style
        marks[x] = ("─", style)
    for x, letter in ((onset, "├"), (offset, "┤"), (apex, "▲")):
        if 0 <= x < width:
            marks[x] = (letter, style)


def _name(marks: list[tuple[str, Style]], cells: tuple[int, int, int], style: Style, name: str) -> None:
    """Write a name behind its interval, or before it at the right border; never into another one, but cut short."""
    onset, _, offset = cells
    behind, before = offset + 1, onset - len(name)
    fits_behind = behind + len(name) <= len(marks)
    fits_before = before >= 0 and all(_free(marks, x) for x in range(before, onset))
    first = before if fits_before and not fits_behind else behind
    for x, letter in enumerate(name, start=first):
        if not 0 <= x < len(marks) or not _free(marks, x):
            return
        marks[x] = (letter, style)


def _free(marks: list[tuple[str, Style]], x: int) -> bool:
    """Whether a letter may stand here: the place is empty and no other name begins right behind it."""
    return marks[x][0] == " " and not (x + 1 < len(marks) and marks[x + 1][0].isalpha())
