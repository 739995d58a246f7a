"""What is seen while it runs: face, motion curve, events, latency and losses, drawn in the terminal.

A thread of its own redraws the latest state a dozen times a second; nothing else ever waits for it.
"""

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

from rich.console import Console, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.table import Table
from rich.text import Text

from realtime.curve import Curve, Picture
from realtime.drawing import bar
from realtime.history import History
from realtime.messages import Event, Totals, Update
from realtime.timing import Timing

REDRAWS_HZ: Final = 12.0
CURVE_S: Final = 5.0
_TOP_ROWS: Final = 3
_BOTTOM_ROWS: Final = 2
_NAMED_COLUMNS: Final = 22
"""Columns that one more class with its probability takes."""
_STATE_STYLES: Final = {"tracked": "green", "absent": "yellow", "lost": "red"}


@dataclass(frozen=True, slots=True)
class Header:
    """What does not change during a session.

    Attributes:
        source: Name, size and rate of the source.
        asked: Camera mode asked for, empty if none.
        got: Camera mode in force, empty if unknown.
        engine: Name of the classifier.
        warnings: What must not be overlooked, such as "synthetic recording".
        total_s: Length of the recording in seconds, None if it has no known end.
    """

    source: str
    engine: str
    asked: str = ""
    got: str = ""
    warnings: tuple[str, ...] = field(default=())
    total_s: float | None = None


class Overlay:
    """The screen of a session. Use as a context manager: it takes the terminal and gives it back.

    Args:
        header: What stays.
        totals: Counters of the pipeline; read only.
        timing: Durations of its stages; read only.
        console: Terminal to draw on.
    """

    def __init__(self, header: Header, *, totals: Totals, timing: Timing, console: Console) -> None:
        self._header = header
        self._totals = totals
        self._timing = timing
        self._console = console
        self._history = History()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="overlay", daemon=True)

    def update(self, update: Update) -> None:
        """Take in the news of one frame, in microseconds.

        Raises:
            BaseException: What stopped the drawing thread, if anything did.
        """
        if self._error is not None:
            raise self._error
        self._history.add(update)

    def render(self, *, width: int, height: int) -> RenderableType:
        """Return the screen of this moment, made for `width` x `height` cells."""
        body_rows = max(6, (height - _TOP_ROWS - _BOTTOM_ROWS) * 5 // 9)
        event_rows = height - body_rows - _TOP_ROWS - _BOTTOM_ROWS
        picture_rows = min(body_rows, (width // 3) // 2)
        screen = Layout()
        screen.split_column(
            Layout(self._top(), size=_TOP_ROWS),
            Layout(name="body", size=body_rows),
            Layout(_events(self._history.events, rows=event_rows, named=(width - 50) // _NAMED_COLUMNS)),
            Layout(self._bottom(), size=_BOTTOM_ROWS),
        )
        latest = self._history.latest
        stretch = self._history.last(CURVE_S)
        screen["body"].split_row(
            Layout(Picture(latest.crop if latest and latest.face == "tracked" else None), size=2 * picture_rows + 1),
            Layout(Curve(stretch, self._history.events, self._history.rejected, seconds=CURVE_S)),
        )
        return screen

    def export_svg(self, path: Path, *, width: int = 120, height: int = 28) -> None:
        """Write the screen of this moment as a picture.

        Args:
            path: Where to.
            width: Cells.
            height: Cells.
        """
        console = Console(
            record=True, width=width, height=height, file=io.StringIO(), force_terminal=True, color_system="truecolor"
        )
        console.print(self.render(width=width, height=height), height=height)
        console.save_svg(str(path), title="mer-live")

    def _top(self) -> Text:
        header, latest = self._header, self._history.latest
        stretch = self._history.last(1.0)
        line = Text.assemble(
            (" mer-live ", "bold reverse"), " ", (header.source, "bold"), no_wrap=True, overflow="ellipsis"
        )
        if header.asked or header.got:
            line.append(f"  asked {header.asked}, got {header.got}")
        if stretch.rate_hz:
            line.append(f"  measured {stretch.rate_hz:.1f} fps")
        line.append("\n")
        if latest is None:
            line.append(" starting", "dim")
            return line
        clock_s = latest.time_s - self._totals.first_time_s
        line.append(f" {clock_s:7.2f}" + (f" / {header.total_s:.2f} s  " if header.total_s else " s  "))
        line.append("face ")
        line.append(latest.face, _STATE_STYLES[latest.face])
        line.append(f" ({latest.n_faces} in view)  " if latest.n_faces > 1 else "  ")
        line.append("spotter ")
        line.append(latest.spotter, "bold cyan" if latest.spotter in ("rising", "apex", "falling") else "cyan")
        line.append("\n ")
        for warning in header.warnings:
            line.append(f" {warning} ", "black on yellow")
            line.append(" ")
        for time_s, notice in self._history.notices[-1:]:
            if latest.time_s - time_s < CURVE_S:
                line.append(f" {notice}", "yellow")
        return line

    def _bottom(self) -> Text:
        totals = self._totals
        total = [self._timing.percentile_ms("total", percent) for percent in (50, 95, 99)]
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f" frame {total[0]:.1f} ms, p95 {total[1]:.1f}, p99 {total[2]:.1f}  {self._header.engine}  ")
        line.append(f"dropped {totals.dropped}", "bold red" if totals.dropped else "")
        line.append(f"\n events {totals.events}  rejected {sum(totals.rejected.values())}")
        reasons = sorted(totals.rejected.items(), key=lambda item: -item[1])
        line.append("".join(f"  {reason} {count}" for reason, count in reasons), "dim")
        return line

    def __enter__(self) -> "Overlay":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _run(self) -> None:
        try:
            with Live(console=self._console, screen=True, auto_refresh=False) as live:
                while not self._stop.wait(1.0 / REDRAWS_HZ):
                    width, height = self._console.size
                    live.update(self.render(width=width, height=height), refresh=True)
        except BaseException as error:  # raised in the main loop by `update` or on leaving
            self._error = error


def _events(events: Sequence[Event], *, rows: int, named: int) -> RenderableType:
    if not events:
        return Text(" no micro-expression yet", style="dim")
    drawn = Table.grid(padding=(0, 1), pad_edge=True)
    for event in reversed(events[-max(1, rows) :]):
        interval = event.interval
        best = max(event.probabilities.values())
        flags = [name for name in ("gap", "interpolated") if getattr(event.quality, name)]
        cells: list[RenderableType] = [
            Text(f"{event.number:>3}", "dim"),
            Text(f"{interval.apex.time_s:8.2f} s"),
            Text(f"{1000 * (interval.offset.time_s - interval.onset.time_s):3.0f} ms"),
            Text(f"{event.label:<9}", "bold green" if event.label in event.probabilities else "dim"),
            Text(f"{bar(best, 10)} {100 * best:3.0f}%", "green"),
        ]
        others = sorted(event.probabilities.items(), key=lambda item: -item[1])[1 : 1 + named]
        cells += [Text(f"{name} {bar(p, 6)} {100 * p:2.0f}%", "dim") for name, p in others]
        cells.append(Text(", ".join(flags), "yellow"))
        drawn.add_row(*cells)
    return drawn
