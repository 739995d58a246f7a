"""Projects of BORIS (.boris, format 7) and the tables that it exports: aggregated and tabular events."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mer.coding.grids import MAX_BYTES
from mer.coding.messages import Coded, Recording, person_of, with_apexes
from mer.coding.times import positive, seconds
from mer.data.tables import Row
from mer.errors import MerError
from mer.files import from_json, read_at_most

_REJECTED: Final = "rejected"
"""Category of `mer-replay --export boris` for candidates that are not events."""
_APEX: Final = re.compile(r"apex (\d+(?:\.\d+)?) s")
_SAVED: Final = "expected what BORIS saves; open it there and save it again"

AGGREGATED: Final = {
    "observation": ("Observation id",),
    "label": ("Behavior",),
    "onset": ("Start (s)",),
    "offset": ("Stop (s)",),
}
AGGREGATED_MORE: Final = {
    "subject": ("Subject",),
    "tier": ("Behavioral category",),
    "comment": ("Comment start",),
    "seconds": ("Media duration (s)", "Observation duration", "Total length"),
    "fps": ("FPS (frame/s)", "FPS"),
}
TABULAR: Final = {
    "label": ("Behavior",),
    "time": ("Time", "Start (s)"),
    "status": ("Status", "Behavior type"),
}
TABULAR_MORE: Final = {
    "observation": ("Observation id",),
    "subject": ("Subject",),
    "tier": ("Behavioral category",),
    "comment": ("Comment",),
    "seconds": ("Media duration (s)", "Total length"),
    "fps": ("FPS (frame/s)", "FPS"),
}


def read_project(path: Path, *, tiers: Sequence[str]) -> dict[str, Recording]:
    """Return the observations of a project by their ids.

    Args:
        path: The project.
        tiers: Behavioral categories to read; none for all but "rejected".

    Raises:
        MerError: If it is not a project, or a state event has no end.
    """
    try:
        project = from_json(read_at_most(path, MAX_BYTES))
        behaviours = {str(one["code"]): one for one in project["behaviors_conf"].values()}
        observations = dict(project["observations"])
        return {str(name): _observation(path, name, one, behaviours, tiers) for name, one in observations.items()}
    except OSError as error:
        raise MerError(f"{path} cannot be read ({error.strerror}); give a BORIS project") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise MerError(f"{path} is not a BORIS project ({type(error).__name__}: {error}); {_SAVED}") from error


def _observation(
    path: Path, name: str, observation: Mapping[str, Any], behaviours: Mapping[str, Any], tiers: Sequence[str]
) -> Recording:
    begun: dict[tuple[str, str, str], float] = {}
    made: list[Coded] = []
    for event in sorted(observation["events"], key=lambda event: seconds(event[0])):
        time_s, subject, code, modifier = seconds(event[0]), str(event[1]), str(event[2]), str(event[3])
        behaviour = behaviours.get(code, {})
        tier = str(behaviour.get("category") or "")
        if not _wanted(tier, tiers):
            continue
        place = (subject, code, modifier)
        if not str(behaviour.get("type", "")).casefold().startswith("state"):
            made.append(Coded(code, time_s, time_s, tier=tier, person=person_of(subject)))
        elif place in begun:
            made.append(Coded(code, begun.pop(place), time_s, tier=tier, person=person_of(subject)))
        else:
            begun[place] = time_s
    if begun:
        (_, code, _), time_s = next(iter(begun.items()))
        raise MerError(
            f"{path}, observation {name}: {code!r} begins at {time_s:.3f} s and does not end; fix it in BORIS"
        )
    media = observation.get("media_info") or {}
    lengths, rates = (media.get(key) or {} for key in ("length", "fps"))
    return Recording(
        with_apexes(made),
        seconds=positive(sum(float(length) for length in lengths.values())),
        fps=max((rate for one in rates.values() if (rate := positive(one))), default=None),
    )


def from_aggregated(rows: Sequence[Row], *, tiers: Sequence[str]) -> dict[str, Recording]:
    """Return the observations of a table of aggregated events.

    Raises:
        ValueError: If a cell cannot be read; the message names its row.
    """
    events: dict[str, list[Coded]] = {}
    for row in rows:
        found = events.setdefault(row.text("observation"), [])
        if _wanted(row.text("tier"), tiers):
            apex = _APEX.search(row.text("comment"))
            onset_s, offset_s = _times(row, "onset", "offset")
            apex_s = float(apex[1]) if apex else None
            person = person_of(row.text("subject"))
            found.append(Coded(row.text("label"), onset_s, offset_s, apex_s, row.text("tier"), person))
    return {name: _recording(found, rows, name) for name, found in events.items()}


def from_tabular(rows: Sequence[Row], *, tiers: Sequence[str]) -> dict[str, Recording]:
    """Return the observations of a table of tabular events, whose states have a row for START and one for STOP.

    Raises:
        ValueError: If a cell cannot be read, or a state has no end.
    """
    begun: dict[tuple[str, str, str], float] = {}
    events: dict[str, list[Coded]] = {}
    for row in rows:
        name, label, status = row.text("observation"), row.text("label"), row.text("status").upper()
        found = events.setdefault(name, [])
        if not _wanted(row.text("tier"), tiers):
            continue
        (time_s,) = _times(row, "time")
        place = (name, row.text("subject"), label)
        if status == "START":
            begun[place] = time_s
        elif status == "STOP" and place in begun:
            found.append(Coded(label, begun.pop(place), time_s, tier=row.text("tier"), person=person_of(place[1])))
        elif status == "POINT":
            found.append(Coded(label, time_s, time_s, tier=row.text("tier"), person=person_of(place[1])))
        else:
            raise ValueError(f"{row.where}: status {status!r} of {label!r}, expected START, its STOP, or POINT")
    if begun:
        (_, _, label), time_s = next(iter(begun.items()))
        raise ValueError(f"{label!r} begins at {time_s:.3f} s and does not end")
    return {name: _recording(found, rows, name) for name, found in events.items()}


def _wanted(tier: str, tiers: Sequence[str]) -> bool:
    return tier in tiers or tier == "apex" if tiers else tier.casefold() != _REJECTED


def _times(row: Row, *columns: str) -> list[float]:
    try:
        return [seconds(row.cells.get(column)) for column in columns]
    except ValueError as error:
        raise ValueError(f"{row.where}: {error}") from error


def _recording(coded: Sequence[Coded], rows: Sequence[Row], name: str) -> Recording:
    first = next(row for row in rows if row.text("observation") == name)
    return Recording(with_apexes(coded), positive(first.text("seconds")), positive(first.text("fps")))
