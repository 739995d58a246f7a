"""The truth for spotting: long recordings with every expression in them."""

from dataclasses import dataclass, replace
from pathlib import Path

from mer.data.annotation import UNLABELLED, Annotation, Kind
from mer.data.datasets import read_annotations
from mer.data.frames import read_frame_list
from mer.data.resolve import resolve
from mer.data.tables import Cell, cell_frame
from mer.errors import MerError


@dataclass(frozen=True, slots=True)
class TrueInterval:
    """An expression in a long recording; positions from 0, offset included.

    Attributes:
        onset: First frame of the motion.
        apex: Frame of the strongest motion, or None where the annotation has none from onset to offset.
        offset: Last frame of the motion.
        label: Class name.
        kind: Micro- or macro-expression.
        estimated: The annotation has no offset. The fall was taken to be as long as the rise, which is
            what published evaluations on CAS(ME)^2 do; without it these expressions would count as false alarms.
    """

    onset: int
    apex: int | None
    offset: int
    label: str
    kind: Kind
    estimated: bool


@dataclass(frozen=True, slots=True)
class Recording:
    """A long recording and the expressions in it.

    Attributes:
        subject: Participant.
        name: What its folder or file is called; a subject has no two of a name.
        path: A folder of frames or a video file.
        fps: Frames per second; None to use the recording's own time stamps.
        intervals: Expressions in order of their onset; none where nothing was annotated.
    """

    subject: str
    name: str
    path: Path
    fps: float | None
    intervals: tuple[TrueInterval, ...]


def intervals(name: str, root: Path) -> list[Recording]:
    """Return the recordings of a dataset with the expressions to be spotted in each.

    For `casme-sq` and `samm-lv` these are all recordings on disk, macro-expressions included; for the
    others those in which something was annotated. Rows that `mer-data check` leaves out for anything but
    their apex, label or clip name are missing here, too.

    Args:
        name: One of `mer.data.READERS`.
        root: The folder the dataset was unpacked into; for `manifest` the CSV.

    Raises:
        UsageError: If there is no such dataset.
        MerError: If the layout is wrong.
    """
    annotations = read_annotations(name, root)
    located, _, _ = resolve(replace(annotations, rows=[_for_spotting(row) for row in annotations.rows]))
    sources = {row.where: row for row in annotations.rows}
    fps = annotations.rows[0].fps
    recordings = {
        path: Recording(subject, name, path, fps, ()) for (subject, name), path in annotations.long_recordings.items()
    }
    for found in located:
        sample, source = found.sample, sources[found.where]
        path = sample.path
        interval = TrueInterval(
            onset=sample.onset,
            apex=_apex(source, onset=sample.onset, offset=sample.offset),
            offset=sample.offset,
            label=sample.label,
            kind=found.kind,
            estimated=not _has_offset(source),
        )
        recording = recordings.setdefault(path, Recording(sample.subject, _name(path), path, sample.fps, ()))
        ordered = sorted((*recording.intervals, interval), key=lambda i: (i.onset, i.offset))
        recordings[path] = replace(recording, intervals=tuple(ordered))
    return list(recordings.values())


def _name(path: Path) -> str:
    """Return what a recording is called; CAS(ME)^3 has the frames of `b` in `b/color`."""
    return path.parent.name if path.name == "color" else path.stem


def _for_spotting(row: Annotation) -> Annotation:
    """Return a row without what spotting does not need, so that a fault in it costs no interval."""
    offset = row.offset
    onset, apex = _frame(row.onset), _frame(row.apex)
    if not _has_offset(row) and onset is not None and apex is not None and apex > onset:
        offset = _mirrored(row, onset, apex)
    return replace(row, clip=row.where, apex=None, offset=offset, label=row.label or UNLABELLED)


def _mirrored(row: Annotation, onset: int, apex: int) -> int:
    offset = 2 * apex - onset
    path = next((path for path in row.paths if path.exists()), None)
    try:
        last = max(read_frame_list(path).position, default=offset) if path else offset
    except MerError:
        return offset  # `resolve` will say what is wrong with the recording
    return min(offset, last)


def _apex(row: Annotation, *, onset: int, offset: int) -> int | None:
    first, apex = _frame(row.onset), _frame(row.apex)
    if first is None or apex is None:
        return None
    position = onset + apex - first
    return position if onset <= position <= offset else None


def _has_offset(row: Annotation) -> bool:
    offset = _frame(row.offset)
    return offset is not None and offset > 0


def _frame(cell: Cell) -> int | None:
    try:
        return cell_frame(cell)
    except ValueError:
        return None  # `resolve` reports it
