"""Whether faces can be found in the annotated clips, before hours of cutting: three frames of each are looked at."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mer.data.sample import Sample
from mer.errors import MerError
from mer.face.geometry import inter_ocular_px
from mer.face.landmarker import Landmarker
from mer.media.names import list_frames
from mer.media.video import FrameReader

SMALL_EYES_PX: Final = 25.0
"""Inter-ocular distance below which live and replay say nothing either (`realtime.spotting.judge.Limits`)."""
_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a clip.

    Attributes:
        sample: The clip.
        looked: Frames looked at: onset, apex (else the middle) and offset.
        found: How many of them show a face.
        eyes_px: Median distance of the eyes in source pixels; None without a face.
        problem: Why its recording cannot be read; empty if it can.
    """

    sample: Sample
    looked: int
    found: int
    eyes_px: float | None
    problem: str = ""


def look(samples: Sequence[Sample]) -> list[Seen]:
    """Return what was seen of each clip, in the order of their recordings."""
    by_path = [list(own) for _, own in itertools.groupby(sorted(samples, key=_path), key=_path)]
    seen = []
    with Landmarker() as landmarker:
        for own in by_path:
            seen += _of_recording(own, landmarker)
    return seen


def to_json(seen: Sequence[Seen]) -> dict[str, Any]:
    """Return the outcome as JSON values."""
    eyes = [one.eyes_px for one in seen if one.eyes_px is not None]
    return {
        "clips": len(seen),
        "with_face_on_all_frames": sum(one.found == one.looked > 0 for one in seen),
        "eye_distance_px": {"min": min(eyes), "median": median(eyes), "max": max(eyes)} if eyes else None,
        "at_fault": [
            {"clip": _name(one), "looked": one.looked, "found": one.found, "eyes_px": one.eyes_px, "reason": reason}
            for one in seen
            if (reason := _reason(one))
        ],
    }


def show(seen: Sequence[Seen], console: Console) -> None:
    """Print how many clips show a face, and which do not."""
    about = to_json(seen)
    eyes, faults = about["eye_distance_px"], about["at_fault"]
    apart = f"; eyes {eyes['min']:.0f} to {eyes['max']:.0f} pixels apart, median {eyes['median']:.0f}" if eyes else ""
    console.print(
        f"Faces: {about['with_face_on_all_frames']} of {len(seen)} clips show one at onset, apex and offset{apart}.",
        soft_wrap=True,
        highlight=False,
    )
    if not faults:
        return
    table = Table(title="Clips whose face is in doubt", title_justify="left")
    for heading in ("clip", "reason"):
        table.add_column(heading, overflow="fold")
    for fault in faults[:_NAMED]:
        table.add_row(fault["clip"], fault["reason"])
    console.print(table)
    if len(faults) > _NAMED:
        console.print(f"and {len(faults) - _NAMED} more; --json lists all")


def _of_recording(samples: Sequence[Sample], landmarker: Landmarker) -> list[Seen]:
    wanted = {sample: _positions(sample) for sample in samples}
    try:
        frames = _frames(samples[0], {position for own in wanted.values() for position in own})
    except MerError as error:
        return [Seen(sample, 0, 0, None, str(error)) for sample in samples]
    seen = []
    for sample, positions in wanted.items():
        meshes = [landmarker.detect_still(frames[position]) for position in positions if position in frames]
        eyes = [inter_ocular_px(found[0][:, :2]) for found in meshes if found]
        seen.append(Seen(sample, len(meshes), len(eyes), float(median(eyes)) if eyes else None))
    return seen


def _positions(sample: Sample) -> tuple[int, ...]:
    middle = (sample.onset + sample.offset) // 2 if sample.apex is None else sample.apex
    return sample.onset, middle, sample.offset


def _frames(sample: Sample, positions: set[int]) -> dict[int, NDArray[np.uint8]]:
    """Return frames of a recording by position; of a folder only these are read."""
    if sample.path.is_dir():
        files = list_frames(sample.path)
        pictures = {k: cv2.imread(str(files[k])) for k in positions if k < len(files)}
        return {k: np.asarray(picture, np.uint8) for k, picture in pictures.items() if picture is not None}
    with FrameReader(sample.path, fps=sample.fps) as reader:
        until = itertools.takewhile(lambda frame: frame.index <= max(positions), reader)
        return {frame.index: frame.image for frame in until if frame.index in positions}


def _reason(one: Seen) -> str:
    if one.problem:
        return one.problem
    if one.found < one.looked or not one.looked:
        return f"a face on {one.found} of {one.looked} frames"
    if one.eyes_px is not None and one.eyes_px < SMALL_EYES_PX:
        return f"eyes only {one.eyes_px:.0f} pixels apart, less than {SMALL_EYES_PX:.0f}"
    return ""


def _name(one: Seen) -> str:
    return f"{one.sample.subject}/{one.sample.clip}"


def _path(sample: Sample) -> Path:
    return sample.path
