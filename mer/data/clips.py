"""From annotated recordings to 13-picture clips, through the very stages that replay uses.

A recording is read from its first frame and its face tracked from there, exactly as `mer-replay`
does; so the same recording and interval give the same clip, byte for byte, in training and in use.
"""

import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from operator import attrgetter
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.data.sample import Sample
from mer.errors import MerError
from mer.face.geometry import CROP_SIZE
from mer.face.landmarker import Borrowed, Landmarker
from mer.face.tracker import FaceTracker
from mer.files import in_place_when_written
from mer.media.video import FrameReader
from mer.messages import Clip, FaceCrop, Frame, Interval, Moment
from mer.preprocess import make_clip, warp
from mer.process import settle
from mer.sampling import N_FRAMES, REST_S

CACHE_VERSION: Final = 4
"""Raised whenever the same sample would give other bytes."""
_REST_FRAMES: Final = 40
"""Frames kept before an onset: `REST_S` at up to 1000 frames a second."""


@dataclass(frozen=True, slots=True)
class ClipSet:
    """Clips with their labels, in the order of the samples they were made from.

    Attributes:
        clips: (N, 13, 90, 90) uint8 grey, or (N, 13, 90, 90, 3) uint8 RGB.
        labels: (N,) class names.
        subjects: (N,) participants.
        skipped: Samples that gave no clip, each with the reason.
    """

    clips: NDArray[np.uint8]
    labels: NDArray[np.str_]
    subjects: NDArray[np.str_]
    skipped: tuple[tuple[Sample, str], ...] = ()


def load_clips(
    samples: Sequence[Sample],
    *,
    cache: Path | None = None,
    jobs: int = 1,
    colour: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ClipSet:
    """Make the clips of all samples.

    Args:
        samples: What to cut out.
        cache: An .npz file to read from if it was made from the same samples and files, and to
            write otherwise; None keeps nothing on disk.
        jobs: Processes that work side by side.
        colour: Keep the colours of the pictures.
        progress: Called with (recordings done, recordings in all).

    Returns:
        The clips; samples that gave none are named in `skipped`.

    Raises:
        MerError: If not one sample gave a clip.
    """
    key = cache_key(samples, colour)
    if cache is not None and (kept := _read_cache(cache, key, samples)) is not None:
        return kept
    by_path = [list(group) for _, group in itertools.groupby(sorted(samples, key=_order), attrgetter("path", "fps"))]
    cut = functools.partial(_clips_of_recording, colour=colour)
    results: dict[Sample, Clip | str] = {}
    if jobs == 1:
        try:
            for done, group in enumerate(by_path, 1):
                results.update(cut(group))
                if progress:
                    progress(done, len(by_path))
        finally:
            _put_away()
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            for done, part in enumerate(pool.map(cut, by_path, chunksize=4), 1):
                results.update(part)
                if progress:
                    progress(done, len(by_path))
    made = [(sample, clip) for sample in samples if isinstance(clip := results[sample], Clip)]
    skipped = tuple((sample, reason) for sample in samples if isinstance(reason := results[sample], str))
    if not made:
        reason = f" (the first: {skipped[0][0].clip}: {skipped[0][1]})" if skipped else ""
        raise MerError(f"none of {len(samples)} samples gave a clip{reason}; check the paths and annotations")
    clips = ClipSet(
        np.stack([clip.images for _, clip in made]),
        np.array([sample.label for sample, _ in made]),
        np.array([sample.subject for sample, _ in made]),
        skipped,
    )
    if cache is not None:
        write_cache(cache, key, clips, samples)
    return clips


def clip_of(crops: Sequence[FaceCrop], sample: Sample) -> Clip:
    """Return the clip of one sample from the crops of its recording.

    Args:
        crops: The recording's crops from the sample's onset to its offset at least.
        sample: What to cut out; without an apex, the frame of the strongest motion is taken.

    Raises:
        MerError: If the crops do not hold the interval or show no face.
    """
    inside = [crop for crop in crops if sample.onset <= crop.index <= sample.offset]
    if not inside or inside[0].index != sample.onset or inside[-1].index != sample.offset:
        last = crops[-1].index if crops else -1
        raise MerError(f"frames {sample.onset} to {sample.offset} wanted, but the recording ends at frame {last}")
    apex = _strongest(inside) if sample.apex is None else sample.apex - sample.onset
    if not 0 <= apex < len(inside):
        raise MerError(f"apex {sample.apex} lies outside of onset {sample.onset} to offset {sample.offset}")
    onset, middle, offset = (Moment(c.index, c.time_s) for c in (inside[0], inside[apex], inside[-1]))
    rest = [c for c in crops if c.index < sample.onset and c.time_s >= onset.time_s - REST_S]
    return make_clip([*rest, *inside], Interval(onset, middle, offset))


@functools.lru_cache(maxsize=1)
def _landmarker() -> Landmarker:
    """Return the one of this process, which ends with it."""
    return Landmarker()


def _put_away() -> None:
    if _landmarker.cache_info().currsize:
        _landmarker().close()
        _landmarker.cache_clear()


def _clips_of_recording(samples: list[Sample], *, colour: bool) -> dict[Sample, Clip | str]:
    """Track the face through one recording and cut out all samples of it."""
    settle()
    last = max(sample.offset for sample in samples)
    wanted = np.zeros(last + 1, bool)
    for sample in samples:
        wanted[max(sample.onset - _REST_FRAMES, 0) : sample.offset + 1] = True
    crops: list[FaceCrop] = []
    try:
        with (
            FrameReader(samples[0].path, fps=samples[0].fps, grey=not colour) as frames,
            FaceTracker(Borrowed(_landmarker())) as tracker,
        ):
            for frame in itertools.takewhile(lambda f: f.index <= last, frames):
                crop = tracker.crop(frame)
                if wanted[frame.index]:
                    crops.append(_in_colour(crop, frame) if colour and crop.state == "tracked" else crop)
            if frames.left_out:
                raise MerError(
                    f"{samples[0].path}: {'; '.join(frames.notes)}; the annotated positions of the others are unsure"
                )
    except MerError as error:
        return {sample: str(error) for sample in samples}
    return {sample: _clip_or_reason(crops, sample) for sample in samples}


def _in_colour(crop: FaceCrop, frame: Frame) -> FaceCrop:
    """Return the crop with a (CROP_SIZE, CROP_SIZE, 3) RGB picture under the same transform."""
    rgb = cv2.cvtColor(warp(frame.image, crop.crop_from_source, CROP_SIZE), cv2.COLOR_BGR2RGB)
    return replace(crop, image=np.asarray(rgb, np.uint8))


def _clip_or_reason(crops: Sequence[FaceCrop], sample: Sample) -> Clip | str:
    try:
        return clip_of(crops, sample)
    except MerError as error:
        return str(error)


def _strongest(crops: Sequence[FaceCrop]) -> int:
    """Return the position whose flow against the first crop is largest (mean of its top tenth)."""
    dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    size = crops[0].image.shape[0] // 2
    small = [cv2.resize(_grey(crop.image), (size, size), interpolation=cv2.INTER_AREA) for crop in crops]
    strengths = [0.0]
    for picture in small[1:]:
        flow = dense.calc(small[0], picture, np.zeros((size, size, 2), np.float32))
        speed = np.sort(np.hypot(flow[..., 0], flow[..., 1]).ravel())
        strengths.append(float(speed[-len(speed) // N_FRAMES :].mean()))
    return int(np.argmax(strengths))


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def _order(sample: Sample) -> tuple[str, float]:
    return str(sample.path), sample.fps or 0.0


def cache_key(samples: Sequence[Sample], colour: bool) -> str:
    """Return what the cut clips of some samples depend on, as a hash."""
    rows = [
        (s.subject, s.clip, str(s.path), s.fps, s.onset, s.apex, s.offset, s.label, _stamp(s.path)) for s in samples
    ]
    return hashlib.sha256(
        json.dumps([CACHE_VERSION, rows, *(["rgb"] if colour else [])], allow_nan=False).encode()
    ).hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError:
        return 0, 0
    return state.st_size, state.st_mtime_ns


def _read_cache(path: Path, key: str, samples: Sequence[Sample]) -> ClipSet | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            skipped = zip(stored["skipped"].tolist(), stored["reasons"].tolist())
            named = tuple((samples[i], str(reason)) for i, reason in skipped)
            return ClipSet(stored["clips"], stored["labels"], stored["subjects"], named)
    except (OSError, ValueError, KeyError, IndexError):
        return None


def write_cache(path: Path, key: str, clips: ClipSet, samples: Sequence[Sample]) -> None:
    """Keep cut clips in a file, whole or not at all."""
    with in_place_when_written(path) as part, part.open("xb") as file:
        np.savez_compressed(
            file,
            key=key,
            clips=clips.clips,
            labels=clips.labels,
            subjects=clips.subjects,
            skipped=np.array([samples.index(sample) for sample, _ in clips.skipped], np.int64),
            reasons=np.array([reason for _, reason in clips.skipped], np.str_),
        )
