"""Video files of a chosen codec; the codec decides how much of a micro-expression survives."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError, UsageError
from mer.synth.h264 import H264Writer
from mer.synth.mjpeg import MjpegWriter

CODECS: Final = {"mjpeg": ".mp4", "mp4v": ".mp4", "h264": ".mp4", "ffv1": ".avi"}
"""Codecs and the suffix of their files: Motion JPEG, MPEG-4 part 2 (strong losses), H.264 (what webcams and phones
record, with a sharper frame every now and then), FFV1 (lossless)."""
DEFAULT_CODEC: Final = {".mp4": "mjpeg", ".avi": "ffv1"}


class FrameWriter(Protocol):
    """Anything that takes frames one after the other."""

    def write(self, image: NDArray[np.uint8], duration_s: float | None = None, /) -> object:
        """Append a (H, W, 3) uint8 BGR frame; only Motion JPEG and H.264 take the time until the next one."""


def codec_for(path: Path, codec: str | None = None) -> str:
    """Return the codec for a file name, checking that both fit.

    Raises:
        UsageError: If the suffix or the codec is not known, or they do not fit together.
    """
    if codec is not None and codec not in CODECS:
        raise UsageError(f"codec {codec!r} is not known; choose one of {', '.join(CODECS)}")
    suffix = path.suffix.lower()
    if codec is None and suffix in DEFAULT_CODEC:
        return DEFAULT_CODEC[suffix]
    if codec is None or CODECS[codec] != suffix:
        wanted = CODECS[codec] if codec else " or ".join(DEFAULT_CODEC)
        raise UsageError(f"output file {path.name} must end in {wanted}{f' for codec {codec}' if codec else ''}")
    return codec


class _Steady:
    """OpenCV's writer, whose files hold one rate and no time for each frame."""

    def __init__(self, writer: cv2.VideoWriter) -> None:
        self._writer = writer

    def write(self, image: NDArray[np.uint8], duration_s: float | None = None, /) -> None:
        if duration_s is not None:
            raise UsageError("frame times that vary need codec mjpeg or h264; other files hold no time for each frame")
        self._writer.write(image)


@contextmanager
def open_video(
    path: Path,
    *,
    size_wh: tuple[int, int],
    fps: float,
    codec: str | None = None,
    quality: int = 80,
    key_every: int = 12,
) -> Iterator[FrameWriter]:
    """Open a video file for writing; an unfinished one is removed.

    Args:
        path: Ends in .mp4 or .avi as the codec demands; its folder is made if need be.
        size_wh: Width and height of every frame.
        fps: Frames per second.
        codec: One of CODECS; None to choose by suffix.
        quality: Of Motion JPEG and H.264, 1 to 100; of no effect on other codecs.
        key_every: H.264: frames from one key frame to the next.

    Raises:
        MerError: If the file cannot be written.
    """
    codec = codec_for(path, codec)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if codec == "mjpeg":
            with MjpegWriter(path, size_wh=size_wh, fps=fps, quality=quality) as mjpeg:
                yield mjpeg
            return
        if codec == "h264":
            with H264Writer(path, size_wh=size_wh, fps=fps, quality=quality, key_every=key_every) as h264:
                yield h264
            return
        part = path.with_name(f"part-{path.name}")
        part.touch()
    except OSError as error:
        reason = error.strerror or error
        raise MerError(f"cannot write {path}: {reason}; choose another place or free some space") from error
    four = "mp4v" if codec == "mp4v" else "FFV1"
    writer = cv2.VideoWriter(str(part), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*four), fps, size_wh)
    try:
        if not writer.isOpened():
            raise MerError(f"cannot write {path}: OpenCV has no encoder for {codec}; use codec mjpeg")
        yield _Steady(writer)
        writer.release()
        part.replace(path)
    finally:
        writer.release()
        part.unlink(missing_ok=True)
