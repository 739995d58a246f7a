"""A webcam's automatic reduction of its rate in the dark, which V4L2 can switch off and OpenCV has no name for."""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

_GET: Final = 0xC008561B
_SET: Final = 0xC008561C
"""VIDIOC_G_CTRL and VIDIOC_S_CTRL of linux/videodev2.h."""
_CONTROL: Final = 0x009A0903
"""V4L2_CID_EXPOSURE_AUTO_PRIORITY, which v4l2-ctl calls exposure_dynamic_framerate."""
_LAYOUT: Final = struct.Struct("=Ii")
"""struct v4l2_control: which one, and its value."""
Request = Callable[[int, int, bytes], bytes]


def set_dynamic_rate(device: Path, on: bool, *, request: Request | None = None) -> bool | None:
    """Let a camera lower its rate in the dark, or not.

    Args:
        device: Of the camera; others may have it open.
        on: Whether it may.
        request: Asks the driver; None for `fcntl.ioctl`.

    Returns:
        Whether it might before; None if the camera has no such setting.
    """
    if (ask := request or _ioctl()) is None:
        return None
    try:
        number = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        _, before = _LAYOUT.unpack(ask(number, _GET, _LAYOUT.pack(_CONTROL, 0)))
        if bool(before) is not on:
            ask(number, _SET, _LAYOUT.pack(_CONTROL, int(on)))
        return bool(before)
    except OSError:
        return None
    finally:
        os.close(number)


def _ioctl() -> Request | None:
    try:
        from fcntl import ioctl
    except ImportError:  # Windows
        return None
    return ioctl
