"""The terminal while the overlay has it: second screen, single keys, and back to what it was in every case.

Only lines that changed are written, in one piece and between the marks of a synchronized update
(https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036), so nothing flickers or scrolls.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.segment import Segment

try:
    import termios
    import tty
except ImportError:  # Windows has neither; the overlay then goes without keys
    termios = tty = None  # type: ignore[assignment]

_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE: Final = "\x1b[0m\x1b[?25h\x1b[?1049l"
_BEGIN: Final = "\x1b[?2026h"
_END: Final = "\x1b[0m\x1b[?2026l"


def ansi_lines(console: Console, screen: RenderableType, *, width: int, height: int) -> list[str]:
    """Return a screen as `height` lines of text with colours, each `width` cells wide."""
    options = console.options.update_dimensions(width, height)
    lines = console.render_lines(screen, options, pad=True)
    return [_ansi(line, console) for line in lines[:height]]


def _ansi(line: Sequence[Segment], console: Console) -> str:
    colours = console._color_system
    kept = [segment for segment in line if not segment.control]
    if console.no_color:
        kept = list(Segment.remove_color(kept))
    return "".join(style.render(text, color_system=colours) if style else text for text, style, _ in kept)


class Terminal:
    """Takes the terminal for full-screen drawing and single keys. Use as a context manager in the main thread.

    Ctrl-Z gives the terminal back before the program stops and takes it again when it goes on.

    Args:
        console: Where to draw; its file must be a terminal for keys to be read.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: list[str] = []
        self._lock = threading.RLock()
        self._keys_fd = _keys_descriptor(console)
        self._modes: list[Any] | None = None
        self._before: Any = None
        self._held = False

    @property
    def has_keys(self) -> bool:
        """Whether keys can be read."""
        return self._keys_fd is not None

    def paint(self, screen: RenderableType) -> None:
        """Show a screen.

        Raises:
            OSError: If the terminal is gone.
        """
        width, height = self._console.size
        lines = ansi_lines(self._console, screen, width=width, height=height)
        with self._lock:
            if not self._held:
                return
            before = self._shown if len(self._shown) == len(lines) else [""] * len(lines)
            changed = [f"\x1b[{n};1H{line}" for n, line in enumerate(lines, 1) if line != before[n - 1]]
            self._shown = lines
            if changed:
                self._write(_BEGIN + "".join(changed) + _END)

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
        self._give_back()
        if self._before is not None:
            signal.signal(signal.SIGTSTP, self._before)
            self._before = None

    def _take(self) -> None:
        with self._lock:
            if self._keys_fd is not None:
                self._modes = termios.tcgetattr(self._keys_fd)
                tty.setcbreak(self._keys_fd, termios.TCSADRAIN)
            self._shown, self._held = [], True
            self._write(_ENTER)

    def _give_back(self) -> None:
        with self._lock:
            if not self._held:
                return
            self._held = False
            try:
                self._write(_LEAVE)
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


def _restore(descriptor: int, modes: list[Any]) -> None:
    with contextlib.suppress(termios.error):  # the terminal is gone
        termios.tcsetattr(descriptor, termios.TCSADRAIN, modes)


def _keys_descriptor(console: Console) -> int | None:
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        return None
    return descriptor if termios is not None and console.is_terminal and os.isatty(descriptor) else None
