"""Lamps that flicker against the frame rate, and light that is too little or too much; all of it synthetic."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mer.messages import Frame
from mer.synth.camera import Light
from realtime.capture.light import SECONDS, LightWatch

FACE = np.clip(np.hypot(*np.mgrid[-60:60, -80:80]) * 1.5 + 60.0, 0.0, 200.0)
"""(120, 160) grey levels: unlike in its rows and columns, so that moving it changes its bands."""


def watched(
    fps: float,
    *,
    light: Light | None = None,
    rows_s: float = 0.0,
    move_px: NDArray[np.float64] | None = None,
    jitter_s: float = 0.0,
    brightness: float = 1.0,
) -> LightWatch:
    """Watch FACE under a light; each row is exposed `rows_s` after the one above it (rolling shutter)."""
    random, watch = np.random.default_rng(3), LightWatch()
    noise = random.normal(0.0, 1.5, (31, *FACE.shape))  # drawn anew for each picture it takes longer than all else
    for index in range(round((SECONDS + 0.1) * fps)):
        time_s = index / fps
        rows = time_s + rows_s * np.arange(len(FACE), dtype=np.float64)
        gain = (light or Light()).gain(rows)[:, np.newaxis]
        shift = 0.0 if move_px is None else move_px[index]
        part = np.roll(FACE, round(shift), axis=0) if shift else FACE
        noisy = brightness * part * gain + noise[index * 7 % len(noise)]
        image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        watch.add(Frame(image, time_s + jitter_s * random.uniform(-1.0, 1.0), index))
    assert watch.done
    return watch


@pytest.mark.parametrize(
    ("fps", "lamp_hz", "beat_hz"),
    [(30.0, 100.0, 10.0), (60.0, 100.0, 20.0), (90.0, 120.0, 30.0), (200.0, 100.0, 100.0), (500.0, 120.0, 120.0)],
)
def test_a_lamp_is_named_with_its_beat(fps: float, lamp_hz: float, beat_hz: float) -> None:
    flicker = watched(fps, light=Light(beat=0.02, beat_hz=lamp_hz, phase=1.0)).flicker
    assert flicker is not None
    assert flicker.lamps_hz == (lamp_hz,)
    assert flicker.beat_hz == pytest.approx(beat_hz, abs=0.5)


def test_its_amplitude_is_that_of_the_brightness() -> None:
    flicker = watched(90.0, light=Light(beat=0.012)).flicker
    assert flicker is not None
    assert flicker.amplitude == pytest.approx(0.012, rel=0.1)


def test_mains_that_are_off_by_a_fifth_of_a_hertz_are_found() -> None:
    assert watched(60.0, light=Light(beat=0.01, beat_hz=99.6)).flicker is not None


def test_bands_of_a_rolling_shutter_are_found() -> None:
    """Over the whole picture, exposed for one period of the lamp, the flicker averages out."""
    flicker = watched(60.0, light=Light(beat=0.02), rows_s=0.01 / len(FACE)).flicker
    assert flicker is not None


def test_a_beat_is_found_where_frames_come_unevenly() -> None:
    assert watched(30.0, light=Light(beat=0.02), jitter_s=0.003).flicker is not None


def test_where_the_rate_cannot_tell_lamps_apart_both_are_named() -> None:
    flicker = watched(110.0, light=Light(beat=0.02)).flicker
    assert flicker is not None
    assert flicker.lamps_hz == (100.0, 120.0)
    assert "100 or 120 Hz" in str(flicker)


@pytest.mark.parametrize("fps", [30.0, 60.0, 90.0, 200.0, 500.0])
def test_steady_light_is_no_flicker(fps: float) -> None:
    assert watched(fps).notes == ()


@pytest.mark.parametrize("fps", [30.0, 90.0, 104.0, 200.0])
def test_a_face_that_nods_and_talks_is_no_flicker(fps: float) -> None:
    random = np.random.default_rng(5)
    times_s = np.arange(round((SECONDS + 1.0) * fps)) / fps
    talking = np.interp(times_s, np.arange(0.0, SECONDS + 2.0, 0.1), random.normal(0.0, 6.0, int(10 * SECONDS + 20)))
    assert watched(fps, move_px=8.0 * np.sin(2.0 * np.pi * 2.2 * times_s) + talking).flicker is None


def test_slow_changes_and_a_switched_lamp_are_no_flicker() -> None:
    assert watched(60.0, light=Light(slow=0.1, steps=((2.0, 1.4),))).flicker is None


@pytest.mark.parametrize(
    ("fps", "remedy"),
    [
        (60.0, "use lamps on direct current, or --exposure 10 (a whole period of the lamp, in ms)"),
        (200.0, "use lamps on direct current; at this rate no exposure lasts a whole period of the lamp"),
    ],
)
def test_the_remedy_fits_the_rate(fps: float, remedy: str) -> None:
    [(_, advice)] = watched(fps, light=Light(beat=0.02, phase=1.0)).findings
    assert advice == remedy


def test_a_dark_picture_is_said() -> None:
    [(found, advice)] = watched(30.0, brightness=0.15).findings
    assert "dark: its brightest parts reach" in found
    assert "more light" in advice


def test_a_bleached_picture_is_said() -> None:
    [(found, _)] = watched(30.0, brightness=2.0).findings
    assert found.endswith("of the picture are white")


def test_it_is_announced_once_and_no_frame_is_held_back() -> None:
    said: list[str] = []
    image = np.full((48, 64), 10, np.uint8)
    frames = [Frame(image, index / 30.0, index) for index in range(round(3 * SECONDS * 30))]
    assert list(LightWatch().passing(frames, said.append)) == frames
    assert len(said) == 1
