"""A TIFF file of several pages as a recording: each page is a frame."""

import mmap
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from mer.errors import MerError
from mer.media.folder import SAMPLED, Read, rate_of_pictures
from mer.media.picture import Depth, Picture, channels, decode
from mer.media.rate import MAX_FPS, MIN_FPS
from mer.media.size import MAX_PIXELS, is_too_large
from mer.media.tiff import Page, layout_of, tiff_pages

_PAGES_SHOWN: Final = 3


class Stack:
    """Frames of a TIFF file of several pages; times are the numbers of the pages over the frame rate.

    The file is mapped, not read, and OpenCV decodes one page at a time: it always decodes the page that the header
    calls the first, so the header in memory is made to name each page in turn. Going from page to page as OpenCV
    does takes ever longer in a long file (measured: 25 to 58 ms for page 600 alone, 0.5 to 3 ms in this way).

    Args:
        path: The file.
        fps: Frame rate in frames/s; None takes ImageJ's `fps` or `finterval`, or a file `fps` beside it.
        grey: Whether grey pages are left so; otherwise all are BGR.

    Attributes:
        fps: Frame rate in frames/s.
        claimed_frames: Number of pages, smaller copies left out.
        left_out: Pages that were left out so far.

    Raises:
        MerError: If it is not a TIFF of several pages, or says no frame rate.
    """

    def __init__(self, path: Path, *, fps: float | None, grey: bool) -> None:
        self._map = _mapped(path)
        try:
            pages, self._whole = tiff_pages(memoryview(self._map))
            self._pages = [page for page in pages if not page.reduced]
            _check(path, self._pages)
            self.fps = fps or _rate_of_imagej(self._pages[0]) or rate_of_pictures(path, beside=path.parent)
        except MerError:
            self._map.close()
            raise
        self.claimed_frames: int | None = len(self._pages)
        self.left_out = 0
        self._layout = layout_of(self._map[:8])
        self._content = np.frombuffer(self._map, np.uint8)
        self._grey = grey
        self._at = 0
        self._left_out_first: list[int] = []
        self._shape: tuple[int, ...] | None = None
        self._size_wh = _usual_size(self._pages)
        self._depth = Depth(self._sample)

    @property
    def notes(self) -> list[str]:
        """What was odd so far."""
        notes = [self._depth.note] if self._depth.note else []
        if self.left_out:
            some = ", ".join(map(str, self._left_out_first)) + (", ..." if self.left_out > _PAGES_SHOWN else "")
            notes.append(
                f"{self.left_out} of {len(self._pages)} pages ({some}) cannot be decoded or differ in size from "
                "the others and were left out"
            )
        if not self._whole:
            notes.append(f"the file is damaged or cut off: it names more than these {len(self._pages)} pages")
        if self._depth.clipped:
            notes.append(f"{self._depth.clipped} pages hold larger samples, which were clipped")
        return notes

    @property
    def missing(self) -> int:
        """Frames known to be missing so far."""
        return self.left_out

    def read(self) -> Read | None:
        """Return the next frame, or None at the end."""
        while self._at < len(self._pages):
            number, page = self._at, self._pages[self._at]
            self._at += 1
            picture = self._decoded(page)
            if picture is not None and self._shape in (None, picture.shape[:2]):
                self._shape = picture.shape[:2]
                return channels(self._depth.to_8_bits(picture), grey=self._grey), number / self.fps, None
            self._left_out_first += [number + 1][: _PAGES_SHOWN - len(self._left_out_first)]
            self.left_out += 1
        return None

    def close(self) -> None:
        """Release the file; safe to call twice."""
        self._at = len(self._pages)
        self._content = np.zeros(0, np.uint8)
        if not self._map.closed:
            self._map.close()

    def _decoded(self, page: Page) -> Picture | None:
        if page.size_wh != self._size_wh or self._map.size() < len(self._content):
            return None
        struct.pack_into(self._layout.offset, self._map, self._layout.first_at, page.directory)
        return decode(self._content)

    def _sample(self) -> Iterator[Picture]:
        for place in np.linspace(0, len(self._pages) - 1, SAMPLED).round().astype(int):
            if (picture := self._decoded(self._pages[place])) is not None:
                yield picture


def count_pages(path: Path) -> int:
    """Return how many pages a file has, smaller copies left out; 0 if it is not a TIFF or cannot be read."""
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as content,
        ):
            pages = [page for page in tiff_pages(content)[0] if not page.reduced]
    except (OSError, ValueError):
        return 0
    return max(len(pages), round(pages[0].setting("images") or 1)) if pages else 0


def _mapped(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)  # what is written stays in memory
    except (OSError, ValueError) as error:
        raise MerError(f"{path} cannot be read ({getattr(error, 'strerror', error)}); give a TIFF file") from error


def _check(path: Path, pages: list[Page]) -> None:
    if not pages:
        raise MerError(
            f"{path} is not a TIFF file, or its directory of pages is damaged; open it elsewhere and save it"
        )
    images = round(pages[0].setting("images") or 1)
    if len(pages) < 2 <= images:
        raise MerError(f"{path} holds {images} pages in a form that only ImageJ reads; save it there as several files")
    if len(pages) < 2:
        raise MerError(
            f"{path} is a single picture; give a TIFF of several pages, or the folder that holds all pictures"
        )
    if is_too_large(_usual_size(pages)):
        raise MerError(f"the pages of {path} have more than {MAX_PIXELS // 1_000_000} megapixels; scale them down")


def _usual_size(pages: list[Page]) -> tuple[int, int]:
    return Counter(page.size_wh for page in pages).most_common(1)[0][0]


def _rate_of_imagej(page: Page) -> float | None:
    interval_s = page.setting("finterval")
    rate = page.setting("fps") or (1.0 / interval_s if interval_s else None)
    return rate if rate is not None and MIN_FPS <= rate <= MAX_FPS else None
