"""The benchmark of faces that move: who is measured, and what counts as background."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).with_name("benchmarks")))

import measured_faces
import moving_faces

from mer.errors import UsageError
from mer.evaluation.matching import Label, Pair, Truth


def motion(course: np.ndarray, cut: np.ndarray | None = None) -> measured_faces.Motion:
    """Return motion of 13 regions that all move to the right along a course, at 100 frames a second."""
    regions = np.zeros((len(course), 26))
    regions[:, ::2] = course[:, np.newaxis]
    still = np.zeros(len(course), bool)
    unknown = np.full(len(course), np.nan)
    return measured_faces.Motion(np.arange(len(course)) / 100, regions, still if cut is None else cut, unknown)


def strata(background: float, *, cut: bool = False) -> dict[str, list[bool]]:
    """Return the stratum of an event of size 1 that was found, over a background that moves by some size meanwhile."""
    ramp = np.clip((np.arange(100) - 40) / 20, 0, 1)
    where = np.arange(100) == 50
    drawn, bare = motion((1 + background) * ramp, where & cut), motion(background * ramp)
    event = Label("fear", (40, 60, 80), (0.4, 0.6, 0.8))
    made = moving_faces.Made("injected, calm", Path("a.mp4"), "a", Path("bare.mp4"))
    one = measured_faces.Replayed(made, Truth((event,), (), True), (Pair(event, event, 1.0),), 1.0, drawn)
    strata: dict[str, list[bool]] = measured_faces.strata([one], {Path("bare.mp4"): bare}, {Path("a.mp4"): drawn})
    return strata


@pytest.mark.parametrize(
    ("background", "name"), [(0.0, "over 2"), (0.4, "over 2"), (0.7, "1 to 2"), (1.5, "below 1"), (-1.5, "below 1")]
)
def test_events_are_sorted_by_their_size_over_what_moves_meanwhile(background: Any, name: Any) -> None:
    assert {stratum for stratum, found in strata(background).items() if found} == {name}


def test_events_across_a_new_cut_of_the_face_are_apart() -> None:
    assert strata(0.1, cut=True)["face cut anew"] == [True]


def test_the_calibration_error_of_hits_is_that_of_their_answers() -> None:
    sure = Label("fear", (1, 2, 3), (0.1, 0.2, 0.3), probability=0.9)
    wrong = Label("disgust", (1, 2, 3), (0.1, 0.2, 0.3), probability=0.9)
    made = moving_faces.Made("injected, calm", Path("a.mp4"), "a")
    pairs = (Pair(sure, sure, 1.0), Pair(sure, wrong, 1.0))
    one = measured_faces.Replayed(made, Truth((), (), True), pairs, 1.0, motion(np.zeros(3)))
    assert measured_faces.calibration([one]) == pytest.approx(0.4)


def test_tuning_and_table_have_nobody_in_common(tmp_path: Path) -> None:
    table = tmp_path / "recordings.csv"
    table.write_text("recording,part,kind\na.mp4,tuning,calm\nb.mp4,table,calm\nc.mp4,table,talking\n")
    rows = ["injected, calm", "injected, talking"]
    people = {
        part: {task.made.person for task in moving_faces.injected(tmp_path, table, part=part, rows=rows, seeds=2)}
        for part in ("tuning", "table")
    }
    assert people == {"tuning": {"a"}, "table": {"b", "c"}}
    assert not set(moving_faces.PATHS["tuning"]) & set(moving_faces.PATHS["table"])


def test_every_copy_of_a_recording_has_a_bare_one_beside_it(tmp_path: Path) -> None:
    table = tmp_path / "recordings.csv"
    table.write_text("recording,part,kind\nb.mp4,table,calm\n")
    tasks = moving_faces.injected(tmp_path, table, part="table", rows=["injected, calm"], seeds=3)
    bare, *drawn = tasks
    assert bare.settings.none
    assert {task.made.bare for task in drawn} == {bare.made.path}
    assert len({task.settings.seed for task in drawn}) == 3


def test_a_kind_that_is_not_known_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "recordings.csv"
    table.write_text("recording,part,kind\nb.mp4,table,lively\n")
    with pytest.raises(UsageError, match="lively"):
        moving_faces.injected(tmp_path, table, part="table", rows=["injected, calm"], seeds=1)
