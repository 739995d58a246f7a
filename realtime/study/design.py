"""The table of a study: which recording shows whom, in which condition, and when a stimulus came."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mer.data.tables import Row, read_csv, rows_with_header
from mer.errors import MerError

FIRST: Final = 1
"""Number of the only person in a recording."""
_REQUIRED: Final = {
    "recording": ("recording", "file", "video"),
    "participant": ("participant", "participant_id", "subject"),
}
_OPTIONAL: Final = {
    "condition": ("condition", "group"),
    "session": ("session", "session_id"),
    "person": ("person",),
    "start_s": ("start_s", "start"),
    "end_s": ("end_s", "end"),
    "stimulus_s": ("stimulus_s", "stimulus", "stimuli", "stimulus_times"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A row of the table: a recording, or a stretch of it.

    Attributes:
        where: File and row, for messages.
        recording: As the table names it.
        participant: Whom it shows.
        condition: Empty if the study has none.
        session: Empty if the study has none.
        person: Number of the person in the recording, from 1.
        start_s: Start of the stretch on the recording's time line; None for the recording's.
        end_s: Its end, not included; None for the recording's.
        stimuli_s: Times of the stimuli on the recording's time line.
    """

    where: str
    recording: str
    participant: str
    condition: str = ""
    session: str = ""
    start_s: float | None = None
    end_s: float | None = None
    stimuli_s: tuple[float, ...] = ()
    person: int = FIRST

    @property
    def is_stretch(self) -> bool:
        """Whether it is not the whole recording."""
        return self.start_s is not None or self.end_s is not None

    def holds(self, time_s: float) -> bool:
        """Return whether a time of the recording lies in it."""
        return (self.start_s is None or time_s >= self.start_s) and (self.end_s is None or time_s < self.end_s)


def read_design(path: Path) -> list[Part]:
    """Read the table of a study.

    Args:
        path: CSV with the columns recording and participant, and as wanted condition, session, person, start_s, end_s
            and stimulus_s (several separated by semicolons or blanks).

    Raises:
        MerError: If it cannot be read, or a row of it makes no sense.
    """
    rows = rows_with_header(path, {"": read_csv(path)}, _REQUIRED, optional=_OPTIONAL)
    if not rows:
        raise MerError(f"{path} has no rows below its header; write one for each recording")
    parts = [_part(row) for row in rows]
    _check_overlaps(parts)
    return parts


def _part(row: Row) -> Part:
    for name in _REQUIRED:
        if not row.text(name):
            raise MerError(f"{row.where}: no {name} given; expected one in every row")
    start_s, end_s = _seconds(row, "start_s"), _seconds(row, "end_s")
    if start_s is not None and end_s is not None and not start_s < end_s:
        raise MerError(f"{row.where}: start_s is {start_s:g} and end_s {end_s:g}; expected the end after the start")
    texts = re.split(r"[;\s]+", row.text("stimulus_s"))
    part = Part(
        row.where,
        row.text("recording"),
        row.text("participant"),
        row.text("condition"),
        row.text("session"),
        start_s,
        end_s,
        tuple(sorted(_number(row, "stimulus_s", text) for text in texts if text)),
        _person(row),
    )
    for stimulus_s in part.stimuli_s:
        if not part.holds(stimulus_s):
            raise MerError(f"{row.where}: stimulus_s {stimulus_s:g} lies outside start_s and end_s of its row")
    return part


def _person(row: Row) -> int:
    text = row.text("person")
    if text and not (text.isdecimal() and int(text) >= FIRST):
        raise MerError(f"{row.where}: person {text!r} is not a number; expected 1, 2, ... as mer-replay counts them")
    return int(text) if text else FIRST


def _seconds(row: Row, name: str) -> float | None:
    return _number(row, name, row.text(name)) if row.text(name) else None


def _number(row: Row, name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 <= number < math.inf:
        raise MerError(f"{row.where}: {name} {text!r} is not a time; expected seconds from the recording's start, 12.5")
    return number


def _check_overlaps(parts: list[Part]) -> None:
    """Refuse rows that count the same time twice."""
    seen: dict[tuple[str, int], list[Part]] = {}
    for part in parts:
        for other in seen.setdefault((part.recording, part.person), []):
            starts = max(one.start_s or 0.0 for one in (part, other))
            ends = min(math.inf if one.end_s is None else one.end_s for one in (part, other))
            if starts < ends:
                raise MerError(
                    f"{part.where}: {part.recording} is in {other.where} already; expected each recording once, or "
                    "stretches with start_s and end_s that do not overlap"
                )
        seen[part.recording, part.person].append(part)


def stretches(parts: list[Part]) -> Mapping[str, list[Part]]:
    """Return the rows of each recording, in the order of the table."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(part.recording, []).append(part)
    return found
