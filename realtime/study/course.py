"""The time course after a stimulus: events per watched minute in steps, pooled over all stimuli of a condition."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from realtime.study.analysis import Choices, Watched, included, names_of
from realtime.study.rates import Rate


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the time course of a condition.

    Attributes:
        condition: Which.
        start_s: Start, seconds after the stimulus; negative before it.
        end_s: End, not included.
        stimuli: How many recordings' stimuli have watched time in it.
        rate: Events with their onset in it, in watched time.
        exact: Whether the watched time was known frame by frame; else it is taken to be spread evenly.
    """

    condition: str
    start_s: float
    end_s: float
    stimuli: int
    rate: Rate
    exact: bool


def time_course(watched: Sequence[Watched], choices: Choices) -> list[Step]:
    """Return the steps of all conditions in which a stimulus came; a step without any time is left out."""
    kept = [one for one in included(watched) if one.part.stimuli_s]
    count = max(1, round((choices.before_s + choices.after_s) / choices.bin_s))
    edges = np.round(-choices.before_s + choices.bin_s * np.arange(count + 1), 6).tolist()
    steps = []
    for condition in names_of(kept, "condition"):
        own = [one for one in kept if one.part.condition == condition]
        steps += [_step(own, start_s, end_s, choices) for start_s, end_s in pairwise(edges)]
    return [step for step in steps if step.rate.minutes > 0.0]


def _step(kept: Sequence[Watched], start_s: float, end_s: float, choices: Choices) -> Step:
    stimuli, events, minutes = 0, 0, 0.0
    for one in kept:
        onsets = [event.record["onset_s"] for event in one.events if event.counted]
        for stimulus_s in one.part.stimuli_s:
            low, high = _inside(one, stimulus_s + start_s, stimulus_s + end_s)
            watched_s = _watched_s(one, low, high, choices)
            stimuli += watched_s > 0.0
            minutes += watched_s / 60.0
            events += sum(low <= onset < high for onset in onsets)
    exact = all(one.frames is not None for one in kept)
    return Step(kept[0].part.condition, start_s, end_s, stimuli, Rate(events, round(minutes, 9)), exact)


def _inside(one: Watched, low: float, high: float) -> tuple[float, float]:
    """Return the part of a time that lies in a row of the design."""
    first_s = one.part.start_s or 0.0
    last_s = one.part.end_s if one.part.end_s is not None else first_s + one.seconds
    return max(low, first_s), min(high, last_s)


def _watched_s(one: Watched, low: float, high: float, choices: Choices) -> float:
    if high <= low:
        return 0.0
    if one.frames is None:
        return (high - low) * (one.figures["watchable"] or 0.0)
    here = one.frames.watchable[one.frames.between(low, high)]
    return (high - low) * float(np.mean(here <= choices.amplitude)) if len(here) else 0.0
