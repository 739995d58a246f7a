"""Finds micro-expressions in a stream of crops: causal, in seconds, in percent of the face's size.

Every crop gives motion (`motion_track`), in which a matched filter looks for brief movements in the shape of an
expression that stand out from what this face and head do anyway (`matched_filter`). Its peaks (`candidate`) are
judged by a small network (`network`) and some limits (`judge`): first as if the face kept still from now on, when only
a clear micro-expression is accepted, and once what follows has been seen. Peaks may follow one another at any distance;
none hides another. Whatever is turned down keeps its reason.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.messages import FaceCrop, Interval
from realtime.messages import SpotterState
from realtime.spotting import units
from realtime.spotting.candidate import Peak, PeakFinder
from realtime.spotting.features import row_of
from realtime.spotting.judge import Limits, judged, strength
from realtime.spotting.motion_track import RATE_HZ, MotionSample, MotionTrack
from realtime.spotting.network import loaded, shipped


@dataclass(frozen=True, slots=True)
class SpotterConfig:
    """Thresholds with their units.

    Attributes:
        odds: Factor on the odds of a micro-expression that the network must give; 1 for its own threshold.
        early: Factor on those odds for a decision before what follows the movement has been seen.
        floor: Least motion of a candidate, percent of the inter-ocular distance.
        stands_out: A movement that is turned down is named if it is so many times what the face usually does.
        warm_up_s: Face time before the first candidate.
        limits: What a micro-expression may look like.
        network: What judges movements, as `mer-train spotter` writes it (.onnx); None for the shipped one.
    """

    odds: float = 1.0
    early: float = 4.0
    floor: float = 0.10
    stands_out: float = 4.0
    warm_up_s: float = 1.0
    limits: Limits = field(default_factory=Limits)
    network: Path | None = None


@dataclass(frozen=True, slots=True)
class Spotting:
    """What one frame told the spotter.

    Attributes:
        state: Its state after the frame.
        motion: Strongest regional motion, percent of the inter-ocular distance.
        threshold: What a brief movement must exceed to stand out from the background, same unit.
        intervals: Candidates decided on this frame, accepted ("micro") or rejected.
        watchable: Smallest micro-expression that would have been found a moment ago with probability
            `realtime.spotting.network.WATCHABLE` and sensitivity 1: displacement by its strongest action unit, percent
            of the inter-ocular distance. None without a face and while the spotter warms up.
    """

    state: SpotterState
    motion: float
    threshold: float
    intervals: tuple[Interval, ...] = ()
    watchable: float | None = None


_REST_S: Final = 1.0
"""Motion is shown against the mean of this stretch."""
_TREND_S: Final = 0.06
_STEADY: Final = 0.1
"""Motion that changes by less than this share within _TREND_S is at its apex."""
OVERLAP: Final = 0.3
"""Two peaks of one movement share more than this part of the shorter one."""


class Spotter:
    """Streaming spotter. Give it every crop in order of time, then call `finish`.

    Args:
        config: Thresholds.

    Raises:
        MerError: If the network cannot be loaded.
    """

    def __init__(self, config: SpotterConfig | None = None) -> None:
        self.config = config or SpotterConfig()
        self._network = loaded(self.config.network) if self.config.network else shipped()
        self._units = units.shipped()
        self._track: MotionTrack | None = None
        self._finder = self._new_finder()
        self._state: SpotterState = "no-face"
        self._motions: list[float] = []
        self._open_s: float | None = None
        self._found: Interval | None = None
        self._eyes_px = 0.0
        self._watchable: float | None = None

    def step(self, crop: FaceCrop) -> Spotting:
        """Take one crop and return what it showed; candidates appear once they are decided."""
        decided: list[Interval] = []
        if crop.state != "tracked":
            if self._track is not None:
                decided += self._abandon(self._track, "face-lost")
            self._track, self._state, self._motions, self._watchable = None, "no-face", [], None
            return self._spotting(decided)
        track = self._track or self._start(crop)
        for sample in track.add(crop):
            decided += self._advance(track, sample)
        return self._spotting(decided)

    def finish(self) -> Spotting:
        """Decide what is still open when the recording ends, as if the face kept still from then on."""
        track = self._track
        if track is None or not track.samples:
            return self._spotting([])
        decided: list[Interval] = []
        last = track.samples[-1]
        for number in range(1, self._finder.lag + 1):
            decided += self._decided(track, self._finder.add(last.time_s + number / RATE_HZ, row_of(last)))
        return self._spotting(decided + self._abandon(track, "unfinished"))

    @property
    def threshold(self) -> float:
        """Motion that stands out from the background now, percent of the inter-ocular distance."""
        return max(self.config.floor, self.config.stands_out * self._finder.background)

    @property
    def regions(self) -> NDArray[np.float64] | None:
        """(13, 2) motion of each region since the rest on the last measured frame; None without a face."""
        if self._track is None or not self._track.samples:
            return None
        return self._moved(self._track)

    @property
    def head(self) -> NDArray[np.float64] | None:
        """(6,) motion of the head since the face was found, as `Motion.head`, on the last measured frame."""
        return self._track.samples[-1].head if self._track is not None and self._track.samples else None

    def _spotting(self, decided: list[Interval]) -> Spotting:
        if self._is_small:
            decided = [replace(i, verdict="rejected", reason="small") if i.verdict == "micro" else i for i in decided]
        motion = self._motions[-1] if self._motions else 0.0
        return Spotting(self._state, motion, self.threshold, tuple(decided), self._watchable)

    @property
    def _is_small(self) -> bool:
        return 0.0 < self._eyes_px < self.config.limits.min_eyes_px

    def _seen_from(self) -> float | None:
        if self._state in ("no-face", "warming-up") or self._is_small:
            return None
        return self._network.visibility.smallest(background=self._finder.background, loudness=self._finder.loudness)

    def _new_finder(self) -> PeakFinder:
        return PeakFinder(self._network.expressions, self._network.classes)

    def _start(self, crop: FaceCrop) -> MotionTrack:
        self._track = MotionTrack(crop)
        self._eyes_px = crop.eye_distance_px
        self._finder = self._new_finder()
        self._state, self._open_s, self._motions = "warming-up", None, []
        self._watchable = None
        return self._track

    def _advance(self, track: MotionTrack, sample: MotionSample) -> list[Interval]:
        self._motions.append(float(strength(self._moved(track))))
        del self._motions[: -round(_TREND_S * RATE_HZ) - 1]
        self._state = self._new_state(track, sample)
        if self._state in ("idle", "warming-up"):
            self._open_s = None
        elif self._open_s is None:
            self._open_s = sample.time_s
        row = row_of(sample)
        found = self._decided(track, self._finder.add(sample.time_s, row))
        found += self._foreseen(track, self._finder.if_still(sample.time_s, row))
        self._watchable = self._seen_from()
        return found

    def _new_state(self, track: MotionTrack, sample: MotionSample) -> SpotterState:
        """Say how the motion goes, for the screen and for what is cut off."""
        if sample.time_s - track.started_s < self.config.warm_up_s:
            return "warming-up"
        now, before = self._motions[-1], self._motions[0]
        if now <= self.threshold:
            return "idle"
        if abs(now - before) < _STEADY * now:
            return "apex"
        return "rising" if now > before else "falling"

    def _decided(self, track: MotionTrack, peak: Peak | None) -> list[Interval]:
        """Decide on a peak whose surroundings have been seen."""
        if peak is None or peak.amplitude < self.config.floor:
            return []
        interval = self._judged(track, peak, odds=self.config.odds)
        if self._is_known(interval):
            return []
        if interval.verdict == "micro":
            self._found = interval
        elif peak.amplitude < max(self.config.floor, self.config.stands_out * peak.background):
            return []
        return [interval]

    def _foreseen(self, track: MotionTrack, peak: Peak | None) -> list[Interval]:
        """Accept a peak that is clear before what follows has been seen, or leave it for later."""
        if peak is None or peak.amplitude < self.config.floor:
            return []
        interval = self._judged(track, peak, odds=self.config.odds * self.config.early)
        ended = interval.offset.time_s < track.samples[-1].time_s
        if interval.verdict != "micro" or not ended or self._is_known(interval):
            return []
        self._found = interval
        return [interval]

    def _is_known(self, interval: Interval) -> bool:
        return self._found is not None and _overlap(self._found, interval) > OVERLAP

    def _judged(self, track: MotionTrack, peak: Peak, *, odds: float) -> Interval:
        threshold, said = self._network.threshold_at(odds), self._network.judge(peak)
        interval = judged(peak, said, track, threshold=threshold, limits=self.config.limits)
        return replace(interval, units=self._units.measure(peak)) if interval.verdict == "micro" else interval

    def _abandon(self, track: MotionTrack, reason: str) -> list[Interval]:
        """Name a movement of which the end was not seen."""
        if self._open_s is None or not track.samples:
            return []
        samples = track.since(self._open_s)
        rest = samples[0].regions
        apex = max(samples, key=lambda sample: float(strength(sample.regions - rest)))
        onset, top, offset = (track.moment(sample.time_s) for sample in (samples[0], apex, samples[-1]))
        score = self._motions[-1] / max(self._finder.background, 1e-3)
        self._open_s = None
        return [Interval(onset, top, offset, score, "rejected", reason)]

    def _moved(self, track: MotionTrack) -> NDArray[np.float64]:
        recent = track.since(track.samples[-1].time_s - _REST_S)
        rest: NDArray[np.float64] = np.mean([sample.regions for sample in recent[::3]], axis=0)
        return track.samples[-1].regions - rest


def _overlap(a: Interval, b: Interval) -> float:
    """Return the part of the shorter interval that both share."""
    shared = min(a.offset.time_s, b.offset.time_s) - max(a.onset.time_s, b.onset.time_s)
    shorter = min(x.offset.time_s - x.onset.time_s for x in (a, b))
    return shared / max(shorter, 1e-3)
