"""Hand-made motion curves with known onset, apex and offset."""

from dataclasses import replace

import numpy as np
import pytest

from realtime.spotting.judge import Limits, judge, strength
from realtime.spotting.motion import REGIONS
from realtime.spotting.motion_track import MotionSample

RATE_HZ = 200
REST = np.zeros((len(REGIONS), 2))


def samples(onset_s=0.5, apex_s=0.6, offset_s=0.8, peak=1.0, length_s=1.2, noise=0.0, rate_hz=RATE_HZ):
    """Two mouth corners move up and out as a raised cosine."""
    rng = np.random.default_rng(0)
    times = np.arange(0, length_s, 1 / rate_hz)
    rise = np.clip((times - onset_s) / (apex_s - onset_s), 0, 1)
    fall = np.clip((offset_s - times) / (offset_s - apex_s), 0, 1)
    course = peak * (0.5 - 0.5 * np.cos(np.pi * np.minimum(rise, fall)))
    made = []
    for i, t in enumerate(times):
        regions = rng.normal(0, noise, REST.shape)
        regions[9] += course[i] * np.array([-0.7, -0.7])
        regions[10] += course[i] * np.array([0.7, -0.7])
        made.append(MotionSample(i, float(t), regions, np.zeros((2, 2)), np.zeros(2), 1.0))
    return made


def judged(around, peak_s=0.6, **limits):
    return judge(around, REST, peak_s=peak_s, noise=0.02, limits=replace(Limits(), **limits))


def test_the_three_moments_are_found():
    interval = judged(samples())

    assert interval.verdict == "micro"
    assert interval.onset.time_s == pytest.approx(0.51, abs=0.02)
    assert interval.apex.time_s == pytest.approx(0.60, abs=0.01)
    assert interval.offset.time_s == pytest.approx(0.78, abs=0.03)


def test_noise_moves_them_little():
    interval = judged(samples(noise=0.04))

    assert interval.onset.time_s == pytest.approx(0.51, abs=0.03)
    assert interval.offset.time_s == pytest.approx(0.78, abs=0.04)


@pytest.mark.parametrize("rate_hz", [30, 60, 100, 500])
def test_the_moments_do_not_depend_on_the_rate(rate_hz):
    interval = judged(samples(rate_hz=rate_hz))

    assert interval.apex.time_s == pytest.approx(0.60, abs=0.6 / rate_hz + 0.01)
    assert interval.onset.time_s == pytest.approx(0.51, abs=0.6 / rate_hz + 0.02)


def test_longer_than_half_a_second_is_a_macro_expression():
    assert judged(samples(onset_s=0.3, apex_s=0.6, offset_s=1.1)).reason == "macro"


def test_a_slow_rise_is_a_macro_expression():
    assert judged(samples(onset_s=0.13, apex_s=0.6, offset_s=0.66)).reason == "macro"


def test_a_motion_as_large_as_speech_is_no_micro_expression():
    assert judged(samples(peak=6.0)).reason == "macro"


def blinking(around, brows):
    """Both lids go down by 3 % while the brows, measured with them, seem to move too."""
    made = []
    for s in around:
        share = max(0.0, 1.0 - abs(s.time_s - 0.6) / 0.1)
        regions = s.regions.copy()
        regions[:4, 1] += brows * share
        made.append(replace(s, regions=regions, eyes=np.array([[0.0, 3.0], [0.0, 3.0]]) * share))
    return made


def test_lids_that_go_down_while_the_lower_face_rests_are_a_blink():
    assert judged(blinking(samples(peak=0.0), brows=2.0)).reason == "blink"


def test_a_blink_during_an_expression_of_the_mouth_does_not_hide_it():
    assert judged(blinking(samples(peak=2.0), brows=1.0)).verdict == "micro"


def test_a_head_that_moves_far_more_than_the_face_is_a_head_movement():
    nod = [replace(s, head=np.array([0.0, 40.0 * s.time_s])) for s in samples()]

    assert judged(nod).reason == "head"


def test_a_step_of_light_is_named():
    lit = [replace(s, gain=1.2 if s.time_s > 0.6 else 1.0) for s in samples()]

    assert judged(lit).reason == "lighting"


def test_a_hole_in_the_recording_is_named():
    holed = [s for s in samples() if not 0.62 < s.time_s < 0.74]

    assert judged(holed).reason == "gap"


def test_a_twitch_of_one_frame_is_too_short():
    assert judged(samples(onset_s=0.585, apex_s=0.6, offset_s=0.615)).reason == "short"


def test_strength_is_the_mean_of_the_two_regions_that_move_most():
    regions = np.zeros((13, 2))
    regions[3], regions[5], regions[7] = (3, 4), (0, 3), (1, 0)

    assert strength(regions) == pytest.approx(4.0)


def moving_mouth(around, from_s, to_s, size):
    """The lips open and close in a stretch of time."""
    made = []
    for s in around:
        regions = s.regions.copy()
        if from_s <= s.time_s <= to_s:
            regions[11, 1] += size * np.sin(np.pi * (s.time_s - from_s) / (to_s - from_s))
            regions[12, 1] += size * np.sin(np.pi * (s.time_s - from_s) / (to_s - from_s))
        made.append(replace(s, regions=regions))
    return made


@pytest.mark.parametrize(("from_s", "to_s"), [(0.25, 0.45), (0.85, 1.05)])
def test_a_mouth_that_also_moves_before_or_after_is_speech(from_s, to_s):
    assert judged(moving_mouth(samples(), from_s, to_s, 0.8)).reason == "speech"


def test_a_mouth_that_hardly_moves_before_and_after_is_none():
    assert judged(moving_mouth(samples(), 0.25, 0.45, 0.1)).verdict == "micro"


def test_what_is_unrest_is_told_from_noise():
    assert judge(moving_mouth(samples(), 0.85, 1.05, 0.8), REST, peak_s=0.6, noise=0.2, limits=Limits()).reason == ""


def test_a_lens_that_hunts_is_named():
    blurred = [replace(s, sharpness=0.8 if 0.55 < s.time_s < 0.7 else 1.0) for s in samples()]

    assert judged(blurred).reason == "blur"


def test_a_rest_that_has_moved_on_meanwhile_does_not_lengthen_the_movement():
    drift = np.zeros_like(REST)
    drift[9:11, 1] = -0.3
    moved = [replace(s, regions=s.regions + np.clip(2 * (s.time_s - 0.6) + 0.5, 0, 1) * drift) for s in samples()]

    interval = judge(moved, REST, peak_s=0.6, noise=0.02, limits=Limits(), rest_after=drift)

    assert interval.offset.time_s == pytest.approx(0.78, abs=0.03)
