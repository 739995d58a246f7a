"""The spotter on hand-made motion: a stand-in for the measuring; real filters, network and limits."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mer.face import geometry
from mer.face.geometry import CROP_SIZE
from mer.messages import FaceCrop
from realtime.spotting import motion_track
from realtime.spotting.candidate import EARLY, PeakFinder
from realtime.spotting.face_shape import REGIONS
from realtime.spotting.features import FACE, N_VALUES
from realtime.spotting.motion import Motion
from realtime.spotting.network import shipped
from realtime.spotting.spotter import Spotter, SpotterConfig, Spotting

RATE_HZ = 100
SMILE = shipped().expressions[0].reshape(-1, 2)
"""What the measure shows of an expression; its largest motion is made one."""
SMILE = SMILE / np.hypot(*SMILE.T).max()
Course = Callable[[float], float]


@pytest.fixture
def nods() -> list[float]:
    """Let the only entry of the returned list say how strongly the head nods, in hundredths of a radian."""
    return [0.0]


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch, nods: Any) -> list[Course]:
    """Let the first entry of the returned list say how far an expression has moved the skin at a time."""
    courses: list[Course] = [lambda time_s: 0.0]

    class Meter:
        def __init__(self, _first: FaceCrop) -> None:
            pass

        def measure(self, crop: FaceCrop) -> Motion:
            regions = np.random.default_rng(crop.index).normal(0, 0.01, (len(REGIONS), 2))
            shown = courses[0](crop.time_s) * SMILE
            regions += shown[: len(REGIONS)]
            head = np.array([0.0, 0.0, 0.0, 0.0, 0.0, nods[0] * np.sin(9.0 * crop.time_s)])
            regions[:, 1] += 0.05 * head[5]
            return Motion(regions, shown[len(REGIONS) :], head, 1.0, 1.0, 0.1)

    monkeypatch.setattr(motion_track, "MotionMeter", Meter)
    return courses


def crop(index: int, *, state: Any = "tracked", anchor: Any = 0, rate_hz: Any = RATE_HZ) -> FaceCrop:
    image = np.full((CROP_SIZE, CROP_SIZE), 100 * (index % 2), np.uint8)
    landmarks = np.zeros((478, 2), np.float32)
    still = geometry.identity()
    return FaceCrop(image, still, still, landmarks, index / rate_hz, index, anchor, state, 1.0, 1)


def bump(onset_s: float, apex_s: float, offset_s: float, peak: float) -> Course:
    def at(time_s: float) -> float:
        rise, fall = (time_s - onset_s) / (apex_s - onset_s), (offset_s - time_s) / (offset_s - apex_s)
        return peak * (0.5 - 0.5 * math.cos(math.pi * min(max(min(rise, fall), 0.0), 1.0)))

    return at


def run(spotter: Spotter, seconds: float, *, rate_hz: Any = RATE_HZ) -> list[Spotting]:
    return [*(spotter.step(crop(i, rate_hz=rate_hz)) for i in range(int(seconds * rate_hz))), spotter.finish()]


def intervals(spottings: list[Spotting]) -> Any:
    return [interval for spotting in spottings for interval in spotting.intervals]


def test_a_resting_face_warms_up_then_idles_and_nothing_is_found(course: Any) -> None:
    spottings = run(Spotter(), 4.0)

    assert [spottings[50].state, spottings[-1].state] == ["warming-up", "idle"]
    assert not intervals(spottings)


@pytest.mark.parametrize("rate_hz", [30, 60, 100, 200])
def test_a_brief_motion_is_a_micro_expression_at_any_rate(course: Any, rate_hz: Any) -> None:
    course[0] = bump(3.0, 3.15, 3.4, 1.0)

    (found,) = intervals(run(Spotter(), 5.0, rate_hz=rate_hz))

    assert found.verdict == "micro"
    assert found.apex.time_s == pytest.approx(3.15, abs=0.03 + 0.6 / rate_hz)
    assert found.onset.time_s == pytest.approx(3.02, abs=0.03 + 0.6 / rate_hz)
    assert found.offset.time_s == pytest.approx(3.37, abs=0.03 + 0.6 / rate_hz)


def test_the_states_follow_the_motion(course: Any) -> None:
    course[0] = bump(3.0, 3.15, 3.4, 1.0)

    states = [spotting.state for spotting in run(Spotter(), 5.0)]

    assert list(dict.fromkeys(states)) == ["warming-up", "idle", "rising", "apex", "falling"]
    assert states[-1] == "idle"


def test_a_motion_that_stays_is_no_micro_expression_and_hides_none(course: Any) -> None:
    rise = bump(3.0, 3.4, 9.0, 2.0)
    fall = bump(7.0, 7.12, 7.35, 1.0)
    course[0] = lambda time_s: (rise(time_s) if time_s < 3.4 else 2.0) + fall(time_s)

    found = [i.apex.time_s for i in intervals(run(Spotter(), 9.0)) if i.verdict == "micro"]

    assert found == [pytest.approx(7.12, abs=0.05)]


def test_two_micro_expressions_in_a_row_are_two(course: Any) -> None:
    first, second = bump(3.0, 3.1, 3.3, 1.0), bump(4.0, 4.15, 4.4, 0.8)
    course[0] = lambda time_s: first(time_s) + second(time_s)

    found = [i.apex.time_s for i in intervals(run(Spotter(), 6.0)) if i.verdict == "micro"]

    assert found == [pytest.approx(3.1, abs=0.05), pytest.approx(4.15, abs=0.05)]


def test_a_face_that_goes_in_the_middle_is_named_and_recovered_from(course: Any) -> None:
    course[0] = bump(3.0, 3.15, 3.4, 1.0)
    spotter = Spotter()

    spottings = [spotter.step(crop(i)) for i in range(318)]
    spottings.append(spotter.step(crop(318, state="lost")))
    after = spotter.step(crop(319, anchor=1))

    assert [interval.reason for interval in intervals(spottings)] == ["face-lost"]
    assert spottings[-1].state == "no-face"
    assert after.state == "warming-up"


def test_a_new_cut_of_the_face_in_the_middle_changes_nothing(course: Any) -> None:
    course[0] = bump(3.0, 3.15, 3.4, 1.0)
    spotter = Spotter()

    spottings = [spotter.step(crop(i, anchor=0 if i < 318 else 1)) for i in range(400)]

    assert [interval.verdict for interval in intervals(spottings)] == ["micro"]


def test_a_motion_cut_off_by_the_end_is_unfinished(course: Any) -> None:
    course[0] = bump(3.0, 3.15, 3.4, 1.0)

    found = intervals(run(Spotter(), 3.17))

    assert [interval.reason for interval in found] == ["unfinished"]


def test_motion_below_the_floor_is_ignored(course: Any) -> None:
    course[0] = bump(3.0, 3.15, 3.4, 0.3)

    assert not intervals(run(Spotter(SpotterConfig(floor=0.5)), 5.0))


def test_an_expression_in_the_middle_of_nods_is_found(course: Any, nods: Any) -> None:
    course[0] = bump(5.0, 5.15, 5.4, 1.2)
    nods[0] = 2.0

    found = [i.apex.time_s for i in intervals(run(Spotter(), 7.0)) if i.verdict == "micro"]

    assert found == [pytest.approx(5.15, abs=0.05)]


def test_what_is_turned_down_says_what_was_measured(course: Any) -> None:
    course[0] = bump(3.0, 3.15, 3.4, 6.0)

    (found, *_) = intervals(run(Spotter(), 5.0))

    assert (found.verdict, found.reason) == ("rejected", "macro")
    assert "% of the eye distance" in found.detail


def test_a_slow_drift_does_not_hide_what_comes_on_top_of_it(course: Any) -> None:
    drift = bump(2.6, 3.4, 9.0, 0.3)
    quick = bump(3.9, 4.05, 4.3, 1.0)
    course[0] = lambda time_s: drift(min(time_s, 3.4)) + quick(time_s)

    found = intervals(run(Spotter(), 6.0))

    assert [i.apex.time_s for i in found if i.verdict == "micro"] == [pytest.approx(4.05, abs=0.03)]


@pytest.mark.parametrize(("early", "least_s", "most_s"), [(4.0, 0.0, 0.1), (1e9, 0.05, 0.34)])
def test_a_clear_movement_is_decided_as_it_ends_and_another_once_what_follows_is_seen(
    course: Any, early: Any, least_s: Any, most_s: Any
) -> None:
    course[0] = bump(3.0, 3.15, 3.4, 1.0)
    spotter = Spotter(SpotterConfig(early=early))

    (decided,) = [i for i in range(500) if spotter.step(crop(i)).intervals]

    assert 3.4 + least_s < decided / RATE_HZ < 3.4 + most_s


def test_deciding_early_finds_the_same_interval(course: Any) -> None:
    course[0] = bump(3.0, 3.15, 3.4, 1.0)

    (early,), (late,) = (intervals(run(Spotter(SpotterConfig(early=early)), 5.0)) for early in (4.0, 1e9))

    for soon, in_the_end in zip((early.onset, early.apex, early.offset), (late.onset, late.apex, late.offset)):
        assert soon.time_s == pytest.approx(in_the_end.time_s, abs=0.03)


def test_nothing_is_decided_before_its_offset(course: Any) -> None:
    course[0] = bump(3.0, 3.2, 3.48, 1.0)
    spotter = Spotter(SpotterConfig(early=0.01))

    for i in range(500):
        assert all(interval.offset.time_s < i / RATE_HZ for interval in spotter.step(crop(i)).intervals)


def test_what_was_accepted_early_is_not_turned_down_later(course: Any) -> None:
    first, again = bump(3.0, 3.15, 3.4, 1.0), bump(3.44, 3.7, 4.4, 1.0)  # becomes a movement that goes on
    course[0] = lambda time_s: first(time_s) + again(time_s)

    found = intervals(run(Spotter(), 6.0))

    accepted = [i for i in found if i.verdict == "micro"]
    assert len(accepted) == 1
    assert not [i for i in found if i.verdict == "rejected" and i.onset.time_s < accepted[0].apex.time_s]


def test_a_face_that_keeps_still_shows_the_peak_that_was_foreseen() -> None:
    network, shown = shipped(), bump(3.0, 3.15, 3.4, 1.0)
    finder, rows = PeakFinder(network.expressions, network.classes), np.zeros((200, N_VALUES))
    rows[:, :FACE] = np.random.default_rng(1).normal(0.0, 0.02, (200, FACE))
    rows[:, :FACE] += np.outer([shown(i / 50.0) for i in range(200)], SMILE.ravel())
    for i, row in enumerate(rows):
        finder.add(i / 50.0, row)
        foreseen = finder.if_still(i / 50.0, row)
        if foreseen is not None and foreseen.time_s > 3.1:
            break

    still = [finder.add((i + number) / 50.0, row) for number in range(1, EARLY + 1)]

    assert still[:-1] == [None] * (EARLY - 1)
    assert foreseen is not None
    assert still[-1] is not None
    assert foreseen.time_s == pytest.approx(3.2, abs=0.05)
    assert foreseen.time_s == pytest.approx(still[-1].time_s)
    assert foreseen.features == pytest.approx(still[-1].features, abs=0.1)
    assert foreseen.window == pytest.approx(still[-1].window, abs=1e-4)


def test_what_could_be_seen_follows_from_the_motion_around(course: Any) -> None:
    course[0] = lambda time_s: 1.5 * np.sin(12.0 * time_s) if time_s > 6.0 else 0.0

    seen = [spotting.watchable for spotting in run(Spotter(), 9.0)]

    assert seen[50] is None
    still, moving = seen[500], seen[-2]
    assert still is not None
    assert moving is not None
    assert 0.0 < still < 0.6 * moving


def test_nothing_could_be_seen_without_a_face(course: Any) -> None:
    assert Spotter().step(crop(0, state="lost")).watchable is None
