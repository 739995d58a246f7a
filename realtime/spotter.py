"""Finds micro-expressions in a stream of crops: causal, in seconds, in percent of the face's size.

Every frame gives a vector of regional motion (`realtime.motion_track`). Its running median is the
resting state, its scatter the noise. A candidate starts when two regions leave the resting state by
more than the threshold and ends when they have come back; then it is judged (`realtime.judge`).
Whatever is turned down keeps its reason.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mer.messages import FaceCrop, Interval
from realtime.judge import Limits, interval_of, judge, strength, with_reason
from realtime.messages import SpotterState
from realtime.motion import REGIONS
from realtime.motion_track import MotionSample, MotionTrack


@dataclass(frozen=True, slots=True)
class SpotterConfig:
    """Thresholds with their units; durations are those of the literature, the rest was tuned on
    synthetic recordings whose seeds and portraits are in no reported figure.

    Attributes:
        floor: Least motion of a candidate, percent of the inter-ocular distance.
        noise_factor: Robust standard deviations over the level at rest that make a candidate.
        return_share: A candidate ends when motion has fallen to this share of its peak, ...
        foot_s: ... and then stayed below it for this long, ...
        edge_share: ... or fallen further, to this share.
        falling_share: Motion below this share of the peak is past its apex.
        least_trust: Regions that are restless at rest count less, down to this share.
        rest_s: Stretch of time whose median is the resting state.
        warm_up_s: Face time before the first candidate.
        tail_s: How long the tail of a decided candidate may stay above the threshold.
        settle_s: Stillness that makes a new resting state after a long motion.
        reach_back_s: How long before its threshold crossing a candidate may have begun.
        limits: What a candidate may look like.
    """

    floor: float = 0.10
    noise_factor: float = 6.0
    return_share: float = 0.30
    foot_s: float = 0.1
    edge_share: float = 0.06
    falling_share: float = 0.7
    least_trust: float = 0.3
    rest_s: float = 0.6
    warm_up_s: float = 1.2
    tail_s: float = 0.25
    settle_s: float = 0.35
    reach_back_s: float = 0.4
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Spotting:
    """What one frame told the spotter.

    Attributes:
        state: Its state after the frame.
        motion: Strongest regional motion, percent of the inter-ocular distance.
        threshold: What it must exceed to start a candidate, same unit.
        intervals: Candidates decided on this frame, accepted ("micro") or rejected.
    """

    state: SpotterState
    motion: float
    threshold: float
    intervals: tuple[Interval, ...] = ()


@dataclass(slots=True)
class _Candidate:
    start_s: float
    peak: float
    peak_s: float
    falling: bool = False
    back_s: float = np.inf


@dataclass(frozen=True, slots=True)
class _Rest:
    """Medians, level and noise of the motion at rest, and how far each region can be believed."""

    centre: NDArray[np.float64]
    trust: NDArray[np.float64]
    level: float
    noise: float
    updated_s: float

    def moved(self, regions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (..., 13, 2) motion since the rest, that of restless regions scaled down."""
        return (regions - self.centre) * self.trust[:, np.newaxis]


_REST_EVERY_S = 0.05


class Spotter:
    """Streaming spotter. Give it every crop in order of time, then call `finish`.

    Args:
        config: Thresholds.
    """

    def __init__(self, config: SpotterConfig | None = None) -> None:
        self.config = config or SpotterConfig()
        self._track: MotionTrack | None = None
        self._anchor = -1
        self._state: SpotterState = "no-face"
        self._candidate: _Candidate | None = None
        self._rest = _unknown_rest()
        self._rest_from_s = -np.inf
        self._resting_from_s = -np.inf
        self._motion = 0.0

    def step(self, crop: FaceCrop) -> Spotting:
        """Take one crop and return what it showed; candidates appear once they are decided."""
        decided: list[Interval] = []
        if self._track is not None and (crop.state != "tracked" or crop.anchor != self._anchor):
            decided += self._abandon(self._track, "face-lost" if crop.state != "tracked" else "head")
            self._track = None
        if crop.state != "tracked":
            self._state, self._motion = "no-face", 0.0
            return self._spotting(decided)
        track = self._track or self._start(crop)
        for sample in track.add(crop, moving=self._candidate is not None):
            decided += self._advance(track, sample)
        return self._spotting(decided)

    def finish(self) -> Spotting:
        """Decide what is still open when the recording ends."""
        candidate, track = self._candidate, self._track
        if candidate is None or track is None:
            return self._spotting([])
        self._candidate = None
        if candidate.falling and self._motion < 0.5 * candidate.peak:
            return self._spotting([self._judged(track, candidate)])
        return self._spotting([self._rejected(track, candidate, "unfinished")])

    @property
    def threshold(self) -> float:
        """Motion that starts a candidate now, percent of the inter-ocular distance."""
        return max(self.config.floor, self._rest.level + self.config.noise_factor * self._rest.noise)

    @property
    def regions(self) -> NDArray[np.float64] | None:
        """(13, 2) motion of each region since the rest on the last measured frame; None without a face."""
        if self._track is None or not self._track.samples:
            return None
        return self._rest.moved(self._track.samples[-1].regions)

    def _spotting(self, decided: list[Interval]) -> Spotting:
        return Spotting(self._state, self._motion, self.threshold, tuple(decided))

    def _start(self, crop: FaceCrop) -> MotionTrack:
        self._track = MotionTrack(crop)
        self._anchor = crop.anchor
        self._state = "warming-up"
        self._candidate = None
        self._rest = _unknown_rest()
        self._rest_from_s = -np.inf
        self._resting_from_s = -np.inf
        return self._track

    def _advance(self, track: MotionTrack, sample: MotionSample) -> list[Interval]:
        """Move the state machine by one sample."""
        self._motion = float(strength(self._rest.moved(sample.regions)))
        if self._state == "warming-up":
            self._update_rest(track, sample.time_s)
            if sample.time_s - track.started_s >= self.config.warm_up_s:
                self._state = "idle"
            return []
        if self._candidate is None:
            self._watch(track, sample)
            return []
        return self._follow(track, sample, self._candidate)

    def _watch(self, track: MotionTrack, sample: MotionSample) -> None:
        if self._resting_from_s > sample.time_s and self._motion > self.threshold:
            self._state = "falling"
        elif self._motion > self.threshold:
            self._candidate = _Candidate(sample.time_s, self._motion, sample.time_s)
            self._state = "rising"
        else:
            self._state, self._resting_from_s = "idle", -np.inf
            self._update_rest(track, sample.time_s)

    def _follow(self, track: MotionTrack, sample: MotionSample, candidate: _Candidate) -> list[Interval]:
        if self._motion > candidate.peak:
            candidate.peak, candidate.peak_s, candidate.falling = self._motion, sample.time_s, False
            self._state = "rising"
        elif self._motion < self.config.falling_share * candidate.peak:
            candidate.falling = True
            self._state = "falling"
        elif not candidate.falling:
            self._state = "apex"
        if self._is_over(sample, candidate):
            self._candidate, self._rest_from_s = None, sample.time_s
            self._resting_from_s = sample.time_s + self.config.tail_s
            return [self._judged(track, candidate)]
        age_s = sample.time_s - candidate.start_s
        if age_s > 2.0 * self.config.limits.max_micro_s and self._still(track, sample):
            return [self._settle(track, candidate, sample)]
        return []

    def _settle(self, track: MotionTrack, candidate: _Candidate, sample: MotionSample) -> Interval:
        """Reject a candidate that does not come back; where the face is now is its new state of rest."""
        self._candidate, self._state = None, "idle"
        self._rest_from_s = sample.time_s - self.config.settle_s
        recent = np.array([s.regions for s in track.since(self._rest_from_s)])
        self._rest = replace(self._rest, centre=np.median(recent, axis=0), updated_s=sample.time_s)
        return self._rejected(track, candidate, "macro")

    def _is_over(self, sample: MotionSample, candidate: _Candidate) -> bool:
        """Motion has come back, and for long enough to see where the flank ends."""
        back = max(self.config.return_share * candidate.peak, min(self.threshold, 0.5 * candidate.peak))
        if not candidate.falling or self._motion >= back:
            candidate.back_s = np.inf
            return False
        candidate.back_s = min(candidate.back_s, sample.time_s)
        return self._motion < self.config.edge_share * candidate.peak or (
            sample.time_s - candidate.back_s >= self.config.foot_s
        )

    def _update_rest(self, track: MotionTrack, now_s: float) -> None:
        if now_s - self._rest.updated_s < _REST_EVERY_S:
            return
        from_s = max(now_s - self.config.rest_s, self._rest_from_s)
        if self._state != "warming-up" and now_s - from_s < self.config.settle_s:
            return
        window = np.array([sample.regions for sample in track.since(from_s)])
        centre = np.median(window, axis=0)
        unrest = np.median(np.hypot(*np.moveaxis(window - centre, -1, 0)), axis=0)
        trust = np.clip(np.median(unrest) / np.maximum(unrest, 1e-6), self.config.least_trust, 1.0)
        moved = strength((window - centre) * trust[:, np.newaxis])
        level = float(np.median(moved))
        self._rest = _Rest(centre, trust, level, 1.4826 * float(np.median(np.abs(moved - level))), now_s)

    def _still(self, track: MotionTrack, sample: MotionSample) -> bool:
        recent = np.array([s.regions for s in track.since(sample.time_s - self.config.settle_s)])
        return bool(strength(np.ptp(recent, axis=0)) < 1.5 * self.threshold)

    def _abandon(self, track: MotionTrack, reason: str) -> list[Interval]:
        candidate, self._candidate = self._candidate, None
        return [self._rejected(track, candidate, reason)] if candidate else []

    def _judged(self, track: MotionTrack, candidate: _Candidate) -> Interval:
        return judge(
            track.since(candidate.start_s - self.config.reach_back_s),
            self._rest.centre,
            peak_s=candidate.peak_s,
            noise=self._rest.noise,
            limits=self.config.limits,
        )

    def _rejected(self, track: MotionTrack, candidate: _Candidate, reason: str) -> Interval:
        samples = track.since(candidate.start_s)
        apex = int(np.argmin([abs(sample.time_s - candidate.peak_s) for sample in samples]))
        score = candidate.peak / max(self._rest.noise, 1e-3)
        return with_reason(interval_of(samples, 0, apex, len(samples) - 1, score=score), reason)


def _unknown_rest() -> _Rest:
    return _Rest(np.zeros((len(REGIONS), 2)), np.ones(len(REGIONS)), 0.0, 0.0, -np.inf)
