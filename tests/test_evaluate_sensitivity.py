"""`mer-evaluate sensitivity`: the curve, its intervals, the advice, and a run on a small recording."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.evaluate import main
from mer.evaluation import detection
from mer.synthesise import main as synthesise


def drawn(curve: detection.Curve, *, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    sizes = np.exp(generator.uniform(np.log(0.5), np.log(6.0), n))
    return sizes, generator.random(n) < curve.at(sizes)


def row(*, found: int, false: float, sees: float | None = 1.0, minutes: float = 10.0) -> dict[str, Any]:
    size = {"value": sees, "low": None, "high": None}
    return {
        "found": found,
        "false_per_minute": {"value": false},
        "minutes": minutes,
        "found_with_probability": {"0.8": size},
    }


def test_the_curve_that_made_the_events_is_found_again() -> None:
    true = detection.Curve(centre_percent=1.5, slope=5.0, lapse=0.1)
    curve = detection.fit(*drawn(true, n=2000)).best
    at = np.array([0.7, 1.0, 1.5, 2.0, 4.0])
    assert curve.at(at) == pytest.approx(true.at(at), abs=0.05)
    assert curve.amplitude(0.8) == pytest.approx(true.amplitude(0.8), rel=0.15)


def test_intervals_hold_the_true_amplitude_and_narrow_with_more_events() -> None:
    true = detection.Curve(centre_percent=1.5, slope=5.0, lapse=0.05)
    few, many = (
        detection.figures(*drawn(true, n=n), false=0, minutes=1.0)["found_with_probability"]["0.5"] for n in (60, 600)
    )
    for size in (few, many):
        assert size["low"] <= true.amplitude(0.5) <= size["high"]
    assert many["high"] - many["low"] < few["high"] - few["low"]


def test_where_nothing_is_found_no_size_is_claimed() -> None:
    sizes = np.geomspace(0.5, 6, 40)
    result = detection.figures(sizes, np.zeros(40, bool), false=0, minutes=1.0)
    assert result["found_with_probability"]["0.8"]["value"] is None
    assert json.dumps(result, allow_nan=False)


def test_where_everything_is_found_the_smallest_is_found() -> None:
    sizes = np.geomspace(0.5, 6, 40)
    result = detection.figures(sizes, np.ones(40, bool), false=0, minutes=1.0)
    assert result["found_with_probability"]["0.8"]["value"] < 0.8


def test_intervals_of_shares_and_counts_are_those_of_the_tables() -> None:
    assert detection.wilson(8, 10) == pytest.approx((0.490, 0.943), abs=0.001)
    assert detection.wilson(0, 10) == pytest.approx((0.0, 0.278), abs=0.001)
    assert detection.poisson(0) == pytest.approx((0.0, 3.689), abs=0.001)
    assert detection.poisson(5) == pytest.approx((1.623, 11.668), abs=0.001)


def test_the_advice_takes_the_sensitivity_that_finds_most_among_the_quiet_ones() -> None:
    rows = {0.6: row(found=5, false=0.0), 1.0: row(found=9, false=0.8), 1.5: row(found=12, false=3.0)}
    advice = detection.advise(rows)
    assert advice["sensitivity"] == 1.0
    assert "from 1.0 % of the eye distance" in advice["text"]


def test_the_advice_says_when_no_sensitivity_is_quiet_enough() -> None:
    advice = detection.advise({0.6: row(found=5, false=2.0), 1.0: row(found=9, false=4.0)})
    assert advice["sensitivity"] == 0.6
    assert "no sensitivity tried" in advice["text"]


def test_the_advice_says_when_nothing_is_seen_and_when_it_rests_on_little() -> None:
    text = detection.advise({1.0: row(found=0, false=0.0, sees=None, minutes=0.3)})["text"]
    assert "less head motion" in text
    assert "rests on 0.3 minutes" in text


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of a face that keeps still."""
    path = tmp_path_factory.mktemp("sensitivity") / "still.mp4"
    options = ["--fps", "40", "--seconds", "6", "--n-events", "0", "--size", "400x300", "--distractors", "none"]
    assert synthesise(["recording", str(path), *options]) == 0
    return path


def test_a_still_recording_sees_what_is_large_enough(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib (extra `train`) is not installed")
    options = ["--copies", "1", "--sensitivities", "1", "--amplitude", "2", "4", "--out", str(tmp_path), "--seed", "1"]
    assert main(["sensitivity", str(recording), *options]) == 0
    said = capsys.readouterr().out
    assert "Advice: --sensitivity 1" in said
    assert "Predicted at sensitivity 1" in said
    result = json.loads((tmp_path / "sensitivity.json").read_text())
    normal = result["sensitivities"]["1"]
    assert normal["events"] >= 2
    assert normal["found"] == normal["events"]
    assert normal["false"] == 0
    assert result["recordings"][0]["frames"] == 240
    assert result["predicted"]["found_with_probability"]["0.8"] < 2.0, "what was drawn is larger, and was found"
    assert (tmp_path / "sensitivity.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--copies", "0"), "expected at least 1"),
        (("--amplitude", "0", "0"), "cannot be found"),
        (("--amplitude", "4", "1"), "0 < low <= high"),
    ],
)
def test_impossible_options_are_refused(
    recording: Path, capsys: pytest.CaptureFixture[str], options: Any, expected: Any
) -> None:
    assert main(["sensitivity", str(recording), *options]) == 2
    assert expected in capsys.readouterr().err


def test_a_recording_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    assert main(["sensitivity", str(tmp_path / "text.mp4")]) == 1
    assert "text.mp4" in capsys.readouterr().err


def test_true_intervals_of_a_recording_are_classified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="torch (extra `train`) is not installed")
    video = tmp_path / "r.mp4"
    options = ["--fps", "60", "--seconds", "4.2", "--n-events", "1", "--size", "320x240", "--distractors", "none"]
    assert synthesise(["recording", str(video), *options, "--amplitude", "3", "3"]) == 0
    capsys.readouterr()
    truth = str(video.with_suffix(".json"))
    assert main(["recognition", "--weights", "shipped", "--truth", truth, "--threads", "1", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)[0]["figures"]
    assert figures["clips"] == 1


def test_a_truth_file_without_its_video_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="torch (extra `train`) is not installed")
    moment = {"index": 1, "time_s": 0.1}
    event = {"label": "fear", "onset": moment, "apex": moment, "offset": moment}
    (tmp_path / "r.json").write_text(json.dumps({"events": [event]}))
    assert main(["recognition", "--weights", "shipped", "--truth", str(tmp_path / "r.json")]) == 1
    assert "r.mp4, which is not beside it" in capsys.readouterr().err
