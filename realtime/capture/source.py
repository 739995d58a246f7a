"""What the user named, opened: a camera, a stream, or a recording to be played at its own pace."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from mer.errors import MerError, UsageError
from mer.lazy import loaded_when_called
from mer.media.source_name import source_name
from mer.media.video import FrameReader
from mer.messages import Frame
from realtime.capture.cameras.base import Camera, Laboratory, Mode
from realtime.capture.cameras.registry import BACKENDS, DEFAULT, backend_of
from realtime.capture.live_source import LiveSource

STREAMS: Final = ("http://", "https://", "rtsp://", "rtsps://", "rtmp://", "udp://", "tcp://")
"""What addresses of streams begin with."""
AUTO: Final = "auto"
CHOICES: Final = (AUTO, *BACKENDS)
"""What `--camera-backend` takes."""

Source = FrameReader | LiveSource
_open_stream: Final[Callable[[str], Camera]] = loaded_when_called("realtime.capture.stream:NetworkStream")


def is_stream(text: str) -> bool:
    """Return whether `text` is the address of a stream rather than a camera or path."""
    return text.lower().startswith(STREAMS)


def open_source(
    text: str,
    *,
    fps: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fourcc: str | None = None,
    exposure_ms: float | None = None,
    backend: str = AUTO,
    laboratory: Laboratory | None = None,
) -> Source:
    """Open what the user named.

    Args:
        text: A camera ("SCHEME:NAME" with a scheme of BACKENDS, an index such as "0", a device's path), a stream
            address (HTTP, RTSP), a video file or a folder of frames.
        fps: For a camera the rate to ask for; for anything else the rate that overrides its time stamps.
        width: Pixels to ask a camera for.
        height: Pixels to ask a camera for.
        fourcc: Pixel format to ask a camera for, such as "MJPG".
        exposure_ms: Exposure to ask a camera for, 0 to let it choose.
        backend: What reads a camera that names no scheme; with "gstreamer", `text` may be a pipeline ending in appsink.
        laboratory: What to ask a laboratory camera for besides, None for nothing.

    Returns:
        A source to iterate over and to close.

    Raises:
        MerError: If there is no such source or it delivers nothing.
        UsageError: If an option makes no sense.
    """
    if fps is not None and not (np.isfinite(fps) and fps > 0):
        raise UsageError(f"--fps {fps} is not a frame rate; give a number above 0, such as 200")
    laboratory = laboratory or Laboratory()
    if is_stream(text):
        laboratory.refuse("streams")
        try:
            return LiveSource(_open_stream(text), name=text, fps=fps)
        except MerError as error:  # which may quote the library's own words about the address
            raise type(error)(source_name(str(error))) from None
    if (camera := _camera_of(text, backend)) is not None:
        scheme, name, called = camera
        asked = Mode(width, height, fps, fourcc, exposure_ms, laboratory)
        return LiveSource(BACKENDS[scheme](name, asked), name=called)
    laboratory.refuse("recordings")
    return FrameReader(Path(text), fps=fps, grey=True)


def _camera_of(text: str, backend: str) -> tuple[str, str, str] | None:
    """Return scheme, name and what to call it if `text` names a camera.

    Raises:
        UsageError: If it names something else as well.
    """
    if (named := backend_of(text)) is not None:
        return *named, f"camera {text}"
    scheme = DEFAULT if backend == AUTO else backend
    if text.isdecimal():
        _refuse_ambiguous(text)
        return scheme, text, f"camera {text}"
    if scheme == "gstreamer" and "!" in text:
        return scheme, text, "the pipeline"
    return (scheme, text, f"camera {text}") if Path(text).is_char_device() else None


def _refuse_ambiguous(number: str) -> None:
    """Refuse a camera's number that is a file's or folder's name as well.

    Raises:
        UsageError: If it is.
    """
    path = Path(number)
    if os.path.lexists(path):
        kind = "folder" if path.is_dir() else "file"
        raise UsageError(
            f"--camera {number} may be camera {number} or the {kind} {number} in the current folder; give "
            f"./{number} for the {kind}, or /dev/video{int(number)} for the camera"
        )


def paced(frames: Iterable[Frame], *, clock: Callable[[], float], wait: Callable[[float], object]) -> Iterator[Frame]:
    """Yield frames no earlier than their time stamps say, counted from the first.

    Args:
        frames: In order of time.
        clock: Monotonic seconds.
        wait: Sleeps for the seconds given; may return early.
    """
    start_s = 0.0
    for i, frame in enumerate(frames):
        if i == 0:
            start_s = clock() - frame.time_s
        delay_s = start_s + frame.time_s - clock()
        if delay_s > 0:
            wait(delay_s)
        yield frame
