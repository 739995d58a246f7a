"""Options about the source that `mer-live` and `mer-doctor` share, and opening what they name."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer import option_help
from realtime import options
from realtime.capture.cameras.base import Laboratory, Region
from realtime.capture.cameras.registry import LISTS
from realtime.capture.face_region import face_region
from realtime.capture.live_source import LiveSource
from realtime.capture.source import CHOICES, Source

CAMERA_HELP: Final = (
    "camera number or device, stream address (http, rtsp), or a file, which is played at its own pace; SCHEME:NAME, "
    "such as basler:0, genicam:SERIAL or v4l2:0, also says what reads a camera"
)
FACE: Final = "face"
"""Value of `--roi` that asks for the part of the sensor around the face."""
WHOLE: Final = Region(0, 0, 0, 0)
Opener = Callable[..., Source]
Meshes = Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]]


def add_camera(parser: argparse.ArgumentParser) -> None:
    """Add the options about what is requested from a camera."""
    group = parser.add_argument_group("camera")
    group.add_argument(
        "--fps",
        type=options.frame_rate,
        help=f"{option_help.FPS} (default: as the source delivers; if given, it is requested from a camera, and "
        "replaces the time stamps of other sources)",
    )
    group.add_argument("--width", type=options.pixels, metavar="PIXELS", help="frame width to request from a camera")
    group.add_argument("--height", type=options.pixels, metavar="PIXELS", help="frame height to request from a camera")
    group.add_argument(
        "--fourcc",
        "--pixel-format",
        metavar="CODE",
        help="pixel format to request from a camera: MJPG, YUYV; Mono8, Mono12, BayerRG8 of a laboratory camera",
    )
    group.add_argument(
        "--exposure", type=options.exposure, metavar="MS|auto", help="exposure time of the camera in ms (Linux)"
    )
    group.add_argument(
        "--camera-backend",
        choices=CHOICES,
        default="auto",
        help="library that reads cameras; with gstreamer, --camera also takes a pipeline",
    )
    lab = parser.add_argument_group("laboratory cameras (basler:, genicam:)")
    lab.add_argument(
        "--roi",
        type=region,
        metavar="WxH+X+Y|face",
        help="part of the sensor to read, which raises the highest rate; face: around the largest face in view when "
        "the camera is opened, and after it where the camera allows that (default: as the camera is set)",
    )
    lab.add_argument("--gain", type=decibels, metavar="DB", help="gain in dB (default: as the camera is set)")
    lab.add_argument(
        "--trigger", metavar="LINE", help="input whose rising edge starts each exposure, such as Line1 (default: none)"
    )
    lab.add_argument("--ptp", action="store_true", help="let the network set the camera's clock (IEEE 1588)")
    lab.add_argument("--cti", type=Path, metavar="FILE", help="GenTL producer of the camera's maker (genicam:)")
    lab.add_argument(
        "--camera-settings",
        type=Path,
        metavar="PFS",
        help="settings saved by pylon Viewer, loaded before the other options (basler:)",
    )


def region(text: str) -> Region | str:
    """Return a part of the sensor given on the command line, or FACE."""
    if text == FACE:
        return FACE
    numbers = re.fullmatch(r"(\d{1,5})x(\d{1,5})\+(\d{1,5})\+(\d{1,5})", text)
    if numbers is None or "0" in numbers.groups()[:2]:
        raise argparse.ArgumentTypeError(
            f"{text} is not a part of the sensor; give WIDTHxHEIGHT+X+Y in pixels, such as 640x480+100+50, or {FACE}"
        )
    width, height, x, y = map(int, numbers.groups())
    return Region(x, y, width, height)


def decibels(text: str) -> float:
    """Return a gain given on the command line."""
    number = float(text)
    if not -100.0 <= number <= 100.0:
        raise argparse.ArgumentTypeError(f"{text} is not a gain; give dB, such as 6")
    return number


def open_named(args: argparse.Namespace, *, opener: Opener, meshes: Meshes) -> Source:
    """Open what `--camera` names.

    Args:
        args: What was given.
        opener: `realtime.capture.source.open_source`.
        meshes: Finds faces in a (H, W, 3) picture, for `--roi face`.

    Raises:
        MerError: If there is no such source, it delivers nothing, or no face is in view for `--roi face`.
        UsageError: If an option makes no sense.
    """
    if args.roi != FACE:
        return _opened(args, args.roi, opener)
    with _opened(args, WHOLE, opener) as source:
        seen = face_region(source if isinstance(source, LiveSource) else iter(source), meshes)
    return _opened(args, seen, opener)


def _opened(args: argparse.Namespace, roi: Region | None, opener: Opener) -> Source:
    laboratory = Laboratory(roi, args.gain, args.trigger, args.ptp, args.cti, args.camera_settings)
    return opener(
        args.camera,
        fps=args.fps,
        width=args.width,
        height=args.height,
        fourcc=args.fourcc,
        exposure_ms=args.exposure,
        backend=args.camera_backend,
        laboratory=laboratory,
    )


def listed(scheme: str) -> list[str]:
    """Return the lines that `--list-cameras` prints.

    Raises:
        MerError: If the scheme's library is not installed.
    """
    return LISTS[scheme]() or [f"no camera was found by {scheme}"]
