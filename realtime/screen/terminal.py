"""The terminal while the overlay has it: second screen, single keys, and back to what it was in every case.

Only what changed is written, in one piece and between the marks of a synchronized update
(https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036), so nothing flickers or scrolls.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.region import Region
from rich.segment import Segment

from realtime.screen.graphics import Placed

try:
    import termios
    import tty
except ImportError:  # Windows has neither; the overlay then goes without keys
    termios = tty = None  # type: ignore[assignment]

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE: Final = "\x1b[0m\x1b[?25h\x1b[?1049l"
_CLEAR: Final = "\x1b[0m\x1b[2J"
_BEGIN: Final = "\x1b[?2026h"
_END: Final = "\x1b[0m\x1b[?2026l"


Pieces = dict[tuple[int, int], str]
"""Row and column from 0, and the text with colours that begins there."""


def ansi_pieces(lines: Sequence[list[Segment]], console: Console, holes: Sequence[Region]) -> Pieces:
    """Return lines as text with colours, whole but for the holes that pictures cover."""
    pieces: Pieces = {}
    for row, line in enumerate(lines):
        spans = sorted((hole.x, hole.x + hole.width) for hole in holes if hole.y <= row < hole.y + hole.height)
        cuts = [cut for span in spans for cut in span]
        kept = [segment for segment in line if not segment.control]
        columns = [0, *cuts]
        parts = list(Segment.divide(kept, [*cuts, Segment.get_line_length(kept)])) if cuts else [kept]
        for column, part in list(zip(columns, parts))[::2]:
            pieces[row, column] = _ansi(part, console)
    return pieces


def _ansi(line: Sequence[Segment], console: Console) -> str:
    colours = console._color_system
    kept = list(Segment.remove_color(line)) if console.no_color else line
    return "".join(style.render(text, color_system=colours) if style else text for text, style, _ in kept)


class Terminal:
    """Takes the terminal for full-screen drawing and single keys. Use as a context manager in the main thread.

    Ctrl-Z gives the terminal back before the program stops and takes it again when it goes on.

    Args:
        console: Where to draw; its file must be a terminal for keys to be read.
        forget_pictures: Returns what takes pictures off the screen.
    """

    def __init__(self, console: Console, *, forget_pictures: Callable[[], str] = str) -> None:
        self._console = console
        self._forget_pictures = forget_pictures
        self._size = (0, 0)
        self._shown: Pieces = {}
        self._pictures: dict[int, Placed] = {}
        self._lock = threading.RLock()
        self._keys_fd = _keys_descriptor(console)
        self._modes: list[Any] | None = None
        self._before: Any = None
        self._held = False

    @property
    def has_keys(self) -> bool:
        """Whether keys can be read."""
        return self._keys_fd is not None

    def paint(self, screen: RenderableType, pictures: Callable[[], Sequence[Placed]] = tuple) -> None:
        """Show a screen.

        Args:
            screen: What to show.
            pictures: Asked, once the screen is laid out, for the pictures that go on it. Text is drawn around them,
                never over them, because some terminals erase what is below text.

        Raises:
            OSError: If the terminal is gone.
        """
        width, height = self._console.size
        options = self._console.options.update_dimensions(width, height)
        lines = self._console.render_lines(screen, options, pad=True)[:height]
        with self._lock:
            if not self._held:
                return
            placed = {picture.number: picture for picture in pictures()}
            pieces = ansi_pieces(lines, self._console, [picture.area for picture in placed.values()])
            changed = []
            if (width, height) != self._size:
                self._shown = {}
            if _areas(placed) != _areas(self._pictures) or (self._pictures and not self._shown):
                changed.append(self._forget_pictures() + _CLEAR)
                placed = {picture.number: picture for picture in pictures()}
                self._shown, self._pictures = {}, {}
            changed += [
                _at(row, column) + text for (row, column), text in pieces.items() if self._differs(row, column, text)
            ]
            for number, picture in placed.items():
                if number not in self._pictures or self._pictures[number].content != picture.content:
                    changed.append(_at(picture.area.y, picture.area.x) + picture.content)
            self._size, self._shown, self._pictures = (width, height), pieces, placed
            if changed:
                self._write(_BEGIN + "".join(changed) + _END)

    def _differs(self, row: int, column: int, text: str) -> bool:
        return self._shown.get((row, column)) != text

    def keys(self, timeout_s: float) -> str:
        """Wait for keys and return them, empty if there were none; those that send sequences are left out."""
        if self._keys_fd is None:
            time.sleep(timeout_s)
            return ""
        ready, _, _ = select.select([self._keys_fd], [], [], timeout_s)
        if not ready:
            return ""
        try:
            read = os.read(self._keys_fd, 64)
        except OSError:
            read = b""
        if not read:
            self._keys_fd = None
        return "" if read.startswith(b"\x1b") else read.decode("utf-8", "replace")

    def __enter__(self) -> "Terminal":
        if self._keys_fd is not None and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTSTP, self._suspend)
        self._take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the terminal back; safe to call twice."""
        self._give_back()
        if self._before is not None:
            signal.signal(signal.SIGTSTP, self._before)
            self._before = None

    def _take(self) -> None:
        with self._lock:
            if self._keys_fd is not None:
                self._modes = termios.tcgetattr(self._keys_fd)
                tty.setcbreak(self._keys_fd, termios.TCSADRAIN)
            self._shown, self._pictures, self._held = {}, {}, True
            self._write(_ENTER)

    def _give_back(self) -> None:
        with self._lock:
            if not self._held:
                return
            self._held = False
            try:
                self._write((self._forget_pictures() + _CLEAR if self._pictures else "") + _LEAVE)
            except OSError:
                pass  # the terminal is gone; there is nothing to give back
            finally:
                if self._modes is not None and self._keys_fd is not None:
                    _restore(self._keys_fd, self._modes)

    def _suspend(self, number: int, _frame: FrameType | None) -> None:
        with self._lock:
            self._give_back()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)  # stops here until SIGCONT
            signal.signal(number, self._suspend)
            self._take()

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()


def _areas(placed: dict[int, Placed]) -> dict[int, Region]:
    return {number: picture.area for number, picture in placed.items()}


def _at(row: int, column: int) -> str:
    return f"\x1b[{row + 1};{column + 1}H"


def _restore(descriptor: int, modes: list[Any]) -> None:
    with contextlib.suppress(termios.error):  # the terminal is gone
        termios.tcsetattr(descriptor, termios.TCSADRAIN, modes)


def _keys_descriptor(console: Console) -> int | None:
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        return None
    return descriptor if termios is not None and console.is_terminal and os.isatty(descriptor) else None
