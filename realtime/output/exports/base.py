"""What an entry of the table of exports is, and what exports share.

All take the records of a recording and give the content of a file. Times are those of the recording.
"""

from collections.abc import Callable
from dataclasses import dataclass

from realtime.output.found import Found, Record


@dataclass(frozen=True, slots=True)
class Export:
    """A format of another tool.

    Attributes:
        file: Name of the file.
        what: What it is, for `--help`.
        content: Makes its content.
        module: A module that it needs, empty for none.
        extra: The extra that installs it.
        beside: Name of a second file that belongs to it, empty for none.
        beside_content: Makes its content.
    """

    file: str
    what: str
    content: Callable[[Found], bytes]
    module: str = ""
    extra: str = ""
    beside: str = ""
    beside_content: Callable[[Found], bytes] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its files."""
        return (self.file, self.beside) if self.beside else (self.file,)

    def files(self, found: Found) -> dict[str, bytes]:
        """Return name and content of its files."""
        made = {self.file: self.content(found)}
        return made if self.beside_content is None else {**made, self.beside: self.beside_content(found)}


def title(record: Record) -> str:
    """Return label and probability of an event; what a coder named has none."""
    probabilities = record["probabilities"].values()
    return f"{record['label']} {100 * max(probabilities):.0f} %" if probabilities else str(record["label"])


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds, 0 or more."""
    return max(0, round(1000 * seconds))
