"""From annotated frame numbers to positions on disk, with a reason for every row that is not as it should be.

Datasets count frames in different ways, and some rows are wrong in every one of them; nothing is
repaired by guessing: a row that cannot be trusted is left out and named.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final, Literal, get_args

from mer.data.annotation import Annotation, Annotations, Kind, action_units, plain_label
from mer.data.frames import Counting, FrameList, read_frame_list
from mer.data.layout import as_on_disk
from mer.data.sample import Sample
from mer.data.tables import Cell, cell_frame, cell_text
from mer.errors import MerError

LONGEST_MICRO_S: Final = 0.5
"""A micro-expression lasts 0.5 s at most (Yan et al., J. Nonverbal Behav. 37, 2013); longer ones are named."""
IMPLAUSIBLE_S: Final = 2.0
"""No definition in use reaches this; a longer "micro-expression" is a wrong row and is left out."""
_MIN_MORE_ROWS: Final = 2
_MIN_MORE_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be with one row.

    Attributes:
        where: File and row.
        clip: Subject and clip.
        reason: What is wrong.
        left_out: Whether the row is missing from the samples because of it.
    """

    where: str
    clip: str
    reason: str
    left_out: bool


@dataclass(frozen=True, slots=True)
class Located:
    """An expression found on disk.

    Attributes:
        sample: Subject, recording, positions and label.
        kind: Micro- or macro-expression.
        where: File and row.
    """

    sample: Sample
    kind: Kind
    where: str


@dataclass(frozen=True, slots=True)
class _Frames:
    onset: int | None
    apex: int | None
    offset: int | None
    faults: tuple[str, ...]
    flags: tuple[str, ...]


def resolve(annotations: Annotations) -> tuple[list[Located], list[Finding], Counting]:
    """Look up every annotated expression on disk.

    Args:
        annotations: From a dataset's adapter.

    Returns:
        The expressions to use in the table's order, what was wrong with rows, and how frames are counted.

    Raises:
        MerError: If the table has no rows, or not one of its recordings is on disk.
    """
    rows = annotations.rows
    if not rows:
        raise MerError(f"{_names(annotations)}: the table has a header but no rows; expected one row per expression")
    seen: dict[Path, dict[str, str]] = {}
    rows = [replace(row, paths=tuple(as_on_disk(path, seen) for path in row.paths)) for row in rows]
    if not any(path.exists() for row in rows for path in row.paths):
        first = next((row.paths[0] for row in rows if row.paths), None)
        looked = f" (the first was looked for at {first})" if first else ""
        raise MerError(
            f"{_names(annotations)}: none of the {len(rows)} annotated recordings is on disk{looked}; "
            f"expected recordings as {annotations.recordings}"
        )
    look = cache(_look)
    parsed = [_parse(row) for row in rows]
    counting = annotations.counting or _vote(rows, parsed, look)
    located: list[Located] = []
    findings: list[Finding] = []
    names: dict[tuple[str, str], str] = {}
    for row, frames in zip(rows, parsed):
        faults = [*row.faults, *frames.faults]
        flags = list(frames.flags)
        if first_row := names.get((row.subject, row.clip)):
            faults.append(f"clip name is that of {first_row}")
        names.setdefault((row.subject, row.clip), row.where)
        sample = _locate(row, frames, counting, look, faults, flags)
        _check_label(row, annotations, faults, flags)
        if annotations.has_apex and frames.apex is None and not faults:
            flags.append("apex is missing")
        name = f"{row.subject}/{row.clip}"
        findings += [Finding(row.where, name, reason, left_out=True) for reason in faults]
        findings += [Finding(row.where, name, reason, left_out=False) for reason in flags]
        if sample is not None and not faults:
            located.append(Located(sample, row.kind, row.where))
    return located, findings, counting


def _look(path: Path) -> FrameList | str:
    try:
        return read_frame_list(path)
    except MerError as error:
        return str(error)


_Look = Callable[[Path], FrameList | str]


def _parse(row: Annotation) -> _Frames:
    faults: list[str] = []
    onset = _frame("onset", row.onset, faults)
    apex = _frame("apex", row.apex, faults)
    offset = _frame("offset", row.offset, faults)
    flags: list[str] = []
    if onset is not None and onset < 0:
        onset = None
    # 0 and -1 stand for "not annotated" in several tables; no expression ends on the first frame.
    if offset is not None and offset <= 0:
        offset = None
    if apex is not None and (apex < 0 or (apex == 0 and onset != 0)):
        apex = None
    if not faults:
        faults += [f"{name} is missing" for name, value in (("onset", onset), ("offset", offset)) if value is None]
    if onset is not None and offset is not None and onset >= offset:
        faults.append(f"onset {onset} is not before offset {offset}")
    elif onset is not None and apex is not None:
        if apex < onset or (offset is not None and apex > offset):
            faults.append(f"apex {apex} lies outside of onset {onset} to offset {'?' if offset is None else offset}")
        elif apex == onset:
            faults.append(f"onset and apex are the same frame, {onset}")
        elif apex == offset:
            flags.append(f"apex and offset are the same frame, {apex}")
    return _Frames(onset, apex, offset, tuple(faults), tuple(flags))


def _frame(name: str, cell: Cell, faults: list[str]) -> int | None:
    try:
        return cell_frame(cell)
    except ValueError:
        faults.append(f"{name} {cell_text(cell)!r} is not a frame number")
        return None


def _check_label(row: Annotation, annotations: Annotations, faults: list[str], flags: list[str]) -> None:
    if not row.label.strip():
        faults.append("label is missing")
    elif annotations.labels and plain_label(row.label) not in annotations.labels:
        flags.append(f"label {row.label!r} is not one of {', '.join(sorted(annotations.labels))}")


def _locate(
    row: Annotation, frames: _Frames, counting: Counting, look: _Look, faults: list[str], flags: list[str]
) -> Sample | None:
    path = _choose(row, frames, counting, look)
    if path is None:
        if row.paths:
            faults.append(f"recording is missing: {row.paths[0]}")
        elif not row.faults:  # an adapter that could not name the recording has said why
            faults.append(
                "recording is missing: no folder or video of that name, or several and none below its subject's folder"
            )
        return None
    found = look(path)
    if isinstance(found, str):
        faults.append(found)
        return None
    fps = row.fps or found.fps
    if fps is None:
        faults.append("frame rate is missing; only videos and folders with a file `fps` may leave it out")
    elif row.kind == "micro":
        _check_duration(frames, fps, faults, flags)
    if counting == "file names" and found.repeated is not None:
        faults.append(f"two frames carry the number {found.repeated} in {path}")
        return None
    if frames.onset is None or frames.offset is None:
        return None
    onset = _position("onset", frames.onset, found, counting, faults)
    apex = None if frames.apex is None else _position("apex", frames.apex, found, counting, faults)
    offset = _position("offset", frames.offset, found, counting, faults)
    if onset is None or offset is None:
        return None
    if gap := (frames.offset - frames.onset) - (offset - onset):
        faults.append(
            f"{gap} of the {frames.offset - frames.onset + 1} frames from onset to offset are missing on disk"
        )
    label = plain_label(row.label)
    units = action_units(row.units)
    return Sample(
        row.subject, row.clip, path, row.fps, onset, apex, offset, label, objective=row.objective, units=units
    )


def _choose(row: Annotation, frames: _Frames, counting: Counting, look: _Look) -> Path | None:
    """Return the first place that has the annotated frames, else the first that has any."""
    there = [path for path in row.paths if path.exists()]
    if len(there) > 1 and frames.onset is not None and frames.offset is not None:
        for path in there:
            found = look(path)
            if not isinstance(found, str) and all(
                found.find(number, counting) is not None for number in (frames.onset, frames.offset)
            ):
                return path
    return there[0] if there else None


def _check_duration(frames: _Frames, fps: float, faults: list[str], flags: list[str]) -> None:
    if frames.onset is None or frames.offset is None:
        return
    duration_s = (frames.offset - frames.onset) / fps
    if duration_s > IMPLAUSIBLE_S:
        faults.append(f"lasts {duration_s:.2f} s, more than {IMPLAUSIBLE_S:g} s: no micro-expression")
    elif duration_s > LONGEST_MICRO_S + 1e-9:
        flags.append(f"lasts {duration_s:.2f} s, more than the {LONGEST_MICRO_S:g} s of a micro-expression")


def _position(name: str, number: int, found: FrameList, counting: Counting, faults: list[str]) -> int | None:
    position = found.find(number, counting)
    if position is None:
        there = f"not among the frames {found.extent(counting)}" if found.numbers else "not there: no frame is"
        faults.append(f"{name} frame {number} is {there} on disk")
    return position


def _vote(rows: list[Annotation], parsed: list[_Frames], look: _Look) -> Counting:
    """Find out how a dataset counts its frames: by the numbers in file names unless that fits clearly fewer rows.

    One wrong row (an onset of 0 where names begin with 1) must not shift a whole dataset by one frame,
    so another count has to fit at least two rows and five per cent of all rows more.
    """
    fits = dict.fromkeys(get_args(Counting), 0)
    usable = 0
    for row, frames in zip(rows, parsed):
        path = next((path for path in row.paths if path.exists()), None)
        if path is None or frames.faults:
            continue
        found = look(path)
        if isinstance(found, str) or not found.numbers:
            continue
        usable += 1
        numbers = [n for n in (frames.onset, frames.apex, frames.offset) if n is not None]
        for counting in fits:
            fits[counting] += all(found.find(n, counting) is not None for n in numbers)
    names: Literal["file names"] = "file names"
    best: Counting = max(fits, key=fits.__getitem__)
    margin = max(_MIN_MORE_ROWS, _MIN_MORE_SHARE * usable)
    return best if fits[best] - fits[names] >= margin else names


def _names(annotations: Annotations) -> str:
    return ", ".join(str(path) for path in annotations.tables)
