"""Light that does not suit a camera: lamps that flicker, and pictures that are too dark or bleached.

Lamps on the mains flicker at twice its frequency. A camera sees that as a beat at the distance between this and the
nearest multiple of its frame rate, so it is looked for there, in the brightness of horizontal bands: with a rolling
shutter each row is exposed at another moment, and the whole picture would hide what its bands show.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.messages import Frame

SECONDS: Final = 4.0
"""How long the light is watched."""
LAMPS_HZ: Final = (100.0, 120.0)
"""Twice the frequency of the mains."""
MIN_BEAT_HZ: Final = 4.0
"""Slower beats cannot be told from a face that moves; a rate of 50 or 60 frames/s has none (0 Hz) in its country."""
MIN_AMPLITUDE: Final = 0.002
"""Share of the brightness; less is below the noise of the motion that it causes."""
MIN_PROMINENCE: Final = 4.0
"""Amplitude of a beat over the usual one of the frequencies around it: faces that move have no line there."""
DARK: Final = 60.0
"""Grey level, of 255, that the brightest twentieth of a picture should reach."""
BLEACHED: Final = 0.1
"""Share of a picture that may be white (250 and above) before it is said."""
_WHITE: Final = 250
_BANDS: Final = 8
_THIN: Final = 8
"""Only every so many pixels of a row and rows of a picture are looked at."""
_MIN_FRAMES: Final = 50
_MIN_BRIGHTNESS: Final = 8.0
"""Bands below this grey level are left out."""
_TOLERANCE_HZ: Final = np.arange(-0.5, 0.51, 0.125)
"""The mains is off by up to 0.2 Hz, its light by twice that, and the rate is measured."""
_AROUND_HZ: Final = np.concatenate([np.arange(-4.0, -1.4, 0.25), np.arange(1.5, 4.1, 0.25)])


@dataclass(frozen=True, slots=True)
class Flicker:
    """A lamp that beats with the frame rate.

    Attributes:
        lamps_hz: The frequency of the lamp; two where the frame rate cannot tell them apart.
        beat_hz: How often the brightness of the pictures goes up and down.
        amplitude: Of the brightness around its mean, as a share of it.
        rate_hz: Frames a second.
    """

    lamps_hz: tuple[float, ...]
    beat_hz: float
    amplitude: float
    rate_hz: float

    def __str__(self) -> str:
        lamps = " or ".join(f"{hz:g}" for hz in self.lamps_hz)
        return (
            f"the light flickers at {lamps} Hz: brightness changes by {100 * self.amplitude:.1f} % at "
            f"{self.beat_hz:.0f} Hz in {self.rate_hz:.4g} frames/s"
        )

    @property
    def remedy(self) -> str:
        """What to do about it."""
        periods_ms = [1000.0 / hz for hz in self.lamps_hz if hz >= self.rate_hz]
        if not periods_ms:
            return "use lamps on direct current; at this rate no exposure lasts a whole period of the lamp"
        exposures = " or ".join(f"{period_ms:.3g}" for period_ms in periods_ms)
        return f"use lamps on direct current, or --exposure {exposures} (a whole period of the lamp, in ms)"


class LightWatch:
    """Watches the light of the first SECONDS of a source, in one thread.

    Attributes:
        flicker: The lamp that beats with the rate, None if there is none or it is not known yet.
        dark: Grey level that the brightest twentieth of the pictures reaches, None if that is enough.
        bleached: Share of the pictures that is white, None if that is little.
        done: Whether all is known.
    """

    def __init__(self) -> None:
        self.flicker: Flicker | None = None
        self.dark: float | None = None
        self.bleached: float | None = None
        self.done = False
        self._times_s: list[float] = []
        self._bands: list[NDArray[np.float64]] = []
        self._bright: list[float] = []
        self._white: list[float] = []

    def passing(self, frames: Iterable[Frame], announce: Callable[[str], None]) -> Iterator[Frame]:
        """Yield frames, and announce once what is wrong with their light."""
        for frame in frames:
            if not self.done and self.add(frame):
                for note in self.notes:
                    announce(note)
            yield frame

    def add(self, frame: Frame) -> bool:
        """Take in one frame; return whether it was the last that was needed."""
        if self.done:
            return False
        grey = frame.image if frame.image.ndim == 2 else frame.image[..., 1]
        thin = grey[::_THIN, ::_THIN]
        self._times_s.append(frame.time_s)
        self._bands.append(_band_means(thin))
        if len(self._times_s) % 8 == 1:
            self._bright.append(float(np.quantile(thin, 0.95)))
            self._white.append(float(np.mean(thin >= _WHITE)))
        if frame.time_s - self._times_s[0] < SECONDS:
            return False
        self.finish()
        return True

    def finish(self) -> None:
        """Judge what was seen so far; safe to call twice."""
        if self.done or not self._times_s:
            return
        self.done = True
        bright, white = float(np.median(self._bright)), float(np.median(self._white))
        self.dark = bright if bright < DARK else None
        self.bleached = white if white > BLEACHED else None
        if len(self._times_s) >= _MIN_FRAMES:
            self.flicker = flicker_in(np.array(self._times_s), np.array(self._bands))

    @property
    def findings(self) -> tuple[tuple[str, str], ...]:
        """What is wrong with the light, each with what to do."""
        found = []
        if self.flicker is not None:
            found.append((str(self.flicker), self.flicker.remedy))
        if self.dark is not None:
            text = f"the picture is dark: its brightest parts reach {self.dark:.0f} of 255"
            found.append((text, "give more light, open the lens, or raise --gain"))
        if self.bleached is not None:
            text = f"{100 * self.bleached:.0f} % of the picture are white"
            found.append((text, "shorten --exposure, close the lens, or turn lamps away"))
        return tuple(found)

    @property
    def notes(self) -> tuple[str, ...]:
        """The findings as sentences."""
        return tuple(f"{what}; {remedy}" for what, remedy in self.findings)


def flicker_in(times_s: NDArray[np.float64], bands: NDArray[np.float64]) -> Flicker | None:
    """Look for the beat of a lamp with the frame rate.

    Args:
        times_s: (N,) of the frames; gaps are allowed.
        bands: (N, B) mean brightness of horizontal bands, in grey levels.
    """
    steps_s = np.diff(times_s)
    places = np.cumsum(np.maximum(np.rint(steps_s / np.median(steps_s)), 0.0))
    rate_hz = float(places[-1] / (times_s[-1] - times_s[0]))
    lit = bands[:, bands.mean(axis=0) > _MIN_BRIGHTNESS]
    if not lit.size:
        return None
    relative = lit / lit.mean(axis=0) - 1.0
    found: list[tuple[float, float, float]] = []
    for lamp_hz in LAMPS_HZ:
        beat_hz = abs(lamp_hz - rate_hz * round(lamp_hz / rate_hz))
        if beat_hz < MIN_BEAT_HZ:
            continue
        line = _amplitudes(times_s, relative, beat_hz + _TOLERANCE_HZ)
        around = float(np.median(_amplitudes(times_s, relative, _within(beat_hz + _AROUND_HZ, rate_hz / 2.0))))
        if line.max() >= max(MIN_AMPLITUDE, MIN_PROMINENCE * around):
            found.append((float(line.max()), lamp_hz, beat_hz))
    if not found:
        return None
    amplitude, _, beat_hz = max(found)
    lamps_hz = tuple(lamp_hz for _, lamp_hz, beat in found if abs(beat - beat_hz) <= 2.0 * _TOLERANCE_HZ[-1])
    return Flicker(lamps_hz, beat_hz, amplitude, rate_hz)


def _band_means(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    rows = grey.mean(axis=1)
    edges = np.linspace(0, len(rows), min(_BANDS, len(rows)) + 1).astype(int)
    return np.asarray(np.add.reduceat(rows, edges[:-1]) / np.diff(edges), np.float64)


def _within(frequencies_hz: NDArray[np.float64], highest_hz: float) -> NDArray[np.float64]:
    return frequencies_hz[(frequencies_hz > 1.0) & (frequencies_hz < highest_hz)]


def _amplitudes(
    times_s: NDArray[np.float64], relative: NDArray[np.float64], frequencies_hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the amplitude of each frequency: root of the mean square over bands, under a Hann window.

    At half the frame rate a sine and its mirror image fall together, which doubles what the sum shows.
    """
    span_s = times_s[-1] - times_s[0]
    window = 1.0 - np.cos(2.0 * np.pi * (times_s - times_s[0]) / span_s)
    waves = np.exp(-2j * np.pi * np.outer(frequencies_hz, times_s - times_s[0])) * window
    spectrum = 2.0 / window.sum() * (waves @ (relative - relative.mean(axis=0)))
    return np.asarray(np.sqrt(np.mean(np.abs(spectrum) ** 2, axis=1)), np.float64)
