"""How well the events found agree with the truth of a synthetic or annotated recording.

A found event is a hit if its interval overlaps a true one with an intersection over union of at
least 0.5, counted in frames with both ends included (MEGC protocol). Pairs are one to one: a true
event is credited once, however many found events overlap it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.table import Table

from mer.errors import MerError
from mer.messages import Interval
from realtime.messages import Event

HIT_IOU: Final = 0.5
_MOMENTS: Final = ("onset", "apex", "offset")


@dataclass(frozen=True, slots=True)
class Label:
    """A labelled stretch of time.

    Attributes:
        label: Class, or the kind of a distractor.
        frames: Onset, apex and offset as frame indices, all included.
        times_s: The same in seconds.
        probability: Of the label, 1 for truth.
    """

    label: str
    frames: tuple[int, int, int]
    times_s: tuple[float, float, float]
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Truth:
    """What a truth file says.

    Attributes:
        events: The micro-expressions in order of time.
        distractors: What else moves (blinks, macro-expressions, head motion).
        synthetic: Whether the recording was made by `mer-synth`.
    """

    events: tuple[Label, ...]
    distractors: tuple[Label, ...]
    synthetic: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of the comparison; at least one of both sides is there.

    Attributes:
        truth: The true event, None for a false one.
        found: The found event, None for a missed one.
        iou: Their overlap, 0 unless both are there.
        during: Kind of the distractor that a false event overlaps, else empty.
    """

    truth: Label | None
    found: Label | None
    iou: float = 0.0
    during: str = ""

    @property
    def first_frame(self) -> int:
        """Onset frame of the true event, or of the found one if there is no true one."""
        side = self.truth or self.found
        return side.frames[0] if side else 0

    @property
    def hit(self) -> bool:
        """Whether a true event was found."""
        return self.truth is not None and self.found is not None

    @property
    def label_right(self) -> bool:
        """Whether it was found and named correctly."""
        return self.truth is not None and self.found is not None and self.truth.label == self.found.label

    def error_ms(self, moment: int) -> float:
        """Return found minus true time of onset (0), apex (1) or offset (2) in milliseconds; hits only."""
        if self.truth is None or self.found is None:
            raise ValueError("only a hit has errors in time")
        return 1000.0 * (self.found.times_s[moment] - self.truth.times_s[moment])


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


def read_truth(path: Path) -> Truth:
    """Read a truth file as `mer-synth recording` writes it.

    Raises:
        MerError: If there is no such file or it is not a truth file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Truth(
            events=tuple(map(_event, content["events"])),
            distractors=tuple(map(_distractor, content.get("distractors", ()))),
            synthetic=bool(content.get("synthetic", False)),
        )
    except OSError as error:
        raise MerError(f"truth file {path} cannot be read ({error.strerror}); give the .json of `mer-synth`") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MerError(
            f"{path} is not a truth file ({type(error).__name__}: {error}); expected the .json that "
            "`mer-synth recording` writes beside the video"
        ) from error


def _event(entry: dict[str, Any]) -> Label:
    return _label(str(entry["label"]), [entry[name] for name in _MOMENTS])


def _distractor(entry: dict[str, Any]) -> Label:
    return _label(str(entry["kind"]), [entry["start"], entry["start"], entry["end"]])


def _label(name: str, moments: Sequence[dict[str, Any]]) -> Label:
    onset, apex, offset = (int(moment["index"]) for moment in moments)
    onset_s, apex_s, offset_s = (float(moment["time_s"]) for moment in moments)
    return Label(name, (onset, apex, offset), (onset_s, apex_s, offset_s))


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
    return Label(event.label, frames, (onset, apex, offset), event.probabilities.get(event.label, 0.0))


def iou(a: Label, b: Label) -> float:
    """Return the intersection over union of two intervals in frames, both ends included."""
    shared = min(a.frames[2], b.frames[2]) - max(a.frames[0], b.frames[0]) + 1
    if shared <= 0:
        return 0.0
    lengths = (a.frames[2] - a.frames[0] + 1) + (b.frames[2] - b.frames[0] + 1)
    return shared / (lengths - shared)


def compare(truth: Truth, found: Sequence[Label]) -> list[Pair]:
    """Pair true with found events, best overlap first, each at most once.

    Args:
        truth: What was to be found.
        found: What was found.

    Returns:
        Hits, misses and false events in order of time.
    """
    candidates = sorted(
        ((iou(t, f), i, j) for i, t in enumerate(truth.events) for j, f in enumerate(found)),
        key=lambda candidate: (-candidate[0], candidate[1], candidate[2]),
    )
    partner: dict[int, tuple[int, float]] = {}
    for overlap, i, j in candidates:
        if overlap >= HIT_IOU and i not in partner and all(j != taken for taken, _ in partner.values()):
            partner[i] = (j, overlap)
    used = {j for j, _ in partner.values()}
    pairs = [
        Pair(t, found[partner[i][0]], partner[i][1]) if i in partner else Pair(t, None)
        for i, t in enumerate(truth.events)
    ]
    pairs += [Pair(None, f, during=_during(f, truth)) for j, f in enumerate(found) if j not in used]
    return sorted(pairs, key=lambda pair: pair.first_frame)


def _during(found: Label, truth: Truth) -> str:
    overlaps = [(iou(found, d), d.label) for d in (*truth.distractors, *truth.events)]
    best = max(overlaps, default=(0.0, ""))
    return best[1] if best[0] > 0 else ""


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
        f"{name}_error_ms": [round(pair.error_ms(i), 2) for pair in pairs if pair.hit]
        for i, name in enumerate(_MOMENTS)
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
    drawn = Table(title=title, caption=_closing_line(score(pairs)), box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for heading in ("at s", "true", "found", "%", "IoU", *_MOMENTS, "result"):
        text = heading in ("true", "found", "result")
        drawn.add_column(heading, justify="left" if text else "right", no_wrap=True)
    for pair in pairs:
        true, found = pair.truth, pair.found
        side = true or found
        drawn.add_row(
            f"{side.times_s[0]:.2f}" if side else "",
            true.label if true else "-",
            found.label if found else "-",
            f"{100 * found.probability:.0f}" if found else "",
            f"{pair.iou:.2f}" if pair.hit else "",
            *(f"{pair.error_ms(i):+.0f}" if pair.hit else "" for i in range(len(_MOMENTS))),
            _verdict(pair),
        )
    return drawn


def _verdict(pair: Pair) -> str:
    if pair.truth is None:
        return f"[red]false[/]: {pair.during}" if pair.during else "[red]false[/]"
    if pair.found is None:
        return "[red]missed[/]"
    return "[green]hit[/]" if pair.label_right else "[yellow]wrong class[/]"


def _closing_line(counts: Score) -> str:
    return (
        f"{counts.hits} of {counts.true} found (IoU >= {HIT_IOU}), {counts.labels_right} with the right class, "
        f"{counts.found - counts.hits} false.\nPrecision {counts.precision:.2f}, recall {counts.recall:.2f}, "
        f"F1 {counts.f1:.2f}. Errors in ms."
    )
