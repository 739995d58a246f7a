"""JPEG pictures, single and in Motion JPEG, of which only the luma is decoded until somebody wants their colours."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.messages import Frame

DAMAGED_MOST: Final = 500
"""So many packets of Motion JPEG in a row that cannot be decoded are the end of the source."""

Read = tuple[NDArray[np.uint8], NDArray[np.uint8] | None]
"""A picture, BGR or grey, and the JPEG that grey is the luma of."""


def in_colour(frame: Frame) -> NDArray[np.uint8]:
    """Return the (H, W, 3) BGR picture of a frame; decodes it if only its luma has been decoded so far."""
    if frame.jpeg is not None:
        return np.asarray(cv2.imdecode(frame.jpeg, cv2.IMREAD_COLOR), np.uint8)
    return frame.image if frame.image.ndim == 3 else np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_GRAY2BGR), np.uint8)


def luma(jpeg: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the (H, W) luma of a JPEG picture, a third of the work of its colours; None if it cannot be decoded."""
    try:
        grey = cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)
    except cv2.error:  # empty, or its header claims more pixels than OpenCV takes
        return None
    return None if grey is None else grey.astype(np.uint8, copy=False)


class JpegPackets:
    """The packets of Motion JPEG as they are in the file or stream, only their luma decoded.

    Args:
        capture: Open, by FFmpeg, nothing read from it yet.

    Attributes:
        usable: Whether it delivers pictures in this way. If not, open it again and read as usual.
    """

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        size = tuple(round(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH))
        turned = capture.get(cv2.CAP_PROP_ORIENTATION_META) != 0.0
        self._first: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
        self.usable = not turned and capture.set(cv2.CAP_PROP_FORMAT, -1)
        if self.usable:
            self._first = self.read()
            self.usable = self._first is not None and self._first[0].shape == size

    def read(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
        """Return luma and JPEG of the next good picture, None at the end or after DAMAGED_MOST bad ones."""
        first, self._first = self._first, None
        if first is not None:
            return first
        for _ in range(DAMAGED_MOST):
            ok, packet = self._capture.read()
            if not ok:
                break
            jpeg = packet.astype(np.uint8, copy=False).ravel()
            grey = luma(jpeg)
            if grey is not None:
                return grey, jpeg
        return None


def open_capture(opened: Callable[[], cv2.VideoCapture]) -> tuple[cv2.VideoCapture, JpegPackets | None]:
    """Open a capture of FFmpeg and, if it has Motion JPEG, its packets.

    Args:
        opened: Opens it; called again if packets were read from it in vain.
    """
    capture = opened()
    if not is_motion_jpeg(capture):
        return capture, None
    packets = JpegPackets(capture)
    if packets.usable:
        return capture, packets
    capture.release()
    return opened(), None


def read_picture(capture: cv2.VideoCapture, packets: JpegPackets | None) -> Read | None:
    """Return the next picture, from the packets if there are any, or None at the end."""
    if packets is not None:
        return packets.read()
    ok, image = capture.read()
    return (image.astype(np.uint8, copy=False), None) if ok else None


def is_motion_jpeg(capture: cv2.VideoCapture) -> bool:
    """Return whether an open capture has Motion JPEG."""
    return int(capture.get(cv2.CAP_PROP_FOURCC)) == cv2.VideoWriter.fourcc(*"MJPG")
