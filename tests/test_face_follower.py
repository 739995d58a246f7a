"""The region of the sensor goes after the face."""

from collections.abc import Iterator
from dataclasses import replace

import fakes
import numpy as np
import pytest
from skimage import data

from mer.face.landmarker import Landmarker
from mer.face.tracker import FaceTracker
from mer.messages import FaceState, Frame
from realtime.face_follower import PAUSE_S, FaceFollower

SENSOR = np.ascontiguousarray(data.astronaut()[:, :, 1])
SIZE_WH = (240, 256)


class Followed:
    """A follower and where it moved to; the face is 100 pixels wide and high."""

    def __init__(self, size_wh: tuple[int, int] = SIZE_WH) -> None:
        self.moves: list[tuple[int, int]] = []
        self.said: list[str] = []
        self._follower = FaceFollower(
            lambda dx, dy: self.moves.append((dx, dy)), size_wh=size_wh, announce=self.said.append
        )

    def see(
        self, left: float, top: float, *, time_s: float = 0.0, state: FaceState = "tracked", person: int = 1
    ) -> "Followed":
        shown = fakes.update(0, time_s, face=state)
        corners = np.array([[left, top], [left + 100.0, top + 100.0]], np.float32)
        identity = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        crop = replace(
            shown.crop, person=person, landmarks_px=corners, crop_from_source=identity, crop_from_anchor=identity
        )
        self._follower.update(replace(shown, crop=crop))
        return self


def test_a_face_close_to_the_border_is_put_into_the_middle_again() -> None:
    followed = Followed().see(10.0, 78.0)
    assert followed.moves == [(-48, 0)]
    assert followed.said == ["the region follows the face by -48, +0 px"]


@pytest.mark.parametrize("left", [25.0, 70.0, 115.0])
def test_a_face_that_has_room_moves_nothing(left: float) -> None:
    assert Followed().see(left, 78.0).moves == []


def test_it_does_not_go_on_before_pictures_of_the_new_place_have_come() -> None:
    followed = Followed().see(10.0, 78.0).see(10.0, 78.0, time_s=0.5 * PAUSE_S)
    assert len(followed.moves) == 1
    assert len(followed.see(10.0, 78.0, time_s=PAUSE_S).moves) == 2


def test_a_face_too_large_for_more_room_moves_nothing_once_it_is_central() -> None:
    assert Followed(size_wh=(110, 110)).see(4.0, 5.0).moves == []


def test_the_region_stays_with_the_first_of_several_people() -> None:
    assert Followed().see(10.0, 78.0, person=2).moves == []


def test_a_face_that_is_lost_moves_nothing() -> None:
    assert Followed().see(10.0, 78.0, state="lost").moves == []


def seen(moved: list[tuple[int, int]], place: list[int]) -> Iterator[Frame]:
    """Yield what a camera sees of SENSOR whose region takes every move at once."""
    for index in range(60):
        while moved:
            dx, dy = moved.pop()
            place[:] = [place[0] + dx, place[1] + dy]
        x, y = place
        yield Frame(np.ascontiguousarray(SENSOR[y : y + SIZE_WH[1], x : x + SIZE_WH[0]]), index / 100.0, index)


def test_the_face_is_tracked_in_every_frame_while_the_region_moves() -> None:
    moved: list[tuple[int, int]] = []
    place = [172, 0]
    follower = FaceFollower(lambda dx, dy: moved.append((dx, dy)), size_wh=SIZE_WH, announce=lambda text: None)
    with FaceTracker(Landmarker()) as tracker:
        states = []
        for frame in seen(moved, place):
            crop = tracker.crop(frame)
            follower.update(replace(fakes.update(frame.index, frame.time_s), crop=crop))
            states.append(crop.state)
    assert place[0] < 172
    assert set(states) == {"tracked"}
