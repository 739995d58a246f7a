"""What a camera adds to the light that reaches it: unsteady light, shot and read noise, eight bits."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_TILES: Final = 5
_SLACK: Final = 48


@dataclass(frozen=True, slots=True)
class Light:
    """How the brightness changes over time.

    Attributes:
        beat: Relative amplitude of the mains flicker (100 or 120 Hz, aliased by the frame rate).
        beat_hz: Twice the mains frequency.
        slow: Relative amplitude of slow changes.
        slow_hz: Their frequency.
        steps: (time in s, factor from then on) of each switch of light; takes 40 ms.
        phase: Of beat and slow change, radians.
    """

    beat: float = 0.0
    beat_hz: float = 100.0
    slow: float = 0.0
    slow_hz: float = 0.3
    steps: tuple[tuple[float, float], ...] = ()
    phase: float = 0.0

    def gain(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the factor on brightness at each time."""
        gain = 1.0 + self.beat * np.sin(2 * np.pi * self.beat_hz * times_s + self.phase)
        gain *= 1.0 + self.slow * np.sin(2 * np.pi * self.slow_hz * times_s + 1.7 * self.phase)
        for at_s, factor in self.steps:
            gain *= 1.0 + (factor - 1.0) * np.clip((times_s - at_s) / 0.04, 0.0, 1.0)
        result: NDArray[np.float64] = gain
        return result


@dataclass(frozen=True, slots=True)
class Sensor:
    """Noise of a sensor, in grey levels of 255.

    Attributes:
        read: Standard deviation at black.
        shot: Standard deviation that photon noise adds at white; it falls with the square root of brightness.
        colour: Share of the noise that differs between the colour channels, 0 to 1.
        grain_px: Size of the grain, one standard deviation of a Gaussian in pixels; 0 for pixels of their own.
    """

    read: float = 0.8
    shot: float = 1.6
    colour: float = 0.5
    grain_px: float = 0.0


@dataclass(frozen=True, slots=True)
class Tone:
    """What light from one side and the camera's tone curve make of a picture.

    Attributes:
        gradient: Difference in brightness between the ends of the picture, as a share of it.
        towards_rad: Where it is brighter: 0 is right, pi / 2 is down.
        gamma: Exponent on brightness from 0 to 1; more than 1 darkens.
    """

    gradient: float = 0.0
    towards_rad: float = 0.0
    gamma: float = 1.0

    def table(self) -> NDArray[np.uint8]:
        """Return the tone curve as (256,) grey levels."""
        return np.asarray(np.rint(255.0 * (np.arange(256) / 255.0) ** self.gamma), np.uint8)

    def light(self, height: int, width: int) -> NDArray[np.float32]:
        """Return (height, width, 3) factors on brightness."""
        y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
        along = x * np.cos(self.towards_rad) + y * np.sin(self.towards_rad)
        return np.repeat((1.0 + self.gradient * along)[..., np.newaxis], 3, axis=2).astype(np.float32)


class Camera:
    """Turns radiance into 8-bit pictures.

    Noise is drawn once, as a few tiles larger than the picture; each frame takes one of them at a random place and
    sign. That is far cheaper than drawing a frame's noise anew, and no two frames line up.

    Args:
        sensor: How noisy.
        still: (H, W, 3) picture at rest; brightness sets the shot noise.
        generator: Source of the noise.
        tone: Uneven light and tone curve; None for even light and none.
    """

    def __init__(
        self,
        sensor: Sensor,
        still: NDArray[np.float32],
        generator: np.random.Generator,
        *,
        tone: Tone | None = None,
    ) -> None:
        height, width = still.shape[:2]
        self._generator = generator
        self._light = None if tone is None else tone.light(height, width)
        self._table = None if tone is None else tone.table()
        grey = cv2.GaussianBlur(still, (0, 0), 2.0) / 255.0
        self._spread = np.sqrt(sensor.read**2 + sensor.shot**2 * np.clip(grey, 0.0, 1.0)).astype(np.float32)
        shape = (height + _SLACK, width + _SLACK)
        self._tiles = []
        for _ in range(_TILES):
            shared = generator.standard_normal((*shape, 1), np.float32) * np.float32(np.sqrt(1.0 - sensor.colour))
            single = generator.standard_normal((*shape, 3), np.float32) * np.float32(np.sqrt(sensor.colour))
            self._tiles.append(_grainy(shared + single, sensor.grain_px))

    def expose(self, radiance: NDArray[np.float32], gain: float) -> NDArray[np.uint8]:
        """Return the (H, W, 3) uint8 picture of (H, W, 3) float32 radiance, 0 to 255, under `gain`."""
        height, width = radiance.shape[:2]
        tile = self._tiles[int(self._generator.integers(_TILES))]
        y, x = self._generator.integers(0, _SLACK, 2)
        noise = cv2.multiply(tile[y : y + height, x : x + width], self._spread)
        sign = 1.0 if self._generator.random() < 0.5 else -1.0
        lit = radiance if self._light is None else cv2.multiply(radiance, self._light)
        picture = cv2.addWeighted(lit, gain, noise, sign, 0.0, dtype=cv2.CV_8U)
        return np.asarray(picture if self._table is None else cv2.LUT(picture, self._table), np.uint8)


def _grainy(noise: NDArray[np.float32], grain_px: float) -> NDArray[np.float32]:
    """Return noise of the same strength whose neighbouring pixels resemble each other."""
    if grain_px == 0.0:
        return noise
    blurred = cv2.GaussianBlur(noise, (0, 0), max(grain_px, 0.05))
    return np.asarray(blurred / blurred.std(), np.float32)
