"""The detection curve that the spotter predicts: shares, amplitudes, and what is read from results folders."""

import json
from pathlib import Path

import numpy as np
import pytest

from mer.evaluation.visibility import Prediction, read


def test_an_amplitude_that_is_watchable_all_the_time_is_found_with_probability_point_eight() -> None:
    same = Prediction(np.full(50, 1.2), steepness=3.0)
    assert same.recall(np.array([1.2]))[0] == pytest.approx(0.8)
    assert same.amplitude(0.8) == pytest.approx(1.2, rel=0.01)


def test_the_recall_is_the_mean_over_moments() -> None:
    mixed = Prediction(np.array([0.5, 50.0]), steepness=8.0)
    assert mixed.recall(np.array([2.0]))[0] == pytest.approx(0.5, abs=0.001)
    assert mixed.amplitude(0.8) is None


def test_a_higher_steepness_makes_a_steeper_curve_through_the_same_point() -> None:
    flat, steep = (Prediction(np.ones(1), steepness).recall(np.array([0.5, 2.0])) for steepness in (1.0, 4.0))
    assert steep[0] < flat[0] < 0.8 < flat[1] < steep[1]


def test_moments_without_a_face_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "explain.csv").write_text("frame,watchable\n0,\n1,0.9\n2,1.1\n")
    (tmp_path / "summary.json").write_text(json.dumps({"watchable_steepness": 2.5}))
    found = read([tmp_path])
    assert found is not None
    assert found.watchable.tolist() == [0.9, 1.1]
    assert found.steepness == 2.5


def test_a_recording_in_which_nothing_could_be_seen_gives_no_prediction(tmp_path: Path) -> None:
    (tmp_path / "explain.csv").write_text("frame,watchable\n0,\n")
    (tmp_path / "summary.json").write_text(json.dumps({"watchable_steepness": 2.5}))
    assert read([tmp_path]) is None
