"""Settings of laboratory cameras by the names of GenICam's standard (SFNC) and of older cameras of Basler."""

from dataclasses import dataclass
from typing import Any, Final, Protocol

from mer.errors import MerError, UsageError
from realtime.capture.cameras.base import EXPOSED_SHARE, Mode, refuse_long_exposure
from realtime.capture.cameras.pixels import FORMATS

_RATE: Final = ("AcquisitionFrameRate", "AcquisitionFrameRateAbs")
_RATE_ENABLE: Final = ("AcquisitionFrameRateEnable", "AcquisitionFrameRateEnabled")
_RESULTING: Final = ("ResultingFrameRate", "ResultingFrameRateAbs", "BslResultingAcquisitionFrameRate")
_EXPOSURE: Final = ("ExposureTime", "ExposureTimeAbs")
_AUTO_LIMIT: Final = ("AutoExposureTimeUpperLimit", "AutoExposureTimeAbsUpperLimit", "ExposureAutoUpperLimit")
_PTP: Final = ("PtpEnable", "GevIEEE1588")
_US_PER_MS: Final = 1000.0


class Features(Protocol):
    """The settings of an open camera, by name."""

    def has(self, name: str) -> bool:
        """Return whether it can be read now."""

    def value(self, name: str) -> Any:
        """Return it."""

    def set(self, name: str, value: Any) -> None:
        """Change it.

        Raises:
            MerError: If the camera does not take the value.
        """

    def bounds(self, name: str) -> tuple[float, float, float]:
        """Return least and greatest value of a number, and the step between values, 0 if there is none."""

    def choices(self, name: str) -> tuple[str, ...]:
        """Return the values of an enumeration."""


@dataclass(frozen=True, slots=True)
class Configured:
    """What became of a request.

    Attributes:
        mode: What is in force; `fps` is the rate that the camera reaches, None if it does not say or is triggered.
        notes: What was changed without being asked for, and what was not reached.
    """

    mode: Mode
    notes: tuple[str, ...]


def configure(features: Features, asked: Mode) -> Configured:
    """Ask an open camera, which must not run yet, for a mode.

    Raises:
        UsageError: If an option makes no sense for it.
        MerError: If it has no such setting, or does not take a value.
    """
    pixel_format = _set_format(features, asked.fourcc)
    _set_region(features, asked)
    _set_trigger(features, asked.laboratory.trigger)
    notes = _set_rate_and_exposure(features, asked)
    if asked.laboratory.gain is not None:
        _set_gain(features, asked.laboratory.gain)
    if asked.laboratory.ptp:
        name = _needed(features, _PTP, "--ptp", "a clock that the network sets (PTP)")
        features.set(name, True)
    fps = None if asked.laboratory.trigger else rate_of(features)
    if fps and asked.fps and fps < 0.99 * asked.fps:
        notes += (
            f"the camera reaches {fps:.4g} of the {asked.fps:g} frames/s; a shorter --exposure, a smaller --roi or a "
            "pixel format of 8 bits raises the rate",
        )
    return Configured(Mode(fps=fps, fourcc=pixel_format, exposure_ms=exposure_of(features)), notes)


def rate_of(features: Features) -> float | None:
    """Return the frames a second that the camera says it reaches, None if it says nothing."""
    name = _first(features, (*_RESULTING, *_RATE))
    return float(features.value(name)) if name else None


def exposure_of(features: Features) -> float | None:
    """Return the exposure in force in ms, 0 if the camera chooses, None if it does not say."""
    if features.has("ExposureAuto") and features.value("ExposureAuto") != "Off":
        return 0.0
    name = _first(features, _EXPOSURE)
    return float(features.value(name)) / _US_PER_MS if name else None


def _set_format(features: Features, wanted: str | None) -> str:
    offered = [name for name in features.choices("PixelFormat") if name in FORMATS]
    if wanted is not None:
        if wanted not in offered:
            raise UsageError(
                f"--pixel-format {wanted}: this camera has {', '.join(offered) or 'no format that can be read'}; "
                "give one of them, or leave it out"
            )
        features.set("PixelFormat", wanted)
        return wanted
    current = str(features.value("PixelFormat"))
    if current not in FORMATS:
        if not offered:
            raise MerError(f"the camera sends {current} and has no format that can be read; see the list in the docs")
        current = offered[0]
        features.set("PixelFormat", current)
    return current


def _set_region(features: Features, asked: Mode) -> None:
    region = asked.laboratory.roi
    if region is None and not (asked.width or asked.height):
        return
    for offset in ("OffsetX", "OffsetY"):  # first, because they bound width and height
        if features.has(offset):
            features.set(offset, int(features.bounds(offset)[0]))
    if region is None:
        _set_size(features, "Width", asked.width, "--width")
        _set_size(features, "Height", asked.height, "--height")
        return
    for name, wanted in (("Width", region.width), ("Height", region.height)):
        _set_size(features, name, wanted or int(features.bounds(name)[1]), "--roi")
    for name, start in (("OffsetX", region.x), ("OffsetY", region.y)):
        _set_size(features, name, start, "--roi")


def _set_size(features: Features, name: str, wanted: int | None, option: str) -> None:
    """Set a number of pixels, down to the step that the sensor has."""
    if wanted is None:
        return
    if not features.has(name):
        raise MerError(f"{option}: this camera does not let {name} be set; leave it out")
    least, greatest, step = (int(number) for number in features.bounds(name))
    if not least <= wanted <= greatest:
        raise UsageError(f"{option}: {name} {wanted} is not possible; this camera takes {least} to {greatest} here")
    features.set(name, least + (wanted - least) // max(step, 1) * max(step, 1))


def _set_trigger(features: Features, line: str | None) -> None:
    if not features.has("TriggerSelector") or not features.has("TriggerMode"):
        if line is not None:
            raise MerError("--trigger: this camera has no trigger; leave it out")
        return
    for selector in features.choices("TriggerSelector"):  # what a program before left on would hold every frame back
        features.set("TriggerSelector", selector)
        features.set("TriggerMode", "Off")
    if line is None:
        return
    features.set("TriggerSelector", "FrameStart")
    lines = features.choices("TriggerSource")
    if line not in lines:
        raise UsageError(f"--trigger {line}: this camera has {', '.join(lines)}; give one of them")
    features.set("TriggerMode", "On")
    features.set("TriggerSource", line)
    if features.has("TriggerActivation"):
        features.set("TriggerActivation", "RisingEdge")


def _set_rate_and_exposure(features: Features, asked: Mode) -> tuple[str, ...]:
    refuse_long_exposure(asked)
    notes = _fit_exposure(features, asked)
    if asked.laboratory.trigger:
        if enable := _first(features, _RATE_ENABLE):
            features.set(enable, False)
        return notes
    if asked.fps:
        name = _needed(features, _RATE, "--fps", "a rate that can be set")
        if enable := _first(features, _RATE_ENABLE):
            features.set(enable, True)
        least, greatest, _ = features.bounds(name)
        features.set(name, min(max(asked.fps, least), greatest))
    return notes


def _fit_exposure(features: Features, asked: Mode) -> tuple[str, ...]:
    """Set the exposure that is asked for, or shorten the one in force until it fits the rate."""
    if asked.exposure_ms == 0:
        _needed(features, ("ExposureAuto",), "--exposure auto", "automatic exposure")
        features.set("ExposureAuto", "Continuous")
        if asked.fps and (limit := _first(features, _AUTO_LIMIT)):
            _set_within(features, limit, EXPOSED_SHARE * 1e6 / asked.fps)
        return ()
    if asked.exposure_ms is not None:
        name = _needed(features, _EXPOSURE, "--exposure", "an exposure that can be set")
        if features.has("ExposureAuto"):
            features.set("ExposureAuto", "Off")
        least, greatest, _ = features.bounds(name)
        if not least <= asked.exposure_ms * _US_PER_MS <= greatest:
            bounds = f"{least / _US_PER_MS:g} to {greatest / _US_PER_MS:g} ms"
            raise UsageError(f"--exposure {asked.exposure_ms:g} is not possible; this camera takes {bounds}")
        features.set(name, asked.exposure_ms * _US_PER_MS)
        return ()
    current_ms, automatic = exposure_of(features), exposure_of(features) == 0.0
    longest_ms = EXPOSED_SHARE * 1000.0 / asked.fps if asked.fps else None
    if longest_ms is None or current_ms is None or automatic or current_ms <= longest_ms:
        return ()
    _set_within(features, _needed(features, _EXPOSURE, "--fps", "an exposure that can be set"), longest_ms * _US_PER_MS)
    return (f"exposure shortened from {current_ms:g} to {longest_ms:.3g} ms to reach {asked.fps:g} frames/s",)


def _set_gain(features: Features, gain_db: float) -> None:
    _needed(features, ("Gain",), "--gain", "a gain in dB that can be set")
    if features.has("GainAuto"):
        features.set("GainAuto", "Off")
    least, greatest, _ = features.bounds("Gain")
    if not least <= gain_db <= greatest:
        raise UsageError(f"--gain {gain_db:g} is not possible; this camera takes {least:g} to {greatest:g} dB")
    features.set("Gain", gain_db)


def _set_within(features: Features, name: str, value: float) -> None:
    least, greatest, _ = features.bounds(name)
    features.set(name, min(max(value, least), greatest))


def _first(features: Features, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if features.has(name)), None)


def _needed(features: Features, names: tuple[str, ...], option: str, what: str) -> str:
    name = _first(features, names)
    if name is None:
        raise MerError(f"{option}: this camera does not have {what}; leave it out")
    return name
