"""What a camera is asked for and what it does: size, rate, pixel format, exposure, through OpenCV."""

import os
import sys
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

os.environ.setdefault(
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "5"
)  # seconds until an unplugged camera is noticed; it is 10

import cv2

from mer.errors import MerError, UsageError

Backend = Literal["auto", "v4l2", "gstreamer"]
BACKENDS: Final = get_args(Backend)
SLOW: Final = 0.75
"""A camera that delivers less than this share of its stated rate is said to be slow."""
_COMPRESSED_ABOVE_FPS: Final = 30.0
_COMPRESSED_ABOVE_PX: Final = 640 * 480
"""Beyond either, USB cameras need a compressed pixel format: raw pictures do not fit through the cable."""
_MANUAL: Final = 1.0
_AUTOMATIC: Final = 3.0
"""Values of V4L2_CID_EXPOSURE_AUTO: manual, and aperture priority, which is what webcams have."""
_EXPOSURE_STEPS_PER_MS: Final = 10.0
"""V4L2_CID_EXPOSURE_ABSOLUTE counts steps of 100 microseconds."""


@dataclass(frozen=True, slots=True)
class Mode:
    """What a camera was asked for, or what it says it does.

    Attributes:
        width: Pixels, None if not asked for.
        height: Pixels, None if not asked for.
        fps: Frames a second, None if not asked for or not known.
        fourcc: Four letters of the pixel format such as "MJPG", None if not asked for or not known.
        exposure_ms: Time that each picture is exposed, 0 if the camera chooses, None if not asked for or not known.
    """

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    fourcc: str | None = None
    exposure_ms: float | None = None

    def __str__(self) -> str:
        size = f"{self.width or 'any'}x{self.height or 'any'}" if self.width or self.height else ""
        rate = f"{self.fps:g} fps" if self.fps else ""
        parts = [size, rate, self.fourcc or ""]
        if self.exposure_ms is not None:
            parts.append(f"exposure {self.exposure_ms:g} ms" if self.exposure_ms else "exposure automatic")
        return " ".join(part for part in parts if part) or "its default"


def api_of(backend: Backend) -> int:
    """Return OpenCV's number of a backend for cameras.

    Raises:
        UsageError: If this OpenCV or this system does not have it.
    """
    if backend == "auto":
        return cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    api = cv2.CAP_V4L2 if backend == "v4l2" else cv2.CAP_GSTREAMER
    if not cv2.videoio_registry.hasBackend(api):
        advice = (
            "opencv-python from PyPI has none; build OpenCV with it" if backend == "gstreamer" else "it needs Linux"
        )
        raise UsageError(f"--camera-backend {backend}: this OpenCV cannot use it ({advice}), or leave the option out")
    return api


def request(capture: Any, asked: Mode, *, api: int) -> Mode:
    """Ask an open camera for a mode; drivers take what they can.

    Motion JPEG is asked for where nothing else was and size or rate are beyond what raw pictures allow.

    Args:
        capture: An open cv2.VideoCapture.
        asked: What is wanted.
        api: OpenCV's number of the backend.

    Returns:
        What was asked in the end.

    Raises:
        MerError: If an exposure is wanted and the camera does not let it be set.
    """
    fourcc = asked.fourcc or ("MJPG" if api == cv2.CAP_V4L2 and _needs_compression(asked) else None)
    if fourcc:  # before size and rate: drivers offer their high rates in some formats only
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*fourcc))
    for key, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, asked.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, asked.height),
        (cv2.CAP_PROP_FPS, asked.fps),
    ):
        if value:
            capture.set(key, value)
    if asked.exposure_ms is not None:
        _set_exposure(capture, asked.exposure_ms, api)
    return Mode(asked.width, asked.height, asked.fps, fourcc, asked.exposure_ms)


def in_force(capture: Any, *, exposure: bool) -> Mode:
    """Return pixel format and, if it matters, the exposure that an open camera says it has."""
    exposure_ms = None
    if exposure:
        automatic = capture.get(cv2.CAP_PROP_AUTO_EXPOSURE) == _AUTOMATIC
        exposure_ms = 0.0 if automatic else capture.get(cv2.CAP_PROP_EXPOSURE) / _EXPOSURE_STEPS_PER_MS
    return Mode(fourcc=fourcc_text(capture.get(cv2.CAP_PROP_FOURCC)), exposure_ms=exposure_ms)


def slow_note(measured_hz: float, stated_hz: float) -> str:
    """Return what to say about a camera that is slower than it states."""
    return (
        f"the camera states {stated_hz:g} fps and delivers {measured_hz:.3g}, as automatic exposure does in dim light; "
        f"give more light, or --exposure {500.0 / stated_hz:.2g}"
    )


def fourcc_text(code: float) -> str | None:
    """Return the four letters of a pixel format, None if there are none."""
    letters = int(code).to_bytes(4, "little", signed=True) if abs(code) < 2**31 else b""
    return letters.decode("ascii") if letters.isalnum() else None


def _needs_compression(asked: Mode) -> bool:
    large = (asked.width or 0) * (asked.height or 0) > _COMPRESSED_ABOVE_PX
    return large or (asked.fps or 0.0) > _COMPRESSED_ABOVE_FPS


def _set_exposure(capture: Any, exposure_ms: float, api: int) -> None:
    if api != cv2.CAP_V4L2:
        raise MerError("--exposure is set through V4L2, on Linux; use the camera's own program, or leave it out")
    taken = capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, _MANUAL if exposure_ms else _AUTOMATIC)
    if exposure_ms:
        taken = capture.set(cv2.CAP_PROP_EXPOSURE, exposure_ms * _EXPOSURE_STEPS_PER_MS) and taken
    if not taken:
        raise MerError("this camera does not let its exposure be set; leave --exposure out")
