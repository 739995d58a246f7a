"""Does a camera's depth beyond 8 bits show weaker motion? A face at rest and weak movements, with a sensor's noise.

    python tests/benchmarks/bench_bit_depth.py [--light 1 0.25 0.0625] [--frames 700] [--events 4]

The noise is that of a sensor with a full well of 10,000 electrons and 5 electrons of read noise: shot noise falls with
the light, the step of 8 bits (39 electrons) does not. "deep" keeps 12 bits until the crop of the face is cut out and
rounds once, as far as depth can reach: the optical flow works on 8 bits. All of it is synthetic.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from fakes import FakeEngine

from mer.evaluation.matching import Label, compare, read_truth
from mer.face.cutting import Cutter
from mer.face.geometry import CROP_SIZE
from mer.face.landmarker import Landmarker
from mer.media.video import FrameReader
from mer.messages import Frame, Interval
from mer.synthesise import main as synthesise
from realtime.pipeline import Pipeline
from realtime.spotting.spotter import Spotting

FULL_WELL: Final = 10_000.0
READ_NOISE: Final = 5.0
RATE_HZ: Final = 200.0
WARM_UP_S: Final = 1.5
WEAK_PERCENT: Final = ("0.3", "0.8")
"""Peak displacement of the movements, in percent of the inter-ocular distance."""
_DEEP: dict[int, NDArray[np.float32]] = {}
_shallow_cut = Cutter.cut


def deep_cut(self: Cutter, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut the crop out of what the frame was before it was rounded, and round then."""
    deep = _DEEP.get(id(image))
    if deep is None:
        return _shallow_cut(self, image)
    part = deep[self.rows, self.columns]
    if self.factor > 1:
        part = cv2.resize(part, None, fx=1 / self.factor, fy=1 / self.factor, interpolation=cv2.INTER_AREA)
    crop = cv2.warpAffine(part, self.crop_from_part, (CROP_SIZE, CROP_SIZE), borderMode=cv2.BORDER_REPLICATE)
    return np.clip(np.rint(crop), 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Depth:
    """How a picture is made of electrons.

    Attributes:
        name: In the tables.
        bits: Of the camera's samples.
        stretch: Whether the picture is brightened afterwards, to what it would be in full light.
        deep: Whether samples are rounded to 8 bits only after the face is cut out.
    """

    name: str
    bits: int
    stretch: bool = False
    deep: bool = False


DEPTHS: Final = (
    Depth("8 bits", 8),
    Depth("12 bits, rounded after the crop", 12, deep=True),
    Depth("8 bits, brightened afterwards", 8, stretch=True),
    Depth("12 bits, brightened, then 8 bits", 12, stretch=True),
    Depth("12 bits, brightened, rounded after the crop", 12, stretch=True, deep=True),
)


def exposures(faces: Iterable[NDArray[np.uint8]], light: float) -> Iterator[NDArray[np.float64]]:
    """Yield electrons of each pixel, at a share of the light that fills the well with white."""
    random = np.random.default_rng(1)
    for face in faces:
        mean = face / 255.0 * FULL_WELL * light
        yield random.poisson(mean) + random.normal(0.0, READ_NOISE, mean.shape)


def seen(faces: Iterable[NDArray[np.uint8]], *, light: float, depth: Depth) -> Iterator[Spotting]:
    """Yield what each picture told the spotter, and what it decided at the end."""
    white = 2**depth.bits - 1
    with Landmarker() as landmarker, Pipeline(rate_hz=RATE_HZ, engine=FakeEngine(), landmarker=landmarker) as pipeline:
        for index, electrons in enumerate(exposures(faces, light)):
            steps = np.clip(np.rint(electrons / FULL_WELL * white), 0, white)
            levels = steps / white * 255.0 * (1.0 / light if depth.stretch else 1.0)
            image = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
            _DEEP.clear()
            if depth.deep:
                _DEEP[id(image)] = levels.astype(np.float32)
            pipeline.buffer.put(*pipeline.crops(Frame(image, index / RATE_HZ, index)))
            crop = pipeline.buffer.get()
            assert crop is not None
            yield pipeline.step(crop).spotting
        if (end := pipeline.finish()) is not None:
            yield end.spotting


def floor(face: NDArray[np.uint8], *, light: float, depth: Depth, count: int) -> list[float]:
    """Return median and 95th percentile of the motion of a face at rest, in percent of the inter-ocular distance."""
    after = list(seen([face] * count, light=light, depth=depth))[int(WARM_UP_S * RATE_HZ) + 1 :]
    motions = [spotting.motion for spotting in after if spotting.motion is not None and np.isfinite(spotting.motion)]
    return [float(np.median(motions)), float(np.quantile(motions, 0.95))]


def label(interval: Interval) -> Label:
    """Return an interval that was found, of no class."""
    moments = (interval.onset, interval.apex, interval.offset)
    return Label(
        "found",
        (moments[0].index, moments[1].index, moments[2].index),
        (moments[0].time_s, moments[1].time_s, moments[2].time_s),
    )


def weak_movements(paths: Sequence[Path], *, light: float, depth: Depth) -> str:
    """Return how many of the movements of recordings are found, the false ones, and F1."""
    true = hits = false = 0
    for path in paths:
        with FrameReader(path, grey=True) as reader:
            spottings = list(seen((frame.image for frame in reader), light=light, depth=depth))
        found = [label(i) for spotting in spottings for i in spotting.intervals if i.verdict == "micro"]
        truth = read_truth(path.with_suffix(".json"))
        pairs = compare(truth, found)
        true += len(truth.events)
        hits += sum(pair.truth is not None and pair.found is not None for pair in pairs)
        false += sum(pair.truth is None for pair in pairs)
    return f"{hits} of {true} found, {false} false, F1 {2 * hits / max(true + hits + false, 1):.2f}"


def recordings(folder: Path, *, count: int, events: int) -> list[Path]:
    """Render recordings of weak movements: a face with 91 pixels between the eyes, at rest otherwise."""
    paths = [folder / f"{seed}.avi" for seed in range(count)]
    for seed, path in enumerate(paths):
        shape = ["--fps", f"{RATE_HZ:g}", "--seconds", f"{3.0 + 2.0 * events:g}", "--size", "400x360", "--iod", "91"]
        content = ["--n-events", str(events), "--amplitude", *WEAK_PERCENT, "--distractors", "none", "--codec", "ffv1"]
        if synthesise(["recording", str(path), *shape, *content, "--seed", str(seed)]):
            raise SystemExit("no recording could be rendered")
    return paths


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--light", type=float, nargs="+", default=[1.0, 0.25, 0.0625], help="shares of full light")
    parser.add_argument("--frames", type=int, default=700, help="of the face at rest (default 700; 0: leave it out)")
    parser.add_argument("--recordings", type=int, default=1, help="of weak movements (default 1; 0: none)")
    parser.add_argument("--events", type=int, default=4, help="movements in each (default 4)")
    given = parser.parse_args()
    Cutter.cut = deep_cut  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        paths = recordings(Path(folder), count=max(given.recordings, 1), events=given.events)
        with FrameReader(paths[0], grey=True) as reader:
            face = next(iter(reader)).image
        print("light  samples                                motion at rest, % of the eyes' distance (median, p95)")
        for light in given.light:
            for depth in DEPTHS:
                if light == 1.0 and depth.stretch:
                    continue
                row = f"{light:<6g} {depth.name:<44}"
                if given.frames:
                    median, high = floor(face, light=light, depth=depth, count=given.frames)
                    row += f" {median:.4f}  {high:.4f}"
                if given.recordings:
                    row += f"  {weak_movements(paths, light=light, depth=depth)}"
                print(row, flush=True)


if __name__ == "__main__":
    main()
