"""Quality flags with each condition switched on and off, and what the condition does to spotting.

    mer-synth recording a.avi --codec ffv1 --fps 60 --seconds 24 --n-events 9 --amplitude 1 2 --distractors none
    python tests/benchmarks/bench_quality_flags.py a.avi [b.avi ...] [--real REAL.mp4 ...]

Every condition is put on the same pictures of rendered recordings, from one third of the recording to its end; those of
light, blur and occluders are drawn in. The table has the share of frames that carry each flag before the condition
and under it, and the micro-expressions found under it. `--real` prints the flags of recordings as they are, `--cost`
what the flags take of the processor time of tracking and spotting, in the same run.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.evaluation.matching import Label, compare, read_truth
from mer.face.landmarker import Landmarker
from mer.face.tracker import FaceTracker
from mer.media.video import FrameReader
from mer.process import settle
from realtime.quality.meter import FRAME_FLAGS, QualityMeter
from realtime.spotting.spotter import Spotter

Picture = NDArray[np.uint8]
COST_FRAMES, COST_START = 400, 20
Change = Callable[[Picture, NDArray[np.float64] | None, np.random.Generator], Picture]
"""A grey picture, the (478, 2) mesh where the condition began and a generator, to the picture under the condition."""


def unchanged(picture: Picture, _mesh: NDArray[np.float64] | None, _noise: np.random.Generator) -> Picture:
    """Nothing."""
    return picture


def blurred(sigma_iod: float) -> Change:
    """A lens out of focus."""

    def change(picture: Picture, mesh: NDArray[np.float64] | None, _noise: np.random.Generator) -> Picture:
        sigma = sigma_iod * _iod(mesh)
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)

    return change


def lit(gain: float, read: float = 2.0) -> Change:
    """Another exposure; noise of reading the sensor stays."""

    def change(picture: Picture, _mesh: NDArray[np.float64] | None, noise: np.random.Generator) -> Picture:
        exposed = gain * picture.astype(np.float32) + noise.normal(0.0, read, picture.shape).astype(np.float32)
        return np.clip(np.rint(exposed), 0, 255).astype(np.uint8)

    return change


def far(eyes_px: float) -> Change:
    """A face with fewer pixels: the picture is reduced, and enlarged again for nothing but the same code."""

    def change(picture: Picture, mesh: NDArray[np.float64] | None, _noise: np.random.Generator) -> Picture:
        factor = eyes_px / _iod(mesh)
        return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)

    return change


def jpeg(quality: int) -> Change:
    """Motion JPEG."""

    def change(picture: Picture, _mesh: NDArray[np.float64] | None, _noise: np.random.Generator) -> Picture:
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)

    return change


def mask(picture: Picture, mesh: NDArray[np.float64] | None, _noise: np.random.Generator) -> Picture:
    """A plain face mask from the bridge of the nose to the chin."""
    outline = (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323)
    return _over(picture, [_points(mesh, (*outline, 454, 356, 195))], shades=[190.0], soft_px=0.02 * _iod(mesh))


def hand(picture: Picture, mesh: NDArray[np.float64] | None, _noise: np.random.Generator) -> Picture:
    """Four fingers before the mouth."""
    points = _all(mesh)
    iod, mouth = _iod(mesh), points[13]
    skin = float(np.median(picture[tuple(np.rint(points[50][::-1]).astype(int))]))
    fingers = []
    for k in range(4):
        centre = mouth + np.array([0.1, (k - 1.3) * 0.27]) * iod
        fingers.append(_bar(centre, half=np.array([0.75, 0.12]) * iod))
    return _over(picture, fingers, shades=[0.95 * skin, 0.85 * skin], soft_px=0.04 * iod)


def hair(picture: Picture, mesh: NDArray[np.float64] | None, _noise: np.random.Generator) -> Picture:
    """Strands before one eye."""
    iod, eye = _iod(mesh), _all(mesh)[[33, 133]].mean(axis=0)
    size = np.array([0.02, 0.8]) * iod
    strands = [_bar(eye + np.array([x, -0.3]) * iod, half=size) for x in np.arange(-0.4, 0.4, 0.05)]
    return _over(picture, strands, shades=[35.0, 60.0, 45.0], soft_px=0.5)


CONDITIONS: dict[str, Change] = {
    "as rendered": unchanged,
    **{f"blur of {sigma:g} IOD": blurred(sigma) for sigma in (0.02, 0.04, 0.06, 0.1)},
    **{f"{px} px between the eyes": far(px) for px in (50, 35, 25)},
    **{f"light x {gain:g}": lit(gain) for gain in (1.0, 0.4, 0.2, 0.1, 2.2)},
    **{f"JPEG {quality}": jpeg(quality) for quality in (60, 30, 15)},
    "mask": mask,
    "hand": hand,
    "hair": hair,
}


def _all(mesh: NDArray[np.float64] | None) -> NDArray[np.float64]:
    assert mesh is not None, "the condition began before a face was found"
    return mesh


def _points(mesh: NDArray[np.float64] | None, indices: Sequence[int]) -> NDArray[np.float64]:
    return _all(mesh)[list(indices)]


def _iod(mesh: NDArray[np.float64] | None) -> float:
    points = _all(mesh)
    return float(np.hypot(*(points[[33, 133]].mean(axis=0) - points[[362, 263]].mean(axis=0))))


def _bar(centre: NDArray[np.float64], *, half: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([centre + half * corner for corner in ((-1, -1), (1, -1), (1, 1), (-1, 1))])


def _over(
    picture: Picture, shapes: Sequence[NDArray[np.float64]], *, shades: Sequence[float], soft_px: float
) -> Picture:
    drawn = picture.astype(np.float32)
    for number, shape in enumerate(shapes):
        alpha = np.zeros(picture.shape, np.float32)
        cv2.fillPoly(alpha, [np.rint(shape).astype(np.int32)], 1.0)
        alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), soft_px), np.float32)
        drawn += alpha * (np.float32(shades[number % len(shades)]) - drawn)
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


def watch(path: Path, change: Change, *, start_s: float) -> dict[str, Any]:
    """Return flags and found intervals of a recording under a condition from `start_s` on."""
    meter, noise = QualityMeter(), np.random.default_rng(0)
    before, under, frames = Counter[str](), Counter[str](), Counter[str]()
    found: list[Label] = []
    mesh: NDArray[np.float64] | None = None
    spotter = Spotter()
    with FrameReader(path, grey=True) as reader, FaceTracker(Landmarker(None)) as tracker:
        for frame in reader:
            on = frame.time_s >= start_s
            if on and change is not unchanged and mesh is not None:
                frame = replace(frame, image=change(frame.image, mesh, noise), jpeg=None, planes=None)
            crop = tracker.crop(frame)
            spotting = spotter.step(crop)
            flags = meter.add(crop, spotter.head)
            if crop.state == "tracked" and not on:
                undo = np.linalg.inv(np.vstack([crop.crop_from_source, [0, 0, 1]]))[:2]
                moved = crop.landmarks_px @ crop.crop_from_anchor[:, :2].T + crop.crop_from_anchor[:, 2]
                mesh = np.asarray(moved @ undo[:, :2].T + undo[:, 2], np.float64)
            frames["under" if on else "before"] += crop.state == "tracked"
            (under if on else before).update(flags)
            found += [_label(i) for i in spotting.intervals if i.verdict == "micro"]
    return {"before": before, "under": under, "frames": frames, "found": found}


def cost(path: Path) -> tuple[float, float]:
    """Return processor time per frame of tracking and spotting, and of the flags, in microseconds, after the start."""
    spotter, meter = Spotter(), QualityMeter()
    with FrameReader(path, grey=True) as reader, FaceTracker(Landmarker(None)) as tracker:
        frames = list(islice(reader, COST_FRAMES))
        seen, marks = [], []
        for number, frame in enumerate(frames):
            if number == COST_START:
                marks.append(time.thread_time())
            crop = tracker.crop(frame)
            spotter.step(crop)
            seen.append((crop, spotter.head))
        marks.append(time.thread_time())
        for number, (crop, head) in enumerate(seen):
            if number == COST_START:
                marks.append(time.thread_time())
            meter.add(crop, head)
        marks.append(time.thread_time())
    counted = len(frames) - COST_START
    return 1e6 * (marks[1] - marks[0]) / counted, 1e6 * (marks[3] - marks[2]) / counted


def _label(interval: Any) -> Label:
    moments = (interval.onset, interval.apex, interval.offset)
    first, top, last = (moment.index for moment in moments)
    return Label("", (first, top, last), (moments[0].time_s, moments[1].time_s, moments[2].time_s))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", type=Path)
    parser.add_argument("--real", nargs="+", type=Path, default=[])
    parser.add_argument("--cost", nargs="+", type=Path, default=[])
    parser.add_argument("--only", nargs="*", default=list(CONDITIONS))
    options = parser.parse_args()
    settle()
    print("| condition | found | false | " + " | ".join(FRAME_FLAGS) + " |")
    for name in options.only:
        hits = true = false = 0
        flags, before, frames = Counter[str](), Counter[str](), Counter[str]()
        for path in options.recordings:
            truth = read_truth(path.with_suffix(".json"))
            start_s = (truth.seconds or 0.0) / 3.0
            seen = watch(path, CONDITIONS[name], start_s=start_s)
            pairs = compare(truth, seen["found"])
            under = [pair for pair in pairs if (pair.truth or pair.found).times_s[0] >= start_s]  # type: ignore[union-attr]
            hits += sum(pair.hit for pair in under)
            true += sum(pair.truth is not None for pair in under)
            false += sum(pair.truth is None for pair in under)
            flags.update(seen["under"])
            before.update(seen["before"])
            frames.update(seen["frames"])
        shares = [
            f"{flags[flag] / max(frames['under'], 1):.0%} ({before[flag] / max(frames['before'], 1):.0%})"
            for flag in FRAME_FLAGS
        ]
        print(f"| {name} | {hits} of {true} | {false} | " + " | ".join(shares) + " |", flush=True)
    for path in options.real:
        seen = watch(path, unchanged, start_s=0.0)
        shares = [f"{flag} {seen['under'][flag] / max(seen['frames']['under'], 1):.0%}" for flag in FRAME_FLAGS]
        print(f"{path.name}: {', '.join(shares)}", flush=True)
    for path in options.cost:
        stages_us, flags_us = cost(path)
        share = flags_us / stages_us
        print(f"{path.name}: tracking and spotting {stages_us:.0f} us per frame, flags {flags_us:.1f} us, {share:.1%}")


if __name__ == "__main__":
    main()
