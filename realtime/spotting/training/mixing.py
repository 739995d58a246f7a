"""Micro-expressions, macro-expressions and speech added to streams of motion: unlimited examples with their truth.

Everything is done to motion, not to pictures: a stretch of a stream is mirrored, played faster or slower, forwards or
backwards, louder or softer, with more noise; then movements are added as the measure would show them
(`responses`), through a camera of the stream's rate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.synth.expressions import COMBINATIONS, COMPANIONS
from mer.synth.profiles import Profile, draw_profile
from mer.synth.timeline import SPEECH_UNITS
from realtime.spotting.features import FACE, GAIN, MISFIT, MOVING, N_REGIONS, SHARPNESS, SPACING
from realtime.spotting.motion_track import RATE_HZ, SMOOTHING_S
from realtime.spotting.training.responses import UNITS
from realtime.spotting.training.streams import Stream

SECONDS: Final = 12.0
"""Length of an example."""
AMPLITUDE_PERCENT: Final = (0.3, 3.5)
STILL: Final = 0.25
"""Share of examples in which the face keeps still."""
_MIRRORED: Final = (1, 0, 3, 2, 5, 4, 7, 6, 8, 10, 9, 11, 12)
_RATES_HZ: Final = (24.0, 25.0, 30.0, 30.0, 50.0, 60.0, 100.0, 200.0)
_FINE_S: Final = 0.005
_PAUSE_S: Final = 0.35

Rows = NDArray[np.float64]
Generator = np.random.Generator


@dataclass(frozen=True, slots=True)
class Micro:
    """A micro-expression in a stretch of motion: its moments in seconds, its class, and its amplitude."""

    onset_s: float
    apex_s: float
    offset_s: float
    label: str
    percent: float


@dataclass(slots=True)
class Example:
    """A stretch of motion and what was added to it.

    Attributes:
        rows: (n, N_VALUES) on the steady clock, from 0 s.
        events: The micro-expressions.
        others: Kind ("macro" or "speech"), begin and end of what else was added.
    """

    rows: Rows
    events: list[Micro] = field(default_factory=list)
    others: list[tuple[str, float, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Camera:
    rate_hz: float
    phase: float

    def shows(self, times_s: NDArray[np.float64], course: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Rows:
        """Return what a camera and the steady clock make of a course at some evenly spaced times."""
        frames = np.arange(times_s[0] - 1.0, times_s[-1] + 1.0, 1.0 / self.rate_hz) + self.phase / self.rate_hz
        half = round(SMOOTHING_S / 2 / _FINE_S)
        fine = times_s[0] + _FINE_S * np.arange(-half, round((times_s[-1] - times_s[0]) / _FINE_S) + half + 1)
        lines = np.interp(fine, frames, course(frames))
        total = np.concatenate([[0.0], np.cumsum(0.5 * (lines[1:] + lines[:-1]))])
        at = np.rint((times_s - times_s[0]) / _FINE_S).astype(int)
        shown: Rows = (total[at + 2 * half] - total[at]) / (2 * half)
        return shown


class Mixer:
    """Makes examples.

    Args:
        streams: To add to.
        shares: How often each is taken.
        shown: (faces, len(UNITS), 2, FACE) from `responses`.
        generator: Source of all random choices.
    """

    def __init__(
        self, streams: Sequence[Stream], shares: NDArray[np.float64], shown: Rows, generator: Generator
    ) -> None:
        self._streams, self._shares, self._shown, self._draw = streams, shares / shares.sum(), shown, generator

    def example(self) -> Example:
        """Return one example."""
        draw, count = self._draw, round(SECONDS * RATE_HZ) + 1
        rows, rate_hz = self._background(count)
        camera = _Camera(rate_hz, draw.random())
        self._add_noise(rows, camera)
        made = Example(rows)
        taken: list[tuple[float, float]] = []
        for _ in range(draw.poisson(3.5)):
            self._add_micro(made, camera, taken)
        for _ in range(draw.poisson(0.7)):
            self._add_other(made, camera, taken)
        return made

    def _background(self, count: int) -> tuple[Rows, float]:
        draw = self._draw
        stream = self._streams[draw.choice(len(self._streams), p=self._shares)]
        speed = _log_uniform(draw, 0.75, 1.35)
        rows = self._stretch(stream, int(np.ceil(count * max(speed, 1.0))) + 2)
        at = np.arange(count) * speed
        rows = np.array([np.interp(at, np.arange(len(rows)), column) for column in rows.T]).T
        if draw.random() < 0.3:
            rows = rows[::-1].copy()
        if draw.random() < 0.5:
            rows = mirrored(rows)
        loudness = _log_uniform(draw, 0.1, 1.5)
        rows[:, :FACE] *= loudness
        rows[:, MISFIT] *= loudness
        rows[:, FACE:MOVING] *= _log_uniform(draw, 0.5, 1.5)
        if draw.random() < STILL:
            rows = self._still(rows, stream.rate_hz)
        if draw.random() < 0.15:
            other = self._streams[draw.choice(len(self._streams), p=self._shares)]
            rows[:, :FACE] += draw.uniform(0.2, 0.8) * self._stretch(other, count)[:count, :FACE]
        rate_hz = stream.rate_hz / speed if stream.rate_hz < 60.0 else stream.rate_hz
        return rows, float(draw.choice(_RATES_HZ)) if draw.random() < 0.25 else rate_hz

    def _stretch(self, stream: Stream, count: int) -> Rows:
        """Return `count` rows from anywhere; a stream that is too short goes back and forth."""
        rows = stream.rows
        while len(rows) < count:
            rows = np.concatenate([rows, rows[::-1][1:]])
        start = self._draw.integers(len(rows) - count + 1)
        return rows[start : start + count]

    def _still(self, rows: Rows, rate_hz: float) -> Rows:
        """Return a face that keeps still: noise and drift."""
        draw, still = self._draw, np.zeros_like(rows)
        still[:, :FACE] = np.cumsum(draw.normal(0.0, _log_uniform(draw, 0.002, 0.03), (len(rows), FACE)), axis=0)
        still[:, FACE:MOVING] = np.cumsum(draw.normal(0.0, 0.2, (len(rows), MOVING - FACE)), axis=0)
        still[:, [GAIN, SHARPNESS]] = 1.0 + 0.002 * draw.normal(size=(len(rows), 2))
        still[:, MISFIT], still[:, SPACING] = 0.1, 1.0 / rate_hz
        return still

    def _add_noise(self, rows: Rows, camera: _Camera) -> None:
        draw, times_s = self._draw, np.arange(len(rows)) / RATE_HZ
        count = int(np.ceil(times_s[-1] * camera.rate_hz)) + 3
        noise = draw.normal(0.0, _log_uniform(draw, 0.004, 0.1), (count, FACE))
        stamps = np.arange(count) / camera.rate_hz
        averaged = 1.0 if camera.rate_hz < RATE_HZ else 1.2 * np.sqrt(RATE_HZ / camera.rate_hz)
        rows[:, :FACE] += averaged * np.array([np.interp(times_s, stamps, column) for column in noise.T]).T
        if camera.rate_hz >= RATE_HZ:
            rows[:, SPACING] = 1.0 / camera.rate_hz

    def _add_micro(self, made: Example, camera: _Camera, taken: list[tuple[float, float]]) -> None:
        draw, start_s = self._draw, self._draw.uniform(0.2, SECONDS - 0.9)
        label, units = self._units()
        total = draw.uniform(0.1, 0.5)
        rise, lag = min(total * draw.uniform(0.3, 0.6), 0.25), 0.05 * total
        profiles = {}
        for unit in units:
            begin = start_s + (draw.uniform(0.0, lag) if len(units) > 1 else 0.0)
            profiles[unit] = draw_profile(draw, apex_s=begin + rise, rise_s=rise, fall_s=total - rise - lag)
        onset = min(p.apex_s - p.rise_s for p in profiles.values())
        offset = max(p.apex_s + p.fall_s for p in profiles.values())
        if _free(taken, onset, offset, _PAUSE_S):
            taken.append((onset, offset))
            peak = _log_uniform(draw, *AMPLITUDE_PERCENT)
            self._add(made.rows, camera, profiles, peak, one_sided=draw.random() < 0.1)
            apex = float(np.mean([p.apex_s for p in profiles.values()]))
            made.events.append(Micro(onset, apex, offset, label, peak))

    def _add_other(self, made: Example, camera: _Camera, taken: list[tuple[float, float]]) -> None:
        """Add a macro-expression, a change that stays, or speech."""
        draw, start_s, which = self._draw, self._draw.uniform(-1.0, SECONDS - 0.5), self._draw.random()
        if which < 0.35:
            total = draw.uniform(0.65, 3.0)
            rise, hold = total * draw.uniform(0.15, 0.4), total * draw.uniform(0.0, 0.4)
            fall = total - rise - hold
            if _free(taken, start_s, start_s + total, 0.1):
                taken.append((start_s, start_s + total))
                profile = draw_profile(draw, apex_s=start_s + rise, rise_s=rise, fall_s=fall, hold_s=hold)
                profiles = dict.fromkeys(self._units()[1], profile)
                self._add(made.rows, camera, profiles, _log_uniform(draw, 1.0, 9.0), one_sided=draw.random() < 0.2)
                made.others.append(("macro", start_s, start_s + total))
        elif which < 0.55:
            rise = draw.uniform(0.06, 0.5)
            if _free(taken, start_s, start_s + 0.5, 0.1):
                profile = draw_profile(draw, apex_s=start_s + rise, rise_s=rise, fall_s=2.0, hold_s=40.0)
                profiles = dict.fromkeys(self._units()[1], profile)
                self._add(made.rows, camera, profiles, _log_uniform(draw, 0.5, 5.0), one_sided=draw.random() < 0.2)
        else:
            self._add_speech(made, camera, taken, start_s, draw.uniform(0.15, 2.0))

    def _add_speech(
        self, made: Example, camera: _Camera, taken: list[tuple[float, float]], start_s: float, length_s: float
    ) -> None:
        draw = self._draw
        if not _free(taken, start_s, start_s + length_s + 0.2, 0.1):
            return
        at, level = start_s, draw.uniform(1.5, 6.0)
        while at < start_s + length_s:
            syllable = draw.uniform(0.12, 0.33)
            rise = 0.45 * syllable
            profile = draw_profile(draw, apex_s=at + rise, rise_s=rise, fall_s=syllable - rise)
            for unit in draw.choice(SPEECH_UNITS, 2, replace=False):
                self._add(made.rows, camera, {int(unit): profile}, level * draw.uniform(0.3, 1.0), one_sided=False)
            at += syllable * draw.uniform(0.75, 1.1)
        taken.append((start_s, at))
        made.others.append(("speech", start_s, at))

    def _units(self) -> tuple[str, tuple[int, ...]]:
        label = str(self._draw.choice(list(COMBINATIONS)))
        combinations = COMBINATIONS[label]
        return label, combinations[int(self._draw.integers(len(combinations)))]

    def _add(self, rows: Rows, camera: _Camera, profiles: dict[int, Profile], peak: float, *, one_sided: bool) -> None:
        """Add a movement whose strongest unit peaks at `peak` percent of the inter-ocular distance."""
        draw, shown = self._draw, self._shown[self._draw.integers(len(self._shown))]
        weak = int(draw.integers(2))
        strengths = {}
        for unit in profiles:
            strength = draw.uniform(0.3, 0.6) if unit in COMPANIONS else draw.uniform(0.65, 1.0)
            balance = draw.uniform(0.1, 0.4) if one_sided else draw.uniform(0.65, 1.0)
            strengths[unit] = strength * np.where(np.arange(2) == weak, balance, 1.0)
        largest = max(strength.max() for strength in strengths.values())
        for unit, profile in profiles.items():
            motion = strengths[unit] @ shown[UNITS.index(unit)] * peak / largest
            first = max(0, int((profile.apex_s - 3.0 * profile.rise_s - 0.1) * RATE_HZ))
            end_s = profile.apex_s + profile.hold_s + 3.0 * profile.fall_s + 0.1
            times_s = np.arange(first, min(len(rows), int(end_s * RATE_HZ) + 2)) / RATE_HZ
            if len(times_s) > 2:
                rows[first : first + len(times_s), :FACE] += np.outer(camera.shows(times_s, profile), motion)


def mirrored(rows: Rows) -> Rows:
    """Return the motion that a mirror would show."""
    turned: Rows = rows.copy()
    regions = turned[:, :N_REGIONS].reshape(len(rows), -1, 2)[:, _MIRRORED] * (-1.0, 1.0)
    eyes = turned[:, N_REGIONS:FACE].reshape(len(rows), -1, 2)[:, ::-1] * (-1.0, 1.0)
    turned[:, :FACE] = np.concatenate([regions, eyes], axis=1).reshape(len(rows), -1)
    turned[:, [FACE, FACE + 3, FACE + 4]] *= -1.0
    return turned


def _free(taken: Sequence[tuple[float, float]], start_s: float, end_s: float, pause_s: float) -> bool:
    return all(end_s + pause_s <= first or start_s >= last + pause_s for first, last in taken)


def _log_uniform(draw: Generator, low: float, high: float) -> float:
    return float(np.exp(draw.uniform(np.log(low), np.log(high))))
