"""Every kind of camera, by the scheme that `--camera SCHEME:NAME` begins with. Loading this table loads none of them.

A new kind is a file in this folder and a line in `BACKENDS`, and one in `LISTS` if its cameras can be listed.
"""

from collections.abc import Callable
from typing import Final

from mer.lazy import loaded_when_called
from realtime.capture.cameras.base import Opener

BACKENDS: Final[dict[str, Opener]] = {
    "opencv": loaded_when_called("realtime.capture.cameras.opencv:open_camera", api="auto"),
    "v4l2": loaded_when_called("realtime.capture.cameras.opencv:open_camera", api="v4l2"),
    "gstreamer": loaded_when_called("realtime.capture.cameras.opencv:open_camera", api="gstreamer"),
    "basler": loaded_when_called("realtime.capture.cameras.basler:open_camera"),
    "genicam": loaded_when_called("realtime.capture.cameras.gentl:open_camera"),
}
"""A backend that needs a library loads it in its opener, which names the extra to install if it is missing."""
LISTS: Final[dict[str, Callable[[], list[str]]]] = {
    "v4l2": loaded_when_called("realtime.capture.cameras.devices:lines"),
    "basler": loaded_when_called("realtime.capture.cameras.basler:cameras"),
    "genicam": loaded_when_called("realtime.capture.cameras.gentl:cameras"),
}
"""What `--list-cameras` says for a scheme, one camera or mode a line."""
DEFAULT: Final = "opencv"


def backend_of(text: str) -> tuple[str, str] | None:
    """Return scheme and name of a camera called "SCHEME:NAME", None if `text` does not begin with a known scheme."""
    scheme, colon, name = text.partition(":")
    return (scheme, name) if colon and scheme in BACKENDS else None
