"""Where frames come from: cameras, stream addresses, video files and folders of frames."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import cv2
import numpy as np

from mer.errors import MerError, UsageError
from mer.media.clock import Clock
from mer.media.decoder import Picture
from mer.media.source_name import source_name
from mer.media.video import FrameReader
from mer.messages import Frame
from realtime.capture import camera_mode, cameras
from realtime.capture.camera_mode import Backend, Mode
from realtime.capture.stream import PREFIXES, NetworkStream

RATE_WINDOW_S: Final = 0.5
"""How long a stream is watched on opening to learn its rate; the frames seen meanwhile are kept."""
FALLBACK_FPS: Final = 30.0
_LEAST_STEP_S: Final = 1e-6
"""Pictures that arrive at the same reading of the clock are this far apart."""
BACKLOG_MOST_S: Final = 10.0
"""Most that is thrown away of what piled up before the first frame was wanted."""


class LiveSource:
    """Frames of a camera or stream as they arrive.

    The time stamps are those of the kernel or of the stream where there are any; Motion JPEG carries
    none, so its frames are stamped on arrival.

    Args:
        capture: An open cv2.VideoCapture, whatever has its `read`, `get` and `release`, or a stream.
        name: What the user called it.
        asked: Mode that was asked for.
        fps: If given, time stamps are counted at this rate instead of measured.
        own_stamps: Whether pictures carry time stamps of the source; otherwise they are stamped on arrival.
        clock: Monotonic seconds, for stamping on arrival.

    Attributes:
        asked: Mode that was asked for.
        got: Mode that is in force.
        finite: Whether the source has an end of its own, as a file behind an address has.
        nominal_fps: Rate that the source states or that was given.
        rate_hz: Rate to rely on: given, or measured on the first frames.
        size_wh: Width and height in pixels.
        claimed_frames: None; a live source does not know its end.
        notes: What was odd about the source.
    """

    def __init__(
        self,
        capture: Any,
        *,
        name: str,
        asked: Mode | None = None,
        fps: float | None = None,
        own_stamps: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.asked = asked or Mode()
        self.claimed_frames: int | None = None
        self.frames_read = 0
        self._capture = capture if isinstance(capture, NetworkStream) else _Camera(capture)
        self._slow = ""
        self._last_s = -np.inf
        self._fixed_fps = fps
        self._own_stamps = own_stamps
        self._clock = clock
        self._decoded = 0
        self._ahead: deque[Frame] = deque()
        stated = self._capture.stated_fps
        stated = stated if np.isfinite(stated) and 0 < stated < 10_000 else 0.0
        self._stamps = Clock(1.0 / (fps or stated or FALLBACK_FPS))
        named = source_name(name)
        first = self._read()
        if first is None:
            self.close()
            raise MerError(f"{named} was opened but delivers no frames; is it in use, switched off or not a video?")
        self._ahead.append(first)
        height, width = first.image.shape[:2]
        self.size_wh = (width, height)
        self.got = Mode(fourcc=self._capture.codec)
        if isinstance(self._capture, _Camera):
            self.got = self._capture.mode(exposure=self.asked.exposure_ms is not None)
        self.got = replace(self.got, width=width, height=height, fps=stated or None)
        self.finite = self._capture.finite
        self.nominal_fps = fps or stated or FALLBACK_FPS
        self.rate_hz = fps or self._measured_rate()
        if own_stamps and stated and self.rate_hz < camera_mode.SLOW * stated:
            self._slow = camera_mode.slow_note(self.rate_hz, stated)
        self.description = f"{named} ({width}x{height}, {self.rate_hz:.4g} fps)"

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self._ahead.popleft() if self._ahead else self._read()) is not None:
            self.frames_read += 1
            yield frame

    @property
    def repaired_stamps(self) -> int:
        """Time stamps that did not advance and were replaced."""
        return self._stamps.repaired

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd about the source so far."""
        damaged = self._capture.undecodable
        return tuple(
            note
            for note in (
                self._slow,
                f"{damaged} frames were damaged or invalid and were left out" if damaged else "",
                self._capture.error,
            )
            if note
        )

    def _read(self) -> Frame | None:
        picture = self._capture.read()
        if picture is None:
            return None
        if self._fixed_fps:
            time_s = self._decoded / self._fixed_fps
        elif self._own_stamps:
            time_s = self._stamps.time_s(picture.stamp_s)
        else:
            time_s = max(self._clock(), self._last_s + _LEAST_STEP_S)
        self._last_s = time_s
        picture.image.flags.writeable = False
        frame = Frame(picture.image, time_s, self._decoded, picture.jpeg, picture.planes)
        self._decoded += 1
        return frame

    def skip_backlog(self) -> None:
        """Throw away what piled up while the program was starting, so that the next frame is of now.

        Frames that are stamped on arrival would otherwise come in a burst. With a rate that was given
        time stamps are counted, nothing is stale, and nothing is thrown away.
        """
        if self._fixed_fps:
            return
        self._ahead.clear()
        for _ in range(int(BACKLOG_MOST_S * self.rate_hz)):
            asked_s = self._clock()
            frame = self._read()
            if frame is None:
                return
            if self._clock() - asked_s > 0.5 / self.rate_hz:
                self._ahead.append(replace(frame, index=0))
                self._decoded = 1
                return

    def _measured_rate(self) -> float:
        until_s = self._clock() + RATE_WINDOW_S
        while self._clock() < until_s and (frame := self._read()) is not None:
            self._ahead.append(frame)
        times_s = [frame.time_s for frame in self._ahead]
        times_s = times_s[len(times_s) // 2 :]  # the first ones may have piled up during the opening
        return (len(times_s) - 1) / (times_s[-1] - times_s[0]) if len(times_s) > 1 else self.nominal_fps

    def peek(self) -> Frame:
        """Return the next frame without taking it.

        Raises:
            MerError: If the source has ended.
        """
        if not self._ahead:
            frame = self._read()
            if frame is None:
                raise MerError("the source ended as soon as it was opened")
            self._ahead.append(frame)
        return self._ahead[0]

    def close(self) -> None:
        """Release the camera or connection; safe to call twice."""
        self._capture.close()

    def __enter__(self) -> "LiveSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Camera:
    """A camera that OpenCV reads."""

    codec: str | None = None
    error = ""
    undecodable = 0

    def __init__(self, capture: Any) -> None:
        self._capture = capture
        self.stated_fps: float = capture.get(cv2.CAP_PROP_FPS)
        self.finite = bool(np.isfinite(length := capture.get(cv2.CAP_PROP_FRAME_COUNT)) and length > 0)

    def read(self) -> Picture | None:
        ok, image = self._capture.read()
        stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0 if ok else None
        return Picture(image.astype(np.uint8, copy=False), stamp_s) if ok else None

    def mode(self, *, exposure: bool) -> Mode:
        return camera_mode.in_force(self._capture, exposure=exposure)

    def close(self) -> None:
        self._capture.release()


Source = FrameReader | LiveSource


def is_stream(text: str) -> bool:
    """Return whether `text` is the address of a stream rather than a camera or path."""
    return text.lower().startswith(PREFIXES)


def open_source(
    text: str,
    *,
    fps: float | None = None,
    width: int | None = None,
    height: int | None = None,
    fourcc: str | None = None,
    exposure_ms: float | None = None,
    backend: Backend = "auto",
) -> Source:
    """Open what the user named.

    Args:
        text: A camera index ("0"), a camera's device path, a stream address (HTTP, RTSP), a video file
            or a folder of frames.
        fps: For a camera the rate to ask for; for anything else the rate that overrides its time stamps.
        width: Pixels to ask a camera for.
        height: Pixels to ask a camera for.
        fourcc: Pixel format to ask a camera for, such as "MJPG".
        exposure_ms: Exposure to ask a camera for, 0 to let it choose.
        backend: What OpenCV reads cameras with; with "gstreamer", `text` may be a pipeline ending in appsink.

    Returns:
        A source to iterate over and to close.

    Raises:
        MerError: If there is no such source or it delivers nothing.
        UsageError: If an option makes no sense.
    """
    if fps is not None and not (np.isfinite(fps) and fps > 0):
        raise UsageError(f"--fps {fps} is not a frame rate; give a number above 0, such as 200")
    if fourcc is not None and len(fourcc) != 4:
        raise UsageError(f"--fourcc {fourcc!r} is not a pixel format; give four letters, such as MJPG")
    asked = Mode(width, height, fps, fourcc, exposure_ms)
    if text.isdecimal():
        _refuse_ambiguous(text)
        return _open_camera(int(text), f"camera {text}", asked, backend)
    if backend == "gstreamer" and "!" in text:
        return _open_camera(text, "the pipeline", asked, backend)
    if is_stream(text):
        try:
            return _open_stream(text, fps=fps)
        except MerError as error:  # which may quote the library's own words about the address
            raise type(error)(source_name(str(error))) from None
    path = Path(text)
    if path.is_char_device():
        return _open_camera(text, f"camera {text}", asked, backend)
    return FrameReader(path, fps=fps, grey=True)


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


def _open_camera(index_or_path: int | str, name: str, asked: Mode, backend: Backend) -> LiveSource:
    api = camera_mode.api_of(backend)
    capture = cv2.VideoCapture(index_or_path, api)
    if not capture.isOpened():
        raise MerError(f"{name} cannot be opened; {_cameras_here()}")
    try:
        asked = camera_mode.request(capture, asked, api=api)
    except MerError:
        capture.release()
        raise
    return LiveSource(capture, name=name, asked=asked, own_stamps=api == cv2.CAP_V4L2)


def _open_stream(url: str, *, fps: float | None) -> LiveSource:
    stream = NetworkStream(url)
    return LiveSource(stream, name=url, fps=fps, own_stamps=stream.stamped)


def _cameras_here() -> str:
    found = cameras.find()
    if not found:
        return "no camera was found on this machine; connect one, or name a file or a stream address instead"
    named = ", ".join(f"{camera.device} ({camera.name})" for camera in found)
    return f"this machine has {named}; is another program using it? see mer-doctor"
