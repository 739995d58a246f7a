"""The results that a study is made of: folders that `mer-replay` has filled."""

import csv
import hashlib
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.files import from_json, read_at_most
from realtime.messages import WATCHABLE_PERCENT
from realtime.output.explain import EXPLAIN_CSV
from realtime.output.fields import EVENTS_JSONL, SUMMARY_JSON
from realtime.output.folder import MAX_SUMMARY_BYTES
from realtime.output.found import Record
from realtime.quality.meter import FRAME_FLAGS
from realtime.study.design import FIRST

_USED: Final = (
    *("frames", "seconds", "measured_fps", "size_wh", "face_coverage", "eye_distance_px", "watchable", "flags"),
    *("bits_per_pixel", "recording_flags", "dropped", "missing", "engine", "settings", "complete"),
)
"""Fields of `summary.json` that shape a study."""
_OF_EVENTS: Final = ("label", "probabilities", "onset_s", "apex_s", "offset_s", "duration_ms", "score", "quality")


@dataclass(frozen=True, slots=True)
class Frames:
    """What `explain.csv` says of every frame.

    Attributes:
        times_s: (N,) increasing.
        face: (N,) bool, whether a face was tracked.
        watchable: (N,) smallest micro-expression that would have been found, percent of the inter-ocular distance;
            infinite where nothing would.
        flags: (N,) bool of each frame flag.
    """

    times_s: NDArray[np.float64]
    face: NDArray[np.bool_]
    watchable: NDArray[np.float64]
    flags: dict[str, NDArray[np.bool_]]

    def between(self, start_s: float, end_s: float) -> slice:
        """Return which frames lie in a stretch, its end not included."""
        first, last = np.searchsorted(self.times_s, (start_s, end_s))
        return slice(int(first), int(last))


@dataclass(frozen=True, slots=True)
class Result:
    """What was found in one recording.

    Attributes:
        folder: Of the results.
        source: Full path of the recording, as it was replayed.
        summary: What `summary.json` holds.
        events: Lines of `events.jsonl`.
        person: Whom they are about, from 1; None for everybody.
        reviewed_by: Coder whose decisions stand in the place of the program's; empty for the program's own events.
        undecided: Events that the coder left without a decision.
    """

    folder: Path
    source: PurePath
    summary: Record
    events: tuple[Record, ...]
    person: int | None = None
    reviewed_by: str = ""
    undecided: int = 0

    def of(self, person: int) -> "Result":
        """Return what was found of one person; a recording in which one was followed has person 1."""
        own = {one["person"]: one for one in self.summary.get("people", [])}
        events = tuple(event for event in self.events if event.get("person", FIRST) == person)
        return replace(self, summary={**self.summary, **own.get(person, {})}, events=events, person=person)

    def frames(self) -> Frames | None:
        """Read what is known of every frame; None if `mer-replay` was not asked to --explain.

        Raises:
            MerError: If the file is damaged.
        """
        path = self.folder / EXPLAIN_CSV
        return read_frames(path, person=self.person or FIRST) if path.is_file() else None

    @property
    def sha256(self) -> str:
        """Hash of everything that a study takes from it but the frames: the same for each replay with equal results."""
        events = [{name: event[name] for name in _OF_EVENTS} for event in self.events]
        used = {"summary": {name: self.summary.get(name) for name in _USED}, "events": events}
        text = json.dumps(used, sort_keys=True, allow_nan=False, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def find_results(folder: Path) -> list[Path]:
    """Return the folders of results below a folder.

    Raises:
        MerError: If there are none.
    """
    found = sorted(path.parent for path in folder.rglob(SUMMARY_JSON)) if folder.is_dir() else []
    if not found:
        raise MerError(f"{folder} contains no results; run `mer-replay RECORDINGS --out {folder}` first, or --replay")
    return found


def read_results(folder: Path) -> list[Result]:
    """Read all results below a folder.

    Raises:
        MerError: If there are none, or one is damaged.
    """
    return [_read(one) for one in find_results(folder)]


def result_of(recording: str, results: list[Result], *, beside: Path) -> Result:
    """Return the result of a recording that a table names.

    Args:
        recording: Path or name; the suffix may be missing.
        results: All there are.
        beside: Folder of the table, from which relative paths count.

    Raises:
        MerError: If there is none, or more than one.
    """
    path = (beside / recording).resolve()
    parts = PurePath(recording).parts
    exact = [result for result in results if result.source == path]
    named = [result for result in results if _ends(result.source, parts)]
    found = exact or named
    if len(found) == 1:
        return found[0]
    if not found:
        raise MerError(f"{recording} has no results; replay it with `mer-replay {recording}` into the same folder")
    folders = ", ".join(str(result.folder) for result in found[:3])
    raise MerError(f"{recording} could be any of {folders}; name it with its folder in the table")


def _ends(source: PurePath, parts: tuple[str, ...]) -> bool:
    return source.parts[-len(parts) :] == parts or source.with_suffix("").parts[-len(parts) :] == parts


def _read(folder: Path) -> Result:
    path = folder / SUMMARY_JSON
    try:
        summary = from_json(read_at_most(path, MAX_SUMMARY_BYTES))
        _check(summary)
        path = folder / EVENTS_JSONL
        lines = [from_json(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        events = tuple(_event(line) for line in lines)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MerError(
            f"{path} is not a result of mer-replay ({type(error).__name__}: {error}); replay the recording again"
        ) from error
    return Result(folder, PurePath(summary["source"]), summary, events)


def _check(summary: Any) -> None:
    """Raise whatever a summary without the needed numbers raises: somebody may have edited it."""
    numbers = [summary[name] for name in ("seconds", "frames", "measured_fps", "face_coverage")]
    numbers += [summary["watchable"][f"{percent:g}"] for percent in WATCHABLE_PERCENT]
    for number in numbers:
        if isinstance(number, bool) or not 0.0 <= float(number) < math.inf:
            raise ValueError(f"{number!r} is not a figure")
    for one in summary.get("people", []):
        int(one["person"]), float(one["face_coverage"]), one["watchable"]["2"]
    if not isinstance(summary["source"], str) or not isinstance(summary["complete"], bool):
        raise ValueError("no recording is named")


def _event(line: Any) -> Record:
    times = [float(line[name]) for name in ("onset_s", "apex_s", "offset_s", "duration_ms", "score")]
    if not all(map(math.isfinite, times)) or not isinstance(line["probabilities"], dict):
        raise ValueError("an event has no times")
    record: Record = {**line, "label": str(line["label"]), "quality": dict(line["quality"])}
    return record


def read_frames(path: Path, *, person: int) -> Frames:
    """Read what `explain.csv` says of one person.

    Raises:
        MerError: If it cannot be read or is none.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                (float(row["time_s"]), row["face"] == "tracked", float(row["watchable"] or math.inf), row["flags"])
                for row in csv.DictReader(file)
                if int(row.get("person") or FIRST) == person
            ]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise MerError(
            f"{path} is not what mer-replay --explain writes ({type(error).__name__}: {error}); replay the recording"
        ) from error
    times, face, watchable, flags = zip(*rows) if rows else ((), (), (), ())
    sets = [frozenset(text.split()) for text in flags]
    return Frames(
        np.array(times, np.float64),
        np.array(face, np.bool_),
        np.array(watchable, np.float64),
        {name: np.array([name in own for own in sets], np.bool_) for name in FRAME_FLAGS},
    )
