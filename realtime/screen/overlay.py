"""What is seen while it runs: face, motion curve, events, latency and losses, drawn in the terminal.

A thread of its own redraws the latest state a dozen times a second; nothing else ever waits for it.
"""

import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.layout import Layout
from rich.text import Text

from mer.files import write_atomically
from mer.text import printable
from realtime.face_size import ADVISED_PX
from realtime.messages import Event, Totals
from realtime.screen.curve import Curve
from realtime.screen.graphics import Mode, Pictures, Placed
from realtime.screen.history import Tabs
from realtime.screen.keys import KEYS
from realtime.screen.panels import Picture, Probabilities, ShownAs, Strip, events_table, help_table
from realtime.screen.terminal import Terminal
from realtime.timing import Timing
from realtime.update import Update

REDRAWS_HZ: Final = 12.0
FIRST_S: Final = 0.25
"""Longest wait for the first frame before keys are listened to."""
CURVE_S: Final = 5.0
_TOP_ROWS: Final = 3
_BOTTOM_ROWS: Final = 3
_BARS_COLUMNS: Final = 26
_MIN_WIDTH: Final = 76
"""Columns below which there is no room for probabilities and the strip."""
_MIN_HEIGHT: Final = 22
_STRIP_ROWS: Final = 9
_SAID_S: Final = 4.0
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
        none_threshold: Probability below which an event is called "none".
    """

    source: str
    engine: str
    asked: str = ""
    got: str = ""
    warnings: tuple[str, ...] = field(default=())
    total_s: float | None = None
    none_threshold: float = 0.0


Keys = Callable[[str], str]
"""Does what a key asks for, in the drawing thread, and returns what to tell about it, empty for nothing."""


class Overlay:
    """The screen of a session. Use as a context manager: it takes the terminal and gives it back.

    Args:
        header: What stays.
        totals: Counters of the pipeline; read only.
        timing: Durations of its stages; read only.
        console: Terminal to draw on.
        keys: Asked about each key but `p`, `h` and tab, which only concern the screen; None for no keys.
        pictures: How pictures are shown, see `realtime.screen.graphics.choose`.
    """

    def __init__(
        self,
        header: Header,
        *,
        totals: Totals,
        timing: Timing,
        console: Console,
        keys: Keys | None = None,
        pictures: Mode = "blocks",
    ) -> None:
        self._header = header
        self._totals = totals
        self._timing = timing
        self._console = console
        self._keys = keys
        self._tabs = Tabs()
        self._pictures = Pictures(pictures, console)
        self._terminal = Terminal(console, forget_pictures=self._pictures.forgotten)
        self._held: Tabs | None = None
        self._helping = False
        self._said: tuple[float, str] = (0.0, "")
        self._begun = threading.Event()
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
        self._tabs.add(update)
        self._begun.set()

    def render(self, *, width: int, height: int, in_pixels: bool = False) -> Layout:
        """Return the screen of this moment, made for `width` x `height` cells.

        Args:
            width: Cells.
            height: Cells.
            in_pixels: Leave the places of pictures free.
        """
        shown_as: ShownAs = "none" if self._pictures.mode == "none" else "pixels" if in_pixels else "blocks"
        roomy = width >= _MIN_WIDTH and height >= _MIN_HEIGHT
        middle_rows = height - _TOP_ROWS - _BOTTOM_ROWS
        strip_rows = min(_STRIP_ROWS, max(4, middle_rows // 4)) if roomy else 0
        event_rows = max(2, (middle_rows - strip_rows) // 5)
        body_rows = max(4, middle_rows - strip_rows - event_rows)
        tabs = self._shown
        history = tabs.history
        last: Event | None = history.events[-1] if history.events else None
        screen = Layout()
        parts = [
            Layout(self._top(), size=_TOP_ROWS),
            Layout(name="body", size=body_rows),
            Layout(
                Strip(last, shown_as=shown_as) if last and roomy else Text(" "), name="strip", size=max(1, strip_rows)
            ),
            Layout(events_table(tabs.events, rows=event_rows, width=width, several=len(tabs.people) > 1)),
            Layout(self._bottom(), size=_BOTTOM_ROWS),
        ]
        screen.split_column(*(part for part in parts if strip_rows or part.name != "strip"))
        picture_rows = min(body_rows, (width // 3) // 2)
        watchable = history.latest.spotting.watchable if history.latest else None
        curve = Curve(history.last(CURVE_S), history.events, history.rejected, seconds=CURVE_S, watchable=watchable)
        columns = [
            Layout(Picture(history.latest, shown_as=shown_as), name="face", size=2 * picture_rows + 1),
            Layout(help_table() if self._helping else curve),
            Layout(
                Probabilities(last, none_threshold=self._header.none_threshold), size=max(_BARS_COLUMNS, width // 5)
            ),
        ]
        screen["body"].split_row(*columns[: 3 if roomy else 2])
        return screen

    def export_svg(self, path: Path, *, width: int | None = None, height: int | None = None) -> None:
        """Write the screen of this moment as a picture.

        Args:
            path: Where to.
            width: Cells; None for those of the terminal, or of COLUMNS.
            height: Cells; None for those of the terminal, or of LINES.

        Raises:
            MerError: If it cannot be written.
        """
        width, height = width or self._console.size.width, height or self._console.size.height
        console = Console(
            record=True, width=width, height=height, file=io.StringIO(), force_terminal=True, color_system="truecolor"
        )
        console.print(self.render(width=width, height=height), height=height)
        write_atomically(path, console.export_svg(title="mer-live"), private=True)  # it shows the face

    @property
    def _shown(self) -> Tabs:
        return self._held or self._tabs

    def _top(self) -> Text:
        header, tabs = self._header, self._shown
        history = tabs.history
        latest, stretch = history.latest, history.last(1.0)
        line = Text.assemble(
            (" mer-live ", "bold reverse"), " ", (printable(header.source), "bold"), no_wrap=True, overflow="ellipsis"
        )
        if header.asked or header.got:
            line.append(printable(f"  asked {header.asked}, got {header.got}"))
        if stretch.rate_hz:
            line.append(f"  measured {stretch.rate_hz:.1f} fps")
        line.append("\n")
        if latest is None:
            line.append(" starting", "dim")
            return line
        crop, spotter = latest.crop, latest.spotting.state
        line.append(f" {crop.time_s:7.2f}" + (f" / {header.total_s:.2f} s  " if header.total_s else " s  "))
        if len(tabs.people) > 1:
            line.append(f"person {tabs.shown} of {len(tabs.people)}", "bold reverse")
            line.append("  ")
        line.append("face ")
        line.append(crop.state, _STATE_STYLES[crop.state])
        if crop.state == "tracked" and crop.eye_distance_px:
            small = crop.eye_distance_px < ADVISED_PX
            line.append(f" {crop.eye_distance_px:.0f} px", "black on yellow" if small else "dim")
        line.append(f" ({crop.n_faces} in view)  " if crop.n_faces > 1 else "  ")
        line.append("spotter ")
        line.append(spotter, "bold cyan" if spotter in ("rising", "apex", "falling") else "cyan")
        line.append(f"  sensitivity {latest.sensitivity:.2f}", "" if latest.sensitivity == 1.0 else "cyan")
        line.append("\n ")
        for warning in header.warnings:
            line.append(f" {printable(warning)} ", "black on yellow")
            line.append(" ")
        for time_s, notice in tabs.notices[-1:]:
            if crop.time_s - time_s < CURVE_S:
                line.append(f" {printable(notice)}", "yellow")
        return line

    def _bottom(self) -> Text:
        totals = self._totals
        total = [self._timing.percentile_ms("total", percent) for percent in (50, 95, 99)]
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f" frame {total[0]:.1f} ms, p95 {total[1]:.1f}, p99 {total[2]:.1f}  ")
        if totals.events:
            line.append(f"event {self._timing.percentile_ms('event', 50):.0f} ms  ")
        line.append(f"dropped {totals.dropped}", "bold red" if totals.dropped else "")
        line.append(f"  {self._header.engine}", "dim")
        line.append(f"\n events {totals.events}  rejected {sum(totals.rejected.values())}")
        reasons = sorted(totals.rejected.items(), key=lambda item: -item[1])
        line.append("".join(f"  {reason} {count}" for reason, count in reasons), "dim")
        said_s, said = self._said
        if said and time.monotonic() - said_s < _SAID_S:
            line.append(f"\n {printable(said)}", "bold")
        elif self._held:
            line.append("\n the screen is paused while spotting continues; p resumes it", "bold")
        elif self._keys is not None and self._terminal.has_keys:
            line.append("\n " + "  ".join(f"{key.shown} {key.short}" for key in KEYS), "dim")
        return line

    def close(self) -> None:
        """Stop drawing and give the terminal back; safe to call twice.

        Raises:
            BaseException: What stopped the drawing thread before, if anything did.
        """
        try:
            self._stop.set()
            self._begun.set()
            self._thread.join()
        finally:
            self._terminal.close()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def __enter__(self) -> "Overlay":
        self._terminal.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except BaseException:
            if error is None:  # else `update` has raised it already, or something came before it
                raise

    def _run(self) -> None:
        try:
            self._paint()
            self._begun.wait(FIRST_S)  # the first picture is drawn as soon as there is one
            if not self._stop.is_set():
                self._paint()
            while not self._stop.is_set():
                for key in self._terminal.keys(1.0 / REDRAWS_HZ):
                    self._press(key)
                if not self._stop.is_set():
                    self._paint()
        except BaseException as error:  # raised in the main loop by `update` or on leaving
            self._error = error

    def _paint(self) -> None:
        width, height = self._console.size
        screen = self.render(width=width, height=height, in_pixels=self._pictures.in_pixels)
        try:
            self._terminal.paint(screen, lambda: self._placed(screen))
        except OSError:  # the terminal is gone; the session is not
            self._stop.set()

    def _placed(self, screen: Layout) -> list[Placed]:
        """Return the pictures of a screen that has been laid out."""
        if not self._pictures.in_pixels:
            return []
        history = self._shown.history
        places = {layout.name: drawn.region for layout, drawn in screen.map.items()}
        face = self._pictures.face(history.latest, places["face"])
        last = history.events[-1] if history.events else None
        return face + (self._pictures.strip(last, places["strip"]) if "strip" in places else [])

    def _press(self, key: str) -> None:
        if self._keys is None:
            return
        if key == "p":
            self._held = None if self._held else self._tabs.copy()
        elif key == "\t":
            self._shown.turn()
        elif key == "h":
            self._helping = not self._helping
        elif said := self._keys(key):
            self._said = (time.monotonic(), said)
