"""Streams of the network: Motion JPEG and video files over HTTP, and what FFmpeg speaks itself (RTSP, RTMP, UDP)."""

import math
from typing import Final, Protocol
from urllib.parse import urlsplit

import av

from mer.errors import MerError
from mer.media.container import FORMATS, format_of, open_container, reason, video_of
from mer.media.decoder import Decoder, Picture
from mer.messages import Frame
from realtime.capture.cameras.base import Clock, Mode
from realtime.capture.multipart import MultipartJpeg
from realtime.capture.web import TIMEOUT_S, Response

_WAYS: Final = {
    "rtsp": ("tcp", "rtsp", {"rtsp_transport": "tcp"}),
    "rtsps": ("tcp,tls", "rtsp", {"rtsp_transport": "tcp"}),
    "rtmp": ("tcp,rtmp", "flv,live_flv", {}),
    "udp": ("udp", FORMATS, {}),
    "tcp": ("tcp", FORMATS, {}),
}
"""Protocols and formats that FFmpeg may use for an address, and its options."""
_REFUSED: Final = (
    (av.error.HTTPUnauthorizedError, "asks for a user name and password, or rejects those in the address (401)"),
    (av.error.HTTPForbiddenError, "refuses access (403 Forbidden)"),
    (av.error.HTTPNotFoundError, "knows no such address (404 Not Found); is the path right?"),
    (av.error.ExitError, f"cannot be opened: no video in {TIMEOUT_S:g} s; is its server running?"),
)


class _Reader(Protocol):
    undecodable: int
    error: str

    def read(self) -> Picture | None: ...


class NetworkStream:
    """An open stream of the network: a `Camera`.

    Args:
        url: Its address, beginning with one of `realtime.capture.source.STREAMS`.

    Attributes:
        asked: Nothing; a stream sends what it sends.
        mode: Rate that it states, and what FFmpeg calls its codec.
        clock: "device" if pictures carry time stamps of their own.
        finite: Whether it has an end of its own, as a video file behind an address has.

    Raises:
        MerError: If it cannot be opened or is not video.
    """

    def __init__(self, url: str) -> None:
        self.asked = Mode()
        self.mode = Mode(fourcc="mjpeg")
        self.clock: Clock = "arrival"
        self.finite = False
        self._response: Response | None = None
        self._container: av.container.InputContainer | None = None
        self._reader: _Reader | None = None
        if urlsplit(url).scheme.lower() in ("http", "https"):
            self._reader = self._open_http(url)
        else:
            self._reader = self._open_by_ffmpeg(url)

    def read(self) -> Frame | None:
        """Return the next frame as soon as it is there, None at the end; waits for TIMEOUT_S at most."""
        picture = self._reader.read() if self._reader else None
        if picture is None:
            return None
        time_s = math.nan if picture.stamp_s is None else picture.stamp_s
        return Frame(picture.image, time_s, 0, picture.jpeg, picture.planes)

    @property
    def undecodable(self) -> int:
        """Packets or parts that were damaged, too large or not what they should be."""
        return self._reader.undecodable if self._reader else 0

    @property
    def error(self) -> str:
        """Why the stream ended, empty if it did in order or goes on."""
        return self._reader.error if self._reader else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """How many pictures were damaged, and why the stream ended if it was not in order."""
        damaged = self.undecodable
        left_out = f"{damaged} frames were damaged or invalid and were left out" if damaged else ""
        return tuple(note for note in (left_out, self.error) if note)

    def close(self) -> None:
        """Hang up; safe to call twice."""
        if isinstance(self._reader, Decoder):
            self._reader.close()
        if self._container is not None:
            self._container.close()
        if self._response is not None:
            self._response.close()

    def _open_http(self, url: str) -> _Reader:
        self._response = response = Response(url)
        if response.content_type.startswith("multipart/"):
            return MultipartJpeg(response.read, boundary=response.boundary, timeout_s=TIMEOUT_S)
        try:
            kind = format_of(response.head)
            self._container = open_container(response, protocols="none", timeout_s=TIMEOUT_S, format_name=kind)
        except (av.FFmpegError, OSError, ValueError) as error:
            self.close()
            kind = response.content_type or "something unknown"
            raise MerError(f"{url} answers with {kind}, which is not a video ({reason(error)})") from None
        reader = self._decoder(url)
        self.finite = response.length is not None and bool(self._container.duration)
        return reader

    def _open_by_ffmpeg(self, url: str) -> _Reader:
        protocols, formats, options = _WAYS[urlsplit(url).scheme.lower()]
        try:
            self._container = open_container(
                url, protocols=protocols, formats=formats, options=options, timeout_s=TIMEOUT_S
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            said = next((words for kind, words in _REFUSED if isinstance(error, kind)), None)
            raise MerError(
                f"{url} {said}"
                if said
                else f"{url} cannot be opened: {reason(error)}; is its server running, and does it send video?"
            ) from None
        return self._decoder(url)

    def _decoder(self, url: str) -> Decoder:
        container = self._container
        if container is None:
            raise MerError(f"{url} is not open")
        try:
            video = video_of(container, url)
        except MerError:
            self.close()
            raise
        codec = video.codec_context.name
        if codec != "mjpeg":  # for which FFmpeg makes up 25 frames a second
            self.clock = "device"
        self.mode = Mode(fps=float(video.average_rate or video.guessed_rate or 0.0) or None, fourcc=codec)
        # A threaded decoder would hold every frame back by one.
        return Decoder(container, video, grey=True, threads=1, threading="SLICE")
