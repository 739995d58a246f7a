"""A folder of frames as a recording: order, times, sizes and depth of its frames."""

import mmap
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.media.jpeg import luma
from mer.media.kinds import PICTURE_SUFFIXES, STACK_SUFFIXES
from mer.media.names import frame_files, listed, number_frames
from mer.media.picture import Depth, Picture, channels, decode
from mer.media.rate import rate_beside
from mer.media.size import MAX_BYTES, MAX_PIXELS, is_too_large, size_of
from mer.media.tiff import tiff_pages

SIZED: Final = 301
"""Pictures, evenly spread, whose headers show which size most have."""
SAMPLED: Final = 16
"""Pictures, evenly spread, whose samples show how many bits are used."""

Read = tuple[NDArray[np.uint8], float, NDArray[np.uint8] | None]
"""BGR or grey, its time in seconds, and the JPEG picture that grey is the luma of."""

_UNREADABLE: Final = "cannot be decoded"
_ANOTHER_SIZE: Final = "differ in size from the others"
_TOO_LARGE: Final = f"have more than {MAX_PIXELS // 1_000_000} megapixels"
_PAGES: Final = "have several pages, and so are recordings of their own"


class Folder:
    """Frames of a folder of frames; times are their numbers over the frame rate.

    Frames whose number is missing, which cannot be decoded or differ in size are gaps: the times of the others stay
    right.

    Args:
        path: The folder.
        fps: Frame rate in frames/s; None takes that of a file `fps` in the folder.
        grey: Whether JPEG pictures are decoded to luma and grey ones left so; otherwise all are BGR.

    Attributes:
        fps: Frame rate in frames/s.
        claimed_frames: Number of files.

    Raises:
        MerError: If it has no frames or no frame rate.
    """

    def __init__(self, path: Path, *, fps: float | None, grey: bool) -> None:
        found = frame_files(path)
        if not found.files:
            raise MerError(f"folder {path} contains no frames; expected files ending in {', '.join(PICTURE_SUFFIXES)}")
        if len(found.files) == 1:
            raise MerError(
                f"folder {path} contains a single frame, {found.files[0].name}; expected all frames of a video"
            )
        self.fps = fps or rate_of_pictures(path, beside=path)
        self.claimed_frames: int | None = len(found.files)
        self._numbering = number_frames([file.name for file in found.files])
        self._path = path
        self._files = found.files
        self._notes = found.notes
        self._grey = grey
        self._at = 0
        self._size_wh = _usual_size(found.files)
        self._shape: tuple[int, ...] | None = None
        self._left_out: defaultdict[str, list[str]] = defaultdict(list)  # names by reason
        self._depth = Depth(self._sample)

    @property
    def notes(self) -> list[str]:
        """What was odd so far."""
        notes = [*self._notes, self._numbering.note, gap_note(self._numbering.positions, self.fps), self._depth.note]
        notes += [f"{listed(names)} left out: they {why}" for why, names in self._left_out.items()]
        if self._depth.clipped:
            notes.append(f"{self._depth.clipped} pictures hold larger samples, which were clipped")
        return [note for note in notes if note]

    @property
    def left_out(self) -> int:
        """Pictures that were left out so far."""
        return sum(map(len, self._left_out.values()))

    @property
    def missing(self) -> int:
        """Frames known to be missing so far: gaps in the numbers and pictures that were left out."""
        return self._numbering.missing + self.left_out

    def read(self) -> Read | None:
        """Return the next frame, or None at the end.

        Raises:
            MerError: If the folder has gone away.
        """
        while self._at < len(self._files):
            file, position = self._files[self._at], self._numbering.positions[self._at]
            self._at += 1
            content = _content(file)
            why = self._unfit(file, content)
            if not why and (read := self._decoded(content)) is not None:
                image, jpeg = read
                if self._shape in (None, image.shape[:2]):
                    self._shape = image.shape[:2]
                    return image, position / self.fps, jpeg
                why = _ANOTHER_SIZE  # turned by its Exif data
            self._left_out[why or _UNREADABLE].append(file.name)
        return None

    def close(self) -> None:
        """End the reading."""
        self._at = len(self._files)

    def _unfit(self, file: Path, content: NDArray[np.uint8]) -> str:
        if not len(content) and not self._path.is_dir():
            raise MerError(f"folder {self._path} went away while it was read; is its disk or network still there?")
        size_wh = size_of(content.data)
        if size_wh is None:
            return _UNREADABLE
        if is_too_large(size_wh):
            return _TOO_LARGE
        if size_wh != self._size_wh:
            return _ANOTHER_SIZE
        return _PAGES if file.name.lower().endswith(STACK_SUFFIXES) and _has_pages(content) else ""

    def _decoded(self, content: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None] | None:
        if self._grey and content[:2].tobytes() == b"\xff\xd8":
            image = luma(content)
            return None if image is None else (image, content)
        picture = decode(content)
        return None if picture is None else (channels(self._depth.to_8_bits(picture), grey=self._grey), None)

    def _sample(self) -> Iterator[Picture]:
        for file in _spread(self._files, SAMPLED):
            content = _content(file)
            if size_of(content.data) == self._size_wh and (picture := decode(content)) is not None:
                yield picture


def rate_of_pictures(recording: Path, *, beside: Path) -> float:
    """Return the rate in frames/s from a file in the folder `beside`.

    Raises:
        MerError: If there is none.
    """
    rate = rate_beside(beside)
    if rate is None:
        kind = "folder" if recording.is_dir() else "file"
        raise MerError(
            f"{kind} {recording} does not say how fast it was recorded; give --fps, or write the rate into "
            f"{beside / 'fps'}"
        )
    return rate


def gap_note(positions: Sequence[int], fps: float) -> str:
    """Return which frames are missing between others, in words; empty if none is."""
    steps = np.diff(positions)
    gaps = np.flatnonzero(steps > 1)
    if not len(gaps):
        return ""
    longest = gaps[np.argmax(steps[gaps])]
    start_s, end_s = (positions[longest] + 1) / fps, positions[longest + 1] / fps
    missing = int((steps[gaps] - 1).sum())
    where = "from" if len(gaps) == 1 else f"in {len(gaps)} gaps, the longest from"
    return f"{missing} frames are missing by their numbers, {where} {start_s:.3f} to {end_s:.3f} s"


def _usual_size(files: Sequence[Path]) -> tuple[int, int] | None:
    """Return the size that most pictures have by their headers; too large ones count only if there are no others."""
    sizes = Counter(size for file in _spread(files, SIZED) if (size := _size_in_file(file)) is not None)
    return max(sizes, key=lambda size: (not is_too_large(size), sizes[size]), default=None)


def _size_in_file(file: Path) -> tuple[int, int] | None:
    """Return the size by the header; a mapped file is read no further than that."""
    try:
        with (
            file.open("rb") as opened,
            mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as content,
        ):
            return size_of(content)
    except (OSError, ValueError):
        return None


def _spread(files: Sequence[Path], most: int) -> list[Path]:
    places = np.unique(np.linspace(0, len(files) - 1, min(most, len(files))).round().astype(int))
    return [files[place] for place in places]


def _content(file: Path) -> NDArray[np.uint8]:
    """Return the bytes of a file, none if it cannot be read or is far too large for a picture."""
    try:
        return np.fromfile(file, np.uint8) if file.stat().st_size <= MAX_BYTES else np.zeros(0, np.uint8)
    except OSError:
        return np.zeros(0, np.uint8)


def _has_pages(content: NDArray[np.uint8]) -> bool:
    return sum(not page.reduced for page in tiff_pages(content.data)[0]) > 1
