"""Text of the user's on its way out: nothing in it may act on the terminal, the table or the file that shows it.

File names, class labels, notes and messages of libraries may hold escape sequences (OSC 52 writes to the clipboard),
characters that turn the direction of writing, what rich takes for markup, and what a spreadsheet takes for a formula.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

_ACTING: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff]"
)
"""Control characters, those that turn the direction of writing, line separators, and halves of surrogate pairs, which
stand for the bytes of a file name that is not UTF-8 and cannot be written as text."""
_FORMULA: Final = ("=", "+", "-", "@", "\t")
"""How a cell begins that a spreadsheet program calculates (OWASP, CSV injection)."""


def printable(text: object, *, keep: str = "") -> str:
    r"""Return text in which every character that acts instead of being shown is written as an escape such as \x1b.

    Args:
        text: Anything; shown as `str` shows it.
        keep: Characters to leave as they are, such as a newline.
    """
    return _ACTING.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), str(text))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class PlainConsole(Console):
    """A rich console on which text is text: no markup, no emoji codes, and only printable characters.

    What shall have a style is given as `rich.text.Text`, made from `printable` where it holds text of the user's.

    Args:
        stderr: Whether to write to the error output.
        width: Columns; None for those of the terminal.
        force_terminal: False to write as to a file; None to find out.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None, force_terminal: bool | None = None) -> None:
        super().__init__(stderr=stderr, width=width, force_terminal=force_terminal, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return what is drawn for a text; rich calls this for every plain one, in cells and titles as well."""
        return super().render_str(printable(text, keep="\n"), **options)


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, newline: str = "\n") -> str:
    """Return a CSV table as every file of this project holds it.

    A cell that a spreadsheet program would calculate gets a leading apostrophe, which shows it as text; numbers stay
    numbers. What acts instead of being shown is written as escapes, see `printable`.

    Args:
        columns: The header.
        rows: Cells by column; what is not in `columns` is left out, what is missing stays empty.
        newline: End of each line.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=newline)
    writer.writerow([cell(name) for name in columns])
    writer.writerows([cell(row.get(name, "")) for name in columns] for row in rows)
    return text.getvalue()


def cell(value: object) -> object:
    """Return what a cell holds: text that cannot be taken for a formula, anything else as it is."""
    if not isinstance(value, str):
        return value
    text = printable(value, keep="\n\t")
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def cell_value(text: str) -> str:
    """Return the text that `cell` made into a cell."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and text == text.strip()


def listed(entries: Sequence[str], *, most: int = 10) -> list[str]:
    """Return the first entries of a list that may be long, and how many there are beside them."""
    more = len(entries) - most
    return [*entries[:most], f"and {more:,} more"] if more > 0 else list(entries)
