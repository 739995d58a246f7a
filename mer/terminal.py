"""The console that commands print to."""

import os

from rich.console import Console


def open_console(*, stderr: bool = False, width: int | None = None) -> Console:
    """Return a console that is as plain as a file where the terminal cannot move its cursor.

    Args:
        stderr: Whether it prints to the error output.
        width: Columns; None for those of the terminal.
    """
    return Console(stderr=stderr, width=width, force_terminal=None if _can_draw() else False)


def _can_draw() -> bool:
    """Return whether TERM names a terminal with a cursor; on Windows it names none, and all have one."""
    return os.name == "nt" or os.environ.get("TERM", "") not in ("", "dumb", "unknown")
