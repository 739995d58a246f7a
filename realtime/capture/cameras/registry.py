"""Every kind of camera, by the scheme that `--camera SCHEME:NAME` begins with."""

from collections.abc import Callable
from functools import partial
from typing import Final

from realtime.capture.cameras import basler, devices, gentl, opencv
from realtime.capture.cameras.base import Opener

BACKENDS: Final[dict[str, Opener]] = {
    "opencv": partial(opencv.open_camera, api="auto"),
    "v4l2": partial(opencv.open_camera, api="v4l2"),
    "gstreamer": partial(opencv.open_camera, api="gstreamer"),
    "basler": basler.open_camera,
    "genicam": gentl.open_camera,
}
"""A backend that needs a library loads it in its opener, which names the extra to install if it is missing."""
LISTS: Final[dict[str, Callable[[], list[str]]]] = {
    "v4l2": devices.lines,
    "basler": basler.cameras,
    "genicam": gentl.cameras,
}
"""What `--list-cameras` says for a scheme, one camera or mode a line."""
DEFAULT: Final = "opencv"


def backend_of(text: str) -> tuple[str, str] | None:
    """Return scheme and name of a camera called "SCHEME:NAME", None if `text` does not begin with a known scheme."""
    scheme, colon, name = text.partition(":")
    return (scheme, name) if colon and scheme in BACKENDS else None
