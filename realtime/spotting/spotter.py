"""Finds micro-expressions in a stream of crops: causal, in seconds, in percent of the face's size.

Every frame gives a vector of regional motion (`realtime.spotting.motion_track`). Its running median is the
resting state, its scatter the noise. A candidate starts when two regions leave the resting state by
more than the threshold and has come back when motion has fallen to a share of its peak or falls no
further; a moment later, when what follows is known, it is judged (`realtime.spotting.judge`).
Whatever is turned down keeps its reason.
"""

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mer.messages import FaceCrop, Interval
from realtime.messages import SpotterState
from realtime.spotting.judge import Limits, interval_of, judge, strength, with_reason
from realtime.spotting.motion import REGIONS
from realtime.spotting.motion_track import MotionSample, MotionTrack
from realtime.spotting.rest import UNKNOWN, Rest, rest_from, thirds


@dataclass(frozen=True, slots=True)
class SpotterConfig:
    """Thresholds with their units; durations are those of the literature, the rest was tuned on
    synthetic recordings whose seeds and portraits are in no reported figure.

    Attributes:
        floor: Least motion of a candidate, percent of the inter-ocular distance.
        noise_factor: Robust standard deviations over the level at rest that make a candidate.
        return_share: A candidate has come back when motion has fallen to this share of its peak.
        falling_share: Motion below this share of the peak is past its apex.
        rest_s: Stretch of time whose median is the resting state.
        warm_up_s: Face time before the first candidate.
        renewed_s: The same after the head has moved, when the noise of this face is known.
        wait_s: From the return to the decision: time to see whether the face rests afterwards.
        tail_s: How long the tail of a candidate that came back may stay above the threshold.
        settle_s: Stillness that makes a new resting state, wherever the face is, ...
        settle_share: ... if motion changed by less than this share of itself meanwhile.
        half_way: Motion below this share of the peak counts as a return if it stays there, ...
        bottom_s: ... or has fallen no further for this long.
        hanging_s: A change this old from which something quick rises is the state of rest of that.
        give_up_s: Age at which a candidate that has not come back is not a micro-expression any more.
        reach_back_s: How long before its threshold crossing a candidate may have begun.
        limits: What a candidate may look like.
    """

    floor: float = 0.10
    noise_factor: float = 6.0
    return_share: float = 0.30
    falling_share: float = 0.7
    rest_s: float = 0.45
    warm_up_s: float = 1.0
    renewed_s: float = 0.3
    wait_s: float = 0.18
    tail_s: float = 0.25
    settle_s: float = 0.3
    settle_share: float = 0.25
    half_way: float = 0.55
    bottom_s: float = 0.08
    hanging_s: float = 0.1
    give_up_s: float = 0.7
    reach_back_s: float = 0.45
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
    rest: Rest
    falling: bool = False
    low: float = np.inf
    low_s: float = np.inf
    back_s: float = np.inf


_REST_EVERY_S = 0.05
_RISE_S = 0.15
_FOOT_S = 0.08


class Spotter:
    """Streaming spotter. Give it every crop in order of time, then call `finish`.

    Args:
        config: Thresholds.
    """

    def __init__(self, config: SpotterConfig | None = None) -> None:
        self.config = config or SpotterConfig()
        self._track: MotionTrack | None = None
        self._anchor = -1
        self._eyes_px = 0.0
        self._state: SpotterState = "no-face"
        self._candidate: _Candidate | None = None
        self._returned: deque[_Candidate] = deque()
        self._rest = UNKNOWN
        self._rest_from_s = -np.inf
        self._resting_from_s = -np.inf
        self._ready_s = np.inf
        self._motion = 0.0

    def step(self, crop: FaceCrop) -> Spotting:
        """Take one crop and return what it showed; candidates appear once they are decided."""
        decided: list[Interval] = []
        if self._track is not None and (crop.state != "tracked" or crop.anchor != self._anchor):
            decided += self._abandon(self._track, "face-lost" if crop.state != "tracked" else "head")
            self._track = None
        if crop.state != "tracked":
            self._state, self._motion, self._rest = "no-face", 0.0, UNKNOWN
            return self._spotting(decided)
        track = self._track or self._start(crop)
        for sample in track.add(crop, moving=self._candidate is not None):
            decided += self._advance(track, sample)
        return self._spotting(decided)

    def finish(self) -> Spotting:
        """Decide what is still open when the recording ends."""
        if self._track is None:
            return self._spotting([])
        candidate = self._candidate
        if candidate is not None and candidate.falling and self._motion < 0.5 * candidate.peak:
            self._returned.append(candidate)
            self._candidate = None
        return self._spotting(self._abandon(self._track, "unfinished"))

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
        if 0.0 < self._eyes_px < self.config.limits.min_eyes_px:
            decided = [with_reason(i, "small") if i.verdict == "micro" else i for i in decided]
        return Spotting(self._state, self._motion, self.threshold, tuple(decided))

    def _start(self, crop: FaceCrop) -> MotionTrack:
        self._track = MotionTrack(crop)
        self._anchor = crop.anchor
        self._eyes_px = crop.eye_distance_px
        self._state = "warming-up"
        known = self._rest.noise > 0.0
        self._ready_s = crop.time_s + (self.config.renewed_s if known else self.config.warm_up_s)
        self._rest = replace(self._rest, centre=np.zeros((len(REGIONS), 2)), updated_s=-np.inf)
        self._rest_from_s = -np.inf
        self._resting_from_s = -np.inf
        return self._track

    def _advance(self, track: MotionTrack, sample: MotionSample) -> list[Interval]:
        """Move the state machine by one sample."""
        self._motion = float(strength(self._rest.moved(sample.regions)))
        if self._state == "warming-up":
            self._update_rest(track, sample.time_s)
            if sample.time_s >= self._ready_s:
                self._state = "idle"
            return []
        decided = []
        if self._candidate is None:
            self._watch(track, sample)
        else:
            decided += self._follow(track, sample, self._candidate)
        while self._returned and sample.time_s >= self._returned[0].back_s + self.config.wait_s:
            decided.append(self._judged(track, self._returned.popleft()))
        return decided

    def _watch(self, track: MotionTrack, sample: MotionSample) -> None:
        if self._resting_from_s > sample.time_s and self._motion > self.threshold:
            self._state = "falling"
        elif self._motion > self.threshold:
            self._candidate = _Candidate(sample.time_s, self._motion, sample.time_s, self._rest)
            self._state = "rising"
        else:
            self._state, self._resting_from_s = "idle", -np.inf
            self._update_rest(track, sample.time_s)

    def _follow(self, track: MotionTrack, sample: MotionSample, candidate: _Candidate) -> list[Interval]:
        if self._motion > candidate.peak:
            candidate.peak, candidate.peak_s, candidate.falling = self._motion, sample.time_s, False
            candidate.low = np.inf
            self._state = "rising"
        elif self._motion < self.config.falling_share * candidate.peak:
            candidate.falling = True
            self._state = "falling"
        elif not candidate.falling:
            self._state = "apex"
        if self._motion < candidate.low:
            candidate.low, candidate.low_s = self._motion, sample.time_s
        back = max(self.config.return_share * candidate.peak, min(self.threshold, 0.5 * candidate.peak))
        age_s = sample.time_s - candidate.start_s
        if candidate.falling and self._motion < back:
            self._came_back(candidate, sample.time_s)
        elif candidate.falling and self._has_bottomed_out(candidate, sample):
            self._came_back(candidate, candidate.low_s)
            self._settle(track, sample)
        elif age_s >= self.config.give_up_s or (age_s >= self.config.settle_s and self._still(track, sample)):
            if not candidate.falling or self._motion > self.config.half_way * candidate.peak:
                self._settle(track, sample)
                return [self._rejected(track, candidate, "macro")]
            self._came_back(candidate, sample.time_s)
            self._settle(track, sample)
        elif age_s >= self.config.hanging_s + _RISE_S:
            self._start_again_on_top(track, candidate, sample)
        return []

    def _start_again_on_top(self, track: MotionTrack, candidate: _Candidate, sample: MotionSample) -> None:
        """A slow change hung above the threshold, and now something quick rises from there: measure from there."""
        before = [s.regions for s in track.since(candidate.start_s) if s.time_s <= sample.time_s - _RISE_S]
        if not before or self._motion < 2.0 * float(np.max(strength(self._rest.moved(np.array(before))))):
            return
        self._rest = replace(self._rest, centre=np.median(before, axis=0))
        motion = float(strength(self._rest.moved(sample.regions)))
        self._candidate = _Candidate(sample.time_s - _RISE_S, motion, sample.time_s, self._rest)

    def _has_bottomed_out(self, candidate: _Candidate, sample: MotionSample) -> bool:
        """Motion has fallen far and falls no further: the face rests elsewhere than before, or drifts."""
        fallen = candidate.low < self.config.half_way * candidate.peak
        return fallen and sample.time_s - candidate.low_s >= self.config.bottom_s

    def _came_back(self, candidate: _Candidate, back_s: float) -> None:
        candidate.back_s = self._rest_from_s = back_s
        self._resting_from_s = back_s + self.config.tail_s
        self._returned.append(candidate)
        self._candidate = None

    def _settle(self, track: MotionTrack, sample: MotionSample) -> None:
        """Take where the face is now as its new state of rest."""
        self._candidate, self._state = None, "idle"
        self._rest_from_s = sample.time_s - 0.5 * self.config.settle_s
        recent = np.array([s.regions for s in track.since(self._rest_from_s)])
        self._rest = replace(self._rest, centre=np.median(recent, axis=0), updated_s=sample.time_s)

    def _update_rest(self, track: MotionTrack, now_s: float) -> None:
        if now_s - self._rest.updated_s < _REST_EVERY_S:
            return
        from_s = max(now_s - self.config.rest_s, self._rest_from_s)
        if self._state != "warming-up" and now_s - from_s < 0.5 * self.config.settle_s:
            return
        self._rest = rest_from(track.since(from_s), before=self._rest)

    def _still(self, track: MotionTrack, sample: MotionSample) -> bool:
        """Whether the motion of the last moment has neither risen nor fallen, noise averaged out."""
        recent = track.since(sample.time_s - self.config.settle_s)
        if len(recent) < 6:
            return False
        means = np.array([np.mean([s.regions for s in part], axis=0) for part in thirds(recent)])
        change = float(strength(np.ptp(self._rest.moved(means), axis=0)))
        return change < max(self.config.settle_share * self._motion, 0.4 * self.threshold)

    def _abandon(self, track: MotionTrack, reason: str) -> list[Interval]:
        decided = [self._judged(track, candidate) for candidate in self._returned]
        self._returned.clear()
        candidate, self._candidate = self._candidate, None
        return decided + ([self._rejected(track, candidate, reason)] if candidate else [])

    def _judged(self, track: MotionTrack, candidate: _Candidate) -> Interval:
        around = track.since(candidate.start_s - self.config.reach_back_s)
        after = _rest_after(candidate, around)
        return judge(
            around,
            candidate.rest.centre,
            rest_after=after,
            peak_s=candidate.peak_s,
            noise=candidate.rest.noise,
            limits=self.config.limits,
        )

    def _rejected(self, track: MotionTrack, candidate: _Candidate, reason: str) -> Interval:
        samples = track.since(candidate.start_s)
        apex = int(np.argmin([abs(sample.time_s - candidate.peak_s) for sample in samples]))
        score = candidate.peak / max(self._rest.noise, 1e-3)
        return with_reason(interval_of(samples, 0, apex, len(samples) - 1, score=score), reason)


def _rest_after(candidate: _Candidate, around: list[MotionSample]) -> NDArray[np.float64] | None:
    """Return where the regions rest after a candidate; None if something else moves there already."""
    after = [sample.regions for sample in around if sample.time_s >= candidate.back_s + _FOOT_S]
    if len(after) < 3:
        return None
    mean: NDArray[np.float64] = np.mean(after, axis=0)
    return mean if strength(candidate.rest.moved(mean)) < 0.6 * candidate.peak else None
