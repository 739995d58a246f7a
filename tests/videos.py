"""Small videos of every kind, made with PyAV: codecs, containers, stamps, interlacing, damage."""

import math
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

INTERLACED = 1 << 18 | 1 << 29
"""`AV_CODEC_FLAG_INTERLACED_DCT` and `_ME`: what encoders take for interlaced coding."""
_TIME_BASE = Fraction(1, 1000)


def write(
    path: Path,
    images: Sequence[NDArray[Any]],
    *,
    codec: str = "libx264",
    fps: int = 50,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    format_name: str | None = None,
    flags: int = 0,
    from_format: str = "bgr24",
    stamps_ms: Sequence[int] | None = None,
    audio_s: float = 0.0,
    turn_deg: int = 0,
    before: Sequence[tuple[int, bytes]] = (),
) -> Path:
    """Write a video.

    Args:
        path: Whose suffix says which container unless `format_name` does.
        images: Pictures in `from_format`.
        codec: What FFmpeg calls it.
        fps: Frames a second.
        pix_fmt: What they are coded in.
        options: Of the encoder.
        format_name: Of the container.
        flags: Of the encoder.
        from_format: Pixel format of `images`.
        stamps_ms: Time stamps instead of those of `fps`.
        audio_s: Seconds of silence beside, from 0 on.
        turn_deg: Turn that the container asks for.
        before: (number, content) of packets to be put in before those of a number.
    """
    height, width = images[0].shape[:2]
    with _scheduling_kept(), av.open(str(path), "w", format=format_name) as container:
        stream: Any = container.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        if stamps_ms is not None:
            stream.time_base = stream.codec_context.time_base = _TIME_BASE
        stream.codec_context.flags |= flags
        if audio_s:
            _write_silence(container, audio_s)
        count = 0
        for n, image in enumerate([*images, None]):
            frame = None if image is None else av.VideoFrame.from_ndarray(np.ascontiguousarray(image), from_format)
            if frame is not None and stamps_ms is not None:
                frame.pts, frame.time_base = stamps_ms[n], _TIME_BASE
            for packet in stream.encode(frame):
                for _, content in [each for each in before if each[0] == count]:
                    bad = av.Packet(content)
                    bad.stream, bad.pts, bad.dts, bad.time_base = stream, packet.pts, packet.dts, packet.time_base
                    container.mux(bad)
                    packet.pts, packet.dts = packet.pts + 1, packet.dts + 1
                container.mux(packet)
                count += 1
    if turn_deg:
        _turn(path, turn_deg)
    return path


@contextmanager
def _scheduling_kept() -> Iterator[None]:
    """Undo what SVT-AV1 does for root: real-time priority for this process and all that it starts from then on."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def _turn(path: Path, turn_deg: int) -> None:
    """Have an MP4 ask for a turn, counter-clockwise."""
    content = bytearray(path.read_bytes())
    sin, cos = round(math.sin(math.radians(turn_deg))), round(math.cos(math.radians(turn_deg)))
    matrix = [65536 * side for side in (cos, -sin, 0, sin, cos, 0)]
    struct.pack_into(">6i", content, content.index(b"tkhd") + 44, *matrix)
    path.write_bytes(content)


def _write_silence(container: Any, seconds: float) -> None:
    stream = container.add_stream("aac", rate=48000)
    for start in range(0, int(48000 * seconds), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts = 48000, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def remux(path: Path, source: Path, stamps_ms: Sequence[int], *, format_name: str | None = None) -> Path:
    """Write the packets of a video whose packets are in order of display, with other stamps."""
    with av.open(str(source)) as given, av.open(str(path), "w", format=format_name) as container:
        stream = container.add_stream_from_template(given.streams.video[0])
        stream.time_base = _TIME_BASE
        packets = [packet for packet in given.demux(video=0) if packet.size]
        for n, (packet, stamp_ms) in enumerate(zip(packets, stamps_ms)):
            packet.stream, packet.time_base = stream, _TIME_BASE
            packet.pts, packet.dts = stamp_ms, 20 * n - 1000
            container.mux(packet)
    return path


def weave(images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Return frames whose odd rows are those of the picture half a frame later, as an interlaced camera has them."""
    woven = []
    for even, odd in zip(images[0::2], images[1::2]):
        frame = even.copy()
        frame[1::2] = odd[1::2]
        woven.append(frame)
    return woven


def moving_square(count: int, *, size_wh: tuple[int, int] = (128, 96)) -> list[NDArray[np.uint8]]:
    """Return pictures of a bright square that moves by three pixels a picture over smooth ground."""
    width, height = size_wh
    ground = np.tile(np.linspace(60, 120, width, dtype=np.uint8), (height, 1))
    pictures = []
    for n in range(count):
        picture = ground.copy()
        left = 8 + 3 * n % (width - 48)
        cv2.rectangle(picture, (left, 24), (left + 32, 72), 220, -1)
        pictures.append(np.repeat(picture[..., np.newaxis], 3, axis=2))
    return pictures
