"""What somebody, or a program, coded in recordings, whatever file it comes from."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

UNLABELLED: Final = "unlabelled"
_APEX: Final = "apex"
_PERSON: Final = re.compile(r"(?:^|\s)person (\d{1,4})$", re.IGNORECASE)
_UNIT: Final = r"(?:AU)?\s*([LRTB]?)\s*(\d{1,2})\s*([A-ELRx]*)"
_UNITS: Final = re.compile(rf"{_UNIT}(?:\s*[+,;&\s]\s*{_UNIT})*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Coded:
    """A labelled stretch of time, in seconds of the recording.

    Attributes:
        label: Class, or action units such as "AU1+AU4".
        onset_s: Begin.
        offset_s: End; equal to the begin for a point.
        apex_s: Moment of the strongest motion, None where it was not coded.
        tier: Tier, category or class that it was coded in; empty where the format has none.
        person: Whose face it is, where several people are in the recording and the coding says so.
    """

    label: str
    onset_s: float
    offset_s: float
    apex_s: float | None = None
    tier: str = ""
    person: int | None = None

    @property
    def parts(self) -> frozenset[str]:
        """What it is counted under: each of its action units, or its label."""
        return frozenset(units(self.label) or (self.label,))


@dataclass(frozen=True, slots=True)
class Recording:
    """What was coded in one recording.

    Attributes:
        events: In order of time.
        seconds: Length of the recording, None if unknown.
        fps: Its rate, None if unknown.
        candidates: What the coder was shown and asked about, as (key, label or "" if rejected); None if they looked at
            the whole recording.
        people: Whose face each candidate is, by key.
    """

    events: tuple[Coded, ...]
    seconds: float | None = None
    fps: float | None = None
    candidates: Mapping[str, str] | None = None
    people: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Coding:
    """What one coder coded.

    Attributes:
        coder: Name, as tables show it.
        recordings: By name of the recording, without its suffix.
        program: Whether it is what `mer-replay` found.
    """

    coder: str
    recordings: Mapping[str, Recording] = field(default_factory=dict)
    program: bool = False


def units(label: str) -> tuple[str, ...]:
    """Return the action units that a label consists of, "AU4" for each; none if it is anything else.

    "AU1+2", "1+4C" and "AU6, AU12" are units; letters of intensity and side are left out. A bare number counts only
    beside another one or with AU in front: "4" may be a class.
    """
    if not _UNITS.fullmatch(label.strip()) or not re.search(r"AU|[+,;&]", label, re.IGNORECASE):
        return ()
    return tuple(dict.fromkeys(f"AU{int(number)}" for number in re.findall(r"\d+", label)))


def with_apexes(coded: Iterable[Coded]) -> tuple[Coded, ...]:
    """Return the events in order of time; what is called apex, by label or tier, marks that of the event around it.

    An event without a label is called unlabelled.
    """
    named = (one if one.label else replace(one, label=UNLABELLED) for one in coded)
    everything = sorted(named, key=lambda one: (one.onset_s, one.offset_s))
    apexes = [one for one in everything if _is_apex(one)]
    events = []
    for one in everything:
        if _is_apex(one):
            continue
        inside = [a.onset_s for a in apexes if one.onset_s <= a.onset_s <= one.offset_s and a.person == one.person]
        events.append(replace(one, apex_s=inside[0]) if inside and one.apex_s is None else one)
    return tuple(events)


def person_of(text: str) -> int | None:
    """Return the number of the person that a tier or subject of ours names, such as `event person 2`; else None."""
    found = _PERSON.search(text)
    return int(found[1]) if found else None


def _is_apex(coded: Coded) -> bool:
    return _APEX in (coded.label.strip().casefold(), _PERSON.sub("", coded.tier).strip().casefold())
