"""Time stamps of sources, good and bad ones, as seconds that only go forward."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from mer.media.clock import Clock

STEP_S = 0.01
GOOD_S = [n * STEP_S for n in range(600)]


def times_of(
    stamps_s: Sequence[float | None], *, ahead: int = 5, longest_jump_s: float = np.inf
) -> tuple[list[float], Clock]:
    """Return times and clock of a recording whose next `ahead` stamps are always known."""
    clock = Clock(STEP_S, longest_jump_s=longest_jump_s)
    return [clock.time_s(stamp_s, stamps_s[i + 1 : i + 1 + ahead]) for i, stamp_s in enumerate(stamps_s)], clock


def test_clock_passes_good_stamps_on() -> None:
    clock = Clock(0.04)
    assert [clock.time_s(t) for t in (1.0, 1.04, 1.1)] == [1.0, 1.04, 1.1]
    assert clock.repaired == 0


def test_clock_counts_on_where_there_are_no_stamps() -> None:
    clock = Clock(0.04)
    assert [clock.time_s(0.0) for _ in range(4)] == pytest.approx([0.0, 0.04, 0.08, 0.12])
    assert clock.repaired == 3


def test_clock_goes_on_when_stamps_start_over() -> None:
    clock = Clock(0.04)
    times_s = [clock.time_s(t) for t in (2.0, 2.1, 0.0, 0.1, 0.2)]
    assert times_s == pytest.approx([2.0, 2.1, 2.2, 2.3, 2.4])
    assert clock.repaired == 1


def test_clock_survives_stamps_that_are_not_numbers() -> None:
    clock = Clock(0.1)
    times_s = [clock.time_s(t) for t in (float("nan"), float("nan"), -5.0)]
    assert times_s == pytest.approx([0.0, 0.1, 0.2])


def test_a_stamp_of_another_age_is_replaced() -> None:
    clock = Clock(0.04)
    assert [clock.time_s(stamp_s) for stamp_s in (0.0, 1e300, 0.08)] == pytest.approx([0.0, 0.04, 0.08])
    assert clock.repaired == 1


BAD_STAMPS: dict[str, Any] = {
    "repeated": [s - STEP_S if i % 20 == 10 else s for i, s in enumerate(GOOD_S)],
    "late by 35 ms": [s + 0.035 if i % 50 == 25 else s for i, s in enumerate(GOOD_S)],
    "late by 15 ms": [s + 0.015 if i % 50 == 25 else s for i, s in enumerate(GOOD_S)],
    "late by 30 s": [s + 30.0 if i == 300 else s for i, s in enumerate(GOOD_S)],
    "zero": [0.0 if i == 300 else s for i, s in enumerate(GOOD_S)],
    "missing": [None if i % 7 == 3 else s for i, s in enumerate(GOOD_S)],
    "the last": [*GOOD_S[:-1], 36.0],
    "the first": [30.0, *GOOD_S[1:]],
}


@pytest.mark.parametrize("stamps_s", BAD_STAMPS.values(), ids=BAD_STAMPS.keys())
def test_bad_stamps_of_a_recording_are_replaced_and_shift_nothing(stamps_s: list[float | None]) -> None:
    times_s, clock = times_of(stamps_s)
    assert times_s == pytest.approx(GOOD_S, abs=1e-9)
    assert clock.restarts == 0


@pytest.mark.parametrize("kind", ["repeated", "late by 35 ms", "late by 30 s", "zero", "missing"])
def test_bad_stamps_of_a_live_source_shift_nothing_for_long(kind: str) -> None:
    clock = Clock(STEP_S)
    times_s = [clock.time_s(stamp_s) for stamp_s in BAD_STAMPS[kind]]
    assert np.all(np.diff(times_s) > 0)
    assert np.abs(np.subtract(times_s, GOOD_S)).max() < 0.036
    assert times_s[-1] == pytest.approx(GOOD_S[-1])


def test_stamps_that_start_over_are_shifted_once() -> None:
    times_s, clock = times_of(GOOD_S[:300] + GOOD_S[:300])
    assert times_s == pytest.approx(GOOD_S)
    assert (clock.repaired, clock.restarts) == (0, 1)


def test_a_gap_is_a_gap() -> None:
    stamps_s = GOOD_S[:300] + [s + 25.0 for s in GOOD_S[300:]]
    times_s, clock = times_of(stamps_s)
    assert times_s == pytest.approx(stamps_s)
    assert (clock.repaired, clock.restarts) == (0, 0)


def test_a_jump_is_a_new_start_where_stamps_may_jump() -> None:
    times_s, clock = times_of(GOOD_S[:300] + [s + 95443.7 for s in GOOD_S[300:]], longest_jump_s=10.0)
    assert times_s == pytest.approx(GOOD_S)
    assert clock.restarts == 1


def test_a_stamp_that_advances_by_a_rounding_error_is_a_repeated_one() -> None:
    times_s, clock = times_of([0.0, 0.01, 0.01 + 1e-17, 0.03])
    assert times_s == pytest.approx([0.0, 0.01, 0.02, 0.03])
    assert clock.repaired == 1


def test_time_never_runs_backwards_whatever_the_stamps() -> None:
    stamps_s = np.random.default_rng(0).uniform(0.0, 5.0, 300).tolist()
    times_s, _ = times_of(stamps_s)
    assert np.all(np.diff(times_s) > 0)
