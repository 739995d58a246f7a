"""Movements whose action units are known, added to the motion of real recordings: unlimited examples.

A stretch of a stream (`realtime.spotting.training.streams`) gets some units, each side with a size of its own, as the
motion measure shows them (`realtime.spotting.training.responses`): the combinations of the classes, and any others, so
that the network does not learn which units go together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.facs import CENTRAL
from mer.synth.expressions import COMBINATIONS, COMPANIONS
from mer.synth.profiles import Profile, draw_profile
from realtime.spotting.features import FACE, MISFIT, MOVING, N_REGIONS
from realtime.spotting.matched_filter import DURATIONS_S, LAG, bumps
from realtime.spotting.measures import BEFORE, windowed
from realtime.spotting.motion_track import RATE_HZ, SMOOTHING_S
from realtime.spotting.training import responses
from realtime.spotting.training.mixing import mirrored
from realtime.spotting.training.streams import Stream
from realtime.spotting.units import SIDES, UNITS

AMPLITUDE_PERCENT: Final = (0.3, 3.5)
LEAST_PERCENT: Final = 0.15
"""Sides that move by less are not said to have moved, ..."""
LEAST_SHARE: Final = 0.45
"""... nor those that move by less than this share of the other side."""
OF_A_CLASS: Final = 0.5
"""Share of examples with a combination of a class; most others have any one to four units ..."""
NOTHING: Final = 0.12
"""... and these none: only what the face does anyway."""
ONE_SIDED: Final = 0.3
_STILL: Final = 0.35
_COUNT: Final = BEFORE + LAG + 40
_MIDDLE: Final = BEFORE + 20
_SLIP: Final = 2
"""Samples by which the middle of a movement is missed at most."""
_RATES_HZ: Final = (24.0, 25.0, 30.0, 50.0, 60.0, 100.0, 200.0)

Generator = np.random.Generator


@dataclass(frozen=True, slots=True)
class Labelled:
    """Movements and their units.

    Attributes:
        windows: (N, MOVING, WINDOW) float32.
        amplitudes: (N,) largest motion of a region, percent of the inter-ocular distance.
        percents: (N, len(UNITS), 2) true size of each unit and side, percent.
    """

    windows: NDArray[np.float32]
    amplitudes: NDArray[np.float64]
    percents: NDArray[np.float64]

    @property
    def present(self) -> NDArray[np.bool_]:
        """(N, len(UNITS), 2) which units count as there, on which side."""
        return present(self.percents)


def present(percents: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of (..., len(UNITS), 2) sizes in percent count as there."""
    largest = percents.max(axis=-1, keepdims=True)
    there: NDArray[np.bool_] = (percents >= LEAST_PERCENT) & (percents >= LEAST_SHARE * largest)
    central = np.array([unit in CENTRAL for unit in UNITS])
    there[..., central, :] = largest[..., central, :] >= LEAST_PERCENT
    return there


class UnitMixer:
    """Makes examples.

    Args:
        streams: To add to.
        shown: (faces, len(responses.UNITS), 2, FACE) from `responses`.
        generator: Source of all random choices.
    """

    def __init__(self, streams: Sequence[Stream], shown: NDArray[np.float64], generator: Generator) -> None:
        lengths = np.array([len(stream.rows) ** 0.7 for stream in streams])
        self._streams, self._shares = streams, lengths / lengths.sum()
        order = [responses.UNITS.index(unit) for unit in UNITS]
        self._shown, self._draw = shown[:, order], generator
        self._bumps = bumps()

    def examples(self, count: int) -> Labelled:
        """Return so many examples."""
        made = [self._example() for _ in range(count)]
        windows, amplitudes, percents = zip(*made)
        return Labelled(np.array(windows, np.float32), np.array(amplitudes), np.array(percents))

    def _example(self) -> tuple[NDArray[np.float32], float, NDArray[np.float64]]:
        draw = self._draw
        rows = self._background()
        rate_hz = float(draw.choice(_RATES_HZ))
        self._add_noise(rows, rate_hz)
        percents = np.zeros((len(UNITS), len(SIDES)))
        units = self._units()
        if units:
            self._add(rows, units, percents, rate_hz)
        middle = _MIDDLE + int(draw.integers(-_SLIP, _SLIP + 1))
        heights = self._bumps @ rows[middle - LAG : middle + LAG + 1, :MOVING]
        sizes = np.hypot(*heights[:, :N_REGIONS].reshape(len(DURATIONS_S), -1, 2).transpose(2, 0, 1)).max(axis=1)
        amplitude = float(sizes[int(np.argsort(sizes)[-1 - int(draw.random() < 0.25)])])
        return windowed(rows[: middle + LAG + 1], amplitude), amplitude, percents

    def _background(self) -> NDArray[np.float64]:
        draw, stream = self._draw, self._streams[self._draw.choice(len(self._streams), p=self._shares)]
        rows = stream.rows
        while len(rows) < _COUNT:
            rows = np.concatenate([rows, rows[::-1][1:]])
        start = int(draw.integers(len(rows) - _COUNT + 1))
        rows = np.array(rows[start : start + _COUNT])
        if draw.random() < 0.5:
            rows = mirrored(rows)
        loudness = float(np.exp(draw.uniform(np.log(0.05), np.log(1.2))))
        rows[:, :FACE] *= loudness * (draw.random() >= _STILL)
        rows[:, MISFIT] *= loudness
        return rows

    def _add_noise(self, rows: NDArray[np.float64], rate_hz: float) -> None:
        draw, times_s = self._draw, np.arange(len(rows)) / RATE_HZ
        stamps = np.arange(int(times_s[-1] * rate_hz) + 3) / rate_hz
        level = float(np.exp(draw.uniform(np.log(0.004), np.log(0.12))))
        level *= 1.0 if rate_hz < RATE_HZ else 1.2 * float(np.sqrt(RATE_HZ / rate_hz))
        noise = draw.normal(0.0, level, (len(stamps), FACE))
        rows[:, :FACE] += np.array([np.interp(times_s, stamps, column) for column in noise.T]).T

    def _units(self) -> tuple[int, ...]:
        draw, which = self._draw, self._draw.random()
        if which < NOTHING:
            return ()
        if which < NOTHING + OF_A_CLASS:
            combinations = COMBINATIONS[str(draw.choice(list(COMBINATIONS)))]
            return combinations[int(draw.integers(len(combinations)))]
        return tuple(int(unit) for unit in draw.choice(UNITS, int(draw.integers(1, 5)), replace=False))

    def _add(
        self, rows: NDArray[np.float64], units: tuple[int, ...], percents: NDArray[np.float64], rate_hz: float
    ) -> None:
        """Add a movement and note the size of its units."""
        draw, shown = self._draw, self._shown[int(self._draw.integers(len(self._shown)))]
        total = draw.uniform(0.1, 0.5)
        rise, lag = min(total * draw.uniform(0.3, 0.6), 0.25), 0.05 * total
        one_sided, weak = draw.random() < ONE_SIDED, int(draw.integers(2))
        for unit in units:
            strength = draw.uniform(0.3, 0.6) if unit in COMPANIONS and len(units) > 1 else draw.uniform(0.65, 1.0)
            balance = draw.uniform(0.0, 0.35) if one_sided and unit not in CENTRAL else draw.uniform(0.65, 1.0)
            percents[UNITS.index(unit)] = strength * np.where(np.arange(2) == weak, balance, 1.0)
        peak = float(np.exp(draw.uniform(*np.log(AMPLITUDE_PERCENT))))
        percents *= peak / percents.max()
        times_s = np.arange(len(rows)) / RATE_HZ
        start_s = _MIDDLE / RATE_HZ - 0.5 * total
        for unit in units:
            begin = start_s + (draw.uniform(0.0, lag) if len(units) > 1 else 0.0)
            profile = draw_profile(draw, apex_s=begin + rise, rise_s=rise, fall_s=total - rise - lag)
            place = UNITS.index(unit)
            rows[:, :FACE] += np.outer(_seen(profile, times_s, rate_hz, draw), percents[place] @ shown[place])


def _seen(profile: Profile, times_s: NDArray[np.float64], rate_hz: float, draw: Generator) -> NDArray[np.float64]:
    """Return a course as a camera and the steady clock show it: straight lines between frames, smoothed."""
    frames = np.arange(times_s[0] - 0.2, times_s[-1] + 0.2, 1.0 / rate_hz) + draw.random() / rate_hz
    course = profile(frames)
    parts = np.linspace(-SMOOTHING_S / 2, SMOOTHING_S / 2, 5)
    return np.asarray(np.mean([np.interp(times_s + part, frames, course) for part in parts], axis=0), np.float64)
