"""The tracker on a real portrait that moves in known ways, with mediapipe's real landmarks."""

from collections import deque
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from mer.face import geometry
from mer.face.landmarker import Borrowed, Landmarker
from mer.face.tracker import KEY_INTERVAL_S, LOST_S, MAX_SHIFT, FaceTracker
from mer.messages import FaceCrop, Frame

PORTRAIT = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
RATE_HZ = 100


def frame(index: Any, shift: Any = (0.0, 0.0), picture: Any = PORTRAIT) -> Any:
    moved = cv2.warpAffine(picture, np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32), picture.shape[1::-1])
    return Frame(np.asarray(moved, np.uint8), index / RATE_HZ, index)


@pytest.fixture
def tracker(landmarker: Landmarker) -> Iterator[Any]:
    with FaceTracker(Borrowed(landmarker)) as tracker:
        yield tracker


def test_the_first_frame_with_a_face_is_tracked_with_level_eyes_at_the_agreed_distance(tracker: Any) -> None:
    crop = tracker.crop(frame(0))

    right, left = geometry.eye_centres(crop.landmarks_px)
    assert crop.state == "tracked"
    assert (left - right)[0] == pytest.approx(geometry.IOD_PX, rel=0.05)
    assert abs((left - right)[1]) < 3


def test_a_face_at_rest_gives_the_same_crop_every_time(tracker: Any) -> None:
    crops = [tracker.crop(frame(i)) for i in range(120)]

    assert len({crop.anchor for crop in crops}) == 1
    assert all(np.array_equal(crop.image, crops[0].image) for crop in crops)


def test_a_small_shift_of_the_head_shows_as_motion_under_the_same_transform(tracker: Any) -> None:
    first = tracker.crop(frame(0))

    second = tracker.crop(frame(1, shift=(2.0, -1.0)))

    scale = np.hypot(*first.crop_from_source[:, 0])
    centre = np.full((1, 2), 120.0)
    moved = (geometry.apply(second.crop_from_anchor, centre) - centre)[0]
    turned = first.crop_from_source[:, :2] @ [2.0, -1.0]
    assert np.array_equal(first.crop_from_source, second.crop_from_source)
    assert moved == pytest.approx(turned, abs=0.05 * scale)


def test_a_large_shift_is_followed_by_a_new_anchor(tracker: Any) -> None:
    path = [min(i, 60) * 0.6 for i in range(int(RATE_HZ * (0.6 + KEY_INTERVAL_S + 0.3)))]

    crops = [tracker.crop(frame(i, shift=(x, 0.0))) for i, x in enumerate(path)]

    assert all(crop.state == "tracked" for crop in crops)
    assert crops[-1].anchor > crops[0].anchor
    assert geometry.apply(crops[-1].crop_from_anchor, np.full((1, 2), 120.0)) == pytest.approx(120.0, abs=MAX_SHIFT)


def test_a_face_that_goes_is_lost_then_absent_and_found_again(tracker: Any) -> None:
    empty = np.full_like(PORTRAIT, 90)
    gone = int((LOST_S + 0.3) * RATE_HZ)

    states = [tracker.crop(frame(i)).state for i in range(5)]
    states += [tracker.crop(frame(5 + i, picture=empty)).state for i in range(gone)]
    states += [tracker.crop(frame(5 + gone + i)).state for i in range(20)]

    assert states[4:6] == ["tracked", "lost"]
    assert states[4 + gone] == "absent"
    assert states[-1] == "tracked"


def test_without_a_face_the_crop_is_black_and_absent(tracker: Any) -> None:
    crop = tracker.crop(frame(0, picture=np.full_like(PORTRAIT, 90)))

    assert crop.state == "absent"
    assert not crop.image.any()


def test_of_two_faces_the_larger_is_followed_and_both_are_counted(tracker: Any) -> None:
    head = PORTRAIT[0:256, 96:352]
    both = np.full((560, 960, 3), 200, np.uint8)
    both[20:532, 10:522] = cv2.resize(head, (512, 512))
    both[80:440, 580:940] = cv2.resize(head, (360, 360))

    crop = tracker.crop(frame(0, picture=both))

    centre = geometry.apply(geometry.invert(crop.crop_from_source), np.full((1, 2), 120.0))[0]
    assert crop.n_faces == 2
    assert centre[0] < 500


def test_two_runs_over_the_same_frames_agree_to_the_byte(landmarker: Landmarker) -> None:
    def run() -> Any:
        with FaceTracker(Borrowed(landmarker)) as tracker:
            return [tracker.crop(frame(i, shift=(0.3 * i, 0.1 * i))) for i in range(90)]

    for a, b in zip(run(), run()):
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.crop_from_anchor, b.crop_from_anchor)


def test_crops_cut_ahead_of_their_turn_change_nothing(landmarker: Landmarker) -> None:
    path = [min(i, 60) * 0.6 for i in range(int(RATE_HZ * (0.6 + KEY_INTERVAL_S + 0.3)))]
    frames = [frame(i, shift=(x, 0.0)) for i, x in enumerate(path)]
    with FaceTracker(Borrowed(landmarker)) as plain, FaceTracker(Landmarker()) as tracker:
        usual = [plain.crop(one) for one in frames]
        assert tracker.precrop(frames[0]) is None  # no face is known yet
        crops: list[FaceCrop] = []
        waiting: deque[tuple[Frame, Any]] = deque()
        for one in frames:
            waiting.append((one, tracker.precrop(one)))
            if len(waiting) > 6:
                crops.append(tracker.crop(*waiting.popleft()))
        crops += [tracker.crop(*late) for late in waiting]

    assert usual[-1].anchor > usual[0].anchor
    for crop, other in zip(crops, usual, strict=True):
        assert np.array_equal(crop.image, other.image)
        assert np.array_equal(crop.crop_from_anchor, other.crop_from_anchor)
        assert (crop.anchor, crop.index) == (other.anchor, other.index)


def test_a_picture_of_another_size_is_not_cut_ahead(tracker: Any) -> None:
    tracker.crop(frame(0))

    assert tracker.precrop(frame(1)) is not None
    assert tracker.precrop(Frame(np.zeros((20, 20, 3), np.uint8), 0.02, 2)) is None
