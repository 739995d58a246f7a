import io
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from fakes import event, update
from rich.console import Console, RenderableType

from mer.face import geometry
from mer.face.geometry import CROP_SIZE
from mer.labels import CLASSES
from realtime.screen import drawing
from realtime.screen.face_view import MOVING, POINT, face_letters, face_picture, points_px, regions_px
from realtime.screen.panels import Probabilities, Strip
from realtime.spotting.face_shape import REGIONS
from realtime.update import Update


def seen(*, moving: int | None = None, shift: float = 0.0) -> Update:
    """A grey face whose mesh points all lie at (60, 120), one region of which moves by twice the threshold."""
    regions = np.zeros((len(REGIONS), 2))
    if moving is not None:
        regions[moving] = 0.0, 0.4
    head = geometry.identity()
    head[0, 2] = shift
    landmarks = np.tile(np.array([60.0, 120.0], np.float32), (478, 1))
    still = update(0, 0.0)
    return replace(still, crop=replace(still.crop, landmarks_px=landmarks, crop_from_anchor=head), regions=regions)


def text_of(panel: RenderableType, *, width: int, height: int, colour: bool = True) -> str:
    system: Literal["truecolor"] | None = "truecolor" if colour else None
    console = Console(
        file=io.StringIO(), width=width, height=height, record=True, color_system=system, force_terminal=True
    )
    console.print(panel, height=height)
    return console.export_text()


def test_the_points_are_drawn_where_the_head_has_moved_them() -> None:
    image = face_picture(seen(shift=60.0), width=24, height=24)
    assert tuple(image[12, 12]) == POINT
    assert tuple(image[12, 6]) == (128, 128, 128)


def test_a_region_that_moves_is_tinted_and_a_still_one_is_not() -> None:
    moving, still = (face_picture(seen(moving=n), width=CROP_SIZE, height=CROP_SIZE)[125, 60] for n in (0, None))
    assert np.abs(moving.astype(int) - MOVING).max() < 40
    assert tuple(still) == (128, 128, 128)


def test_motion_is_given_as_a_share_of_the_threshold() -> None:
    assert regions_px(seen(moving=3)).tolist() == [[60.0, 120.0, pytest.approx(2.0)]]


def test_letters_mark_points_and_moving_regions() -> None:
    assert face_letters(seen(), width=24, height=12) == {(6, 6): "o"}
    assert face_letters(seen(moving=0), width=24, height=12) == {(6, 6): "M"}


def test_without_a_face_no_points_are_shown() -> None:
    tracked = seen(moving=0)
    lost = replace(tracked, crop=replace(tracked.crop, state="lost"))
    assert (len(points_px(lost)), len(regions_px(lost))) == (0, 0)


def test_a_picture_has_one_segment_for_each_run_of_equal_colours() -> None:
    image = np.zeros((2, 6, 3), np.uint8)
    image[:, 4:] = 255
    (line,) = drawing.picture(image)
    assert [segment.text for segment in line] == ["▀▀▀▀", "▀▀"]


def test_the_bars_hold_every_class_and_the_line_of_none() -> None:
    text = text_of(Probabilities(event(7), none_threshold=0.5), width=30, height=9)
    assert all(name in text for name in CLASSES)
    assert "event 7: happiness" in text
    assert "none < 50%" in text
    columns = {line.index("┊") for line in text.splitlines() if "┊" in line}
    assert len(columns) == 1


@pytest.mark.parametrize(("width", "pictures"), [(200, 13), (80, 7)])
@pytest.mark.parametrize("colour", [True, False])
def test_the_strip_shows_all_pictures_or_every_other(width: int, pictures: int, colour: bool) -> None:
    text = text_of(Strip(event(1)), width=width, height=6, colour=colour)
    names = text.splitlines()[0].split()
    assert len(names) == pictures
    assert (names[0], names[pictures // 2], names[-1]) == ("onset", "apex", "offset")
