"""Several faces followed at once, with real landmarks: scenes of heads that cross, leave, come back and join.

The second person is the first one's mirror image and the third has other proportions, so none looks like another.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from test_followed_face import HEAD, OTHER, picture

from mer.face import geometry
from mer.face.crowd import NO_ROOM, CrowdTracker
from mer.face.landmarker import Landmarker
from mer.messages import FaceCrop, Frame

RATE_HZ = 25
Scene = Callable[[float], NDArray[np.uint8]]


class Run:
    """A scene followed from its first to its last second."""

    def __init__(self, scene: Scene, seconds: float, *, most: int) -> None:
        self.crops: list[tuple[FaceCrop, ...]] = []
        with CrowdTracker(Landmarker(), most=most) as tracker:
            for index in range(round(seconds * RATE_HZ)):
                time_s = index / RATE_HZ
                self.crops.append(tracker.crops(Frame(scene(time_s), time_s, index)))
            self.lines = tracker.notes.lines()

    def at(self, time_s: float) -> dict[int, FaceCrop]:
        return {crop.person: crop for crop in self.crops[round(time_s * RATE_HZ)]}

    def x(self, time_s: float, person: int) -> float:
        """Return where the middle of a person's crop lies in the picture."""
        crop = self.at(time_s)[person]
        assert crop.state == "tracked"
        source = geometry.compose(geometry.invert(crop.crop_from_source), crop.crop_from_anchor)
        return float(geometry.apply(source, np.full((1, 2), 120.0))[0, 0])


@pytest.fixture(scope="module")
def crossing() -> Run:
    """Person 1 walks from 200 to 740 and back behind person 2, who does the opposite; 2 is away from 4.5 to 6 s."""

    def scene(t: float) -> NDArray[np.uint8]:
        shift = 540 * np.clip(t - 1.0, 0.0, 1.0)
        second = [] if 4.5 <= t < 6.0 else [(OTHER, 740 - shift if t < 5.0 else 600, 300)]
        return picture((HEAD, 200 + shift - (540 * np.clip(t - 3.0, 0.0, 1.0)), 300), *second)

    return Run(scene, 7.5, most=2)


def test_everybody_has_a_crop_in_each_frame_numbered_from_left_to_right(crossing: Run) -> None:
    assert {tuple(crop.person for crop in crops) for crops in crossing.crops} == {(1, 2)}
    assert crossing.x(0.5, 1) == pytest.approx(200, abs=40)
    assert crossing.x(0.5, 2) == pytest.approx(740, abs=40)


def test_two_who_cross_keep_their_numbers(crossing: Run) -> None:
    assert crossing.x(2.9, 1) == pytest.approx(740, abs=40)
    assert crossing.x(2.9, 2) == pytest.approx(200, abs=40)


def test_who_leaves_is_absent_and_keeps_the_number_after_coming_back_elsewhere(crossing: Run) -> None:
    assert crossing.at(4.7)[2].state == "lost"
    assert crossing.at(5.9)[2].state == "absent"
    assert crossing.at(5.9)[1].state == "tracked"
    assert crossing.x(7.4, 2) == pytest.approx(600, abs=40)


def test_of_people_who_fit_in_nothing_is_said(crossing: Run) -> None:
    assert crossing.lines == ()


def test_who_joins_gets_the_next_number_and_who_does_not_fit_in_is_not_followed_and_it_is_said() -> None:
    def scene(t: float) -> NDArray[np.uint8]:
        return picture((OTHER, 700, 300), *([(HEAD, 250, 300)] if t >= 0.6 else []))

    joined, full = Run(scene, 2.4, most=3), Run(scene, 2.4, most=1)

    assert joined.x(2.3, 1) == pytest.approx(700, abs=40)
    assert joined.x(2.3, 2) == pytest.approx(250, abs=40)
    assert len(full.at(2.3)) == 1
    assert full.lines == (NO_ROOM,)


def test_without_anybody_there_is_one_absent_crop() -> None:
    run = Run(lambda _t: picture(), 0.4, most=2)

    assert [[(crop.person, crop.state) for crop in crops] for crops in run.crops] == [[(1, "absent")]] * 10


def test_people_are_known_again_after_a_cut_to_another_picture_of_them() -> None:
    def scene(t: float) -> NDArray[np.uint8]:
        return picture((HEAD, 200, 300), (OTHER, 700, 300)) if t < 1.0 else picture((OTHER, 250, 340), (HEAD, 680, 320))

    run = Run(scene, 2.4, most=2)

    assert run.x(2.3, 1) == pytest.approx(680, abs=50)
    assert run.x(2.3, 2) == pytest.approx(250, abs=50)
