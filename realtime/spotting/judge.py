"""Places onset, apex and offset of a candidate and says what speaks against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mer.messages import Interval, Moment
from realtime.spotting.motion import REGIONS
from realtime.spotting.motion_track import MotionSample

EDGE_SHARE: Final = 0.05
"""Onset and offset are where the flanks pass this share of the peak."""
_HIGH: Final = 0.6
_LOW: Final = 0.25
"""The flanks are followed between these shares; what lies lower is lost in noise and extrapolated."""
_FOOT: Final = 0.8
"""From _LOW down to EDGE_SHARE takes this part of the time from _HIGH to _LOW (raised cosine: 0.82,
quintic smoothstep: 0.88, straight line: 0.57)."""
_LOOK_BACK_S: Final = 0.3
_MARGIN_S: Final = 0.02
_LOWER_FACE: Final = tuple(i for i, name in enumerate(REGIONS) if "brow" not in name)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a micro-expression may look like.

    Attributes:
        max_micro_s: Longest onset to offset: 0.5 s (Yan et al. 2013), with tolerance for one that
            is measured rather than annotated.
        max_rise_s: Longest onset to apex: 0.26 s (Yan et al. 2013), with the same tolerance.
        max_peak: Largest motion, percent of the inter-ocular distance; more is as visible as a
            macro-expression or speech, however short.
        min_micro_s: Shortest motion that is told from noise.
        blink_ratio: Downward lid motion over regional motion above which it is a blink, ...
        blink_spill: ... if the lower face moves less than this share of it.
        head_ratio: Head motion over regional motion above which it is a head movement.
        restless_before: Motion of the lower face in the 0.3 s before the onset, ...
        restless_after: ... and from the offset to the decision, above which it belongs to speech
            or to something longer, percent of the inter-ocular distance, ...
        restless_noise: ... if it is also this many times the noise at rest.
        blur_step: Relative change of sharpness above which the lens hunts for focus.
        light_step: Relative change of brightness above which it is a light change.
        max_gap_s: Longest hole between two frames.
        min_eyes_px: Inter-ocular distance in source pixels below which nothing can be said. In JPEG of quality 60
            2 of 36 events were found below it, 7 of 12 at 26 to 28 and 12 of 12 at 39 to 42 pixels (rendered).
    """

    max_micro_s: float = 0.54
    max_rise_s: float = 0.32
    max_peak: float = 3.0
    min_micro_s: float = 0.05
    blink_ratio: float = 0.6
    blink_spill: float = 0.5
    head_ratio: float = 6.0
    restless_before: float = 0.36
    restless_after: float = 0.23
    restless_noise: float = 8.0
    blur_step: float = 0.03
    light_step: float = 0.06
    max_gap_s: float = 0.08
    min_eyes_px: float = 25.0


def strength(regions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean length of the two largest of (..., R, 2) motion vectors."""
    lengths = np.sort(np.hypot(regions[..., 0], regions[..., 1]), axis=-1)
    pair: NDArray[np.float64] = lengths[..., -2:].mean(axis=-1)
    return pair


def judge(
    around: Sequence[MotionSample],
    rest: NDArray[np.float64],
    *,
    peak_s: float,
    noise: float,
    limits: Limits,
    rest_after: NDArray[np.float64] | None = None,
) -> Interval:
    """Return the interval of one candidate, accepted or rejected with its reason.

    The motion is projected on its own direction at the peak, which leaves a clean, signed curve.

    Args:
        around: Samples from well before the candidate to its end.
        rest: (13, 2) resting state of the regions.
        peak_s: Time of the strongest motion.
        noise: Scatter of the motion at rest, for the score.
        limits: What a micro-expression may look like.
        rest_after: (13, 2) where the regions came to rest afterwards, None for the same place. In between the rest
            is taken to have drifted evenly within 0.25 s of the peak.
    """
    times = np.array([sample.time_s for sample in around])
    moved = np.array([sample.regions for sample in around]) - rest
    if rest_after is not None:
        share = np.clip(0.5 + 2.0 * (times - peak_s), 0.0, 1.0)
        moved -= share[:, np.newaxis, np.newaxis] * (rest_after - rest)
    apex = int(np.argmin(np.abs(times - peak_s)))
    direction = moved[max(apex - 1, 0) : apex + 2].mean(axis=0)
    curve = np.tensordot(moved, direction / np.linalg.norm(direction), 2)
    nearby = slice(max(apex - 2, 0), apex + 3)
    apex = nearby.start + int(np.argmax(curve[nearby]))
    onset = min(_edge(times, curve, apex, -1), max(apex - 1, 0))
    offset = max(_edge(times, curve, apex, +1), min(apex + 1, len(around) - 1))
    peak = float(strength(moved[apex]))
    interval = interval_of(around, onset, apex, offset, score=peak / max(noise, 1e-3))
    reason = _objection(around[onset : offset + 1], interval, peak, limits)
    if not reason and _is_restless(around, interval, noise, limits):
        reason = "speech"
    return with_reason(interval, reason) if reason else interval


def interval_of(samples: Sequence[MotionSample], onset: int, apex: int, offset: int, *, score: float) -> Interval:
    """Return the interval between positions of `samples`."""
    first, top, last = (Moment(samples[i].index, samples[i].time_s) for i in (onset, apex, offset))
    return Interval(first, top, last, score=score)


def with_reason(interval: Interval, reason: str) -> Interval:
    """Return the interval rejected for `reason`."""
    return Interval(interval.onset, interval.apex, interval.offset, interval.score, "rejected", reason)


def _objection(inside: Sequence[MotionSample], interval: Interval, peak: float, limits: Limits) -> str:
    times = np.array([sample.time_s for sample in inside])
    steps = np.diff(times)
    if steps.max() > max(limits.max_gap_s, 2.5 * float(np.median(steps))):
        return "gap"
    rise_s = interval.apex.time_s - interval.onset.time_s
    if times[-1] - times[0] > limits.max_micro_s or rise_s > limits.max_rise_s or peak > limits.max_peak:
        return "macro"
    if times[-1] - times[0] < limits.min_micro_s:
        return "short"
    if np.ptp([sample.gain for sample in inside]) > limits.light_step:
        return "lighting"
    if _length(np.ptp([sample.head for sample in inside], axis=0)) > limits.head_ratio * peak:
        return "head"
    top = min(inside, key=lambda sample: abs(sample.time_s - interval.apex.time_s))
    if _is_blink(top.regions - inside[0].regions, top.eyes - inside[0].eyes, limits):
        return "blink"
    # After blinks, which take the lashes' sharp edge away as well.
    if np.ptp([sample.sharpness for sample in inside]) > limits.blur_step:
        return "blur"
    return ""


def _is_restless(around: Sequence[MotionSample], interval: Interval, noise: float, limits: Limits) -> bool:
    """The lower face moves before or after as well: one syllable among others, not an expression between two rests."""
    first_s, last_s = interval.onset.time_s - _MARGIN_S, interval.offset.time_s + _MARGIN_S
    before = [s.regions for s in around if first_s - _LOOK_BACK_S <= s.time_s <= first_s]
    after = [s.regions for s in around if s.time_s >= last_s]
    least = limits.restless_noise * noise
    return _unrest(before) > max(limits.restless_before, least) or _unrest(after) > max(limits.restless_after, least)


def _unrest(regions: Sequence[NDArray[np.float64]]) -> float:
    if len(regions) < 2:
        return 0.0
    return float(strength(np.ptp(np.array(regions)[:, list(_LOWER_FACE)], axis=0)))


def _is_blink(regions: NDArray[np.float64], eyes: NDArray[np.float64], limits: Limits) -> bool:
    """Both lids go down further than anything else moves, and the lower face takes no part.

    The brows are close enough to the lids to be measured with them, so they do not count.
    """
    lids_down = float(eyes[:, 1].min())
    lower_face = float(strength(regions[list(_LOWER_FACE)]))
    return lids_down > limits.blink_ratio * float(strength(regions)) and lower_face < limits.blink_spill * lids_down


def _length(vector: NDArray[np.float64]) -> float:
    return float(np.hypot(vector[0], vector[1]))


def _edge(times: NDArray[np.float64], curve: NDArray[np.float64], apex: int, way: Literal[-1, 1]) -> int:
    """Return where one flank of the curve passes EDGE_SHARE of the peak."""
    flank, flank_times = curve[apex::way] / curve[apex], times[apex::way]
    low_s, high_s = _crossing(flank_times, flank, _LOW), _crossing(flank_times, flank, _HIGH)
    if low_s is None or high_s is None:
        return apex + way * int(np.argmin(flank))
    edge_s = low_s + _FOOT * (low_s - high_s)
    return apex + way * int(np.argmin(np.abs(flank_times - edge_s)))


def _crossing(times: NDArray[np.float64], flank: NDArray[np.float64], level: float) -> float | None:
    """Return when the flank first falls below `level`, between two samples."""
    below = np.flatnonzero(flank < level)
    if len(below) == 0 or below[0] == 0:
        return None
    i = int(below[0])
    part = (flank[i - 1] - level) / (flank[i - 1] - flank[i])
    return float(times[i - 1] + part * (times[i] - times[i - 1]))
