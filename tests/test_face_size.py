"""How large the face is, in numbers and words."""

from collections import Counter
from typing import Any

import pytest

from realtime.face_size import ADVISED_PX, median_and_minimum, notes
from realtime.messages import Totals
from realtime.screen.log import closing_lines
from realtime.timing import Timing


@pytest.mark.parametrize(
    ("frames", "expected"),
    [({}, None), ({50: 1}, (50, 50)), ({30: 1, 90: 2}, (90, 30)), ({30: 2, 90: 2}, (30, 30)), ({7: 3, 8: 2}, (7, 7))],
)
def test_median_and_minimum(frames: Any, expected: Any) -> None:
    assert median_and_minimum(Counter(frames)) == expected


def test_a_face_that_is_large_enough_is_no_note() -> None:
    assert notes(Counter({ADVISED_PX: 10})) == ()
    assert notes(Counter()) == ()


def test_a_small_face_is_a_note_that_says_what_to_do() -> None:
    (note,) = notes(Counter({39: 10, 20: 1}))

    assert "39 pixels between the eyes (minimum 20), 40 or more are needed" in note
    assert "move the camera closer" in note


def test_the_closing_line_names_the_eye_distance() -> None:
    totals = Totals(frames=4, frames_with_face=2, eye_distances=Counter({80: 1, 82: 1}))

    head = closing_lines("a.mp4", totals=totals, timing=Timing(), notes=(), missing=0)[0]

    assert "face in 50 % of them (eyes 80 px apart, minimum 80)" in head
