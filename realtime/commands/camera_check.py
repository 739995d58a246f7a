"""`mer-doctor --camera`: which rate, jitter, losses, exposure and light a camera has here, and what limits them."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from realtime.capture.cadence import Cadence, Rhythm
from realtime.capture.light import LightWatch
from realtime.capture.live_source import LiveSource
from realtime.commands.installation import Finding

SECONDS: Final = 10.0
HELD: Final = 0.97
"""A rate that reaches this share of another one is as high."""
_BLUR_MS: Final = 10.0
"""A face that moves at a tenth of its eyes' distance a second moves by a thousandth of it in this time."""
_JITTER_SHARE: Final = 0.25
"""Jitter of more than this share of the time between two frames is worth a remark."""


def check(
    source: LiveSource, *, seconds: float | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Finding]:
    """Watch an open camera.

    Args:
        source: Open; not closed here.
        seconds: How long; None for SECONDS.
        clock: Monotonic seconds.
    """
    source.skip_backlog()
    light = LightWatch()
    watched, came, took_s = _watch(source, light, seconds=SECONDS if seconds is None else seconds, clock=clock)
    topic = source.description.partition(" (")[0]
    yield _rate(topic, source, watched, arrived_hz=(came - 1) / took_s if took_s > 0 else 0.0)
    yield _losses(topic, source, watched, came)
    yield _exposure(topic, source)
    yield from _light(topic, light)
    for note in source.notes:
        yield Finding(f"{topic}: note", "works", note)


def _watch(
    source: LiveSource, light: LightWatch, *, seconds: float, clock: Callable[[], float]
) -> tuple[Rhythm, int, float]:
    """Return how evenly frames were taken, how many came, and within how many seconds of this computer's clock."""
    cadence = Cadence()
    first_s = last_s = clock()
    came = 0
    for frame in source:
        cadence.add(frame)
        light.add(frame)
        last_s = clock()
        came += 1
        if came == 1:
            first_s = last_s
        if last_s - first_s >= seconds:
            break
    return cadence.rhythm, came, last_s - first_s


def _rate(topic: str, source: LiveSource, watched: Rhythm, *, arrived_hz: float) -> Finding:
    asked, stated = source.asked.fps, source.got.fps
    width, height = source.size_wh
    found = f"{watched.rate_hz:.4g} frames/s of {width}x{height} {source.got.fourcc or ''}".rstrip()
    found += f", jitter {watched.jitter_ms:.2f} ms, taken in at {arrived_hz:.4g} frames/s"
    expected = asked or stated
    if expected and arrived_hz < HELD * expected:
        return Finding(
            f"{topic}: rate", "broken", f"{found}; expected {expected:g}", _limit(source, watched, arrived_hz)
        )
    if watched.rate_hz and watched.jitter_ms > _JITTER_SHARE * 1000.0 / watched.rate_hz:
        advice = "frames are not evenly spaced; use a camera that stamps them itself, or close other programs"
        return Finding(f"{topic}: rate", "broken", found, advice)
    return Finding(f"{topic}: rate", "works", found)


def _limit(source: LiveSource, watched: Rhythm, arrived_hz: float) -> str:
    """Return what keeps the rate below what is expected, and what to do."""
    asked, stated = source.asked.fps, source.got.fps
    if asked and stated and stated < HELD * asked:
        return "the camera limits it: shorten --exposure, make --roi smaller, or take a pixel format of 8 bits"
    if source.lost or watched.missing:
        return "cable, port or network limit it: see the lost frames"
    if arrived_hz < HELD * watched.rate_hz:
        return "this computer limits it: close other programs, or make --roi smaller"
    return "the camera delivers less than it states: give more light, or a shorter --exposure"


def _losses(topic: str, source: LiveSource, watched: Rhythm, came: int) -> Finding:
    if source.lost or watched.missing:
        told = f"{source.lost} by the camera's own count" if source.lost else f"{watched.missing} by the time stamps"
        advice = (
            "use a port at the computer itself (USB 3), or jumbo frames and a network card of its own (GigE), and make "
            "--roi smaller"
        )
        return Finding(
            f"{topic}: lost frames", "broken", f"{told}, of {came + max(source.lost, watched.missing)}", advice
        )
    return Finding(f"{topic}: lost frames", "works", f"none of {came}")


def _exposure(topic: str, source: LiveSource) -> Finding:
    topic, exposure_ms = f"{topic}: exposure", source.got.exposure_ms
    if exposure_ms is None:
        return Finding(topic, "missing", "the camera does not say how long it exposes", "set it with --exposure MS")
    if exposure_ms == 0.0:
        return Finding(topic, "missing", "automatic", "fix it with --exposure MS, so that brightness does not change")
    found = f"{exposure_ms:.3g} ms"
    if exposure_ms > _BLUR_MS:
        return Finding(topic, "broken", found, f"movements blur beyond {_BLUR_MS:g} ms; give more light")
    return Finding(topic, "works", found)


def _light(topic: str, light: LightWatch) -> Iterator[Finding]:
    light.finish()
    for found, remedy in light.findings:
        yield Finding(f"{topic}: light", "broken", found, remedy)
    if not light.findings:
        yield Finding(f"{topic}: light", "works", "neither flicker nor a picture that is too dark or too bright")
