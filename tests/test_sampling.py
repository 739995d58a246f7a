from typing import Any

import numpy as np
import pytest

from mer.errors import MerError
from mer.sampling import APEX, AVERAGE_S, N_FRAMES, REST_S, plan, sample_times


def test_thirteen_times_with_onset_apex_and_offset_in_their_places() -> None:
    times = sample_times(1.0, 1.12, 1.3)

    assert len(times) == N_FRAMES
    assert times[[0, APEX, -1]] == pytest.approx([1.0, 1.12, 1.3])


def test_five_evenly_spaced_on_either_side_of_the_apex() -> None:
    times = sample_times(0.0, 0.06, 0.24)

    assert np.diff(times[: APEX + 1]) == pytest.approx(0.01)
    assert np.diff(times[APEX:]) == pytest.approx(0.03)


@pytest.mark.parametrize("moments", [(1.0, 0.9, 1.2), (1.0, 1.3, 1.2), (1.0, 1.0, 1.0)])
def test_moments_out_of_order_are_refused(moments: Any) -> None:
    with pytest.raises(MerError, match="onset <= apex <= offset"):
        sample_times(*moments)


def means(found: Any, stamps: Any) -> Any:
    return np.array([stamps[at] @ weights for at, weights in zip(found.positions, found.weights)])


def test_high_rate_takes_the_frames_around_each_time() -> None:
    stamps = np.arange(0, 151) / 500

    found = plan(sample_times(0.0, 0.1, 0.3), stamps)

    assert not found.interpolated
    assert means(found, stamps)[1:-1] == pytest.approx(found.times_s[1:-1], abs=0.5 / 500 + 1e-9)
    assert [len(at) for at in found.positions[1:6]] == [8] * 5
    for at, time_s in zip(found.positions, found.times_s):
        assert np.abs(stamps[at] - time_s).max() <= AVERAGE_S + 1e-9


def test_no_frame_is_in_two_pictures() -> None:
    stamps = np.arange(0, 61) / 200

    found = plan(sample_times(0.0, 0.06, 0.2), stamps)

    used = np.concatenate(found.positions)
    assert len(used) == len(set(used.tolist()))


def test_a_rate_that_just_gives_thirteen_frames_takes_one_each() -> None:
    stamps = np.arange(0, 13) / 100

    found = plan(sample_times(0.0, 0.06, 0.12), stamps)

    assert [at.tolist() for at in found.positions] == [[n] for n in range(13)]
    assert not found.interpolated


def test_the_first_picture_takes_in_the_rest_before_the_onset_and_nothing_after_it() -> None:
    stamps = np.arange(-40, 61) / 200

    found = plan(sample_times(0.0, 0.1, 0.3), stamps)

    assert stamps[found.positions[0]].min() == pytest.approx(-REST_S)
    assert stamps[found.positions[0]].max() == 0.0
    assert stamps[found.onset] == 0.0


def test_low_rate_interpolates_linearly_in_time_and_says_so() -> None:
    stamps = np.arange(0, 10) / 30

    found = plan(sample_times(0.0, 0.1, 0.3), stamps)

    assert found.interpolated
    assert means(found, stamps) == pytest.approx(found.times_s)


def test_uneven_rate_is_sampled_by_time_not_by_index() -> None:
    stamps = np.concatenate([np.arange(0, 0.1, 0.002), np.arange(0.1, 0.31, 0.01)])

    found = plan(sample_times(0.0, 0.1, 0.3), stamps)

    assert means(found, stamps) == pytest.approx(found.times_s, abs=0.0051)


def test_times_outside_the_frames_are_refused() -> None:
    with pytest.raises(MerError, match="give the whole interval"):
        plan(sample_times(0.0, 0.1, 0.3), np.arange(0, 20) / 100)


def test_one_frame_cannot_be_sampled() -> None:
    with pytest.raises(MerError, match="at least 2"):
        plan(sample_times(0.0, 0.1, 0.3), [0.1])
