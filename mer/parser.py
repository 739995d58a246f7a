"""Command lines in one style: defaults are shown, options are never abbreviated, help ends with examples."""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from mer.media.source_name import source_name
from mer.text import printable

_MAX_WIDTH: Final = 100


class HelpFormatter(argparse.HelpFormatter):
    """Adds the default to the help of each option, unless the help says it itself or there is none.

    Args:
        prog: Name of the program.
    """

    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size().columns - 2, _MAX_WIDTH)
        super().__init__(prog, max_help_position=30, width=width)

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        if has_default(action) and "(default: " not in text:
            text += f" (default: {shown(action.default)})".replace("%", "%%")
        return text


def has_default(action: argparse.Action) -> bool:
    """Return whether leaving the option out is like giving it a value: switches and optional values have none."""
    default = action.default
    return not (action.nargs == 0 or default is None or default == argparse.SUPPRESS or default in ([], ()))


def shown(default: object) -> str:
    """Return a default as it would be given on a command line."""
    if isinstance(default, (list, tuple)):
        return " ".join(map(shown, default))
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, Path):
        return default.name or "."
    return str(default)


class Parser(argparse.ArgumentParser):
    """A parser whose messages quote no password and cannot act on the terminal.

    A shell expands `*` to any file name, also to one that looks like an option or holds control characters.

    Args:
        examples: Command lines that end the help. Each is parsed by a test.
        notes: Paragraph between the options and the examples, such as exit codes.
        options: Those of `argparse.ArgumentParser`.
    """

    def __init__(self, *, examples: Sequence[str] = (), notes: str = "", **options: Any) -> None:
        style: dict[str, Any] = {"formatter_class": HelpFormatter, "allow_abbrev": False, "epilog": notes or None}
        super().__init__(**(style | options))
        self.examples = tuple(examples)

    def format_help(self) -> str:
        """Return the help with the examples at its end."""
        if not self.examples:
            return super().format_help()
        return "\n  ".join([f"{super().format_help()}\nexamples:", *self.examples]) + "\n"

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and exit with code 2."""
        super().error(printable(source_name(message)))
