"""Recordings as frames with trustworthy times: video files and folders of pictures, through OpenCV. Torch-free."""

import os
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read once by OpenCV when it first meets FFmpeg; -8 is silence

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError, UsageError
from mer.media.jpeg import luma, open_capture, read_picture
from mer.messages import Frame

PICTURE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp")
RATE_FILES: Final = ("fps", "fps.txt")
"""Side files of a folder of pictures that hold its frame rate as a plain number."""
LOOK_AHEAD: Final = 6
"""Frames decoded on opening: they show that the file can be read and how far apart its frames really are."""
FALLBACK_FPS: Final = 25.0
"""Rate of a file that states none, holds no usable time stamps and came without an `fps`."""
LEAST_FPS: Final = 0.1
MOST_FPS: Final = 20_000.0
"""Rates outside are no recording of a face, but a damaged or mistaken number: times and buffers would overflow."""
LATEST_S: Final = 1e8
"""Later stamps, three years from the start, are damaged ones."""
DECODER_THREADS: Final = 2
"""The decoder works one frame ahead of the pipeline on the second core."""
_LONGEST_STEP_S: Final = 1.0
_JPEG_SUFFIXES: Final = (".jpg", ".jpeg")

_Picture = tuple[NDArray[np.uint8], float, NDArray[np.uint8] | None]
"""BGR or grey, its stamp in seconds, and the JPEG picture that grey is the luma of."""

# OpenCV's own threads take turns with those of the stages instead of adding to them: pictures are small, and waking
# a thread for a part of one costs more processor time than it saves (measured: a sixth of the whole pipeline).
cv2.setNumThreads(1)
_set_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # the former up to OpenCV 4.10
_set_log_level(0)  # silent


class Clock:
    """Turns a source's own time stamps into strictly increasing seconds.

    A stamp that does not advance (missing, repeated, started over) is replaced by the previous time
    plus one frame, and those after it are shifted along, so that distances in time stay right.

    Args:
        step_s: Assumed distance between frames until two good stamps have shown it.

    Attributes:
        repaired: Stamps that had to be replaced.
    """

    def __init__(self, step_s: float) -> None:
        self.repaired = 0
        self._step_s = step_s
        self._shift_s = 0.0
        self._last_s = -np.inf

    def time_s(self, stamp_s: float) -> float:
        """Return the time of the next frame, given the source's stamp for it in seconds."""
        stamp_s = stamp_s if 0.0 <= stamp_s <= LATEST_S else 0.0
        time_s = stamp_s + self._shift_s
        if time_s > self._last_s:
            if time_s - self._last_s < _LONGEST_STEP_S:
                self._step_s = time_s - self._last_s
        else:
            self.repaired += 1
            time_s = self._last_s + self._step_s
            self._shift_s = time_s - stamp_s
        self._last_s = time_s
        return time_s


class _Pictures(Protocol):
    """What a kind of recording must offer: pictures with raw stamps, and what its header says."""

    fps: float
    claimed_frames: int | None
    notes: list[str]

    def read(self) -> _Picture | None:
        """Return the next picture, or None at the end."""

    def close(self) -> None:
        """Release the file."""


class FrameReader:
    """Frames of a video file or of a folder of pictures, in order, each once.

    Use as a context manager and iterate once::

        with FrameReader(Path("a.mp4")) as frames:
            for frame in frames: ...

    Args:
        path: A video file, or a folder of .jpg, .png or .bmp pictures in natural order of their names.
        fps: Frame rate that overrides the recording's own time stamps. A folder needs it, or a file
            `fps` or `fps.txt` in it that holds the number.
        grey: Whether JPEG pictures, single or in a video, are decoded to grey; all others stay BGR.

    Attributes:
        nominal_fps: What the header claims, or `fps` if that was given.
        rate_hz: What the time stamps of the first frames show; what to rely on.
        claimed_frames: Number of frames that the header claims, None if it says nothing.
        size_wh: Width and height of the first frame in pixels.
        description: File name, size and rate in one line.
        frames_read: Frames handed out so far.

    Raises:
        MerError: If there is no such file, or nothing in it can be decoded.
        UsageError: If `fps` is not a frame rate.
    """

    def __init__(self, path: Path, *, fps: float | None = None, grey: bool = False) -> None:
        if fps is not None and not LEAST_FPS <= fps <= MOST_FPS:
            raise UsageError(
                f"--fps {fps:g} is not a frame rate; give a number from {LEAST_FPS:g} to {MOST_FPS:g}, such as 200"
            )
        self._pictures = _open(path, fps=fps, grey=grey)
        self.nominal_fps = self._pictures.fps
        self.claimed_frames = self._pictures.claimed_frames
        self.frames_read = 0
        self._clock = Clock(1.0 / self.nominal_fps)
        self._decoded = 0
        self._first_s = self._last_s = 0.0
        self._ahead: deque[Frame] = deque()
        for _ in range(LOOK_AHEAD):
            self._decode()
        if not self._ahead:
            self.close()
            raise MerError(f"{path} holds no frame that can be decoded; is the recording complete?")
        height, width = self._ahead[0].image.shape[:2]
        self.size_wh = (width, height)
        times_s = [frame.time_s for frame in self._ahead]
        self.rate_hz = float(1.0 / np.median(np.diff(times_s))) if len(times_s) > 2 else self.nominal_fps
        if not LEAST_FPS <= self.rate_hz <= MOST_FPS:
            self.close()
            raise MerError(
                f"the time stamps of {path} show {self.rate_hz:.3g} frames/s; expected {LEAST_FPS:g} to {MOST_FPS:g}; "
                "are they damaged? --fps says at which rate it was recorded"
            )
        self.description = f"{path.name} ({width}x{height}, {self.nominal_fps:g} fps)"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd about the recording so far; complete once all frames were read."""
        notes = list(self._pictures.notes)
        if not self._ahead and self.claimed_frames is not None and self.claimed_frames != self._decoded:
            notes.append(f"the header claims {self.claimed_frames} frames, {self._decoded} could be decoded")
        if abs(self.measured_fps / self.nominal_fps - 1.0) > 0.1:
            notes.append(f"the header claims {self.nominal_fps:g} fps, the time stamps show {self.measured_fps:.4g}")
        if self._clock.repaired:
            notes.append(f"{self._clock.repaired} time stamps did not advance and were replaced")
        return tuple(notes)

    @property
    def measured_fps(self) -> float:
        """Mean rate of the frames decoded so far by their own time stamps."""
        span_s = self._last_s - self._first_s
        return (self._decoded - 1) / span_s if span_s > 0 else self.nominal_fps

    @property
    def repaired_stamps(self) -> int:
        """Time stamps that did not advance and were replaced."""
        return self._clock.repaired

    def __iter__(self) -> Iterator[Frame]:
        while self._ahead:
            frame = self._ahead.popleft()
            self._decode()
            self.frames_read += 1
            yield frame

    def _decode(self) -> None:
        read = self._pictures.read()
        if read is None:
            return
        image, stamp_s, jpeg = read
        time_s = self._clock.time_s(stamp_s)
        image.flags.writeable = False
        self._first_s, self._last_s = (self._first_s if self._decoded else time_s), time_s
        self._ahead.append(Frame(image, time_s, self._decoded, jpeg))
        self._decoded += 1

    def close(self) -> None:
        """Release the recording; safe to call twice."""
        self._pictures.close()

    def __enter__(self) -> "FrameReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(path: Path, *, fps: float | None, grey: bool) -> _Pictures:
    try:
        str(path).encode()
    except UnicodeEncodeError:  # OpenCV would take the process down with it
        name = str(path).encode(errors="backslashreplace").decode()
        raise MerError(f"the name {name} is no valid UTF-8; rename it") from None
    if path.is_dir():
        return _Folder(path, fps=fps, grey=grey)
    if not path.exists():
        raise MerError(f"{path} does not exist; give a video file or a folder of pictures")
    if not path.is_file():
        raise MerError(f"{path} is neither a file nor a folder; give a video file or a folder of pictures")
    if path.suffix.lower() in PICTURE_SUFFIXES:
        raise MerError(f"{path} is a single picture; give a video file, or the folder that holds all pictures")
    if path.stat().st_size == 0:
        raise MerError(f"{path} is empty; give a video file or a folder of pictures")
    return _VideoFile(path, fps=fps, grey=grey)


class _VideoFile:
    def __init__(self, path: Path, *, fps: float | None, grey: bool) -> None:
        def opened() -> cv2.VideoCapture:
            return cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, DECODER_THREADS])

        self._capture, self._packets = open_capture(opened) if grey else (opened(), None)
        if not self._capture.isOpened():
            raise MerError(
                f"{path} cannot be opened as a video: it is not one, it was cut off before its index was written, "
                "or FFmpeg does not know its format; play it with another program to find out"
            )
        claimed_fps = self._capture.get(cv2.CAP_PROP_FPS)
        frames = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        claimed_fps = claimed_fps if LEAST_FPS <= claimed_fps <= MOST_FPS else FALLBACK_FPS
        self.fps = fps or claimed_fps
        self.claimed_frames = round(frames) if np.isfinite(frames) and 0 < frames < 1e12 else None
        self.notes: list[str] = []
        self._count_stamps = fps is not None
        self._count = 0

    def read(self) -> _Picture | None:
        picture = read_picture(self._capture, self._packets)
        if picture is None:
            return None
        stamp_s = self._count / self.fps if self._count_stamps else self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
        self._count += 1
        return picture[0], stamp_s, picture[1]

    def close(self) -> None:
        self._capture.release()


class _Folder:
    def __init__(self, path: Path, *, fps: float | None, grey: bool) -> None:
        files = [entry for entry in path.iterdir() if entry.suffix.lower() in PICTURE_SUFFIXES and entry.is_file()]
        if not files:
            raise MerError(f"folder {path} holds no pictures; expected files ending in {', '.join(PICTURE_SUFFIXES)}")
        self.fps = fps or _rate_from_side_file(path)
        self.claimed_frames: int | None = len(files)
        self.notes: list[str] = []
        self._files = sorted(files, key=_natural_order)
        self._grey = grey
        self._position = 0
        self._shape: tuple[int, ...] | None = None

    def read(self) -> _Picture | None:
        while self._position < len(self._files):
            file, position = self._files[self._position], self._position
            self._position += 1
            jpeg = _content(file) if self._grey and file.suffix.lower() in _JPEG_SUFFIXES else None
            image = _colour(file) if jpeg is None else luma(jpeg)
            if image is None:
                self.notes.append(f"{file.name} is not a picture that can be decoded and was left out")
            elif self._shape not in (None, image.shape):
                self.notes.append(f"{file.name} differs in size from the first picture and was left out")
            else:
                self._shape = image.shape
                return image, position / self.fps, jpeg
        return None

    def close(self) -> None:
        self._position = len(self._files)


def _content(file: Path) -> NDArray[np.uint8]:
    """Return the bytes of a file, none if it cannot be read."""
    try:
        return np.fromfile(file, np.uint8)
    except OSError:
        return np.zeros(0, np.uint8)


def _colour(file: Path) -> NDArray[np.uint8] | None:
    """Return a (H, W, 3) picture, or None if it cannot be decoded."""
    try:
        image = cv2.imread(str(file), cv2.IMREAD_COLOR)
    except cv2.error:  # its header claims more pixels than OpenCV takes
        return None
    return None if image is None else image.astype(np.uint8, copy=False)


def _natural_order(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _rate_from_side_file(folder: Path) -> float:
    for name in RATE_FILES:
        file = folder / name
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace").strip()
            try:
                rate = float(text)
            except ValueError:
                rate = 0.0
            if not LEAST_FPS <= rate <= MOST_FPS:
                expected = f"the frame rate as a plain number from {LEAST_FPS:g} to {MOST_FPS:g}, such as 200"
                raise MerError(f"{file} holds {text[:40]!r}; expected {expected}")
            return rate
    raise MerError(
        f"folder {folder} does not say how fast it was recorded; give --fps, or write the rate into {folder / 'fps'}"
    )
