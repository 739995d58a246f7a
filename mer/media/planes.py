"""A decoded frame as its luma, with the colours converted only for those who ask."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import cv2
import numpy as np
from av import FFmpegError, VideoFrame
from av.video.format import VideoFormat
from numpy.typing import NDArray

_FULL_RANGE: Final = 2
_LIMITED_RANGE: Final = 1
"""`color_range` as FFmpeg numbers it; 0 is unknown."""
_DEPTHS: Final = (8, 10, 12, 14)
"""Bits per sample that recordings with room for 16 may really hold."""
_ROTATIONS: Final = {
    90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_CLOCKWISE,
}

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Planes:
    """What the decoder made of one frame.

    Attributes:
        frame: Owned by this record; the decoder never writes to it again.
        turn_deg: Turn that the container asks for, counter-clockwise: 0, 90, 180 or 270.
        bits: Bits per sample that are really used, where they are fewer than the format has room for; else None.
    """

    frame: VideoFrame
    turn_deg: int = 0
    bits: int | None = None

    def luma(self) -> Picture:
        """Return the (H, W) uint8 luma, upright, black at 0 and white at 255 whatever range and depth it came in.

        Raises:
            av.FFmpegError: If the frame is in a form that FFmpeg cannot convert.
        """
        luma = _luma(self.frame, self.bits)
        if luma is None:
            luma = np.asarray(cv2.cvtColor(_bgr(self.frame), cv2.COLOR_BGR2GRAY), np.uint8)
        return _turned(luma, self.turn_deg)

    def bgr(self) -> Picture:
        """Return the (H, W, 3) uint8 BGR picture, upright; grey if the frame is, or if its colours make no sense.

        Raises:
            av.FFmpegError: If the frame is in a form that FFmpeg cannot convert.
        """
        if not self.frame.format.name.startswith("gray"):
            try:
                return _turned(_bgr(self.frame), self.turn_deg)
            except (FFmpegError, ValueError):  # damaged headers name colour spaces that do not exist
                if samples(self.frame) is None:
                    raise
        return np.asarray(cv2.cvtColor(self.luma(), cv2.COLOR_GRAY2BGR), np.uint8)


def turn_of(frame: VideoFrame) -> int:
    """Return the turn that the container asks for, counter-clockwise, in whole quarter turns: 0, 90, 180 or 270."""
    return round(frame.rotation / 90.0) * 90 % 360


def bits_used(frame: VideoFrame) -> int | None:
    """Return how many of 16 bits per sample a frame uses, None if it uses all or the format has fewer."""
    found = samples(frame)
    if found is None or frame.format.components[0].bits < 16:
        return None
    highest = int(found.max())
    return next((bits for bits in _DEPTHS if 0 < highest < 1 << bits), None)


def samples(frame: VideoFrame) -> NDArray[np.uint8] | NDArray[np.uint16] | None:
    """Return the luma samples as the decoder wrote them, a view; None if no plane holds luma alone."""
    if not _has_luma_plane(frame.format.name):
        return None
    plane: Any = frame.planes[0]
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    rows: NDArray[Any] = np.frombuffer(plane, kind).reshape(plane.height, -1)
    return rows[:: 1 if plane.line_size > 0 else -1, : plane.width]


def _luma(frame: VideoFrame, bits: int | None) -> Picture | None:
    found = samples(frame)
    if found is None:
        return None
    bits = bits or frame.format.components[0].bits
    limited = _is_limited(frame)
    if found.dtype == np.uint8:
        return np.asarray(cv2.LUT(found, _from_limited()), np.uint8) if limited else found.copy()
    low, high = (16 << (bits - 8), 235 << (bits - 8)) if limited else (0, (1 << bits) - 1)
    scale = 255.0 / (high - low)
    return np.asarray(cv2.addWeighted(found, scale, found, 0.0, -low * scale, dtype=cv2.CV_8U), np.uint8)


def _bgr(frame: VideoFrame) -> Picture:
    return np.asarray(frame.to_ndarray(format="bgr24", **one_thread()), np.uint8)


@cache
def one_thread() -> dict[str, Any]:
    """Return what tells PyAV to convert a frame in this thread, nothing where it always does.

    By default, newer versions start threads for each frame, which were seen to wait for one another forever.
    """
    try:
        VideoFrame(16, 16, "yuv420p").reformat(format="bgr24", threads=1)
    except TypeError:
        return {}
    return {"threads": 1}


def _is_limited(frame: VideoFrame) -> bool:
    """Return whether black is at 16 and white at 235: YUV that says nothing is coded so, and grey is not."""
    if frame.format.name.startswith("yuvj") or frame.color_range == _FULL_RANGE:
        return False
    return not frame.format.name.startswith("gray") or frame.color_range == _LIMITED_RANGE


def _turned(image: Picture, turn_deg: int) -> Picture:
    return np.asarray(cv2.rotate(image, _ROTATIONS[turn_deg]), np.uint8) if turn_deg else image


@cache
def _has_luma_plane(name: str) -> bool:
    """Return whether a pixel format keeps luma alone in its first plane, as whole bytes of this machine's order."""
    form = VideoFormat(name)
    if not name.startswith(("yuv", "gray", "nv12", "nv16", "nv21")) or name.startswith(("grayf", "yuyv", "yuv4xyz")):
        return False
    alone = sum(component.plane == 0 for component in form.components) == 1
    return alone and form.components[0].bits >= 8 and not (form.is_big_endian or form.is_bit_stream)


@cache
def _from_limited() -> Picture:
    grey = np.clip(np.rint((np.arange(256) - 16) * (255.0 / 219.0)), 0, 255)
    return np.asarray(grey, np.uint8)
