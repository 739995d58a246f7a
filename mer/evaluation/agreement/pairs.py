"""What two coders did with one recording, counted so that recordings can be added."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mer.coding.messages import Coded, Coding, Recording
from mer.errors import MerError
from mer.evaluation.matching import Label, Truth, compare

NOTHING: Final = ""
"""Category of what a coder did not code, and of candidates that they rejected."""
USUAL_FPS: Final = 25.0
"""Frames per second that time is cut into where no coding says a rate."""
_MAX_FRAMES: Final = 50_000_000

Counts = NDArray[np.int64]
Match: TypeAlias = tuple[Coded | None, Coded | None]
"""An event of the first coder, of the second, or of both."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A recording that all coders coded.

    Attributes:
        name: Of the recording.
        codings: Of each coder, in order.
        seconds: Its length.
        fps: Frames per second that time is cut into.
        assumed: What of both was not known and how it was chosen, in words.
        whole: Name of the recording that this person's part belongs to, where several people are in it and all coders
            say whose each event is; empty for a whole one.
    """

    name: str
    codings: tuple[Recording, ...]
    seconds: float
    fps: float
    assumed: tuple[str, ...] = ()
    whole: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two coders and one recording.

    Attributes:
        matches: Events of both, matched ones together, the others alone, in order of time.
        events: (C + 1, C + 1) events by label, rows the first coder's; the last category is nothing.
        frames: (C + 1, C + 1) frames by label, the same way.
        candidates: (C + 1, C + 1) candidates by label, where both coders were asked about the same ones; else None.
        moments_s: (matched, 2, 3) onset, apex and offset of matched events in seconds; NaN for an apex not coded.
        parts: Of each class or unit, events matched with it, of the first coder, of the second.
        part_frames: Of each class or unit, (2, 2) frames with and without it.
        minutes: Length.
    """

    matches: tuple[Match, ...]
    events: Counts
    frames: Counts
    candidates: Counts | None
    moments_s: NDArray[np.float64]
    parts: dict[str, tuple[int, int, int]]
    part_frames: dict[str, Counts]
    minutes: float


def shared(codings: Sequence[Coding], *, fps: float | None, seconds: float | None) -> list[Shared]:
    """Return the recordings that all coders coded; one with several people is as many, one for each of them.

    Where each coded a single one, that is meant, whatever their files are called.

    Args:
        codings: Of two coders or more.
        fps: Frames per second that time is cut into; None for the highest that a coding names.
        seconds: Length of the recordings; None for what a coding names, or else the end of the last event.

    Raises:
        MerError: If there are none.
    """
    if all(len(coding.recordings) == 1 for coding in codings):
        each = [next(iter(coding.recordings.values())) for coding in codings]
        return _by_person(_shared(min(codings[0].recordings), each, fps, seconds))
    names = [name for name in codings[0].recordings if all(name in coding.recordings for coding in codings)]
    if not names:
        held = "; ".join(f"{c.coder}: {', '.join(list(c.recordings)[:3]) or 'none'}" for c in codings)
        raise MerError(f"no recording was coded by all ({held}); give files of the same names, without their suffixes")
    every = [_shared(name, [coding.recordings[name] for coding in codings], fps, seconds) for name in names]
    return [part for one in every for part in _by_person(one)]


def _by_person(one: Shared) -> list[Shared]:
    people = {event.person for coding in one.codings for event in coding.events}
    known = sorted(person for person in people if person is not None)
    if len(known) < 2:
        return [one]
    if None in people:
        return [replace(one, assumed=(*one.assumed, "one person, for not every event says whose it is (person)"))]
    return [
        replace(
            one,
            name=f"{one.name}, person {person}",
            codings=tuple(_of_person(coding, person) for coding in one.codings),
            whole=one.name,
        )
        for person in known
    ]


def _of_person(coding: Recording, person: int) -> Recording:
    events = tuple(event for event in coding.events if event.person == person)
    if coding.candidates is None:
        return replace(coding, events=events)
    candidates = {key: label for key, label in coding.candidates.items() if coding.people.get(key) == person}
    return replace(coding, events=events, candidates=candidates)


def _shared(name: str, codings: Sequence[Recording], fps: float | None, seconds: float | None) -> Shared:
    assumed = []
    rate = fps or max((one.fps for one in codings if one.fps), default=None)
    if rate is None:
        rate = USUAL_FPS
        assumed.append(f"{USUAL_FPS:g} frames/s, for no coding names a rate (--fps)")
    length = seconds or max((one.seconds for one in codings if one.seconds), default=None)
    last_s = max((event.offset_s for one in codings for event in one.events), default=0.0)
    if length is None:
        length = last_s
        assumed.append(f"{last_s:.1f} s long, where the last event ends, for no coding names a length (--seconds)")
    length = max(length, last_s)
    if length * rate > _MAX_FRAMES:
        raise MerError(f"{name}: {length:.0f} s at {rate:g} frames/s are too many frames; are the times in seconds?")
    return Shared(name, tuple(codings), length, rate, tuple(assumed))


def compared(recording: Shared, first: int, second: int, labels: Sequence[str], parts: Sequence[str]) -> Compared:
    """Return what two coders did with a recording.

    Args:
        recording: It.
        first: Place of the first coder.
        second: Place of the second.
        labels: All labels of all coders.
        parts: All classes and units.
    """
    a, b = recording.codings[first], recording.codings[second]
    place = {label: number for number, label in enumerate(labels)} | {NOTHING: len(labels)}
    pairs = matched(a.events, b.events, recording.fps)
    events = np.zeros((len(place), len(place)), np.int64)
    for one, other in pairs:
        events[place[one.label if one else NOTHING], place[other.label if other else NOTHING]] += 1
    rows, columns = (framewise(side.events, recording, place) for side in (a, b))
    both = [(one, other) for one, other in pairs if one and other]
    return Compared(
        matches=tuple(pairs),
        events=events,
        frames=_table(rows, columns, len(place)),
        candidates=_candidates(a, b, place),
        moments_s=np.array([[_moments(one), _moments(other)] for one, other in both]).reshape(-1, 2, 3),
        parts={part: _part(part, a.events, b.events, both) for part in parts},
        part_frames={part: _part_frames(part, recording, first, second) for part in parts},
        minutes=recording.seconds / 60.0,
    )


def matched(first: Sequence[Coded], second: Sequence[Coded], fps: float) -> list[Match]:
    """Return events of two coders one to one, best overlap first (intersection over union of 0.5 or more)."""
    sides = [[_as_label(number, one, fps) for number, one in enumerate(side)] for side in (first, second)]
    pairs = compare(Truth(tuple(sides[0]), (), False), sides[1])
    return [
        (first[int(p.truth.label)] if p.truth else None, second[int(p.found.label)] if p.found else None) for p in pairs
    ]


def _as_label(number: int, coded: Coded, fps: float) -> Label:
    times_s = (coded.onset_s, coded.onset_s if coded.apex_s is None else coded.apex_s, coded.offset_s)
    frames = tuple(round(time_s * fps) for time_s in times_s)
    return Label(str(number), (frames[0], frames[1], frames[2]), times_s)


def framewise(events: Sequence[Coded], recording: Shared, place: dict[str, int]) -> Counts:
    """Return the category of each frame; of events that overlap the later one counts."""
    made = np.full(round(recording.seconds * recording.fps) + 1, place[NOTHING], np.int64)
    for event in events:
        made[round(event.onset_s * recording.fps) : round(event.offset_s * recording.fps) + 1] = place[event.label]
    return made


def _table(rows: Counts, columns: Counts, size: int) -> Counts:
    counts: Counts = np.bincount(rows * size + columns, minlength=size * size).reshape(size, size)
    return counts


def _candidates(a: Recording, b: Recording, place: dict[str, int]) -> Counts | None:
    if not a.candidates or not b.candidates:
        return None
    counts = np.zeros((len(place), len(place)), np.int64)
    for key in a.candidates.keys() & b.candidates.keys():
        counts[place[a.candidates[key]], place[b.candidates[key]]] += 1
    return counts


def _moments(coded: Coded) -> tuple[float, float, float]:
    return coded.onset_s, float("nan") if coded.apex_s is None else coded.apex_s, coded.offset_s


def _part(
    part: str, first: Sequence[Coded], second: Sequence[Coded], both: Sequence[tuple[Coded, Coded]]
) -> tuple[int, int, int]:
    hits = sum(part in one.parts and part in other.parts for one, other in both)
    return hits, sum(part in one.parts for one in first), sum(part in one.parts for one in second)


def _part_frames(part: str, recording: Shared, first: int, second: int) -> Counts:
    place = {part: 1, NOTHING: 0}
    sides = []
    for number in (first, second):
        having = [e for e in recording.codings[number].events if part in e.parts]
        named = [Coded(part, e.onset_s, e.offset_s) for e in having]
        sides.append(framewise(named, recording, place))
    return _table(sides[0], sides[1], 2)
