"""A study worked out: what each recording, participant and condition comes to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from mer.errors import MerError
from realtime.output.found import Record
from realtime.quality.meter import FRAME_FLAGS
from realtime.study.design import Part
from realtime.study.exclusion import Rule
from realtime.study.rates import Rate
from realtime.study.results import Frames, Result

WHOLE_S: Final = 1e9
"""End of a stretch that has none."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What is decided before the results are looked at.

    Attributes:
        amplitude: Percent of the inter-ocular distance: time counts if a micro-expression of that size would have been
            found, and so do the events in that time.
        rules: By which recordings are left out.
        before_s: Seconds before each stimulus that the time course begins.
        after_s: Seconds after each stimulus that it ends.
        bin_s: Length of its steps.
        level: Of confidence, 0 to 1.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
    """

    amplitude: float = 2.0
    rules: tuple[Rule, ...] = ()
    before_s: float = 2.0
    after_s: float = 10.0
    bin_s: float = 1.0
    level: float = 0.95
    resamples: int = 10_000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """An event of a study.

    Attributes:
        record: Line of `events.jsonl`.
        counted: Whether it lies in time that could be watched.
        since_stimulus_s: Onset minus the last stimulus before it; None if there is none.
    """

    record: Record
    counted: bool
    since_stimulus_s: float | None


@dataclass(frozen=True, slots=True)
class Watched:
    """A row of the design with what was found in it.

    Attributes:
        part: The row.
        result: Of its recording.
        seconds: Length.
        figures: By the names of `realtime.study.exclusion`.
        events: Those with their onset in it.
        excluded: Rules that leave it out.
        frames: Every frame of the recording, None if they are not known.
    """

    part: Part
    result: Result
    seconds: float
    figures: dict[str, float | None]
    events: tuple[Counted, ...]
    excluded: tuple[str, ...] = ()
    frames: Frames | None = field(default=None, compare=False, repr=False)

    @property
    def minutes(self) -> float:
        """Minutes that could be watched."""
        return self.seconds * (self.figures["watchable"] or 0.0) / 60.0

    @property
    def rate(self) -> Rate:
        """Counted events in these minutes."""
        return Rate(sum(event.counted for event in self.events), self.minutes)


def watch(part: Part, result: Result, choices: Choices) -> Watched:
    """Return what was found in a row of the design.

    Raises:
        MerError: If it is a stretch and nothing is known of single frames, or the recording was not finished.
    """
    if not result.summary["complete"]:
        raise MerError(f"{part.where}: the replay of {part.recording} was interrupted; run mer-replay again")
    frames = result.frames() if part.is_stretch or part.stimuli_s else None
    if part.is_stretch and frames is None:
        raise MerError(
            f"{part.where}: a stretch of {part.recording} needs to know every frame; "
            "replay the recordings with --explain, or let mer-study do it with --replay"
        )
    events = tuple(_counted(event, part, choices) for event in result.events if part.holds(event["onset_s"]))
    if frames is not None and part.is_stretch:
        seconds, figures = _figures_of_stretch(part, result.summary, frames, choices)
    else:
        seconds, figures = float(result.summary["seconds"]), _figures(result.summary, choices)
    figures |= {"events": float(sum(event.counted for event in events)), "seconds": seconds}
    excluded = tuple(rule.text for rule in choices.rules if rule.excludes(figures))
    return Watched(part, result, seconds, figures, events, excluded, frames)


def _counted(event: Record, part: Part, choices: Choices) -> Counted:
    before = [event["onset_s"] - stimulus_s for stimulus_s in part.stimuli_s if stimulus_s <= event["onset_s"]]
    return Counted(event, is_counted(event, choices.amplitude), round(min(before), 6) if before else None)


def is_counted(event: Record, amplitude: float) -> bool:
    """Return whether an event lies in time that could be watched; those of earlier versions do not say, and count."""
    if "watchable" not in event["quality"]:
        return True
    watchable = event["quality"]["watchable"]
    return watchable is not None and watchable <= amplitude


def _of_recording(summary: Record) -> dict[str, float | None]:
    eyes = summary.get("eye_distance_px")
    lost = summary.get("dropped", 0) + summary.get("missing", 0)
    return {
        "lost": lost / max(1, summary["frames"] + lost),
        "rate": float(summary["measured_fps"]),
        "eyes": float(eyes["median"]) if eyes else None,
        "bits": summary.get("bits_per_pixel"),
    }


def _figures(summary: Record, choices: Choices) -> dict[str, float | None]:
    flags = summary.get("flags", {})
    return {
        "face": float(summary["face_coverage"]),
        "watchable": float(summary["watchable"][f"{choices.amplitude:g}"]),
        **{name: flags.get(name) for name in FRAME_FLAGS},
        **_of_recording(summary),
    }


def _figures_of_stretch(
    part: Part, summary: Record, frames: Frames, choices: Choices
) -> tuple[float, dict[str, float | None]]:
    start_s = part.start_s or 0.0
    end_s = WHOLE_S if part.end_s is None else part.end_s
    here = frames.between(start_s, end_s)
    times, face = frames.times_s[here], frames.face[here]
    if not len(times):
        raise MerError(f"{part.where}: {part.recording} has no frame from {start_s:g} s on; it is shorter than that")
    step_s = 1.0 / float(summary["measured_fps"]) if summary["measured_fps"] else 0.0
    seconds = round(float(times[-1] - times[0]) + (step_s if part.end_s is not None else 0.0), 6)
    shares = {name: _mean(own[here][face]) for name, own in frames.flags.items()}
    watchable = _mean(frames.watchable[here] <= choices.amplitude)
    return seconds, {"face": _mean(face), "watchable": watchable, **shares, **_of_recording(summary)}


def _mean(flags: Any) -> float:
    return round(float(np.mean(flags)), 4) if len(flags) else 0.0


def included(watched: Sequence[Watched]) -> list[Watched]:
    """Return those that no rule leaves out."""
    return [one for one in watched if not one.excluded]


def names_of(watched: Sequence[Watched], name: str) -> list[str]:
    """Return the participants or conditions of a study, in the order of the table."""
    return list(dict.fromkeys(getattr(one.part, name) for one in watched))
