"""Pictures as 8-bit samples, whatever depth they were stored in."""

from collections.abc import Callable, Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

DEPTHS: Final = (8, 10, 12, 14, 16)
"""Bits a sample that cameras deliver; files hold 8 or 16."""

Picture = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]


def decode(content: NDArray[np.uint8]) -> Picture | None:
    """Return a picture in its own depth, (H, W) grey or (H, W, 3) BGR; None if it cannot be decoded."""
    try:
        return cv2.imdecode(content, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)  # type: ignore[return-value]
    except cv2.error:  # empty, or a form that OpenCV does not read
        return None


class Depth:
    """Scales the samples of one recording to 8 bits, all pictures alike.

    The true depth is taken to be the smallest of `DEPTHS` that holds the largest sample of pictures from all over
    the recording: cameras with 10 or 12 bits store them in files of 16.

    Args:
        sample: Yields pictures from all over the recording; called when the first one beyond 8 bits comes.

    Attributes:
        note: How samples were scaled; empty as long as all had 8 bits.
        clipped: Pictures with larger samples than those that the depth was taken from.
    """

    def __init__(self, sample: Callable[[], Iterable[Picture]]) -> None:
        self.note = ""
        self.clipped = 0
        self._sample = sample
        self._scale: float | None = None

    def to_8_bits(self, picture: Picture) -> NDArray[np.uint8]:
        """Return a picture with uint8 samples."""
        if picture.dtype == np.uint8:
            return picture.astype(np.uint8, copy=False)
        if self._scale is None:
            self._scale = self._look(picture)
        if picture.dtype.kind != "u":
            picture = np.nan_to_num(np.maximum(picture, 0), posinf=0.0).astype(np.float32)
        self.clipped += float(picture.max(initial=0)) * self._scale >= 256.0
        return np.asarray(cv2.convertScaleAbs(picture, alpha=self._scale), np.uint8)

    def _look(self, picture: Picture) -> float:
        sampled = [one for one in (picture, *self._sample()) if one.dtype != np.uint8]
        largest = max(float(one[np.isfinite(one)].max(initial=0)) for one in sampled)
        kind = "floating-point" if picture.dtype.kind == "f" else f"{8 * picture.dtype.itemsize}-bit"
        seen = f"{kind} samples, the largest of {len(sampled)} pictures {largest:g}"
        if picture.dtype.kind == "f" and largest <= 1.0:
            self.note = f"{seen}: 0 to 1 was scaled to 8 bits"
            return 255.0
        bits = next((bits for bits in DEPTHS if largest < 1 << bits), None)
        if bits is None:
            self.note = f"{seen}: 0 to {largest:g} was scaled to 8 bits"
            return 255.0 / largest
        self.note = f"{seen}: taken as {bits} bits a sample" + (" and scaled to 8" if bits > 8 else "")
        return 2.0 ** (8 - bits)


def channels(picture: NDArray[np.uint8], *, grey: bool) -> NDArray[np.uint8]:
    """Return a picture as it is, or with three channels if grey is not wanted."""
    if grey or picture.ndim == 3:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8)
