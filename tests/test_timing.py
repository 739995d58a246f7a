import pytest

from realtime.timing import Timing


def test_percentiles_are_right_within_the_width_of_a_bin() -> None:
    timing = Timing()
    for n in range(1, 1001):
        timing.add("face", n / 1000.0)
    assert timing.percentile_ms("face", 50) == pytest.approx(500, rel=0.03)
    assert timing.percentile_ms("face", 95) == pytest.approx(950, rel=0.03)
    assert timing.percentile_ms("face", 99) == pytest.approx(990, rel=0.03)


def test_a_single_duration_is_its_own_percentile() -> None:
    timing = Timing()
    timing.add("face", 0.004)
    assert timing.percentile_ms("face", 99) == pytest.approx(4.0, rel=0.03)


def test_an_unknown_stage_took_no_time() -> None:
    assert Timing().percentile_ms("face", 50) == 0.0


def test_durations_off_the_scale_are_kept_at_its_ends() -> None:
    timing = Timing()
    timing.add("face", 0.0)
    timing.add("face", 1e6)
    assert timing.summary()["face"]["count"] == 2
    assert timing.summary()["face"]["max_ms"] == 1e9


def test_times_the_body_of_a_with_statement_even_if_it_fails() -> None:
    timing = Timing()
    with pytest.raises(ValueError, match="x"), timing.stage("spot"):
        raise ValueError("x")
    assert timing.summary()["spot"]["count"] == 1


def test_summary_names_stages_in_order_of_first_use() -> None:
    timing = Timing()
    for stage in ("decode", "face", "decode"):
        timing.add(stage, 0.001)
    assert list(timing.summary()) == ["decode", "face"]
