"""The pages of a TIFF file, from its directories alone."""

import re
import struct
from dataclasses import dataclass
from typing import Final

Content = bytes | memoryview

_MAX_PAGES: Final = 1_000_000
_KIND_TAG: Final = 254
_WIDTH_TAG: Final = 256
_HEIGHT_TAG: Final = 257
_DESCRIPTION_TAG: Final = 270
_FORMS: Final = {3: "H", 4: "I", 16: "Q"}
_MAX_TEXT: Final = 4096


@dataclass(frozen=True, slots=True)
class Page:
    """One picture of a TIFF file.

    Attributes:
        directory: Where its directory begins, in bytes.
        size_wh: Width and height in pixels.
        reduced: Whether it is a smaller copy of another page.
        description: What the program that wrote it has to say; of ImageJ and OME its settings.
    """

    directory: int
    size_wh: tuple[int, int]
    reduced: bool
    description: str

    def setting(self, name: str) -> float | None:
        """Return a number that ImageJ wrote, such as `images`, `fps` or `finterval` (in s)."""
        found = re.search(rf"^{name}=([0-9.eE+-]{{1,30}})\s*$", self.description, re.MULTILINE)
        try:
            return float(found[1]) if found else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Layout:
    """How a TIFF file stores its numbers.

    Attributes:
        order: "<" or ">" for `struct`.
        large: Whether it is a BigTIFF.
    """

    order: str
    large: bool

    @property
    def first_at(self) -> int:
        """Where the header holds the place of the first directory."""
        return 8 if self.large else 4

    @property
    def offset(self) -> str:
        """Form of a place in the file, for `struct`."""
        return self.order + ("Q" if self.large else "I")


def is_tiff(content: Content) -> bool:
    """Return whether a file begins as a TIFF or BigTIFF does."""
    return bytes(content[:4]) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def layout_of(content: Content) -> Layout:
    """Return the layout of what `is_tiff`."""
    return Layout("<" if content[0] == ord("I") else ">", ord("+") in bytes(content[2:4]))


def tiff_pages(content: Content) -> tuple[list[Page], bool]:
    """Return the pages of a TIFF file, and whether that is all: a damaged or cut off file names more.

    Args:
        content: A whole file; only its directories are looked at.
    """
    pages: list[Page] = []
    if not is_tiff(content):
        return pages, True
    layout = layout_of(content)
    seen: set[int] = set()
    try:
        at: int = struct.unpack_from(layout.offset, content, layout.first_at)[0]
        while at and at not in seen and len(seen) < _MAX_PAGES:
            seen.add(at)
            page, at = _page(content, layout, at)
            if page is not None:
                pages.append(page)
    except (struct.error, IndexError):
        return pages, False
    return pages, True


def _page(content: Content, layout: Layout, at: int) -> tuple[Page | None, int]:
    """Return a page, None if it has no size, and where the next directory begins."""
    count = layout.order + ("Q" if layout.large else "H")
    entry_bytes, value_at = (20, 12) if layout.large else (12, 8)
    entries: int = struct.unpack_from(count, content, at)[0]
    first = at + struct.calcsize(count)
    numbers: dict[int, int] = {}
    description = ""
    end = first + entries * entry_bytes
    following: int = struct.unpack_from(layout.offset, content, end)[0]
    for entry in range(first, end, entry_bytes):
        tag, kind = struct.unpack_from(layout.order + "HH", content, entry)
        if tag in (_KIND_TAG, _WIDTH_TAG, _HEIGHT_TAG):
            value = struct.unpack_from(layout.order + _FORMS.get(kind, "I"), content, entry + value_at)[0]
            numbers.setdefault(tag, value)  # of two, decoders take the first
        elif tag == _DESCRIPTION_TAG and not description:
            length: int = struct.unpack_from(layout.offset, content, entry + 4)[0]
            place: int = struct.unpack_from(layout.offset, content, entry + value_at)[0]
            description = bytes(content[place : place + min(length, _MAX_TEXT)]).decode("utf-8", "replace")
    if _WIDTH_TAG not in numbers or _HEIGHT_TAG not in numbers:
        return None, following
    size_wh = numbers[_WIDTH_TAG], numbers[_HEIGHT_TAG]
    return Page(at, size_wh, bool(numbers.get(_KIND_TAG, 0) & 1), description.rstrip("\0")), following
