"""Whom the tracker follows, which way up, and what it says about it: scenes of two heads, with real landmarks.

The second person is the first one's mirror image: the light comes from the other side, so it looks like somebody else.
"""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from mer.face import geometry
from mer.face.landmarker import Borrowed, Landmarker
from mer.face.tracker import PATIENCE_S, FaceTracker
from mer.messages import FaceCrop, Frame

RATE_HZ = 50
SIZE_WH = (960, 540)
PORTRAIT = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
HEAD = PORTRAIT[0:256, 96:352]
OTHER = np.ascontiguousarray(HEAD[:, ::-1])

Scene = Callable[[float], NDArray[np.uint8]]


class Run:
    """A scene followed from its first to its last second."""

    shared: ClassVar[Landmarker]

    def __init__(self, scene: Scene, seconds: float, meshes: Landmarker | None = None) -> None:
        with FaceTracker(meshes or Borrowed(self.shared)) as tracker:
            times = [index / RATE_HZ for index in range(round(seconds * RATE_HZ))]
            self.crops = [tracker.crop(Frame(scene(t), t, index)) for index, t in enumerate(times)]
            self.lines = tracker.notes.lines()

    def at(self, time_s: float) -> FaceCrop:
        return self.crops[round(time_s * RATE_HZ)]

    def x(self, time_s: float) -> float:
        """Return where the middle of the crop lies in the picture."""
        crop = self.at(time_s)
        assert crop.state == "tracked"
        source = geometry.compose(geometry.invert(crop.crop_from_source), crop.crop_from_anchor)
        return float(geometry.apply(source, np.full((1, 2), 120.0))[0, 0])

    def notices(self) -> list[str]:
        return [notice for crop in self.crops for notice in crop.notices]


@pytest.fixture(scope="module", autouse=True)
def shared(landmarker: Landmarker) -> None:
    Run.shared = landmarker


def picture(*heads: tuple[NDArray[np.uint8], float, int]) -> NDArray[np.uint8]:
    """Return heads, each with the x of its middle and its side in pixels, on grey; the last one in front."""
    canvas = np.full((SIZE_WH[1], SIZE_WH[0], 3), 90, np.uint8)
    for head, x, side in heads:
        first = round(x - side / 2)
        visible = slice(max(first, 0), min(first + side, SIZE_WH[0]))
        if visible.start < visible.stop:
            part = cv2.resize(head, (side, side))[:, visible.start - first : visible.stop - first]
            canvas[20 : 20 + side, visible] = part
    return canvas


def turned(degrees: float) -> NDArray[np.uint8]:
    """Return the portrait turned clockwise in its square."""
    middle = (PORTRAIT.shape[1] / 2, PORTRAIT.shape[0] / 2)
    turn = cv2.getRotationMatrix2D(middle, -degrees, 1.0)
    return np.asarray(cv2.warpAffine(PORTRAIT, turn, PORTRAIT.shape[1::-1], borderValue=(90, 90, 90)), np.uint8)


def shaken(image: NDArray[np.uint8]) -> Scene:
    """Return a scene of one picture that trembles, as a hand-held camera does."""

    def scene(t: float) -> NDArray[np.uint8]:
        shift = np.array([[1, 0, 2 * np.sin(9 * t)], [0, 1, 2 * np.cos(7 * t)]], np.float32)
        moved = cv2.warpAffine(image, shift, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.uint8)

    return scene


class Forgetful(Landmarker):
    """Finds no face the second time it is asked, as mediapipe does with faces that it hardly takes for one."""

    asked = 0

    def detect(self, image_bgr: NDArray[np.uint8], time_s: float) -> list[NDArray[np.float32]]:
        self.asked += 1
        found = super().detect(image_bgr, time_s)
        return [] if self.asked == 2 else found


def test_a_face_that_landmarks_lose_while_it_is_still_there_is_found_again() -> None:
    run = Run(shaken(PORTRAIT), 2.0, Forgetful())

    assert {crop.state for crop in run.crops} == {"tracked"}
    assert run.at(0.0).anchor < run.at(1.9).anchor


@pytest.mark.parametrize("degrees", [135, 150, 180, 200])
def test_a_face_on_its_head_is_said_and_not_followed(degrees: Any) -> None:
    run = Run(shaken(turned(degrees)), 3.0)

    assert [line for line in run.lines if "stands on its head; rotate the recording by 180 degrees" in line]
    assert any("stands on its head" in notice for notice in run.notices())
    assert {crop.state for crop in run.crops[-RATE_HZ:]} == {"absent"}


@pytest.mark.parametrize(("degrees", "back"), [(90, "counter-clockwise"), (270, "clockwise")])
def test_a_face_on_its_side_is_followed_and_it_is_said_how_to_turn_it(degrees: Any, back: Any) -> None:
    run = Run(shaken(turned(degrees)), 1.5)

    assert run.lines == (f"the face lies on its side; rotate the recording by 90 degrees {back} (from 0.5 s on)",)
    assert run.at(1.4).state == "tracked"


@pytest.mark.parametrize("degrees", [0, 20, 340])
def test_of_an_upright_face_nothing_is_said(degrees: Any) -> None:
    run = Run(shaken(turned(degrees)), 1.5)

    assert run.lines == ()
    assert run.notices() == []
    assert {crop.state for crop in run.crops} == {"tracked"}


def pixelated(*, side: int) -> Run:
    """Follow the portrait, which consists of so many squares in each direction from 1.0 to 2.5 s."""
    small = cv2.resize(PORTRAIT, (side, side), interpolation=cv2.INTER_AREA)
    coarse = np.asarray(cv2.resize(small, PORTRAIT.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    clear = shaken(PORTRAIT)
    return Run(lambda t: coarse if 1.0 <= t < 2.5 else clear(t), 3.5)


@pytest.mark.parametrize("side", [30, 48, 72, 96])
def test_a_face_is_not_followed_while_it_is_pixelated(side: Any) -> None:
    run = pixelated(side=side)

    assert run.at(0.9).state == "tracked"
    assert all(run.at(t).state != "tracked" for t in (1.2, 1.8, 2.4))
    assert run.at(3.0).state == "tracked"


def test_that_a_face_is_pixelated_is_said() -> None:
    run = pixelated(side=72)

    assert [line for line in run.lines if "pixelated" in line and "from 1.0 s on" in line]


def test_somebody_larger_beside_does_not_take_the_place() -> None:
    def scene(t: float) -> NDArray[np.uint8]:
        beside = [(OTHER, 700, 500)] if 1.0 <= t < 2.6 else []
        return picture((HEAD, 220, 360), *beside)

    run = Run(scene, 4.0)

    assert {crop.state for crop in run.crops} == {"tracked"}
    assert len({crop.anchor for crop in run.crops}) == 1
    assert max(crop.n_faces for crop in run.crops) == 2
    assert run.lines == (
        "more than one face was in view for 1.5 s (1.0 to 2.5 s); the one that was followed before was kept",
    )


def test_somebody_larger_in_front_is_waited_for() -> None:
    def scene(t: float) -> NDArray[np.uint8]:
        return picture((HEAD, 300, 340), (OTHER, 1300 - 400 * t, 420))

    run = Run(scene, 4.5)

    assert run.x(0.5) == pytest.approx(run.x(4.4), abs=25)
    assert any(crop.state != "tracked" for crop in run.crops)
    assert not [line for line in run.lines if "changed" in line]
    assert all(abs(run.x(t) - run.x(0.5)) < 60 for t in np.arange(0.5, 4.4, 0.1) if run.at(t).state == "tracked")


def test_two_who_cross_keep_their_places() -> None:
    def scene(t: float) -> NDArray[np.uint8]:
        return picture((OTHER, 780 - 150 * t, 300), (HEAD, 180 + 150 * t, 330))

    run = Run(scene, 4.0)

    assert run.x(3.9) == pytest.approx(180 + 150 * 3.9, abs=40)
    assert not [line for line in run.lines if "changed" in line]


def test_somebody_else_who_comes_after_the_first_has_left_is_followed_and_it_is_said() -> None:
    def scene(t: float) -> NDArray[np.uint8]:
        first, second = [(HEAD, 300, 360)], [(OTHER, 600, 360)]
        return picture(*(first if t < 1.0 else second if t >= 2.5 else []))

    run = Run(scene, 3.5)

    assert run.x(3.4) == pytest.approx(600, abs=60)
    assert [line for line in run.lines if line.startswith("the person may have changed at 2.5 s")]
    assert "the face looks like another person's" in run.notices()


def test_a_cut_to_somebody_else_in_the_same_place_is_said() -> None:
    run = Run(lambda t: picture((HEAD if t < 1.0 else OTHER, 300, 360)), 2.0)

    assert [line for line in run.lines if line.startswith("the person may have changed at 1.0 s")]


def test_of_somebody_who_comes_back_to_another_place_nothing_is_said() -> None:
    def scene(t: float) -> NDArray[np.uint8]:
        return picture(*([] if 1.0 <= t < 2.5 else [(HEAD, 300 if t < 1.0 else 650, 360 if t < 1.0 else 300)]))

    run = Run(scene, 3.5)

    assert run.at(3.4).state == "tracked"
    assert run.lines == ()


def test_of_two_who_are_there_after_an_absence_the_first_is_followed() -> None:
    def scene(t: float) -> NDArray[np.uint8]:
        both = [(HEAD, 220, 300), (OTHER, 650, 480)]
        return picture(*([(HEAD, 300, 360)] if t < 1.0 else both if t >= 2.5 else []))

    run = Run(scene, 3.5)

    assert run.x(3.4) == pytest.approx(220, abs=60)
    assert not [line for line in run.lines if "changed" in line]


def test_nobody_is_waited_for_for_ever() -> None:
    def scene(t: float) -> NDArray[np.uint8]:
        return picture(*([(HEAD, 250, 330)] if t < 1.2 else []), *([(OTHER, 680, 480)] if t >= 0.5 else []))

    run = Run(scene, 1.2 + PATIENCE_S + 0.5)

    assert run.at(1.2 + PATIENCE_S - 0.2).state != "tracked"
    assert run.x(1.2 + PATIENCE_S + 0.4) == pytest.approx(680, abs=80)
    assert [line for line in run.lines if "changed at 4." in line]


def test_the_eye_distance_is_measured_in_the_pixels_of_the_source() -> None:
    def eyes(images: Iterable[NDArray[np.uint8]]) -> list[float]:
        with FaceTracker(Borrowed(Run.shared)) as tracker:
            return [
                tracker.crop(Frame(image, index / RATE_HZ, index)).eye_distance_px for index, image in enumerate(images)
            ]

    small = np.asarray(cv2.resize(PORTRAIT, None, fx=0.5, fy=0.5), np.uint8)
    usual, half, none = eyes([PORTRAIT, small, np.full_like(PORTRAIT, 90)])

    assert usual == pytest.approx(41, abs=1)
    assert half == pytest.approx(usual / 2, rel=0.05)
    assert none == 0.0
