"""Pictures of single events: a strip of the 13 that the classifier saw, or a short video of the face."""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.files import write_new
from realtime.messages import Event
from realtime.output.found import Found
from realtime.update import Update

CLIPS: Final = ("clips/event-*.png", "clips/event-*.mp4")
"""Patterns of the names of all files."""
MARGIN_S: Final = 0.25
"""Shown before the onset and, as far as it had been seen when the event was decided, after the offset."""
SLOWER: Final = 4.0
"""A video runs this much slower than life."""
VIDEO_PART: Final = ".video.part.mp4"
"""Name of a video while it is being made, in the folder of the results: their disk has to hold it anyway."""
_KEPT_S: Final = 3.0


def strip_png(event: Event, *, scale: int = 2) -> bytes:
    """Return the 13 pictures of an event side by side as PNG.

    Args:
        event: The event.
        scale: Pixels for each pixel of the classifier's 90.
    """
    strip = np.concatenate(list(event.clip.images), axis=1)
    strip = cv2.resize(strip, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return encode_picture(strip, ".png")


def encode_picture(image: NDArray[np.uint8], suffix: str) -> bytes:
    """Return a picture, (H, W) or (H, W, 3) BGR, in the format of a suffix."""
    ok, data = cv2.imencode(suffix, image)
    if not ok:
        raise MerError(f"this OpenCV cannot write {suffix} pictures; install opencv-python from PyPI")
    return data.tobytes()


class Strips:
    """A strip of pictures (PNG) for each event."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def update(self, update: Update) -> None:
        """Take one update."""
        for event in update.events:
            self._files[f"clips/event-{event.number:03d}.png"] = strip_png(event)

    def files(self, _found: Found) -> dict[str, bytes]:
        """Return name and content of each strip."""
        return self._files

    def close(self) -> None:
        """Nothing is open."""


class Videos:
    """A video of each event (VP9 in MP4, four times slower than life), cut out of the last seconds of the face crop.

    Args:
        folder: Where a video may lie while it is being made, readable by its owner only.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._crops: deque[tuple[float, int, NDArray[np.uint8]]] = deque()
        self._files: dict[str, bytes] = {}

    def update(self, update: Update) -> None:
        """Take one update.

        Raises:
            MerError: If this OpenCV has no encoder for videos, or one did not come out whole.
        """
        crop = update.crop
        self._crops.append((crop.time_s, crop.person, crop.image))
        while self._crops[0][0] < crop.time_s - _KEPT_S:
            self._crops.popleft()
        for event in update.events:
            self._files[f"clips/event-{event.number:03d}.mp4"] = self._film(event)

    def files(self, _found: Found) -> dict[str, bytes]:
        """Return name and content of each video."""
        return self._files

    def close(self) -> None:
        """Nothing is open."""

    def _film(self, event: Event) -> bytes:
        first_s = event.interval.onset.time_s - MARGIN_S
        last_s = event.interval.offset.time_s + MARGIN_S
        crops = [crop for time_s, who, crop in self._crops if first_s <= time_s <= last_s and who == event.person]
        size = crops[0].shape[1], crops[0].shape[0]
        path = self._folder / VIDEO_PART
        try:
            path.unlink(missing_ok=True)
            write_new(path, b"", private=True)  # the encoder opens it again and leaves its mode
            return encoded(path, crops, rate_hz=event.quality.rate_hz / SLOWER, size_wh=size)
        except OSError as error:
            raise MerError(
                f"the clip of event {event.number} cannot be written ({error.strerror}); is the disk full?"
            ) from error
        finally:
            path.unlink(missing_ok=True)


def encoded(path: Path, crops: Sequence[NDArray[np.uint8]], *, rate_hz: float, size_wh: tuple[int, int]) -> bytes:
    """Write a video and return its content, once as many pictures could be read back as it was given."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"vp09"), rate_hz, size_wh)
    if not writer.isOpened():
        raise MerError("this OpenCV has no VP9 encoder; use --event-clips png, or opencv-python from PyPI")
    for crop in crops:
        writer.write(cv2.cvtColor(crop, cv2.COLOR_GRAY2BGR))
    writer.release()
    reader = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    whole = 0
    while reader.read()[0]:
        whole += 1
    reader.release()
    if whole != len(crops):  # a full disk, about which the encoder says nothing
        raise MerError(f"only {whole} of the {len(crops)} frames of a clip could be read back; is {path.parent} full?")
    return path.read_bytes()
