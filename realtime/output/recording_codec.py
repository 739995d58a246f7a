"""How `--record` writes a video: without loss where processor and disk hold that, which is measured at the start."""

import io
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

TIME_BASE: Final = Fraction(1, 1_000_000)
HELD_SHARE: Final = 0.5
"""Share of the time between two frames, and of the disk's speed, that recording may take: analysis needs the rest."""
_PROBE_FRAMES: Final = 12
_PROBE_BYTES: Final = 16 * 2**20
_NOISE: Final = 2.0
"""Standard deviation in grey levels that is added to the probe's frames: what the sensor's noise costs a codec."""
_FRAGMENTS: Final = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
"""Of a second each, so that a session that is killed can be read up to its last second."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to write a video.

    Attributes:
        name: As it is called in messages and `session.json`.
        encoder: FFmpeg's name.
        container: FFmpeg's name of the file's format, which is its suffix, too.
        lossless: Whether grey frames come back as they were.
        options: For the encoder.
    """

    name: str
    encoder: str
    container: str
    lossless: bool
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Name of the video in the session's folder."""
        return f"recording.{self.container}"


H264: Final = Codec("H.264", "libx264", "mp4", False, {"preset": "ultrafast", "crf": "12", "bf": "0"})
"""Nearly lossless: movements of a tenth of a pixel have to survive."""
FFV1: Final = Codec("FFV1 (lossless)", "ffv1", "mp4", True, {"level": "3", "slices": "4"})
RAW: Final = Codec("raw (lossless)", "rawvideo", "nut", True)
FILES: Final = tuple(dict.fromkeys(codec.file for codec in (H264, FFV1, RAW)))


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen and why.

    Attributes:
        codec: What is written.
        reason: What was measured, empty if nothing had to be.
    """

    codec: Codec
    reason: str = ""


def choose(folder: Path, image: NDArray[np.uint8], rate_hz: float) -> Choice:
    """Measure what this machine holds and return the smallest lossless codec that it does, else H.264.

    Args:
        folder: Where the recording goes; a file is written into it and removed.
        image: (H, W) grey, one of the camera's frames.
        rate_hz: Frames a second.

    Raises:
        OSError: If the folder cannot be written.
    """
    disk_hz = disk_bytes_s(folder)
    reasons = []
    for codec in (FFV1, RAW):
        frame_s, frame_bytes = cost_of(codec, image, rate_hz)
        share, needed = frame_s * rate_hz, frame_bytes * rate_hz
        reasons.append(
            f"{codec.name} takes {100 * share:.0f} % of a processor and {needed / 1e6:.0f} of {disk_hz / 1e6:.0f} MB/s"
        )
        if share <= HELD_SHARE and needed <= HELD_SHARE * disk_hz:
            return Choice(codec, "; ".join(reasons))
    return Choice(H264, "; ".join(reasons))


def open_stream(
    target: str | io.BytesIO, codec: Codec, *, size_wh: tuple[int, int], rate_hz: float
) -> tuple[Any, Any, Callable[..., Any]]:
    """Return an open container, its stream and what makes a frame of an array.

    Args:
        target: Path of the file, or where its bytes go.
        codec: How it is written.
        size_wh: Width and height of the frames in pixels.
        rate_hz: About how many come a second.
    """
    options = _FRAGMENTS if codec.container == "mp4" else {}
    container = av.open(target, "w", format=codec.container, options=options)
    stream: Any = container.add_stream(codec.encoder, rate=max(1, round(rate_hz)), options=dict(codec.options))
    stream.width, stream.height = size_wh
    odd = size_wh[0] % 2 or size_wh[1] % 2
    stream.pix_fmt = "gray" if codec.lossless else "yuv444p" if odd else "yuv420p"
    stream.time_base = stream.codec_context.time_base = TIME_BASE
    stream.codec_context.gop_size = max(1, round(rate_hz))
    return container, stream, av.VideoFrame.from_ndarray


def cost_of(codec: Codec, image: NDArray[np.uint8], rate_hz: float) -> tuple[float, float]:
    """Return seconds and bytes that a frame takes."""
    random = np.random.default_rng(0)
    images = [
        np.clip(image + random.normal(0.0, _NOISE, image.shape), 0, 255).astype(np.uint8) for _ in range(_PROBE_FRAMES)
    ]
    height, width = image.shape
    sink = io.BytesIO()
    container, stream, frame_of = open_stream(sink, codec, size_wh=(width, height), rate_hz=rate_hz)
    with container:
        started_s = time.perf_counter()
        for number, noisy in enumerate(images):
            frame = frame_of(noisy, format="gray")
            frame.pts, frame.time_base = round(number / rate_hz / TIME_BASE), TIME_BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        took_s = time.perf_counter() - started_s
    return took_s / _PROBE_FRAMES, len(sink.getvalue()) / _PROBE_FRAMES


def disk_bytes_s(folder: Path) -> float:
    """Return the bytes a second that a folder takes, once they are really on the disk."""
    block = np.random.default_rng(0).bytes(2**20)
    path = folder / ".speed"
    try:
        started_s = time.perf_counter()
        with path.open("wb") as file:
            for _ in range(_PROBE_BYTES // len(block)):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        return _PROBE_BYTES / (time.perf_counter() - started_s)
    finally:
        path.unlink(missing_ok=True)
