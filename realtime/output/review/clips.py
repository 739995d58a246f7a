"""The face around each event and rejected candidate, frame by frame, for the review page."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.messages import FaceCrop, Interval
from realtime.update import Update

MARGIN_S: Final = 0.25
"""Shown before the onset and after the offset."""
MAX_FRAMES: Final = 240
"""Of one candidate; of longer ones every second, third, ... frame is kept."""
MAX_BYTES: Final = 128_000_000
"""Of all pictures; beyond it rejected candidates lose theirs, the lowest scores first."""
_KEPT_S: Final = 3.0
_QUALITY: Final = 85


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame of a candidate.

    Attributes:
        index: Of the frame in the recording.
        time_s: Its time.
        jpeg: The face crop.
    """

    index: int
    time_s: float
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A candidate whose last frames have not come yet."""

    key: str
    interval: Interval
    person: int

    @property
    def first_s(self) -> float:
        return self.interval.onset.time_s - MARGIN_S

    @property
    def last_s(self) -> float:
        return self.interval.offset.time_s + MARGIN_S


class CandidateClips:
    """Takes every update of a replay and keeps the pictures of the candidates as JPEG.

    Attributes:
        pictures: Pictures by candidate, "event-3" or "rejected-1": numbers count from 1 as in the tables.
        left_out: Rejected candidates without pictures, because all together were too large.
    """

    def __init__(self) -> None:
        self.pictures: dict[str, list[Picture]] = {}
        self.left_out = 0
        self._crops: deque[FaceCrop] = deque()
        self._waiting: list[_Waiting] = []
        self._scores: dict[str, float] = {}
        self._rejected = 0
        self._bytes = 0

    def update(self, update: Update) -> None:
        """Take one update."""
        self._crops.append(update.crop)
        whose = _person(update.crop)
        self._waiting += [_Waiting(f"event-{event.number}", event.interval, whose) for event in update.events]
        for interval in update.rejected:
            self._rejected += 1
            self._waiting.append(_Waiting(f"rejected-{self._rejected}", interval, whose))
        now_s = update.crop.time_s
        self._keep([waiting for waiting in self._waiting if waiting.last_s < now_s])
        first_s = min([now_s - _KEPT_S, *(waiting.first_s for waiting in self._waiting)])
        while self._crops[0].time_s < first_s:
            self._crops.popleft()

    def finish(self) -> None:
        """Keep the pictures of the candidates at the end of the recording."""
        self._keep(list(self._waiting))

    def _keep(self, ready: Iterable[_Waiting]) -> None:
        for waiting in ready:
            self._waiting.remove(waiting)
            own = (crop for crop in self._crops if _person(crop) == waiting.person)
            crops = [crop for crop in own if waiting.first_s <= crop.time_s <= waiting.last_s]
            made = [Picture(crop.index, crop.time_s, _jpeg(crop.image)) for crop in _thinned(crops, waiting.interval)]
            self.pictures[waiting.key] = made
            self._bytes += sum(len(picture.jpeg) for picture in made)
            if waiting.key.startswith("rejected"):
                self._scores[waiting.key] = waiting.interval.score
        while self._bytes > MAX_BYTES and self._scores:
            least = min(self._scores, key=lambda key: self._scores[key])
            del self._scores[least]
            self._bytes -= sum(len(picture.jpeg) for picture in self.pictures.pop(least))
            self.left_out += 1


def _person(crop: FaceCrop) -> int:
    """Return whose face it is, where several are followed."""
    return int(getattr(crop, "person", 1))


def _thinned(crops: list[FaceCrop], interval: Interval) -> list[FaceCrop]:
    """Return at most about MAX_FRAMES crops, those of the three moments among them."""
    every = -(-len(crops) // MAX_FRAMES)
    moments = {moment.index for moment in (interval.onset, interval.apex, interval.offset)}
    return [crop for number, crop in enumerate(crops) if number % max(every, 1) == 0 or crop.index in moments]


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not ok:
        raise MerError("this OpenCV cannot write .jpg pictures; install opencv-python from PyPI")
    return data.tobytes()
