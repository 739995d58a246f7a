"""Motion JPEG in MP4, written without an encoder library: each frame is one JPEG of the quality asked for.

OpenCV's `mp4v` spends 3.5 kB on a 640x480 frame whatever is asked, which erases movements below 1 % of the IOD
between two key frames, and its writer takes neither a bit rate nor a quality. Boxes follow ISO/IEC 14496-12; the
stream is marked as JPEG by object type 0x6C of ISO/IEC 14496-1.
"""

import struct
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

_UNITY_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_TICKS_PER_FRAME = 1000


class MjpegWriter:
    """Writes one video file; use as a context manager. A file that was not finished is removed.

    Args:
        path: Where to write; conventionally ending in .mp4.
        size_wh: Width and height of every frame.
        fps: Nominal frames per second.
        quality: JPEG quality, 1 to 100.

    Raises:
        OSError: If the file cannot be created.
    """

    def __init__(self, path: Path, *, size_wh: tuple[int, int], fps: float, quality: int = 80) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._size_wh = size_wh
        self._timescale = round(_TICKS_PER_FRAME * fps)
        self._quality = quality
        self._sizes: list[int] = []
        self._ticks: list[int] = []
        self._file = self._part.open("wb")
        self._file.write(_box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2mp41"))
        self._mdat = self._file.tell()
        self._file.write(struct.pack(">I4sQ", 1, b"mdat", 0))

    def write(self, image: NDArray[np.uint8], duration_s: float | None = None) -> None:
        """Append a frame.

        Args:
            image: (H, W, 3) uint8, BGR.
            duration_s: Time until the next frame; None for 1 / fps.
        """
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self._quality])[1].tobytes()
        self._file.write(data)
        self._sizes.append(len(data))
        ticks = _TICKS_PER_FRAME if duration_s is None else max(1, round(duration_s * self._timescale))
        self._ticks.append(ticks)

    def close(self) -> None:
        """Write the index and give the file its name."""
        end = self._file.tell()
        self._file.write(self._moov())
        self._file.seek(self._mdat + 8)
        self._file.write(struct.pack(">Q", end - self._mdat))
        self._file.close()
        self._part.replace(self._path)

    def __enter__(self) -> "MjpegWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()
            self._part.unlink(missing_ok=True)

    def _moov(self) -> bytes:
        width, height = self._size_wh
        duration = sum(self._ticks)
        mvhd = struct.pack(">IIIIIIHHQ", 0, 0, 0, self._timescale, duration, 0x10000, 0x100, 0, 0)
        mvhd += _UNITY_MATRIX + bytes(24) + struct.pack(">I", 2)
        tkhd = struct.pack(">IIIIIIQHHHH", 3, 0, 0, 1, 0, duration, 0, 0, 0, 0, 0)
        tkhd += _UNITY_MATRIX + struct.pack(">II", width << 16, height << 16)
        mdhd = struct.pack(">IIIIIHH", 0, 0, 0, self._timescale, duration, 0x55C4, 0)
        hdlr = struct.pack(">II4s12x", 0, 0, b"vide") + b"video\0"
        dref = struct.pack(">II", 0, 1) + _box(b"url ", struct.pack(">I", 1))
        minf = _box(b"vmhd", struct.pack(">IQ", 1, 0)) + _box(b"dinf", _box(b"dref", dref)) + self._stbl()
        media = _box(b"mdhd", mdhd) + _box(b"hdlr", hdlr) + _box(b"minf", minf)
        return _box(b"moov", _box(b"mvhd", mvhd), _box(b"trak", _box(b"tkhd", tkhd), _box(b"mdia", media)))

    def _stbl(self) -> bytes:
        width, height = self._size_wh
        entry = struct.pack(">6xH16xHHIIIH32xHh", 1, width, height, 0x480000, 0x480000, 0, 1, 24, -1)
        decoder = struct.pack(">BBBHII", 0x6C, 0x11, 0, 0, 0, 0)
        es = struct.pack(">HB", 1, 0) + _descriptor(4, decoder) + _descriptor(6, b"\x02")
        entry += _box(b"esds", struct.pack(">I", 0) + _descriptor(3, es))
        runs: list[list[int]] = []
        for ticks in self._ticks:
            if runs and runs[-1][1] == ticks:
                runs[-1][0] += 1
            else:
                runs.append([1, ticks])
        offsets = self._mdat + 16 + np.concatenate([[0], np.cumsum(self._sizes, dtype=np.int64)])[:-1]
        count = len(self._sizes)
        return _box(
            b"stbl",
            _box(b"stsd", struct.pack(">II", 0, 1), _box(b"mp4v", entry)),
            _box(b"stts", struct.pack(">II", 0, len(runs)), np.array(runs, ">u4").tobytes()),
            _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, 1, 1)),
            _box(b"stsz", struct.pack(">III", 0, 0, count), np.array(self._sizes, ">u4").tobytes()),
            _box(b"co64", struct.pack(">II", 0, count), offsets.astype(">u8").tobytes()),
        )


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _descriptor(tag: int, content: bytes) -> bytes:
    return struct.pack(">BB", tag, len(content)) + content
