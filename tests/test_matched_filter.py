"""Bumps in noise, loud and quiet; what leaks from the head into the skin."""

from typing import Any

import numpy as np
import pytest

from realtime.spotting.candidate import PeakFinder
from realtime.spotting.features import FACE, MOVING, N_VALUES, SPACING
from realtime.spotting.matched_filter import DURATIONS_S, LAG, MatchedFilter, bumps
from realtime.spotting.motion_track import RATE_HZ

SMILE = np.zeros((1, FACE))
SMILE[0, [18, 19, 20, 21]] = (-0.5, -0.5, 0.5, -0.5)
SECONDS = 12.0
TIMES_S = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ


def bump(middle_s: Any, duration_s: Any) -> Any:
    inside = np.abs(TIMES_S - middle_s) < duration_s / 2
    return np.where(inside, 0.5 + 0.5 * np.cos(2 * np.pi * (TIMES_S - middle_s) / duration_s), 0.0)


def rows(noise: Any = 0.05, size: Any = 0.0, at_s: Any = 9.0, leak: Any = 0.0) -> Any:
    """Noise, a smile, and a head that nods at random and takes the brows with it."""
    draw = np.random.default_rng(0)
    made = np.zeros((len(TIMES_S), N_VALUES))
    made[:, :FACE] = draw.normal(0.0, noise, (len(TIMES_S), FACE))
    nods = np.convolve(draw.normal(0.0, 1.0, len(TIMES_S)), np.hanning(15), "same")
    made[:, FACE + 5] = nods
    made[:, 1:8:2] += leak * nods[:, np.newaxis]
    made[:, :FACE] += size * bump(at_s, 0.3)[:, np.newaxis] * SMILE
    made[:, [MOVING, MOVING + 1]], made[:, SPACING] = 1.0, 1 / RATE_HZ
    return made


def matches(made: Any, shapes: Any = SMILE) -> Any:
    matched = MatchedFilter(shapes)
    found = [matched.add(t, row) for t, row in zip(TIMES_S, made)]
    return {response.time_s: float(response.match.max()) for response in found if response is not None}


def test_a_bump_measures_its_height_and_neither_level_nor_trend_count() -> None:
    for duration_s, weights in zip(DURATIONS_S, bumps()):
        time_s = (np.arange(len(weights)) - LAG) / RATE_HZ
        inside = np.where(np.abs(time_s) < duration_s / 2, 0.5 + 0.5 * np.cos(2 * np.pi * time_s / duration_s), 0.0)
        assert weights @ (0.7 * inside) == pytest.approx(0.7)
        assert weights @ (3.0 + 2.0 * time_s) == pytest.approx(0.0, abs=1e-9)


def test_a_movement_in_the_shape_of_an_expression_stands_out() -> None:
    found = matches(rows(size=1.0))

    best = max(found, key=found.get)
    assert best == pytest.approx(9.0, abs=0.05)
    assert found[best] > 1.7 * max(height for t, height in found.items() if 5.0 < t < 8.5)


def test_heights_are_in_units_of_the_background() -> None:
    """Once a face has been seen for long enough: twice as loud, twice as large, equally conspicuous."""
    some, twice = matches(rows(noise=0.4, size=2.0)), matches(rows(noise=0.8, size=4.0))

    peak = max(t for t in some if abs(t - 9.0) < 0.011)
    assert twice[peak] == pytest.approx(some[peak], rel=0.25)


def test_what_the_head_does_to_the_skin_is_learnt_and_taken_out() -> None:
    brows = np.zeros((1, FACE))
    brows[0, 1:8:2] = 0.5
    size = np.sqrt(brows @ brows.T).item()
    nodding = rows(leak=0.3)
    nodding[:, :FACE] += bump(9.0, 0.3)[:, np.newaxis] * brows / size
    unseen = nodding.copy()
    unseen[:, FACE:MOVING] = 0.0

    told, untold = (matches(made, brows / size) for made in (nodding, unseen))

    peak = max(t for t in told if abs(t - 9.0) < 0.011)
    assert told[peak] > 2.0 * untold[peak]


def test_peaks_come_once_with_what_was_measured() -> None:
    finder = PeakFinder(np.repeat(SMILE, 5, axis=0), np.arange(5))

    peaks = [peak for t, row in zip(TIMES_S, rows(size=1.0)) if (peak := finder.add(t, row)) is not None]

    (event,) = [peak for peak in peaks if abs(peak.time_s - 9.0) < 0.1]
    assert event.amplitude == pytest.approx(0.7, abs=0.15)
    assert event.duration_s in (0.22, 0.32, 0.44)
    assert event.coherence > 0.5
    assert event.background < 0.2
