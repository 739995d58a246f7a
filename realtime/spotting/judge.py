"""Turns what the network says about a peak into an interval: a micro-expression, or rejected with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.messages import Interval
from realtime.spotting.candidate import Peak
from realtime.spotting.measures import named
from realtime.spotting.motion_track import MotionSample, MotionTrack
from realtime.spotting.network import Judgement

_LID_RATIO: Final = 0.6
"""Downward motion of both lids over that of the strongest region."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a micro-expression may look like, whatever the network says.

    Attributes:
        max_micro_s: Longest onset to offset: 0.5 s (Yan et al. 2013), with tolerance for one that
            is measured rather than annotated.
        max_rise_s: Longest onset to apex: 0.26 s (Yan et al. 2013), with the same tolerance.
        max_peak: Largest motion of a region, percent of the inter-ocular distance; more is as visible as a
            macro-expression or speech, however short.
        light_step: Relative change of brightness above which it is a light change.
        max_gap_s: Longest gap between two measurements.
        min_eyes_px: Inter-ocular distance in source pixels below which nothing can be said. In JPEG of quality 60
            version 0.1.0 found 2 of 36 events below it, 7 of 12 at 26 to 28 and 12 of 12 at 39 to 42 pixels (rendered).
    """

    max_micro_s: float = 0.54
    max_rise_s: float = 0.32
    max_peak: float = 3.0
    light_step: float = 0.12
    max_gap_s: float = 0.17
    min_eyes_px: float = 25.0


def strength(regions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean length of the two largest of (..., R, 2) motion vectors."""
    lengths = np.sort(np.hypot(regions[..., 0], regions[..., 1]), axis=-1)
    pair: NDArray[np.float64] = lengths[..., -2:].mean(axis=-1)
    return pair


def judged(peak: Peak, said: Judgement, track: MotionTrack, *, threshold: float, limits: Limits) -> Interval:
    """Return the interval of a peak.

    Args:
        peak: What was measured.
        said: What the network makes of it.
        track: Of the face; its samples and frames cover the movement.
        threshold: Least probability of a micro-expression.
        limits: What it may look like.
    """
    onset, apex, offset = (track.moment(time_s) for time_s in (said.onset_s, said.apex_s, said.offset_s))
    inside = [sample for sample in track.since(said.onset_s) if sample.time_s <= said.offset_s]
    reason = _objection(peak, said, inside, limits)
    if not reason and said.micro < threshold:
        reason = _kind(peak, said)
    return Interval(
        onset,
        apex,
        offset,
        score=peak.match,
        verdict="rejected" if reason else "micro",
        reason=reason,
        detail=explained(peak, said),
        expressions=said.expressions,
    )


def explained(peak: Peak, said: Judgement) -> str:
    """Return the measured quantities and the classes' probabilities in words."""
    likely = sorted(said.probabilities.items(), key=lambda item: -item[1])[:3]
    return (
        f"{peak.amplitude:.2f} % of the eye distance where the face usually moves by {peak.background:.2f}, "
        f"{peak.match:.1f} standard deviations, {peak.coherence:.0%} like an expression; "
        + ", ".join(f"{kind} {share:.0%}" for kind, share in likely)
    )


def _kind(peak: Peak, said: Judgement) -> str:
    """Return the class that won; where none did, lids that go down further than the skin moves tell a blink."""
    if said.otherwise != "none":
        return said.otherwise
    lids = float(np.sinh(named(peak.features)["lids"][0]))
    return "blink" if lids > _LID_RATIO else "background"


def _objection(peak: Peak, said: Judgement, inside: Sequence[MotionSample], limits: Limits) -> str:
    if inside and max(sample.spacing_s for sample in inside) > limits.max_gap_s:
        return "gap"
    if inside and np.ptp([sample.gain for sample in inside]) > limits.light_step:
        return "lighting"
    too_long = said.offset_s - said.onset_s > limits.max_micro_s or said.apex_s - said.onset_s > limits.max_rise_s
    return "macro" if too_long or peak.amplitude > limits.max_peak else ""
