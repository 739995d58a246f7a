"""Recordings whose micro-expressions are known, from datasets and truth files, and their motion, measured once."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.data import intervals
from mer.data.parts import Part
from mer.errors import MerError
from mer.evaluation.matching import Label, Truth, read_truth
from mer.face.landmarker import Borrowed, Landmarker
from mer.face.tracker import FaceTracker
from mer.files import from_json, in_place_when_written
from mer.media.kinds import VIDEO_SUFFIXES
from mer.media.video import FrameReader
from mer.messages import FaceCrop
from realtime.spotting.features import N_VALUES
from realtime.spotting.motion_track import RATE_HZ
from realtime.spotting.training import streams
from realtime.spotting.training.mixing import Example, Micro
from realtime.spotting.training.responses import responses
from realtime.spotting.training.streams import Stream

_ACTS: Final = {
    **{"blink": "blink", "double-blink": "blink", "speech": "speech", "macro": "macro"},
    **{"nod": "head", "turn": "head", "drift": "head"},
}
"""Kinds of the distractors of `mer-synth recording`, and the macro-expressions of datasets."""
_MARGIN_S: Final = 0.3
_FACE_EVERY_S: Final = 5.0
_VERSION: Final = 1
"""Raised when the same recording would be measured otherwise."""


@dataclass(frozen=True, slots=True)
class Known:
    """A recording and the truth about it.

    Attributes:
        subject: Who is seen; folds never share one.
        name: What it is called in tables.
        path: A video file or a folder of frames.
        fps: Frames per second; None to use the recording's own time stamps.
        truth: Its micro-expressions, and what else moves.
    """

    subject: str
    name: str
    path: Path
    fps: float | None
    truth: Truth


@dataclass(frozen=True, slots=True)
class Measured:
    """A recording with its motion.

    Attributes:
        known: The recording.
        streams: Its motion, one stream for each time the face was in view.
        shown: (K, units, 2, FACE) what the measure shows of action units on this face; see `responses`.
    """

    known: Known
    streams: tuple[Stream, ...]
    shown: NDArray[np.float64]

    def examples(self) -> Iterator[Example]:
        """Yield the streams with the truth about them; times count from the first row of each."""
        for stream in self.streams:
            start_s = float(stream.times_s[0])
            events = [_micro(event, start_s) for event in self.known.truth.events]
            others = [
                (_ACTS[act.label], act.times_s[0] - start_s, act.times_s[2] - start_s)
                for act in self.known.truth.distractors
                if act.label in _ACTS
            ]
            yield Example(stream.rows, events, others)

    def without_events(self) -> list[Stream]:
        """Return the stretches in which nothing was annotated, to draw micro-expressions into."""
        found = []
        for stream in self.streams:
            free = np.ones(len(stream.rows), bool)
            for event in (*self.known.truth.events, *self.known.truth.distractors):
                first, last = event.times_s[0] - _MARGIN_S, event.times_s[2] + _MARGIN_S
                free &= (stream.times_s < first) | (stream.times_s > last)
            for part in np.split(np.arange(len(free)), np.flatnonzero(np.diff(free)) + 1):
                if free[part].all() and len(part) >= streams.MIN_SAMPLES:
                    found.append(Stream(stream.name, stream.rate_hz, stream.times_s[part], stream.rows[part]))
        return found


def _micro(event: Label, start_s: float) -> Micro:
    onset_s, apex_s, offset_s = (moment - start_s for moment in event.times_s)
    return Micro(onset_s, apex_s, offset_s, event.label, event.amplitude_percent or 0.0)


def of_dataset(part: Part) -> list[Known]:
    """Return the recordings of a dataset with long videos.

    Raises:
        MerError: If the layout is wrong, or nothing is annotated.
    """
    found = []
    for recording in intervals(part.kind, part.root):
        fps = recording.fps or _rate_of(recording.path)
        labels = {
            kind: tuple(
                _label(i.label if kind == "micro" else "macro", (i.onset, i.apex, i.offset), fps)
                for i in recording.intervals
                if i.kind == kind
            )
            for kind in ("micro", "macro")
        }
        truth = Truth(labels["micro"], labels["macro"], False, fps=fps)
        subject = f"{part.name}.{recording.subject}"
        name = f"{part.name}/{recording.subject}/{recording.name}"
        found.append(Known(subject, name, recording.path, recording.fps, truth))
    return found


def of_truth(path: Path) -> Known:
    """Return the recording that lies beside a truth file of `mer-synth`.

    Raises:
        MerError: If either cannot be read.
    """
    truth = read_truth(path)
    video = next((path.with_suffix(suffix) for suffix in VIDEO_SUFFIXES if path.with_suffix(suffix).is_file()), None)
    if video is None:
        raise MerError(f"{path}: no video of that name lies beside it; give the truth file where mer-synth wrote it")
    portrait = str(from_json(path.read_text(encoding="utf-8")).get("portrait", ""))
    is_person = "." in portrait and " " not in portrait  # a picture; variations of one portrait are different people
    return Known(Path(portrait).stem if is_person else path.stem, path.stem, video, None, truth)


def measure(known: Sequence[Known], cache: Path) -> Iterator[Measured]:
    """Yield recordings with their motion; what was measured before is read.

    Args:
        known: The recordings.
        cache: Folder that keeps motion; no pictures are kept.

    Raises:
        MerError: If a recording cannot be read.
    """
    with Landmarker() as landmarker:
        for one in known:
            file = cache / f"{_key(one)}.npz"
            if not file.is_file():
                _measure(one, landmarker, file)
            with np.load(file) as saved:
                shown = saved["shown"]
            yield Measured(one, tuple(streams.load(file)), shown)


def _measure(one: Known, landmarker: Landmarker, file: Path) -> None:
    faces: list[FaceCrop] = []

    def crops() -> Iterator[FaceCrop]:
        for frame in frames:
            crop = tracker.crop(frame)
            if crop.state == "tracked" and (not faces or crop.time_s - faces[-1].time_s > _FACE_EVERY_S):
                faces.append(crop)
            yield crop

    with (
        FrameReader(one.path, fps=one.fps, grey=True) as frames,
        closing(FaceTracker(Borrowed(landmarker))) as tracker,
    ):
        found = list(streams.streams_of(one.name, frames.rate_hz, crops()))
    draw = np.random.default_rng(len(faces))
    shown = [responses(face, draw) for face in _two(faces)]
    with in_place_when_written(file) as part:
        streams.save(part.with_suffix(".npz"), found, shown=np.array(shown))
        part.with_suffix(".npz").replace(part)


def _two(faces: Sequence[FaceCrop]) -> list[FaceCrop]:
    return [faces[len(faces) // 4], faces[3 * len(faces) // 4]] if faces else []


def _key(one: Known) -> str:
    state = one.path.stat()
    text = f"{_VERSION} {N_VALUES} {RATE_HZ} {one.path.resolve()} {one.fps} {state.st_size} {state.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _rate_of(path: Path) -> float:
    with FrameReader(path) as frames:
        return frames.rate_hz


def _label(name: str, frames: tuple[int, int | None, int], fps: float) -> Label:
    onset, apex, offset = frames
    whole = (onset, (onset + offset) // 2 if apex is None else apex, offset)
    return Label(name, whole, (whole[0] / fps, whole[1] / fps, whole[2] / fps))


def subjects(recordings: Iterable[Measured]) -> list[str]:
    """Return the subject of each recording."""
    return [one.known.subject for one in recordings]
