"""How large a picture would be, by its header alone, so that nothing is decoded that memory cannot hold."""

import re
import struct
from typing import Final

from mer.media.tiff import Content, is_tiff, tiff_pages

MAX_PIXELS: Final = 50_000_000
"""Pictures beyond are refused before decoding: a file of 60 kB may claim 700 million pixels."""
MAX_BYTES: Final = 64 << 20
"""A picture, packet or part of a stream that takes more bytes is refused before decoding."""

JPEG_START: Final = b"\xff\xd8\xff"

_SOF: Final = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
_BARE: Final = frozenset((0x00, 0x01, *range(0xD0, 0xD9)))
"""JPEG markers that no length follows."""
_PNM: Final = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})\s")


def size_of(content: Content) -> tuple[int, int] | None:
    """Return the width and height in pixels that the header of a picture claims.

    Args:
        content: A whole JPEG, PNG, BMP, TIFF or PNM file.

    Returns:
        Width and height; of a TIFF with several pages those of the largest. None if it is none of these formats or
        its header is damaged; such a picture is not to be decoded.
    """
    content = memoryview(content)
    head = bytes(content[:32])
    try:
        if head.startswith(JPEG_START):
            return _jpeg(content)
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            return struct.unpack(">II", head[16:24])
        if head.startswith(b"BM"):
            return _bmp(head)
        if is_tiff(head):
            sizes = [page.size_wh for page in tiff_pages(content)[0]]
            return max(sizes, key=lambda size_wh: size_wh[0] * size_wh[1], default=None)
    except (struct.error, IndexError):
        return None
    found = _PNM.match(bytes(content[:4096]))
    return (int(found[1]), int(found[2])) if found else None


def is_too_large(size_wh: tuple[int, int]) -> bool:
    """Return whether a picture has more than MAX_PIXELS pixels."""
    return size_wh[0] * size_wh[1] > MAX_PIXELS


def _jpeg(content: memoryview) -> tuple[int, int] | None:
    at = 2
    while True:
        while content[at] != 0xFF:  # decoders skip what is between two segments, too
            at += 1
        while content[at] == 0xFF:
            at += 1
        marker = content[at]
        if marker in _SOF:
            height, width = struct.unpack(">HH", content[at + 4 : at + 8])
            return width, height
        at += 1
        if marker not in _BARE:
            at += int.from_bytes(content[at : at + 2], "big")


def _bmp(head: bytes) -> tuple[int, int]:
    if struct.unpack("<I", head[14:18])[0] == 12:  # the header of OS/2
        return struct.unpack("<HH", head[18:22])
    width, height = struct.unpack("<ii", head[18:26])
    return abs(width), abs(height)
