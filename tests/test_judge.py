"""From what the network says about a peak to an interval and its reason."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mer.messages import Moment
from realtime.spotting.candidate import Peak
from realtime.spotting.features import MOVING
from realtime.spotting.judge import Limits, judged, strength
from realtime.spotting.measures import N_FEATURES, WINDOW
from realtime.spotting.motion_track import MotionSample
from realtime.spotting.network import KINDS, Judgement

PEAK = Peak(1.0, 0.32, 8.0, 0.7, 1.2, 0.2, np.zeros(N_FEATURES, np.float32), np.zeros((MOVING, WINDOW), np.float32))


class Track:
    """Frames and samples every 10 ms."""

    def __init__(self, *, spacing_s: Any = 0.01, gain: Any = 1.0) -> None:
        self._sample = MotionSample(0.0, np.zeros((13, 2)), np.zeros((2, 2)), np.zeros(6), 1.0, 1.0, 0.1, spacing_s)
        self._gain = gain

    def since(self, time_s: Any) -> Any:
        times = np.arange(time_s, 2.0, 0.01)
        return [replace(self._sample, time_s=t, gain=self._gain if t > 1.0 else 1.0) for t in times]

    def moment(self, time_s: Any) -> Any:
        return Moment(round(time_s * 100), round(time_s, 2))


def said(micro: Any = 0.9, kind: Any = "speech", onset_s: Any = 0.85, apex_s: Any = 0.97, offset_s: Any = 1.15) -> Any:
    shares = dict.fromkeys(KINDS, 0.0) | {"micro": micro, kind: 1.0 - micro}
    return Judgement(shares, onset_s, apex_s, offset_s, {})


def decided(judgement: Any, *, peak: Any = PEAK, track: Any = None, threshold: Any = 0.5) -> Any:
    stand_in: Any = track or Track()
    return judged(peak, judgement, stand_in, threshold=threshold, limits=Limits())


def test_what_the_network_believes_in_is_a_micro_expression_with_its_moments() -> None:
    interval = decided(said())

    assert (interval.verdict, interval.reason) == ("micro", "")
    assert [m.index for m in (interval.onset, interval.apex, interval.offset)] == [85, 97, 115]
    assert interval.score == 8.0


@pytest.mark.parametrize("kind", KINDS[1:])
def test_what_it_does_not_believe_in_is_named_by_the_class_that_won(kind: Any) -> None:
    interval = decided(said(micro=0.2, kind=kind))

    assert interval.verdict == "rejected"
    assert interval.reason == ("background" if kind == "none" else kind)


def test_the_dial_moves_the_threshold() -> None:
    assert decided(said(micro=0.4)).verdict == "rejected"
    assert decided(said(micro=0.4), threshold=0.3).verdict == "micro"


def test_what_was_measured_is_said() -> None:
    detail = decided(said(micro=0.2)).detail

    assert "1.20 % of the eye distance" in detail
    assert "8.0 standard deviations" in detail
    assert "70% like an expression" in detail
    assert "speech 80%, micro 20%" in detail


@pytest.mark.parametrize(
    ("change", "track", "reason"),
    [
        ({"offset_s": 1.45}, Track(), "macro"),
        ({"apex_s": 1.2, "offset_s": 1.3}, Track(), "macro"),
        ({}, Track(spacing_s=0.2), "gap"),
        ({}, Track(gain=1.2), "lighting"),
    ],
)
def test_limits_hold_whatever_the_network_says(change: Any, track: Any, reason: Any) -> None:
    assert decided(said(**change), track=track).reason == reason


def test_a_large_motion_is_no_micro_expression() -> None:
    assert decided(said(), peak=replace(PEAK, amplitude=3.5)).reason == "macro"


def test_strength_is_the_mean_of_the_two_largest_motions() -> None:
    regions = np.zeros((13, 2))
    regions[3], regions[7], regions[9] = (3.0, 4.0), (0.0, 1.0), (0.5, 0.0)

    assert strength(regions) == pytest.approx(3.0)
