"""The comparison of found events with the truth of a recording: its figures for `summary.json` and its table.

Which found event is a hit of which true one is decided by `mer.evaluation.matching`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from mer.evaluation.matching import HIT_IOU, MOMENTS, Label, Pair, Truth, compare, read_truth
from mer.labels import NONE_LABEL
from mer.messages import Interval
from mer.text import printable
from realtime.messages import Event, Totals
from realtime.update import Update

# fmt: off
__all__ = ["Label", "Labels", "Pair", "Score", "Truth", "compare", "label_from_event", "read_truth",
           "record_from_pairs", "score", "table"]
# fmt: on


@dataclass(frozen=True, slots=True)
class Score:
    """Counts over one or several recordings, and the figures that follow from them.

    Attributes:
        true: True events.
        found: Found events.
        hits: Pairs of both.
        labels_right: Hits with the right class.
    """

    true: int
    found: int
    hits: int
    labels_right: int

    @property
    def precision(self) -> float:
        """Share of the found events that are hits, 0 if none was found."""
        return self.hits / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of the true events that were hit, 0 if there are none."""
        return self.hits / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2.0 * self.hits / (self.true + self.found) if self.true + self.found else 0.0


def label_from_event(event: Event, *, start_s: float = 0.0) -> Label:
    """Return a found event in the form that is compared.

    Args:
        event: What the pipeline found.
        start_s: Time stamp of the recording's first frame; truth counts from there.
    """
    interval: Interval = event.interval
    moments = (interval.onset, interval.apex, interval.offset)
    onset, apex, offset = (moment.time_s - start_s for moment in moments)
    frames = (interval.onset.index, interval.apex.index, interval.offset.index)
    return Label(
        event.label,
        frames,
        (onset, apex, offset),
        max(event.probabilities.values()),
        confirmed_s=offset + event.latency.confirm_ms / 1000.0,
        person=event.person,
    )


class Labels:
    """Keeps the found events of a session in the form that is compared.

    Args:
        totals: Counters of the pipeline, which know when the recording began.

    Attributes:
        found: Those so far.
    """

    def __init__(self, totals: Totals) -> None:
        self.found: list[Label] = []
        self._totals = totals

    def update(self, update: Update) -> None:
        """Take one update."""
        start_s = self._totals.first_time_s
        self.found += [label_from_event(event, start_s=start_s) for event in update.events]

    def close(self) -> None:
        """Nothing is open."""


def score(pairs: Sequence[Pair]) -> Score:
    """Count hits, misses and false events over the pairs of one or several recordings."""
    return Score(
        true=sum(pair.truth is not None for pair in pairs),
        found=sum(pair.found is not None for pair in pairs),
        hits=sum(pair.hit for pair in pairs),
        labels_right=sum(pair.label_right for pair in pairs),
    )


def record_from_pairs(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return the comparison as it stands in `summary.json`."""
    counts = score(pairs)
    errors = {
        f"{name}_error_ms": [round(pair.error_ms(i), 2) for pair in pairs if pair.hit] for i, name in enumerate(MOMENTS)
    }
    return {
        "true_events": counts.true,
        "found_events": counts.found,
        "hits": counts.hits,
        "labels_right": counts.labels_right,
        "false_events": counts.found - counts.hits,
        "precision": round(counts.precision, 4),
        "recall": round(counts.recall, 4),
        "f1": round(counts.f1, 4),
        **errors,
    }


def table(pairs: Sequence[Pair], *, title: str) -> Table:
    """Return the comparison as a table that fits 80 columns; errors of the moments are found minus true."""
    caption = _closing_line(score(pairs))
    if any(pair.found is not None and pair.found.label == NONE_LABEL for pair in pairs):
        caption += "\n(%): too improbable to be named."
    drawn = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for heading in ("at s", "true", "found", "%", "IoU", *MOMENTS, "result"):
        text = heading in ("true", "found", "result")
        drawn.add_column(heading, justify="left" if text else "right", no_wrap=True)
    for pair in pairs:
        true, found = pair.truth, pair.found
        side = true or found
        drawn.add_row(
            f"{side.times_s[0]:.2f}" if side else "",
            true.label if true else "-",
            found.label if found else "-",
            _percent(found),
            f"{pair.iou:.2f}" if pair.hit else "",
            *(f"{pair.error_ms(i):+.0f}" if pair.hit else "" for i in range(len(MOMENTS))),
            _verdict(pair),
        )
    return drawn


def _percent(found: Label | None) -> str:
    """Return what the classifier was sure of; in brackets the best class of an event that is called "none"."""
    if found is None:
        return ""
    percent = f"{100 * found.probability:.0f}"
    return f"({percent})" if found.label == NONE_LABEL else percent


def _verdict(pair: Pair) -> Text:
    if pair.truth is None:
        during = f": {printable(pair.during)}" if pair.during else ""
        return Text.assemble(("false", "red"), during)
    if pair.found is None:
        return Text("missed", "red")
    return Text("hit", "green") if pair.label_right else Text("wrong class", "yellow")


def _closing_line(counts: Score) -> str:
    return (
        f"{counts.hits} of {counts.true} found (IoU >= {HIT_IOU}), {counts.labels_right} with the right class, "
        f"{counts.found - counts.hits} false.\nPrecision {counts.precision:.2f}, recall {counts.recall:.2f}, "
        f"F1 {counts.f1:.2f}. Errors in ms."
    )
