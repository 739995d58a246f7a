from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import FakeEngine, crop, interval
from numpy.typing import NDArray
from skimage.data import astronaut

from mer.face import geometry
from mer.face.landmarker import Landmarker
from mer.face.tracker import FaceTracker
from mer.messages import FaceCrop, Frame
from realtime.classifier import Candidate, Classifier
from realtime.messages import Event
from realtime.quality.looks import look_at
from realtime.quality.meter import FRAME_FLAGS, QualityMeter
from realtime.quality.occlusion import Occlusion
from realtime.quality.recording import coding_fields
from realtime.timing import Timing

MOUTH = (slice(112, 200), slice(60, 180))
"""Where a crop has the mouth and what is around it."""


@pytest.fixture(scope="module")
def face() -> FaceCrop:
    """A real portrait, cut out as a tracker does it; four times larger, so that the face is not small."""
    picture = cv2.resize(np.ascontiguousarray(astronaut()[..., ::-1]), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    with FaceTracker(Landmarker(None)) as tracker:
        return tracker.crop(Frame(picture.astype(np.uint8), 0.0, 0))


def flags(face: FaceCrop, *images: NDArray[np.generic], seconds: float = 1.0) -> tuple[str, ...]:
    """Flags of the last of pictures that each stay for some time."""
    found: tuple[str, ...] = ()
    meter, time_s = QualityMeter(), 0.0
    for image in images:
        for _ in range(round(seconds / 0.1)):
            time_s += 0.1
            found = meter.add(changed(face, np.asarray(image, np.uint8), time_s=time_s), None)
    return found


def changed(face: FaceCrop, image: NDArray[np.uint8], *, time_s: float = 0.0, **fields: object) -> FaceCrop:
    return replace(face, image=image, time_s=time_s, index=round(10 * time_s), **fields)  # type: ignore[arg-type]


def covered(face: FaceCrop, shade: float) -> NDArray[np.uint8]:
    image = face.image.copy()
    image[MOUTH] = shade
    return np.asarray(cv2.GaussianBlur(image, (5, 5), 1.0), np.uint8)


def test_a_good_picture_of_a_face_has_no_flags(face: FaceCrop) -> None:
    assert flags(face, face.image) == ()


def test_a_hand_before_the_mouth_is_an_occlusion_and_goes_with_it(face: FaceCrop) -> None:
    hand = covered(face, float(face.image.mean()))
    hand[112:200:16] = 60  # fingers
    assert "occluded" in flags(face, face.image, hand)
    assert "occluded" not in flags(face, face.image, hand, face.image)


def test_a_mask_from_the_first_frame_on_is_an_occlusion(face: FaceCrop) -> None:
    image = face.image.copy()
    image[95:215, 50:190] = 210
    assert "occluded" in flags(face, image)


def test_other_light_is_no_occlusion(face: FaceCrop) -> None:
    assert flags(face, face.image, 0.5 * face.image) == ()


def test_a_moved_head_is_no_occlusion(face: FaceCrop) -> None:
    motion = np.array([[1.0, 0.0, 9.0], [0.0, 1.0, -6.0]])
    moved = cv2.warpAffine(face.image, motion, face.image.shape, borderMode=cv2.BORDER_REPLICATE)
    occlusion = Occlusion()
    assert not occlusion.add(look_at(face.image, geometry.identity()))
    assert not any(occlusion.add(look_at(np.asarray(moved, np.uint8), motion)) for _ in range(5))


@pytest.mark.parametrize(
    ("name", "sigma_px", "gain"), [("blurred", 6.0, 1.0), ("dark", 0.0, 0.15), ("overexposed", 0.0, 4.0)]
)
def test_blur_and_light_are_flagged(face: FaceCrop, name: str, sigma_px: float, gain: float) -> None:
    picture = cv2.GaussianBlur(face.image, (0, 0), sigma_px) if sigma_px else face.image
    assert name in flags(face, np.clip(gain * picture.astype(np.float64), 0, 255))


def test_noise_does_not_hide_blur(face: FaceCrop) -> None:
    blurred = cv2.GaussianBlur(face.image, (0, 0), 6.0) + np.random.default_rng(0).normal(0.0, 4.0, face.image.shape)
    assert "blurred" in flags(face, np.clip(blurred, 0, 255))


def test_a_face_with_few_pixels_is_small(face: FaceCrop) -> None:
    assert QualityMeter().add(changed(face, face.image, eye_distance_px=30.0), None) == ("small",)


def test_a_head_that_turns_is_flagged_at_once_and_by_how_it_was_found(face: FaceCrop) -> None:
    meter = QualityMeter()
    meter.add(changed(face, face.image), np.zeros(6))
    assert meter.add(changed(face, face.image, time_s=0.01), np.array([0, 0, 0, 0, 60.0, 0])) == ("turned",)
    assert meter.add(changed(face, face.image, time_s=0.02), np.array([0, 0, 0, 0, 5.0, 0])) == ()


def test_without_a_face_there_are_no_flags() -> None:
    assert QualityMeter().add(crop(0, 0.0, state="absent"), None) == ()


def test_an_event_has_the_flags_of_its_frames(face: FaceCrop) -> None:
    meter = QualityMeter()
    told: list[str] = []
    for k in range(200):
        small = 100 <= k < 110
        frame = changed(face, face.image, time_s=k / 200, anchor=int(small), eye_distance_px=30.0 + 50 * (not small))
        told += meter.add(frame, None)
    assert meter.during(interval(90, 120)) == ("small",)
    assert meter.during(interval(20, 60)) == ()
    assert told.count("small") == 10


def test_an_event_carries_flags_its_rate_and_what_could_be_seen() -> None:
    ours = Classifier(FakeEngine(), mode="gray", timing=Timing())
    crops = [crop(k, k / 12.0) for k in range(8)]
    ours.add(Candidate(interval(0, 5, fps=12.0), crops, 1.0, 7, 0.0, watchable=1.5, flags=("turned",)))
    ours.settle()
    (outcome,) = ours.finished()
    ours.close()
    assert isinstance(outcome.result, Event)
    assert (outcome.result.quality.flags, outcome.result.quality.watchable) == (("turned", "low-rate"), 1.5)


def test_a_recording_with_few_bits_and_frames_says_so() -> None:
    summary = {"complete": True, "frames": 300, "size_wh": [640, 480], "measured_fps": 15.0}
    low = coding_fields(summary, size_bytes=100_000)
    good = coding_fields({**summary, "measured_fps": 60.0}, size_bytes=20_000_000)
    assert low["recording_flags"] == ["low-rate", "compressed"]
    assert (good["recording_flags"], good["bits_per_pixel"]) == ([], pytest.approx(1.7361, abs=1e-4))


def test_every_flag_is_documented() -> None:
    page = (Path(__file__).parent.parent / "docs/reference/quality.md").read_text(encoding="utf-8")
    assert [name for name in (*FRAME_FLAGS, "low-rate", "compressed") if f"`{name}`" not in page] == []
