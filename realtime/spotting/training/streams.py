"""Motion of recordings, measured once: what the training mixes with micro-expressions."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.face.landmarker import Landmarker
from mer.face.tracker import FaceTracker
from mer.media.video import FrameReader
from mer.messages import FaceCrop
from realtime.spotting.features import row_of
from realtime.spotting.motion_track import MotionTrack

MIN_SAMPLES: Final = 50
"""Shorter streams are left out."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Motion of one face in one recording, on the steady clock.

    Attributes:
        name: Of the recording, without suffix.
        rate_hz: Frames a second of the recording.
        times_s: (n,) on the recording's clock.
        rows: (n, N_VALUES) from `realtime.spotting.features`.
    """

    name: str
    rate_hz: float
    times_s: NDArray[np.float64]
    rows: NDArray[np.float64]


def crops_of(path: Path) -> tuple[float, list[FaceCrop]]:
    """Return the rate and the crops of a recording."""
    tracker = FaceTracker(Landmarker(None))
    with FrameReader(path) as frames, closing(tracker):
        return frames.rate_hz, [tracker.crop(frame) for frame in frames]


def streams_of(name: str, rate_hz: float, crops: Iterable[FaceCrop]) -> Iterator[Stream]:
    """Measure the motion in consecutive crops: one stream for each time the face is in view."""
    track: MotionTrack | None = None
    times_s: list[float] = []
    rows: list[NDArray[np.float64]] = []
    for crop in chain(crops, (None,)):  # one at a time: a long recording has thousands
        if crop is None or crop.state != "tracked":
            if len(rows) >= MIN_SAMPLES:
                yield Stream(name, rate_hz, np.array(times_s), np.array(rows))
            track, times_s, rows = None, [], []
            continue
        track = track or MotionTrack(crop)
        for sample in track.add(crop):
            times_s.append(sample.time_s)
            rows.append(row_of(sample))


def save(path: Path, streams: Iterable[Stream], **more: NDArray[np.float64]) -> None:
    """Write streams to an .npz file, and other arrays by name."""
    arrays = dict(more)
    for number, stream in enumerate(streams):
        arrays[f"times_s-{number}"] = stream.times_s
        arrays[f"rows-{number}"] = stream.rows
        arrays[f"rate_hz-{number}"] = np.array(stream.rate_hz)
    np.savez_compressed(path, allow_pickle=False, **arrays)


def load(path: Path) -> list[Stream]:
    """Return the streams that `save` wrote."""
    with np.load(path) as saved:
        return [
            Stream(path.stem, float(saved[f"rate_hz-{k}"]), saved[f"times_s-{k}"], saved[f"rows-{k}"])
            for k in range(sum(name.startswith("rows-") for name in saved))
        ]
