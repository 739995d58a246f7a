"""Stretches of frames that hold one single value: covered lenses, decoders that fail without saying so."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_MIN_FRAMES: Final = 5
"""Shorter stretches are a blink of a shutter and are not mentioned."""
_TOLERANCE: Final = 2
"""Grey levels by which coding may spread one value."""
_MENTIONED: Final = 3
_SAMPLES: Final = 37
"""Pixels that are compared before the whole picture is looked at."""


@dataclass(slots=True)
class _Stretch:
    first: int
    last: int
    first_s: float
    last_s: float

    @property
    def frames(self) -> int:
        return self.last - self.first + 1


class FlatStretches:
    """Watches frames for stretches of one flat value."""

    def __init__(self) -> None:
        self._stretches: list[_Stretch] = []
        self._seen = 0

    def add(self, image: NDArray[np.uint8], index: int, time_s: float) -> None:
        """Take in one frame, in microseconds."""
        self._seen += 1
        if not _may_be_flat(image) or int(image.max()) - int(image.min()) > _TOLERANCE:
            return
        latest = self._stretches[-1] if self._stretches else None
        if latest and index == latest.last + 1:
            latest.last, latest.last_s = index, time_s
            return
        if latest and latest.frames < _MIN_FRAMES:
            self._stretches.pop()
        self._stretches.append(_Stretch(index, index, time_s, time_s))

    @property
    def notes(self) -> list[str]:
        """One note for each of the first stretches, and one for the rest."""
        found = [stretch for stretch in self._stretches if stretch.frames >= _MIN_FRAMES]
        if found and found[0].frames == self._seen:
            return [f"all {self._seen} frames are one flat grey; was the lens covered, or is the recording damaged?"]
        notes = [
            f"frames {each.first} to {each.last} are one flat grey ({each.first_s:.2f} to {each.last_s:.2f} s)"
            for each in found[:_MENTIONED]
        ]
        rest = found[_MENTIONED:]
        if rest:
            notes.append(f"{sum(each.frames for each in rest)} more frames in {len(rest)} stretches are one flat grey")
        return notes


def _may_be_flat(image: NDArray[np.uint8]) -> bool:
    """Return whether a few samples agree, which they hardly do in a picture of anything."""
    first = image.item(0)
    return all(abs(image.item(image.size * n // _SAMPLES) - first) <= _TOLERANCE for n in range(1, _SAMPLES))
