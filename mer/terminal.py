"""The console that commands print to."""

import os

from mer.text import PlainConsole


def open_console(*, stderr: bool = False, width: int | None = None) -> PlainConsole:
    """Return a console on which text is text, and that is plain where the terminal cannot move its cursor.

    Args:
        stderr: Whether it prints to the error output.
        width: Columns; None for those of the terminal.
    """
    return PlainConsole(stderr=stderr, width=width, force_terminal=None if _can_draw() else False)


def _can_draw() -> bool:
    """Return whether TERM names a terminal with a cursor; on Windows it names none, and all have one."""
    return os.name == "nt" or os.environ.get("TERM", "") not in ("", "dumb", "unknown")
