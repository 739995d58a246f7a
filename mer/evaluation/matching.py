"""Which found intervals are hits of which true ones.

A found interval is a hit if its intersection over union with a true one is at least 0.5, counted in frames
with both ends included (MEGC protocol). Pairs are one to one: a true interval is credited once, however many
found ones overlap it. Published evaluators that credit it several times report too high a precision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from mer.errors import MerError
from mer.files import from_json
from mer.messages import FIRST_PERSON

HIT_IOU: Final = 0.5
MOMENTS: Final = ("onset", "apex", "offset")


@dataclass(frozen=True, slots=True)
class Label:
    """A labelled stretch of time.

    Attributes:
        label: Class, or the kind of a distractor.
        frames: Onset, apex and offset as frame indices, all included.
        times_s: The same in seconds.
        probability: Of the label, or of the best class where that is too improbable to be named; 1 for truth.
        amplitude_percent: True events: peak displacement in percent of the inter-ocular distance, where known.
        confirmed_s: Found events: time of the frame on which it was decided, where known.
        person: Whose face it is.
    """

    label: str
    frames: tuple[int, int, int]
    times_s: tuple[float, float, float]
    probability: float = 1.0
    amplitude_percent: float | None = None
    confirmed_s: float | None = None
    person: int = FIRST_PERSON


@dataclass(frozen=True, slots=True)
class Truth:
    """What a truth file says.

    Attributes:
        events: The micro-expressions in order of time.
        distractors: What else moves (blinks, macro-expressions, head motion).
        synthetic: Whether the recording was made by `mer-synth`.
        seconds: Length of the recording, None if the file does not say.
        fps: Its nominal frame rate, None if the file does not say.
    """

    events: tuple[Label, ...]
    distractors: tuple[Label, ...]
    synthetic: bool
    seconds: float | None = None
    fps: float | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A true event, a found event, or both if they match.

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


def read_truth(path: Path) -> Truth:
    """Read a truth file as `mer-synth recording` writes it.

    Raises:
        MerError: If there is no such file or it is not a truth file.
    """
    try:
        content = from_json(path.read_text(encoding="utf-8"))
        return Truth(
            events=tuple(map(_event, content["events"])),
            distractors=tuple(map(_distractor, content.get("distractors", ()))),
            synthetic=bool(content.get("synthetic", False)),
            seconds=_number(content.get("seconds")),
            fps=_number(content.get("fps")),
        )
    except OSError as error:
        raise MerError(f"truth file {path} cannot be read ({error.strerror}); give the .json of `mer-synth`") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise MerError(
            f"{path} is not a truth file ({type(error).__name__}: {error}); expected the .json that "
            "`mer-synth recording` writes beside the video"
        ) from error


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _event(entry: dict[str, Any]) -> Label:
    made = _label(str(entry["label"]), [entry[name] for name in MOMENTS])
    amplitude, person = _number(entry.get("amplitude_percent")), int(entry.get("person", FIRST_PERSON))
    return replace(made, amplitude_percent=amplitude, person=person)


def _distractor(entry: dict[str, Any]) -> Label:
    return _label(str(entry["kind"]), [entry["start"], entry["start"], entry["end"]])


def _label(name: str, moments: Sequence[dict[str, Any]]) -> Label:
    onset, apex, offset = (int(moment["index"]) for moment in moments)
    onset_s, apex_s, offset_s = (float(moment["time_s"]) for moment in moments)
    return Label(name, (onset, apex, offset), (onset_s, apex_s, offset_s))


def iou(a: Label, b: Label) -> float:
    """Return the intersection over union of two intervals in frames, both ends included."""
    shared = min(a.frames[2], b.frames[2]) - max(a.frames[0], b.frames[0]) + 1
    if shared <= 0:
        return 0.0
    lengths = (a.frames[2] - a.frames[0] + 1) + (b.frames[2] - b.frames[0] + 1)
    return shared / (lengths - shared)


def compare(truth: Truth, found: Sequence[Label]) -> list[Pair]:
    """Pair true with found events of the same person, best overlap first, each at most once.

    Args:
        truth: What was to be found.
        found: What was found.

    Returns:
        Hits, misses and false events in order of time.
    """
    candidates = sorted(
        ((iou(t, f), i, j) for i, t in enumerate(truth.events) for j, f in enumerate(found) if t.person == f.person),
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
