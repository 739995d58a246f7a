"""What an adapter hands over: the rows of its annotation table, before anyone looked at the frames."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from mer.data.frames import Counting
from mer.data.tables import Cell, Columns, Row
from mer.labels import CLASSES

Kind = Literal["micro", "macro"]

UNLABELLED: Final = "unlabelled"
"""Label of an expression whose emotion the dataset does not give."""

ALSO: Final[Columns] = {
    "objective": ("Objective Classes", "Objective Class"),
    "units": ("Action Units", "Action Unit", "AUs", "AU"),
}
"""Columns that a table may have: classes by action units alone, and the action units."""

_SYNONYMS: Final = {
    "happy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "disgusted": "disgust",
    "fearful": "fear",
    "angry": "anger",
    "other": "others",
    "repressed": "repression",
}
_KNOWN: Final = frozenset(
    (*CLASSES, "anger", "contempt", "repression", "others", "positive", "negative", UNLABELLED),
)


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotated expression as its table gives it.

    Attributes:
        where: File and row, for messages.
        subject: Participant.
        clip: Name of the expression, unique within the subject.
        paths: Where its recording may be, preferred first; the first that holds its frames is taken.
        fps: Frames per second; None where the recording states it itself.
        onset: Frame as annotated.
        apex: Frame as annotated.
        offset: Frame as annotated; included.
        label: Class name as annotated.
        kind: Micro- or macro-expression.
        faults: What is wrong with the row already.
        objective: Class by action units alone, as annotated (Davison, Merghani, Yap, "Objective classes for
            micro-facial expression recognition", J. Imaging 4(10), 2018); empty where the dataset has none.
        units: Action units as annotated, such as "4+L10"; empty where the dataset has none.
    """

    where: str
    subject: str
    clip: str
    paths: tuple[Path, ...]
    fps: float | None
    onset: Cell
    apex: Cell
    offset: Cell
    label: str
    kind: Kind = "micro"
    faults: tuple[str, ...] = ()
    objective: str = ""
    units: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    """A whole dataset as annotated.

    Attributes:
        rows: Expressions in the order of the table.
        tables: Files they were read from.
        recordings: What recordings look like, for the message when none is found.
        labels: Class names after `plain_label` that the dataset is published with; empty for any.
        has_apex: Whether a row without an apex is worth a line in the report.
        counting: What frame numbers mean; None to find out from the frames on disk.
        long_recordings: Recordings for spotting by (subject, name), with or without an expression.
        notes: What the user should know about the dataset as a whole.
    """

    rows: list[Annotation]
    tables: list[Path]
    recordings: str
    labels: frozenset[str] = frozenset()
    has_apex: bool = True
    counting: Counting | None = None
    long_recordings: dict[tuple[str, str], Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def annotate(
    row: Row,
    *,
    subject: str,
    paths: tuple[Path, ...],
    fps: float | None,
    clip: str = "",
    label: str = "",
    kind: Kind = "micro",
    faults: tuple[str, ...] = (),
) -> Annotation:
    """Return the annotation in a row of a table.

    Args:
        row: With the columns subject, clip, onset and offset; apex and label where the table has them.
        subject: The subject as folds shall see it.
        paths: Where the recording may be, preferred first.
        fps: Frames per second; None where the recording states it itself.
        clip: Name of the expression if it is not that in the table.
        label: Class if it is not that in the column label.
        kind: Micro- or macro-expression.
        faults: What is wrong with the row already.
    """
    blank = tuple(f"{column} is missing" for column in ("subject", "clip") if not row.text(column))
    return Annotation(
        where=row.where,
        subject=subject,
        clip=clip or row.text("clip"),
        paths=() if blank else paths,  # an empty name would lead to the folder above
        fps=fps,
        onset=row.cells["onset"],
        apex=row.cells.get("apex"),
        offset=row.cells["offset"],
        label=label or row.text("label"),
        kind=kind,
        faults=blank + faults,
        objective=row.text("objective"),
        units=row.text("units"),
    )


def action_units(text: str) -> tuple[int, ...]:
    """Return the numbers of the action units in a cell such as `4+L10` or `AU 12 or 14`, in order.

    Sides (L, R) and intensities (A to E) are left aside: datasets differ in whether they give them.
    """
    return tuple(sorted({int(number) for number in re.findall(r"\d+", text) if 0 < int(number) < 100}))


def plain_label(label: str) -> str:
    """Return the class name that all datasets share (`Happy` is `happiness`); an unknown label stays as it is."""
    name = label.strip().casefold()
    name = _SYNONYMS.get(name, name)
    return name if name in _KNOWN else label.strip()
