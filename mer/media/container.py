"""Video files and streams opened by FFmpeg, which may read what was named and nothing else."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from mer.errors import MerError
from mer.media.size import JPEG_START, MAX_PIXELS, is_too_large

FORMATS: Final = (
    "3gp,apng,asf,av1,avi,dhav,dirac,dv,flv,gif,gxf,h261,h263,h264,hevc,ivf,live_flv,m4v,matroska,mjpeg,mov,mpeg,"
    "mpegts,mpegvideo,mpjpeg,mxf,nut,nuv,obu,ogg,rm,swf,vc1,vc1test,vvc,webm,wtv,yuv4mpegpipe"
)
"""Formats that hold their video themselves: no playlist, no list of files, no session description, no device."""
_LISTS: Final = {
    b"#EXTM3U": "a playlist (HLS)",
    b"ffconcat": "a list of files (ffconcat)",
    b"v=0": "a description of a session (SDP)",
    b"<MPD": "a playlist (DASH)",
    b"[playlist]": "a playlist (PLS)",
    b"<smil": "a playlist (SMIL)",
    b"file '": "a list of files (ffconcat)",
}
"""How texts begin that only name where video is."""
_WHILE_PROBING: Final = {"max_pixels": str(MAX_PIXELS)} if int(av.__version__.partition(".")[0]) >= 18 else {}
"""Options of decoders while FFmpeg looks at the first frames; before PyAV 18 they crash it with program streams."""
_HEAD_BYTES: Final = 512
_MADE_UP_STAMPS: Final = 0x0001
"""`AVFMT_FLAG_GENPTS`, which PyAV sets."""
_NO_PICTURES: Final = Disposition.attached_pic | Disposition.timed_thumbnails

Opened = tuple[InputContainer, VideoStream]


def open_file(path: Path) -> Opened:
    """Open a video file.

    Args:
        path: An existing file that is not empty.

    Returns:
        The container, owned by the caller, and its video stream.

    Raises:
        MerError: If it is not a video, or one that cannot be decoded.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise MerError(f"{path} cannot be read ({error.strerror}); give a file that may be read") from None
    if (kind := names_other_files(head)) is not None:
        raise MerError(f"{path} is {kind}, which only names where video is; give the video file itself")
    try:
        # "file:" keeps a colon or a percent sign in the name from meaning anything.
        container = open_container(f"file:{path.absolute()}", protocols="file", format_name=format_of(head))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MerError(
            f"{path} cannot be opened as a video ({reason(error)}): it is not one, it was cut off before its index was "
            "written, or FFmpeg does not know its format; play it with another program to find out"
        ) from None
    return container, _closed_on_error(container, str(path))


def open_container(
    source: Any,
    *,
    protocols: str,
    formats: str = FORMATS,
    options: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    format_name: str | None = None,
) -> InputContainer:
    """Open what FFmpeg can read.

    Args:
        source: An address with its protocol, or an object with `read`.
        protocols: What FFmpeg may speak, separated by commas.
        formats: Formats it may recognise.
        options: For protocol and format.
        timeout_s: For opening, and for each packet; None waits for ever.
        format_name: Format that it is known to have.

    Raises:
        av.FFmpegError: If that does not work.
    """
    container: InputContainer = av.open(
        source,
        format=format_name,
        container_options={"protocol_whitelist": protocols, "format_whitelist": formats, **(options or {})},
        options=_WHILE_PROBING,
        timeout=timeout_s,
        metadata_errors="replace",
    )
    # Stamps that FFmpeg makes up where there are none are wrong with B-frames, and it reads ahead for them.
    container.flags &= ~_MADE_UP_STAMPS
    return container


def video_of(container: InputContainer, name: str) -> VideoStream:
    """Return the video stream, ready to be decoded.

    Args:
        container: Open.
        name: What messages call it.

    Raises:
        MerError: If there is none, its codec is not known, or its frames are too large.
    """
    streams = container.streams.video
    if not streams:
        raise MerError(f"{name} contains no video{' but audio' if container.streams.audio else ''}; expected a video")
    moving = [stream for stream in streams if not stream.disposition & _NO_PICTURES]
    if not moving:
        raise MerError(f"{name} contains no video but audio with a cover picture; expected a video")
    stream = moving[0]
    if stream.codec_context is None:
        raise MerError(
            f"{name} is coded as {_codec_of(container, stream)}, which this FFmpeg cannot decode; convert it, for "
            "example with: ffmpeg -i FILE -c:v libx264 -crf 12 new.mp4"
        )
    size_wh = (stream.width, stream.height)
    if is_too_large(size_wh):
        raise MerError(
            f"{name} has frames of {size_wh[0]}x{size_wh[1]}; expected {MAX_PIXELS / 1e6:.0f} megapixels at most"
        )
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def format_of(head: bytes) -> str | None:
    """Return the format of content that FFmpeg would take for a single picture, None for all other."""
    return "mjpeg" if head.startswith(JPEG_START) else None


def names_other_files(head: bytes) -> str | None:
    """Return what a text is that only names where video is, None if the content is anything else."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<?xml"):
        text = text[text.find(b"?>") + 2 :].lstrip()
    return next((kind for start, kind in _LISTS.items() if text.lower().startswith(start.lower())), None)


def reason(error: Exception) -> str:
    """Return what FFmpeg says was wrong, without the address or path, which may hold a password."""
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _closed_on_error(container: InputContainer, name: str) -> VideoStream:
    try:
        return video_of(container, name)
    except MerError:
        container.close()
        raise


def _codec_of(container: InputContainer, stream: VideoStream) -> str:
    """Return what FFmpeg calls the codec of a stream that it has no decoder for."""
    level = av.logging.get_level()
    lines: list[str] = []
    described: Any = container
    with contextlib.suppress(Exception):
        av.logging.set_level(av.logging.INFO)
        try:
            lines = described.dumps_format().splitlines()
        finally:
            av.logging.set_level(level)
    mine = next((line for line in lines if f"Stream #0:{stream.index}" in line and "Video:" in line), "")
    return mine.partition("Video:")[2].split(",")[0].strip() or "something unknown"
