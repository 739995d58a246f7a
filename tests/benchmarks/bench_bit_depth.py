"""Does a camera's depth beyond 8 bits lower the noise floor of motion? A still face with a sensor's noise, both ways.

The noise is that of a sensor with a full well of 10,000 electrons and 5 electrons of read noise: shot noise falls with
the light, the step of 8 bits (39 electrons) does not. "deep" keeps 12 bits until the crop of the face is cut out and
rounds once, as far as depth can reach: the optical flow works on 8 bits. All of it is synthetic.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from fakes import FakeEngine

from mer.face.cutting import Cutter
from mer.face.geometry import CROP_SIZE
from mer.face.landmarker import Landmarker
from mer.messages import Frame
from realtime.pipeline import Pipeline

FULL_WELL: Final = 10_000.0
READ_NOISE: Final = 5.0
RATE_HZ: Final = 200.0
WARM_UP_S: Final = 1.5
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


def exposures(face: NDArray[np.uint8], light: float, count: int) -> Iterator[NDArray[np.float64]]:
    """Yield electrons of each pixel, at a share of the light that fills the well with white."""
    random = np.random.default_rng(1)
    mean = face / 255.0 * FULL_WELL * light
    for _ in range(count):
        yield random.poisson(mean) + random.normal(0.0, READ_NOISE, mean.shape)


def floor(face: NDArray[np.uint8], *, light: float, bits: int, stretch: bool, deep: bool, count: int) -> list[float]:
    """Return median and 95th percentile of the motion of a face at rest, in percent of the inter-ocular distance."""
    motions = []
    with Landmarker() as landmarker, Pipeline(rate_hz=RATE_HZ, engine=FakeEngine(), landmarker=landmarker) as pipeline:
        for index, electrons in enumerate(exposures(face, light, count)):
            steps = np.clip(np.rint(electrons / FULL_WELL * (2**bits - 1)), 0, 2**bits - 1)
            levels = steps / (2**bits - 1) * 255.0 * (1.0 / light if stretch else 1.0)
            image = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
            _DEEP.clear()
            if deep:
                _DEEP[id(image)] = levels.astype(np.float32)
            pipeline.buffer.put(*pipeline.crops(Frame(image, index / RATE_HZ, index)))
            crop = pipeline.buffer.get()
            assert crop is not None
            motion = pipeline.step(crop).spotting.motion
            if motion is not None and np.isfinite(motion) and index > WARM_UP_S * RATE_HZ:
                motions.append(motion)
    return [float(np.median(motions)), float(np.quantile(motions, 0.95))]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path, help="a grey picture of a face, such as a frame of mer-synth recording")
    parser.add_argument("--frames", type=int, default=700)
    given = parser.parse_args()
    face = cv2.imread(str(given.picture), cv2.IMREAD_GRAYSCALE)
    if face is None:
        raise SystemExit(f"{given.picture} is not a picture")
    Cutter.cut = deep_cut  # type: ignore[method-assign]
    print("light  samples                                motion at rest, % of the eyes' distance (median, p95)")
    for light in (1.0, 0.25, 0.0625):
        for name, bits, stretch, deep in (
            ("8 bits", 8, False, False),
            ("12 bits, rounded after the crop", 12, False, True),
            ("8 bits, brightened afterwards", 8, True, False),
            ("12 bits, brightened, then 8 bits", 12, True, False),
            ("12 bits, brightened, rounded after the crop", 12, True, True),
        ):
            if light == 1.0 and stretch:
                continue
            median, high = floor(
                np.asarray(face, np.uint8), light=light, bits=bits, stretch=stretch, deep=deep, count=given.frames
            )
            print(f"{light:<6g} {name:<44} {median:.4f}  {high:.4f}", flush=True)


if __name__ == "__main__":
    main()
