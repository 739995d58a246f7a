"""The events of one synthetic recording, found again in every form that its frames may be stored in."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import FakeEngine

from mer.data.clips import load_clips
from mer.data.sample import Sample
from mer.errors import MerError
from mer.media.video import FrameReader
from mer.synth.portrait import packaged_portrait
from mer.synth.recording import render
from mer.synth.script import Settings
from realtime.pipeline import Pipeline
from realtime.session import replay

FPS = 100.0
WITHIN_S = 0.020
Images = list[np.ndarray]


def events(path: Path) -> np.ndarray:
    """Return (N, 3) times of onset, apex and offset in seconds."""
    with FrameReader(path, fps=FPS, grey=True) as frames, Pipeline(rate_hz=FPS, engine=FakeEngine()) as pipeline:
        intervals = [event.interval for update in replay(frames, pipeline) for event in update.events]
    return np.array([[moment.time_s for moment in (i.onset, i.apex, i.offset)] for i in intervals])


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "base.mp4"
    settings = Settings(fps=FPS, seconds=4.0, events=1, size_wh=(320, 240), amplitude_percent=(1.5, 2.5), seed=5)
    render(packaged_portrait(), path, settings, quality=95)
    return path


@pytest.fixture(scope="module")
def base(video: Path) -> np.ndarray:
    return events(video)


@pytest.fixture(scope="module")
def frames(video: Path) -> Images:
    with FrameReader(video) as reader:
        return [frame.image for frame in reader]


def write(folder: Path, names: list[str], images: Images) -> Path:
    folder.mkdir()
    for name, image in zip(names, images):
        assert cv2.imwrite(str(folder / name), image, [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_PNG_COMPRESSION, 1])
    return folder


def grey(images: Images) -> Images:
    return [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in images]


def apple_double(at: Path, images: Images) -> Path:
    names = [f"img{n:04d}.jpg" for n in range(len(images))]
    folder = write(at / "f", names, images)
    for name in names:
        (folder / f"._{name}").write_bytes(b"\0\5\26\7" + bytes(60))
    return folder


def missing_numbers(at: Path, images: Images) -> Path:
    folder = write(at / "f", [f"img{n}.jpg" for n in range(len(images))], images)
    for n in range(60, 90):
        (folder / f"img{n}.jpg").unlink()
    return folder


def every_fifth_number(at: Path, images: Images) -> Path:
    return write(at / "f", [f"img{5 * n}.jpg" for n in range(len(images))], images)


def time_stamps(at: Path, images: Images) -> Path:
    start = datetime(2024, 1, 1, 12, 59, 58, 5000)
    names = [str(start + timedelta(milliseconds=10 * n)).replace(":", ".") + ".jpg" for n in range(len(images))]
    return write(at / "f", names, images)


def twelve_bits(at: Path, images: Images) -> Path:
    deep = [image.astype(np.uint16) << 4 for image in grey(images)]
    return write(at / "f", [f"{n:04d}.png" for n in range(len(images))], deep)


def pgm(at: Path, images: Images) -> Path:
    return write(at / "f", [f"{n:04d}.pgm" for n in range(len(images))], grey(images))


def one_tiff(at: Path, images: Images) -> Path:
    assert cv2.imwritemulti(str(at / "stack.tif"), grey(images))
    return at / "stack.tif"


FORMS = [apple_double, missing_numbers, every_fifth_number, time_stamps, twelve_bits, pgm, one_tiff]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_events_are_found(
    tmp_path: Path, base: np.ndarray, frames: Images, form: Callable[[Path, Images], Path]
) -> None:
    found = events(form(tmp_path, frames))
    assert base.shape == found.shape == (1, 3)
    assert np.abs(found - base).max() <= WITHIN_S


def test_positions_that_a_damaged_frame_makes_unsure_give_no_clip(tmp_path: Path, frames: Images) -> None:
    folder = write(tmp_path / "f", [f"{n}.jpg" for n in range(40)], frames[:40])
    (folder / "3.jpg").write_bytes(b"junk")
    with pytest.raises(MerError, match=r"3\.jpg.*positions of the others are unsure"):
        load_clips([Sample("s", "c", folder, FPS, 5, 10, 20, "happiness")])
