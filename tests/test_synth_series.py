"""Sets of recordings for measuring a spotter: planned by seed, rendered on demand, gone on with after a stop."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mer.errors import UsageError
from mer.synth import series
from mer.synthesise import main

TINY = ["--rates", "20", "--seconds", "1", "--n-events", "0", "--distractors", "none", "--jobs", "1"]
FACES = [Path(f"{k}.jpg") for k in range(10)]


def test_every_seed_and_rate_gives_one_recording() -> None:
    plans = series.plan([1, 2], fps=[30.0, 200.0])

    assert [p.name for p in plans] == ["s001-30fps", "s001-200fps", "s002-30fps", "s002-200fps"]
    assert len({p.settings.seed for p in plans}) == 4


def test_over_four_seeds_each_rate_sees_each_clock_and_codec() -> None:
    plans = series.plan([1, 2, 3, 4])

    for rate in series.RATES_FPS:
        seen = Counter((p.settings.clock, p.codec) for p in plans if p.settings.fps == rate)
        assert seen == Counter(series.TURNS)


def test_a_seed_is_the_same_in_any_company_and_shows_different_people() -> None:
    alone, together = series.plan([7], faces=FACES), series.plan([3, 7], faces=FACES)

    assert alone == together[4:]
    assert len({p.face for p in alone}) == 4


def test_a_seed_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        series.plan([1, 1])


def test_a_set_is_rendered_with_its_truths_and_only_what_is_missing_is_rendered_again(tmp_path: Path) -> None:
    out = tmp_path / "set"
    assert main(["set", "--out", str(out), "--seeds", "1", "2", *TINY]) == 0
    kept = (out / "s001-20fps.mp4").stat().st_mtime_ns
    before = (out / "s002-20fps.mp4").read_bytes()
    (out / "s002-20fps.json").unlink()  # as if stopped before the truth was written

    assert main(["set", "--out", str(out), "--seeds", "1", "2", *TINY]) == 0

    assert (out / "s001-20fps.mp4").stat().st_mtime_ns == kept
    assert (out / "s002-20fps.mp4").read_bytes() == before
    assert json.loads((out / "s002-20fps.json").read_text())["synthetic"] is True
    assert len(json.loads((out / "set.json").read_text())["recordings"]) == 2


def test_a_folder_with_another_set_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series.build(tmp_path, [])

    assert main(["set", "--out", str(tmp_path), *TINY]) == 1

    assert "another folder" in capsys.readouterr().err


def test_impossible_settings_are_refused_before_anything_is_rendered(tmp_path: Path) -> None:
    assert main(["set", "--out", str(tmp_path / "s"), "--n-events", "90"]) == 2

    assert not (tmp_path / "s").exists()
    with pytest.raises(UsageError):
        series.plan([1], like=replace(series.LIKE, events=90))


def test_a_set_under_moving_conditions_has_real_heads_webcam_codec_and_faces_of_many_sizes() -> None:
    plans = series.plan(range(1, 21), fps=(30.0,), conditions="moving")
    assert {plan.settings.head_path for plan in plans} == {"measured"}
    assert {plan.codec for plan in plans} == {"h264"}
    sizes = [plan.settings.iod_px or 0.0 for plan in plans]
    assert min(sizes) < 60
    assert max(sizes) > 110
    assert 2 < sum(plan.settings.duplicates > 0 for plan in plans) < 18
    assert 5 < sum(plan.settings.curves is not None for plan in plans) < 20
    assert series.plan(range(1, 21), fps=(30.0,), conditions="moving") == plans
