"""Files and figures of the spot-then-recognise challenge (MEGC 2022 to 2025): tables of intervals, and the score.

The challenge's kit (genbing99/STRS-Metric of June 2024; Liong, See, Chan 2023, doi 10.1016/j.image.2022.116875) counts
otherwise than `mer.evaluation.matching`; `as_in_kit` counts as it does, `one_to_one` as the rest of this project:

- The kit takes found intervals in the order of their table, and each takes all true ones that are still free. So one
  found interval may be several hits, and which ones are hits depends on the order of rows.
- It looks at the videos of subjects with a prediction only, and there at videos with a true interval only: false ones
  elsewhere, and missed ones of subjects without any prediction, do not count.
- Its F1 of recognition is the harmonic mean of the mean precision and the mean recall over the labels of the truth.
  A label that no hit has, or that all hits have, counts as 0. What it calls UAR is the mean precision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mer.data.tables import Columns, Row, cell_frame, read_csv, rows_with_header
from mer.errors import MerError
from mer.evaluation.matching import HIT_IOU, Label, Truth, compare, iou

_COLUMNS: Final[Columns] = {
    "subject": ("subject",),
    "video": ("video", "vid"),
    "onset": ("onset", "pred_onset"),
    "offset": ("offset", "pred_offset"),
    "emotion": ("emotion",),
}
SCORES: Final = ("precision", "recall", "f1")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a table of the challenge.

    Attributes:
        subject: As the table has it.
        video: The same.
        onset: First frame, as the table counts.
        offset: Last frame, included.
        emotion: Class.
    """

    subject: str
    video: str
    onset: int
    offset: int
    emotion: str

    @property
    def label(self) -> Label:
        """The same for `mer.evaluation.matching`; the apex in the middle, which no score uses."""
        return Label(self.emotion, (self.onset, (self.onset + self.offset) // 2, self.offset), (0.0, 0.0, 0.0))


def read_entries(path: Path) -> list[Entry]:
    """Read a table with the columns subject, video, onset, offset and emotion.

    Raises:
        MerError: If it cannot be read, lacks a column or holds an interval that is none.
    """
    return [_entry(row) for row in rows_with_header(path, {"": read_csv(path)}, _COLUMNS)]


def _entry(row: Row) -> Entry:
    try:
        onset, offset = cell_frame(row.cells["onset"]), cell_frame(row.cells["offset"])
    except ValueError as error:
        raise MerError(f"{row.where}: {error} is not a frame number; expected whole numbers") from None
    if onset is None or offset is None or offset < onset:
        raise MerError(f"{row.where}: onset {onset} and offset {offset} are not an interval; expected onset <= offset")
    return Entry(row.text("subject"), row.text("video"), onset, offset, row.text("emotion"))


def as_in_kit(predicted: Sequence[Entry], true: Sequence[Entry]) -> dict[str, Any]:
    """Return the figures as the challenge's kit counts them.

    Returns:
        spotting and recognition, each with tp, fp, fn and SCORES; uf1 and strs, the product of both F1.
    """
    subjects = {entry.subject for entry in predicted}
    hits: list[tuple[Entry, Entry]] = []
    false = missed = 0
    for subject, video in dict.fromkeys((entry.subject, entry.video) for entry in true if entry.subject in subjects):
        free = [entry for entry in true if (entry.subject, entry.video) == (subject, video)]
        for found in (entry for entry in predicted if (entry.subject, entry.video) == (subject, video)):
            taken = [entry for entry in free if iou(found.label, entry.label) >= HIT_IOU]
            free = [entry for entry in free if entry not in taken]
            hits += [(found, entry) for entry in taken]
            false += not taken
        missed += len(free)
    labels = sorted({entry.emotion for entry in true})
    recognised = [label for label in labels if _tells_apart(label, hits)]
    figures = _figures(hits, false, missed, recognised, of=len(labels))
    mean = figures["recognition"]
    wrong = sum(found.emotion != there.emotion and found.emotion in labels for found, there in hits)
    both = mean["precision"] + mean["recall"]
    mean |= {"fp": wrong, "fn": wrong, "f1": 2 * mean["precision"] * mean["recall"] / both if both else 0.0}
    return figures | {"strs": figures["spotting"]["f1"] * mean["f1"]}


def _tells_apart(label: str, hits: Sequence[tuple[Entry, Entry]]) -> bool:
    """Return whether hits have a label and do not all have it; else the kit's table of two by two does not come out."""
    return len({entry.emotion == label for pair in hits for entry in pair}) == 2


def one_to_one(predicted: Sequence[Entry], true: Sequence[Entry]) -> dict[str, Any]:
    """Return the same figures with every interval counted once, over all videos and the classes of the hits."""
    hits: list[tuple[Entry, Entry]] = []
    false = missed = 0
    for subject, video in dict.fromkeys((entry.subject, entry.video) for entry in (*true, *predicted)):
        of_found = [(entry, entry.label) for entry in predicted if (entry.subject, entry.video) == (subject, video)]
        of_true = [(entry, entry.label) for entry in true if (entry.subject, entry.video) == (subject, video)]
        entries = {id(label): entry for entry, label in (*of_found, *of_true)}
        for pair in compare(Truth(tuple(label for _, label in of_true), (), False), [label for _, label in of_found]):
            if pair.truth is not None and pair.found is not None:
                hits.append((entries[id(pair.found)], entries[id(pair.truth)]))
            false += pair.truth is None
            missed += pair.found is None
    labels = sorted({entry.emotion for pair in hits for entry in pair})
    return _figures(hits, false, missed, labels, of=len(labels))


def _figures(
    hits: Sequence[tuple[Entry, Entry]], false: int, missed: int, labels: Sequence[str], *, of: int
) -> dict[str, Any]:
    """Return all figures; those of recognition are means over `of` labels, of which those not given count as 0."""
    spotting = _scores(len(hits), false, missed)
    right = sum(p.emotion == t.emotion for p, t in hits)
    by_label = []
    for label in labels:
        tp = sum(p.emotion == t.emotion == label for p, t in hits)
        fp = sum(p.emotion == label != t.emotion for p, t in hits)
        fn = sum(t.emotion == label != p.emotion for p, t in hits)
        by_label.append(_scores(tp, fp, fn))
    mean = {name: sum(scores[name] for scores in by_label) / max(1, of) for name in SCORES}
    wrong = len(hits) - right
    recognition = {"tp": right, "fp": wrong, "fn": wrong, **mean}
    return {"spotting": spotting, "recognition": recognition, "uf1": mean["f1"], "strs": spotting["f1"] * mean["f1"]}


def _scores(tp: int, fp: int, fn: int) -> dict[str, Any]:
    return {
        **{"tp": tp, "fp": fp, "fn": fn},
        "precision": tp / (tp + fp) if tp + fp else 0.0,
        "recall": tp / (tp + fn) if tp + fn else 0.0,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp else 0.0,
    }
