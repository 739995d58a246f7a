"""Cameras that OpenCV reads: through V4L2, GStreamer, or what the system offers. Only this file knows a CAP_PROP."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, Protocol, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError, UsageError
from mer.messages import Frame
from realtime.capture.cameras import devices
from realtime.capture.cameras.base import EXPOSED_SHARE, Clock, Mode, refuse_long_exposure
from realtime.capture.cameras.dynamic_rate import set_dynamic_rate

Api = Literal["auto", "v4l2", "gstreamer"]
APIS: Final = get_args(Api)
_COMPRESSED_ABOVE_FPS: Final = 30.0
_COMPRESSED_ABOVE_PX: Final = 640 * 480
"""Beyond either, USB cameras need a compressed pixel format: raw pictures do not fit through the cable."""
_MANUAL: Final = 1.0
_AUTOMATIC: Final = 3.0
"""Values of V4L2_CID_EXPOSURE_AUTO: manual, and aperture priority, which is what webcams have."""
_EXPOSURE_STEPS_PER_MS: Final = 10.0
"""V4L2_CID_EXPOSURE_ABSOLUTE counts steps of 100 microseconds."""
_TIMEOUT_VARIABLE: Final = "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"
_TIMEOUT_S: Final = 5
"""Until an unplugged camera is noticed; OpenCV waits for 10. It reads the variable when it first waits for a frame."""


class _Driver(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def isOpened(self) -> bool: ...

    def read(self) -> tuple[bool, NDArray[Any]]: ...

    def get(self, key: int, /) -> float: ...

    def set(self, key: int, value: float, /) -> bool: ...

    def release(self) -> None: ...


DynamicRate = Callable[[Path, bool], bool | None]


def open_camera(
    name: str,
    asked: Mode,
    *,
    api: Api,
    driver: Callable[[int | str, int], _Driver] | None = None,
    dynamic_rate: DynamicRate = set_dynamic_rate,
) -> "OpenCvCamera":
    """Open a camera.

    Args:
        name: Its number, its device's path, or with "gstreamer" a pipeline ending in appsink.
        asked: What it is asked for.
        api: What OpenCV reads it with.
        driver: Opens it; None for OpenCV.
        dynamic_rate: Lets it lower its rate in the dark, or not; a rate that is asked for is kept up.

    Raises:
        MerError: If it cannot be opened, or an exposure is wanted and it does not let it be set.
        UsageError: If this OpenCV or this system does not have `api`, the pixel format is none, or the exposure is
            longer than the rate allows.
    """
    asked.laboratory.refuse("cameras that OpenCV reads")
    refuse_long_exposure(asked)
    if asked.fourcc is not None and len(asked.fourcc) != 4:
        raise UsageError(f"--fourcc {asked.fourcc!r} is not a pixel format; give four letters, such as MJPG")
    number = api_number(api)
    os.environ.setdefault(_TIMEOUT_VARIABLE, str(_TIMEOUT_S))
    opened = (driver or _opened)(int(name) if name.isdecimal() else name, number)
    if not opened.isOpened():
        named = "the pipeline" if "!" in name else f"camera {name}"
        raise MerError(f"{named} cannot be opened; {devices.advice()}")
    try:
        camera = OpenCvCamera(opened, asked, api=number)
    except MerError:
        opened.release()
        raise
    if number == cv2.CAP_V4L2 and asked.fps:
        camera.keep_rate(Path(f"/dev/video{name}" if name.isdecimal() else name), dynamic_rate)
    return camera


class OpenCvCamera:
    """A camera that OpenCV reads.

    Args:
        driver: Open; released by `close`.
        asked: What it is asked for.
        api: OpenCV's number of what it is read with.

    Attributes:
        asked: What it was asked for in the end.
        clock: "device" for V4L2, whose pictures the kernel stamps.
        finite: Whether it is a file, as a pipeline can be.
        notes: What was changed without being asked for.
    """

    def __init__(self, driver: _Driver, asked: Mode, *, api: int) -> None:
        self.asked = request(driver, asked, api=api)
        self.clock: Clock = "device" if api == cv2.CAP_V4L2 else "arrival"
        length = driver.get(cv2.CAP_PROP_FRAME_COUNT)
        self.finite = bool(np.isfinite(length) and length > 0)
        self.notes = _fit_exposure(driver, self.asked) if api == cv2.CAP_V4L2 else ()
        self._driver = driver
        self._restore: Callable[[], object] | None = None

    @property
    def mode(self) -> Mode:
        """What the driver says it does: rate, pixel format and, if one was asked for, the exposure."""
        return in_force(self._driver, exposure=self.asked.exposure_ms is not None)

    def read(self) -> Frame | None:
        """Return the next frame with the driver's stamp, None if none came for some seconds."""
        ok, image = self._driver.read()
        if not ok:
            return None
        stamp_s = self._driver.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
        return Frame(image.astype(np.uint8, copy=False), stamp_s, 0)

    def keep_rate(self, device: Path, dynamic_rate: DynamicRate) -> None:
        """Keep the camera from lowering its rate in the dark, until it is closed."""
        if dynamic_rate(device, False):
            self.notes += ("the camera's automatic lower rate in the dark is off during the session",)
            self._restore = lambda: dynamic_rate(device, True)

    def close(self) -> None:
        """Release the camera; safe to call twice."""
        restore, self._restore = self._restore, None
        if restore is not None:
            restore()
        self._driver.release()


def api_number(api: Api) -> int:
    """Return OpenCV's number of what reads cameras.

    Raises:
        UsageError: If this OpenCV or this system does not have it.
    """
    if api == "auto":
        return cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    number = cv2.CAP_V4L2 if api == "v4l2" else cv2.CAP_GSTREAMER
    if not cv2.videoio_registry.hasBackend(number):
        advice = "opencv-python from PyPI has none; build OpenCV with it" if api == "gstreamer" else "it needs Linux"
        raise UsageError(f"--camera-backend {api}: this OpenCV cannot use it ({advice}), or leave the option out")
    return number


def request(driver: _Driver, asked: Mode, *, api: int) -> Mode:
    """Ask an open camera for a mode; drivers take what they can.

    Motion JPEG is asked for where nothing else was and size or rate are beyond what raw pictures allow.

    Args:
        driver: Of the camera.
        asked: What is wanted.
        api: OpenCV's number of what it is read with.

    Returns:
        What was asked in the end.

    Raises:
        MerError: If an exposure is wanted and the camera does not let it be set.
    """
    fourcc = asked.fourcc or ("MJPG" if api == cv2.CAP_V4L2 and _needs_compression(asked) else None)
    if fourcc:  # before size and rate: drivers offer their high rates in some formats only
        driver.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*fourcc))
    for key, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, asked.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, asked.height),
        (cv2.CAP_PROP_FPS, asked.fps),
    ):
        if value:
            driver.set(key, value)
    if asked.exposure_ms is not None:
        _set_exposure(driver, asked.exposure_ms, api)
    return Mode(asked.width, asked.height, asked.fps, fourcc, asked.exposure_ms)


def in_force(driver: _Driver, *, exposure: bool) -> Mode:
    """Return rate, pixel format and, if it matters, the exposure that an open camera says it has."""
    exposure_ms = None
    if exposure:
        automatic = driver.get(cv2.CAP_PROP_AUTO_EXPOSURE) == _AUTOMATIC
        exposure_ms = 0.0 if automatic else driver.get(cv2.CAP_PROP_EXPOSURE) / _EXPOSURE_STEPS_PER_MS
    return Mode(
        fps=driver.get(cv2.CAP_PROP_FPS),
        fourcc=fourcc_text(driver.get(cv2.CAP_PROP_FOURCC)),
        exposure_ms=exposure_ms,
    )


def fourcc_text(code: float) -> str | None:
    """Return the four letters of a pixel format, None if there are none."""
    letters = int(code).to_bytes(4, "little", signed=True) if abs(code) < 2**31 else b""
    return letters.decode("ascii") if letters.isalnum() else None


def _opened(name: int | str, api: int) -> _Driver:
    return cv2.VideoCapture(name, api)


def _needs_compression(asked: Mode) -> bool:
    large = (asked.width or 0) * (asked.height or 0) > _COMPRESSED_ABOVE_PX
    return large or (asked.fps or 0.0) > _COMPRESSED_ABOVE_FPS


def _fit_exposure(driver: _Driver, asked: Mode) -> tuple[str, ...]:
    """Shorten an exposure that another program left set by hand and that does not fit the rate; return a note."""
    if not asked.fps or asked.exposure_ms is not None or driver.get(cv2.CAP_PROP_AUTO_EXPOSURE) != _MANUAL:
        return ()
    current_ms = driver.get(cv2.CAP_PROP_EXPOSURE) / _EXPOSURE_STEPS_PER_MS
    longest_ms = EXPOSED_SHARE * 1000.0 / asked.fps
    if current_ms <= longest_ms or not driver.set(cv2.CAP_PROP_EXPOSURE, longest_ms * _EXPOSURE_STEPS_PER_MS):
        return ()
    return (f"exposure shortened from {current_ms:g} to {longest_ms:.3g} ms to reach {asked.fps:g} frames/s",)


def _set_exposure(driver: _Driver, exposure_ms: float, api: int) -> None:
    if api != cv2.CAP_V4L2:
        raise MerError("--exposure is set through V4L2, on Linux; use the camera's own program, or leave it out")
    taken = driver.set(cv2.CAP_PROP_AUTO_EXPOSURE, _MANUAL if exposure_ms else _AUTOMATIC)
    if exposure_ms:
        taken = driver.set(cv2.CAP_PROP_EXPOSURE, exposure_ms * _EXPOSURE_STEPS_PER_MS) and taken
    if not taken:
        raise MerError("this camera does not let its exposure be set; leave --exposure out")
