"""Clips of ordinary motion: cut at random from recordings in which nobody shows a micro-expression.

A network that has only seen faces at rest takes speech, posed expressions and head motion for what it knows. These
clips are what micro-expressions are mixed with in training (`mer.training.backgrounds`), and what should be "none".
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.face.landmarker import Borrowed, Landmarker
from mer.face.tracker import FaceTracker
from mer.labels import NONE_LABEL
from mer.media.video import FrameReader
from mer.messages import FaceCrop, Interval, Moment
from mer.preprocess import make_clip
from mer.sampling import REST_S

EVERY_S: Final = 0.05
"""Mean distance between the onsets of two clips."""
DURATION_S: Final = (0.15, 0.5)
RISE_SHARE: Final = (0.3, 0.6)


def cut(
    recordings: Sequence[Path], *, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> dict[str, NDArray[Any]]:
    """Cut clips of random intervals out of recordings.

    Args:
        recordings: Video files or folders of frames; the name of each stands for the person in it.
        seed: Of the intervals; the same seed gives the same clips.
        progress: Called with (recordings done, recordings in all).

    Returns:
        The arrays that `mer.training.data.read_npz` reads: clips (N, 13, 90, 90) uint8, labels (all "none") and
        subjects (N,).

    Raises:
        MerError: If a recording cannot be read or none of them shows a face for long enough.
    """
    clips: list[NDArray[np.uint8]] = []
    subjects: list[str] = []
    with Landmarker() as landmarker:
        for number, path in enumerate(recordings):
            with FrameReader(path, grey=True) as frames, FaceTracker(Borrowed(landmarker)) as tracker:
                crops = [tracker.crop(frame) for frame in frames]
            found = clips_of(crops, np.random.default_rng([seed, number]))
            clips += found
            subjects += [path.stem] * len(found)
            if progress:
                progress(number + 1, len(recordings))
    if not clips:
        raise MerError(f"none of {len(recordings)} recordings shows a face for half a second; give others")
    return {"clips": np.stack(clips), "labels": np.full(len(clips), NONE_LABEL), "subjects": np.array(subjects)}


def clips_of(crops: Sequence[FaceCrop], rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Return (13, 90, 90) clips of random intervals in which the face is tracked throughout."""
    times = np.array([crop.time_s for crop in crops])
    tracked = np.array([crop.state == "tracked" for crop in crops])
    clips = []
    onset_s = times[0] + REST_S
    while onset_s < times[-1] - DURATION_S[1]:
        duration_s = rng.uniform(*DURATION_S)
        wanted_s = (onset_s, onset_s + duration_s * rng.uniform(*RISE_SHARE), onset_s + duration_s)
        onset, apex, offset = np.searchsorted(times, wanted_s)
        first = int(np.searchsorted(times, times[onset] - REST_S))
        onset_s += EVERY_S * rng.uniform(0.5, 1.5)
        if not onset < apex < offset < len(times) or not tracked[first : offset + 1].all():
            continue
        start, top, end = (Moment(crops[k].index, crops[k].time_s) for k in (onset, apex, offset))
        try:
            clips.append(make_clip(crops[first : offset + 1], Interval(start, top, end)).images)
        except MerError:  # frames are missing in between
            continue
    return clips
