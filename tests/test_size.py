"""Sizes of pictures by their headers."""

import struct

import cv2
import numpy as np
import pytest

from mer.media.size import is_too_large, size_of

PICTURE = np.zeros((48, 64, 3), np.uint8)


def encoded(suffix: str, picture: np.ndarray = PICTURE) -> bytes:
    return bytes(cv2.imencode(suffix, picture)[1].tobytes())


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif", ".ppm", ".pgm"])
def test_the_size_stands_in_the_header(suffix: str) -> None:
    assert size_of(encoded(suffix, PICTURE[..., 0] if suffix == ".pgm" else PICTURE)) == (64, 48)


def test_of_a_tiff_the_largest_page_counts() -> None:
    _, stack = cv2.imencodemulti(".tif", [PICTURE, np.zeros((100, 200, 3), np.uint8), PICTURE])
    assert size_of(stack.tobytes()) == (200, 100)


def test_a_tiff_whose_pages_go_in_circles_is_read_once() -> None:
    page = struct.pack("<HHHIIHHIII", 2, 256, 3, 1, 7, 257, 3, 1, 5, 8)
    assert size_of(b"II*\0" + struct.pack("<I", 8) + page) == (7, 5)


def test_a_thumbnail_and_garbage_before_the_picture_do_not_count() -> None:
    jpeg, thumbnail = encoded(".jpg"), encoded(".jpg", PICTURE[:8, :8])
    application = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    assert size_of(b"\xff\xd8\xff\xff\xff" + application[1:] + b"\0\0" + jpeg[2:]) == (64, 48)


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a" + bytes(40), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0\xff\xff\xff\xff"]
)
def test_what_is_damaged_or_another_format_has_no_size(content: bytes) -> None:
    assert size_of(content) is None


def test_a_small_file_may_claim_a_huge_picture() -> None:
    jpeg = bytearray(encoded(".jpg"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 27000, 27000)
    assert size_of(bytes(jpeg)) == (27000, 27000)
    assert is_too_large((27000, 27000))
    assert not is_too_large((7680, 4320))
