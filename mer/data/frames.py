"""The frames of a recording and the numbers their names carry."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mer.media.names import frame_number, list_frames
from mer.media.rate import rate_beside
from mer.media.stack import count_pages
from mer.media.video import FrameReader

Counting = Literal["file names", "from 0", "from 1"]
"""What an annotated frame number means: the number in the frame's file name, or a count from the recording's start."""


@dataclass(frozen=True, slots=True)
class FrameList:
    """What the frames of one recording are called.

    Attributes:
        numbers: Number in each frame's name in playing order; None where a name has none.
        position: Position, from 0, of each number.
        repeated: A number that two frames carry, or None.
        fps: Frame rate that the recording itself states, or None.
    """

    numbers: tuple[int | None, ...]
    position: dict[int, int]
    repeated: int | None
    fps: float | None

    def find(self, number: int, counting: Counting) -> int | None:
        """Return the position of an annotated frame, or None if the recording does not have it."""
        if counting == "file names":
            return self.position.get(number)
        place = number - (counting == "from 1")
        return place if 0 <= place < len(self.numbers) else None

    def extent(self, counting: Counting) -> str:
        """Return which numbers there are, in words, for a message."""
        if counting != "file names":
            first = int(counting == "from 1")
            return f"{first} to {len(self.numbers) - 1 + first}"
        if not self.position:
            return "(none of whose names has a number)"
        return f"{min(self.position)} to {max(self.position)}"


def read_frame_list(path: Path) -> FrameList:
    """Look at the frames of a recording; those of a folder are not decoded.

    Args:
        path: A folder of frames, or a video file or TIFF of several pages, whose frames are numbered from 0.

    Returns:
        Their numbers; empty if nothing is at `path`.

    Raises:
        MerError: If it is a file that is not a video.
    """
    fps = None
    numbers: tuple[int | None, ...] = ()
    if path.is_dir():
        numbers = tuple(frame_number(p.name) for p in list_frames(path))
        fps = rate_beside(path) if numbers else None
    elif pages := count_pages(path):
        numbers = tuple(range(pages))
        fps = rate_beside(path.parent)
    elif path.is_file():
        with FrameReader(path) as frames:
            fps = frames.rate_hz
            length = frames.claimed_frames if frames.claimed_frames is not None else sum(1 for _ in frames)
            numbers = tuple(range(length))
    counts = Counter(n for n in numbers if n is not None)
    return FrameList(
        numbers=numbers,
        position={n: i for i, n in enumerate(numbers) if n is not None},
        repeated=next((n for n, count in counts.items() if count > 1), None),
        fps=fps,
    )
