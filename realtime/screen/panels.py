"""The other parts of the overlay: the face, probabilities, the 13 pictures of an event, the list of events."""

from collections.abc import Sequence
from typing import Final, Literal

import cv2
import numpy as np
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from mer.labels import NONE_LABEL
from mer.text import printable
from realtime.messages import Event
from realtime.screen import drawing
from realtime.screen.drawing import bar
from realtime.screen.face_view import face_letters, face_picture
from realtime.screen.keys import KEYS
from realtime.update import Update

ShownAs = Literal["blocks", "pixels", "none"]
_NAME: Final = 10
_DIM: Final = Style.parse("dim")
_WIDE_ENOUGH: Final = 9
"""Columns below which a picture of the strip shows nothing; every other one is left out then."""


class Picture:
    """The face with tracked points and moving regions, as large as there is room.

    Args:
        update: The latest frame, None before the first.
        shown_as: "blocks" to draw it; "pixels" to leave its place free; "none" to hide it.
    """

    def __init__(self, update: Update | None, *, shown_as: ShownAs = "blocks") -> None:
        self._update = update
        self._shown_as = shown_as

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width - 1
        rows = min(options.height or options.max_height, width // 2)
        update = self._update
        if rows < 1:
            return
        if update is None or update.crop.state != "tracked":
            yield Segment("\n" * (rows // 2) + "no face".center(width))
        elif self._shown_as == "none":
            yield Segment("\n" * (rows // 2) + "face hidden".center(width), _DIM)
        elif self._shown_as == "pixels":
            yield Segment("\n" * rows)
        elif has_colours(console):
            for line in drawing.picture(face_picture(update, width=2 * rows, height=2 * rows)):
                yield from line
                yield Segment.line()
        else:
            small = np.asarray(cv2.resize(update.crop.image, (2 * rows, rows), interpolation=cv2.INTER_AREA), np.uint8)
            marks = face_letters(update, width=2 * rows, height=rows)
            for y, text in enumerate(drawing.letters(small)):
                yield Segment("".join(marks.get((y, x), letter) for x, letter in enumerate(text)))
                yield Segment.line()


class Strip:
    """The pictures of an event that the classifier saw, from onset over apex to offset.

    Args:
        event: The event.
        shown_as: "blocks" to draw them; "pixels" to leave their place free; "none" to hide them.
    """

    def __init__(self, event: Event, *, shown_as: ShownAs = "blocks") -> None:
        self._event = event
        self._shown_as = shown_as

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._shown_as == "none":
            yield Segment(" pictures are hidden", _DIM)
            return
        images = self._event.clip.images
        shown, size = strip_place(self._event, width=options.max_width, height=options.height or options.max_height)
        named = {0: "onset", len(images) // 2: "apex", len(images) - 1: "offset"}
        yield Segment(" " + "".join(named.get(n, "·").center(size) for n in shown), _DIM)
        yield Segment.line()
        if self._shown_as == "pixels":
            return
        rows = size // 2
        side = (size, 2 * rows) if has_colours(console) else (size, rows)
        row = np.concatenate([cv2.resize(images[n], side, interpolation=cv2.INTER_AREA) for n in shown], axis=1)
        if has_colours(console):
            for line in drawing.picture(np.repeat(row[:, :, np.newaxis], 3, axis=2)):
                yield Segment(" ")
                yield from line
                yield Segment.line()
        else:
            for text in drawing.letters(row):
                yield Segment(" " + text)
                yield Segment.line()


def strip_place(event: Event, *, width: int, height: int) -> tuple[range, int]:
    """Return which pictures of an event there is room for, and the columns of each; it has half as many rows."""
    images = event.clip.images
    shown = range(0, len(images), 1 if width >= _WIDE_ENOUGH * len(images) else 2)
    return shown, min((width - 2) // len(shown), 2 * (height - 1))


class Probabilities:
    """What the classifier said about the last event, as bars, and the line below which it is "none".

    Args:
        event: The last event, None before the first.
        none_threshold: Probability below which an event is called "none", 0 if there is no such line.
    """

    def __init__(self, event: Event | None, *, none_threshold: float) -> None:
        self._event = event
        self._none_threshold = none_threshold

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        event = self._event
        if event is None:
            yield Text("no event yet", style="dim")
            return
        width = max(3, options.max_width - _NAME - 6)
        line = min(width - 1, int(self._none_threshold * width))
        sure = event.label != NONE_LABEL
        yield Text(printable(f"event {event.number}: {event.label}"), "bold green" if sure else "bold")
        for name, p in sorted(event.probabilities.items(), key=lambda item: -item[1]):
            drawn = bar(p, width)
            if self._none_threshold > 0 and drawn[line] == " ":
                drawn = f"{drawn[:line]}┊{drawn[line + 1 :]}"
            style = "green" if name == event.label else ""
            shown = printable(name)[: _NAME - 1]
            yield Text(f"{shown:<{_NAME}}{drawn} {100 * p:3.0f}%", style, no_wrap=True, overflow="crop")
        if self._none_threshold > 0:
            label = f"none < {100 * self._none_threshold:.0f}%"
            yield Text(" " * max(0, min(_NAME + line, options.max_width - len(label) - 2)) + f"┊{label}", "dim")


def events_table(events: Sequence[Event], *, rows: int, width: int) -> RenderableType:
    """Return the last events, newest first, one a line."""
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
            Text(f"{printable(event.label):<9}", "bold green" if event.label in event.probabilities else "dim"),
            Text(f"{bar(best, 8)} {100 * best:3.0f}%", "green"),
        ]
        if width >= 60:
            cells.append(Text(f"score {interval.score:.1f}", "dim"))
        if width >= 100:
            latency = event.latency
            parts = {
                "evidence": latency.confirm_ms,
                "queue": latency.queue_ms,
                "sampling": latency.sample_ms,
                "engine": latency.engine_ms,
            }
            shares = " + ".join(f"{name} {ms:.0f}" for name, ms in parts.items())
            cells.append(Text(f"{latency.confirm_ms + latency.compute_ms:.0f} ms after it: {shares}", "dim"))
        cells.append(Text(", ".join(flags), "yellow"))
        drawn.add_row(*cells)
    return drawn


def help_table() -> RenderableType:
    """Return what each key does."""
    drawn = Table.grid(padding=(0, 2), pad_edge=True)
    for key in KEYS:
        drawn.add_row(Text(key.shown, "bold"), Text(key.help))
    return drawn


def has_colours(console: Console) -> bool:
    """Whether colours may be used: the terminal has them and NO_COLOR is not set."""
    return console.color_system is not None and not console.no_color
