"""Video files as the planes that their codec stores, read and written again without a visible loss, through PyAV.

Nothing is turned into RGB on the way: where nothing is drawn, the encoder gets the decoder's bytes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError, UsageError
from mer.media.planes import one_thread

Plane = NDArray[np.uint8]
CRF: Final = 6
"""Quality of x264 at which the loss is below the noise of any recording (0 is lossless)."""
MAX_CRF: Final = 10
SUFFIX: Final = ".mp4"
_KEPT: Final = {"yuv420p": "yuv420p", "yuvj420p": "yuv420p", "yuv444p": "yuv444p", "yuvj444p": "yuv444p"}
"""Formats whose planes are kept as they are, and what their planes are called without the range in the name."""
_FULL_RANGE: Final = 2
_TIME_BASE: Final = Fraction(1, 90_000)
"""Of a stream that states none."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame as stored.

    Attributes:
        planes: Luma (H, W) and two chroma planes, (H, W) or (H / 2, W / 2), uint8; read-only.
        stamp: Its time in units of the recording's time base, counted from the first frame; increasing.
        frame: PyAV's frame.
        turns: Quarter turns, against the clock, from the stored picture to the upright one.
    """

    planes: tuple[Plane, Plane, Plane]
    stamp: int
    frame: Any
    turns: int

    def bgr(self) -> Plane:
        """Return the (H, W, 3) uint8 picture in colour."""
        return np.ascontiguousarray(np.rot90(self.frame.to_ndarray(format="bgr24", **one_thread()), self.turns))


@dataclass(frozen=True, slots=True)
class Format:
    """What a video file has to say about its frames.

    Attributes:
        size_wh: Width and height in pixels, upright.
        pixels: "yuv420p" or "yuv444p".
        time_base: Seconds of one unit of the stamps.
        rate_hz: Nominal frames a second.
        colour: Names and values of PyAV's properties of colour and pixel shape.
    """

    size_wh: tuple[int, int]
    pixels: str
    time_base: Fraction
    rate_hz: Fraction
    colour: dict[str, Any]


class PlaneReader:
    """Frames of a video file in order; use as a context manager and iterate once.

    Args:
        path: Of the recording.

    Attributes:
        format: Of all frames.

    Raises:
        MerError: If the file contains no frame that can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_file():
            raise MerError(f"{path} is not a file; give a video file")
        try:
            self._container = av.open(str(path), metadata_errors="replace")
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise MerError(f"{path} cannot be opened as a video ({_reason(error)}); give a video file") from error
        self._frames = self._decoded()
        try:
            first = next(self._frames, None)
        except MerError:
            self.close()
            raise
        if first is None:
            self.close()
            raise MerError(f"{path} contains no frame that can be decoded; is the recording complete?")
        self._first = first
        self._turns = (getattr(first, "rotation", 0) or 0) // 90 % 4
        self.format = self._format(first)

    def __iter__(self) -> Iterator[Picture]:
        stamp, start = -1, self._first.pts or 0
        frame: Any = self._first
        while frame is not None:
            step = max(1, round(1 / (self.format.rate_hz * self.format.time_base)))
            given = frame.pts - start if frame.pts is not None else stamp + step
            stamp = given if given > stamp else stamp + 1
            yield self._picture(frame, stamp)
            frame = next(self._frames, None)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._container.close()

    def __enter__(self) -> "PlaneReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decoded(self) -> Iterator[Any]:
        if not self._container.streams.video:
            return
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        try:
            yield from self._container.decode(stream)
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise MerError(
                f"{self._path} cannot be decoded to its end ({_reason(error)}); repair or convert it first"
            ) from error

    def _format(self, frame: Any) -> Format:
        stream = self._container.streams.video[0]
        width, height = (frame.height, frame.width) if self._turns % 2 else (frame.width, frame.height)
        kept = _KEPT.get(frame.format.name, "yuv444p" if frame.format.is_rgb else "yuv420p")
        pixels = "yuv444p" if width % 2 or height % 2 else kept
        context = stream.codec_context
        colour = {name: getattr(context, name) for name in ("colorspace", "color_primaries", "color_trc")}
        full = frame.format.name.startswith("yuvj") or context.color_range == _FULL_RANGE
        colour["color_range"] = _FULL_RANGE if full and not frame.format.is_rgb else 1
        shape = stream.sample_aspect_ratio
        if shape and not self._turns % 2:
            colour["sample_aspect_ratio"] = shape
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        return Format((width, height), pixels, Fraction(stream.time_base or _TIME_BASE), Fraction(rate), colour)

    def _picture(self, frame: Any, stamp: int) -> Picture:
        name = frame.format.name
        stored = (
            frame
            if _KEPT.get(name) == self.format.pixels
            else frame.reformat(format=self.format.pixels, **one_thread())
        )
        planes = [np.rot90(_rows(plane), self._turns) for plane in stored.planes[:3]]
        if planes[0].shape[::-1] != self.format.size_wh:
            raise MerError(f"{self._path} changes its picture size half-way; cut it where it does")
        return Picture((planes[0], planes[1], planes[2]), stamp, frame, self._turns)


class PlaneWriter:
    """Takes planes and their stamps; see `open_writer`."""

    def __init__(self, container: Any, stream: Any, format_: Format) -> None:
        self._container = container
        self._stream = stream
        self._format = format_
        self._frame_of = av.VideoFrame

    def write(self, planes: tuple[Plane, Plane, Plane], stamp: int) -> None:
        """Append a frame."""
        frame = self._frame_of(*self._format.size_wh, self._format.pixels)
        for target, plane in zip(frame.planes, planes):
            padded = np.zeros((target.height, target.line_size), np.uint8)
            padded[:, : target.width] = plane
            target.update(padded.tobytes())
        frame.pts, frame.time_base = stamp, self._format.time_base
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Encode what is still held back."""
        self._container.mux(self._stream.encode())


@contextmanager
def open_writer(path: Path, format_: Format, *, crf: int = CRF) -> Iterator[PlaneWriter]:
    """Open an H.264 file for writing; an unfinished one is removed.

    Args:
        path: Ends in .mp4; its folder is made if need be.
        format_: From a `PlaneReader`; rate, stamps and colours are kept.
        crf: x264's quality, 0 (lossless) to MAX_CRF.

    Raises:
        UsageError: If the suffix or the quality makes no sense.
        MerError: If the file cannot be written.
    """
    if path.suffix.lower() != SUFFIX:
        raise UsageError(f"output file {path.name} must end in {SUFFIX}")
    if not 0 <= crf <= MAX_CRF:
        raise UsageError(f"crf {crf} given; expected 0 (lossless) to {MAX_CRF}: more would change the noise")
    part = path.with_name(f"part-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(part), "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=format_.rate_hz)
            stream.options = {"preset": "veryfast", "crf": f"{crf}", "bf": "0"}
            stream.width, stream.height = format_.size_wh
            stream.pix_fmt = format_.pixels
            stream.time_base = stream.codec_context.time_base = format_.time_base
            for name, value in format_.colour.items():
                setattr(stream.codec_context, name, value)
            writer = PlaneWriter(container, stream, format_)
            yield writer
            writer.finish()
        part.replace(path)
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise MerError(f"cannot write {path}: {_reason(error)}; choose another place or free some space") from error
    finally:
        part.unlink(missing_ok=True)


def _rows(plane: Any) -> Plane:
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
