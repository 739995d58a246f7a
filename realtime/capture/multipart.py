"""Motion JPEG over HTTP: the parts of a multipart answer, each a JPEG file, as they come."""

import time
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.media.decoder import MAX_DAMAGED, Picture
from mer.media.jpeg import luma
from mer.media.size import MAX_BYTES

_BLOCK: Final = 1 << 16
_MAX_HEADER_BYTES: Final = 1 << 16


class MultipartJpeg:
    """Pictures of `multipart/x-mixed-replace`, only their luma decoded.

    Args:
        read: Returns up to so many bytes as soon as there are any, none at the end.
        boundary: What stands between parts, without leading dashes.
        timeout_s: In which a part has to be complete.

    Attributes:
        undecodable: Parts that are not JPEG files, damaged, or larger than pictures of a face can be.
        error: Why the stream ended, empty if it did in order.
    """

    def __init__(self, read: Callable[[int], bytes], *, boundary: str, timeout_s: float) -> None:
        self.undecodable = 0
        self.error = ""
        self._read = read
        self._mark = b"--" + boundary.encode("latin-1", "replace")
        self._timeout_s = timeout_s
        self._buffer = bytearray()
        self._due_s = 0.0

    def read(self) -> Picture | None:
        """Return the next picture, None at the end or after MAX_DAMAGED parts that are none."""
        for _ in range(MAX_DAMAGED):
            part = self._part()
            if part is None:
                return None
            jpeg: NDArray[np.uint8] = np.frombuffer(part, np.uint8)
            grey = luma(jpeg)
            if grey is not None:
                return Picture(grey, None, jpeg)
            self.undecodable += 1
        self.error = f"{MAX_DAMAGED} parts in a row are not JPEG pictures"
        return None

    def _part(self) -> bytes | None:
        """Return the content of the next part, None at the end or if it is out of bounds."""
        self._due_s = time.monotonic() + self._timeout_s
        end = self._find((b"\r\n\r\n", b"\n\n"), 0, _MAX_HEADER_BYTES, "a part begins with more than 64 kB of headers")
        if end is None:
            return None
        length = _content_length(bytes(self._buffer[:end]))
        del self._buffer[:end]
        if length is None:
            return self._until_mark()
        if length > MAX_BYTES:
            self.error = f"a part claims {length} bytes; expected {MAX_BYTES >> 20} MB at most"
            return None
        while len(self._buffer) < length:
            if not self._fill():
                return None
        return self._taken(length)

    def _until_mark(self) -> bytes | None:
        end = self._find((self._mark,), 0, MAX_BYTES, f"a part does not end within {MAX_BYTES >> 20} MB")
        if end is None:
            return None
        return self._taken(end - len(self._mark)).rstrip(b"\r\n")

    def _find(self, marks: tuple[bytes, ...], start: int, most: int, beyond: str) -> int | None:
        """Return where the first of some marks ends, reading on until it is there."""
        while True:
            ends = [at + len(mark) for mark in marks if (at := self._buffer.find(mark, start)) >= 0]
            if ends:
                return min(ends)
            if len(self._buffer) > most:
                self.error = beyond
                return None
            start = max(0, len(self._buffer) - max(map(len, marks)))
            if not self._fill():
                return None

    def _fill(self) -> bool:
        if time.monotonic() > self._due_s:
            self.error = f"a frame did not arrive in {self._timeout_s:g} s"
            return False
        try:
            block = self._read(_BLOCK)
        except OSError as error:
            self.error = f"nothing came for {self._timeout_s:g} s" if isinstance(error, TimeoutError) else str(error)
            return False
        self._buffer += block
        return bool(block)

    def _taken(self, length: int) -> bytes:
        part = bytes(memoryview(self._buffer)[:length])
        del self._buffer[:length]
        return part


def _content_length(header: bytes) -> int | None:
    for line in header.splitlines():
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value.strip()[:19])
    return None
