"""The pictures of an open video, each with its time stamp, and an account of those that could not be had."""

import heapq
from collections import deque
from collections.abc import Generator, Iterator
from threading import Lock
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import av
import numpy as np
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from mer.media.container import reason
from mer.media.deinterlace import Deinterlacer
from mer.media.jpeg import luma
from mer.media.planes import Planes, bits_used, turn_of
from mer.media.size import MAX_BYTES

MAX_DAMAGED: Final = 500
"""So many packets in a row that cannot be read or decoded are the end of the source."""
_MAX_FRUITLESS: Final = 4096
"""So many packets without a picture are the end, too; a stream joined midway has none until its next key frame."""
_MAX_REORDERED: Final = 40
"""Packets that a decoder may hold: 16 for reordering, and some for its threads."""

Image = NDArray[np.uint8]
_Packet: TypeAlias = "av.Packet[VideoStream]"


class Picture(NamedTuple):
    """One picture of a recording.

    Attributes:
        image: (H, W, 3) uint8 BGR, or (H, W) grey.
        stamp_s: The source's time stamp in seconds, None if it has none.
        jpeg: The JPEG file that a grey `image` is the luma of.
        planes: The decoded frame that a grey `image` is the luma of.
    """

    image: Image
    stamp_s: float | None
    jpeg: Image | None = None
    planes: Planes | None = None


class Decoder:
    """The pictures of a video stream in order of display.

    Args:
        container: Open; closed by whoever opened it.
        stream: Its video.
        grey: Whether luma is enough: of Motion JPEG nothing else is decoded then.
        threads: Threads of FFmpeg's decoder.
        threading: "FRAME" is the fastest and holds back a frame for each thread; "SLICE" holds back none.

    Attributes:
        decoded: Pictures so far.
        undecodable: Packets that were damaged, too large or in another format than they claim.
        damaged: Pictures in which the decoder had to fill something in.
        left_out: Pictures that the container itself says are not to be shown (edit lists).
        resized: Pictures left out because they differ in size from the first.
        error: Why reading ended, empty at the end of the stream.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        grey: bool,
        threads: int = 1,
        threading: Literal["FRAME", "SLICE"] = "SLICE",
    ) -> None:
        self.decoded = self.undecodable = self.damaged = self.left_out = self.resized = 0
        self.error = ""
        self._container = container
        self._stream = stream
        self._grey = grey
        self._time_base = stream.time_base or av.time_base
        self._origin_s = _origin_s(container, stream)
        self._in_order_of_coding = container.format.name == "avi"  # AVI stamps packets, not pictures
        self._coding_stamps: list[int] = []
        self._ahead_of_coding = 0
        self._deinterlacer: Deinterlacer | None = None
        self._waiting: deque[float | None] = deque()
        self._size: tuple[int, ...] | None = None
        self._bits: int | None = None
        self._turn_deg: int | None = None
        self._is_whole_jpeg: bool | None = None
        stream.codec_context.thread_count = threads
        stream.codec_context.thread_type = ThreadType[threading]
        self._reading = Lock()
        self._pictures = self._decode()

    def read(self) -> Picture | None:
        """Return the next picture, None at the end."""
        with self._reading:
            return next(self._pictures, None)

    def close(self) -> None:
        """Wait for a read that is under way in another thread; there are no more pictures afterwards."""
        with self._reading:
            self._pictures.close()

    @property
    def notes(self) -> list[str]:
        """What was odd about the stream so far."""
        notes = []
        if self.error:
            notes.append(f"reading ended early: {self.error}")
        if self.undecodable:
            notes.append(f"{self.undecodable} packets are damaged and could not be decoded")
        if self.damaged:
            notes.append(f"{self.damaged} frames are damaged; parts of them are made up by the decoder")
        if self.left_out:
            notes.append(f"{self.left_out} frames lie outside what the file says is to be shown and were left out")
        if self.resized:
            notes.append(f"{self.resized} frames differ in size from the first and were left out")
        if self._deinterlacer and self._deinterlacer.treated:
            notes.append(f"{self._deinterlacer.treated} frames are interlaced and were deinterlaced")
        elif self._deinterlacer:
            notes.append("frames are marked as interlaced but are whole; they were left as they are")
        if self._bits:
            notes.append(f"16 bits per sample hold only {self._bits}; grey was scaled by those")
        if self._turn_deg:
            notes.append(f"frames were turned by {self._turn_deg} degrees counter-clockwise, as the file asks for")
        return notes

    def _decode(self) -> Generator[Picture, None, None]:
        pictures_of = (
            self._jpeg_or_planes if self._grey and self._stream.codec_context.name == "mjpeg" else self._planes
        )
        fruitless = undecodable = 0
        for packet in self._packets():
            before = self.decoded
            for picture in pictures_of(packet):
                self._size = self._size or picture.image.shape
                if picture.image.shape != self._size:
                    self.resized += 1
                    continue
                self.decoded += 1
                yield picture
            if self._is_whole_jpeg is not None:
                pictures_of = self._jpeg if self._is_whole_jpeg else self._planes
            if self.decoded > before:
                fruitless, undecodable = 0, self.undecodable
                continue
            fruitless += 1
            if fruitless >= _MAX_FRUITLESS or self.undecodable - undecodable >= MAX_DAMAGED:
                self.error = f"{fruitless} packets in a row could not be decoded"
                return

    def _packets(self) -> Iterator[_Packet]:
        """Yield packets, at the end an empty one that makes the decoder hand out what it holds."""
        for _ in range(MAX_DAMAGED):
            try:
                for packet in self._container.demux(self._stream):
                    if packet.size or (packet.dts is None and packet.pts is None):
                        yield packet
                return
            except av.InvalidDataError:  # FFmpeg goes on behind the damage
                self.undecodable += 1
            except (av.FFmpegError, OSError) as error:
                self.error = reason(error)
                return

    def _jpeg_or_planes(self, packet: _Packet) -> Iterator[Picture]:
        """Yield the picture of the first good packet of Motion JPEG, and decide how to read the others."""
        codec = self._stream.codec_context
        try:
            frames = [*codec.decode(packet), *codec.decode(None)] if packet.size else []
        except (av.FFmpegError, ValueError):
            frames = []
        codec.flush_buffers()
        if not frames:
            self.undecodable += packet.size > 0
            return
        grey = luma(_content(packet))
        whole = grey is not None and grey.shape == (frames[0].height, frames[0].width)
        self._is_whole_jpeg = whole and not turn_of(frames[0])
        yield from self._jpeg(packet) if self._is_whole_jpeg else self._planes(packet)

    def _jpeg(self, packet: _Packet) -> Iterator[Picture]:
        content = _content(packet)
        grey = luma(content)
        if grey is not None:
            yield Picture(grey, self._seconds(packet.dts if packet.pts is None else packet.pts), content)
        else:
            self.undecodable += packet.size > 0

    def _planes(self, packet: _Packet) -> Iterator[Picture]:
        self.left_out += packet.is_discard
        frames: list[av.VideoFrame] = []
        if packet.size > MAX_BYTES:
            self.undecodable += 1
            return
        if packet.dts is not None:
            heapq.heappush(self._coding_stamps, packet.dts)
            if len(self._coding_stamps) > _MAX_REORDERED:
                heapq.heappop(self._coding_stamps)
        try:
            frames = self._stream.codec_context.decode(packet if packet.size else None)
        except (av.FFmpegError, ValueError):
            self.undecodable += packet.size > 0
            if self._coding_stamps:
                heapq.heappop(self._coding_stamps)
        for frame in frames:
            yield from self._shown(frame)
        if not packet.size and self._deinterlacer:
            for frame in self._deinterlacer.frames(None):
                yield from self._picture(frame)

    def _shown(self, frame: av.VideoFrame) -> Iterator[Picture]:
        self.damaged += frame.is_corrupt
        if self._turn_deg is None:
            self._turn_deg, self._bits = turn_of(frame), bits_used(frame)
        self._waiting.append(self._stamp_s(frame))
        if frame.interlaced_frame and self._deinterlacer is None:
            self._deinterlacer = Deinterlacer()
        if self._deinterlacer is None:
            yield from self._picture(frame)
            return
        for whole in self._deinterlacer.frames(frame):
            yield from self._picture(whole)

    def _picture(self, frame: av.VideoFrame) -> Iterator[Picture]:
        planes = Planes(frame, self._turn_deg or 0, self._bits)
        stamp_s = self._waiting.popleft()
        try:
            image = planes.luma() if self._grey else planes.bgr()
        except (av.FFmpegError, ValueError):
            self.undecodable += 1
        else:
            yield Picture(image, stamp_s, planes=planes if self._grey else None)

    def _stamp_s(self, frame: av.VideoFrame) -> float | None:
        coded = heapq.heappop(self._coding_stamps) if self._coding_stamps else None
        stamp = None if self._in_order_of_coding else frame.pts
        if stamp is not None and coded is not None:
            self._ahead_of_coding = stamp - coded
        elif coded is not None:
            stamp = coded + self._ahead_of_coding
        return self._seconds(stamp)

    def _seconds(self, stamp: int | None) -> float | None:
        if stamp is None:
            return None
        return stamp * self._time_base.numerator / self._time_base.denominator - self._origin_s


def _content(packet: Any) -> Image:
    content: Image = np.frombuffer(packet, np.uint8)
    return content


def _origin_s(container: InputContainer, stream: VideoStream) -> float:
    """Return the stamp at which the container's time line starts: that of its first stream, video or audio."""
    if container.start_time is not None and container.start_time > 0:
        return container.start_time / av.time_base
    first = stream.start_time or 0  # audio may start before 0, with what players throw away
    return min(0.0, float(first * stream.time_base)) if stream.time_base else 0.0
