"""Recordings as frames with trustworthy times: video files and folders of pictures. Torch-free."""

import math
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError, UsageError
from mer.media.clock import Clock
from mer.media.decoder import Picture
from mer.media.flat import FlatStretches
from mer.media.jpeg import luma
from mer.media.video_file import MAX_FPS as MOST_FPS
from mer.media.video_file import MIN_FPS as LEAST_FPS
from mer.media.video_file import VideoFile
from mer.messages import Frame

PICTURE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp")
RATE_FILES: Final = ("fps", "fps.txt")
"""Side files of a folder of pictures that hold its frame rate as a plain number."""
LOOK_AHEAD: Final = 6
"""Frames decoded on opening: they show that the file can be read and how far apart its frames really are."""
_JPEG_SUFFIXES: Final = (".jpg", ".jpeg")

_Picture = tuple[NDArray[np.uint8], float | None, NDArray[np.uint8] | None]
"""BGR or grey, its stamp in seconds, and the JPEG picture that grey is the luma of."""

# OpenCV's own threads take turns with those of the stages instead of adding to them: pictures are small, and waking
# a thread for a part of one costs more processor time than it saves (measured: a sixth of the whole pipeline).
cv2.setNumThreads(1)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class _Pictures(Protocol):
    """What a kind of recording must offer: pictures with raw stamps, and what its header says."""

    fps: float

    @property
    def claimed_frames(self) -> int | None:
        """Number of frames that the header states."""

    @property
    def notes(self) -> list[str]:
        """What was odd about the recording so far."""

    def read(self) -> tuple[Any, ...] | None:
        """Return the fields of the next `Picture`, or None at the end."""

    def close(self) -> None:
        """Release the file."""


class FrameReader:
    """Frames of a video file or of a folder of pictures, in order, each once.

    Use as a context manager and iterate once::

        with FrameReader(Path("a.mp4")) as frames:
            for frame in frames: ...

    Times are seconds on the container's time line, which starts with the first of its streams, video or audio.

    Args:
        path: A video file, or a folder of .jpg, .png or .bmp pictures in natural order of their names.
        fps: Frame rate that overrides the recording's own time stamps. A folder needs it, or a file
            `fps` or `fps.txt` in it that holds the number.
        grey: Whether luma is enough; `mer.media.jpeg.in_colour` has the colours of such a frame.

    Attributes:
        nominal_fps: What the header claims, or `fps` if that was given.
        rate_hz: What the time stamps of the first frames show; what to rely on.
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
        self.frames_read = 0
        self._clock = self._new_clock()
        self._flat = FlatStretches()
        self._decoded = 0
        self._first_s = self._last_s = 0.0
        self._ahead: deque[Picture] = deque()
        for _ in range(LOOK_AHEAD):
            self._decode()
        if not self._ahead:
            self.close()
            raise MerError(f"{path} holds no frame that can be decoded; is the recording complete?{self._why_none()}")
        height, width = self._ahead[0].image.shape[:2]
        self.size_wh = (width, height)
        self.rate_hz = self._rate_of_first_frames()
        if not LEAST_FPS <= self.rate_hz <= MOST_FPS:
            self.close()
            raise MerError(
                f"the time stamps of {path} show {self.rate_hz:.3g} frames/s; expected {LEAST_FPS:g} to {MOST_FPS:g}; "
                "are they damaged? --fps says at which rate it was recorded"
            )
        self.description = f"{path.name} ({width}x{height}, {self.nominal_fps:g} fps)"

    @property
    def claimed_frames(self) -> int | None:
        """Number of frames that the header states, None if it says nothing."""
        return self._pictures.claimed_frames

    @property
    def expected_frames(self) -> int | None:
        """About how many frames there are, for progress; None if nothing is known."""
        return self._pictures.expected_frames if isinstance(self._pictures, VideoFile) else self.claimed_frames

    @property
    def undecodable(self) -> int:
        """Packets of a video that could not be decoded so far."""
        return self._pictures.undecodable if isinstance(self._pictures, VideoFile) else 0

    @property
    def absent(self) -> int:
        """Frames that the header states and that were not there, known once all frames were read."""
        return max(0, (self.claimed_frames or 0) - self._decoded) if not self._ahead else 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd about the recording so far; complete once all frames were read."""
        notes = list(self._pictures.notes)
        if not self._ahead and self.claimed_frames is not None and self.claimed_frames != self._decoded:
            notes.append(f"the header claims {self.claimed_frames} frames, {self._decoded} could be decoded")
        if abs(self.measured_fps / self.nominal_fps - 1.0) > 0.1:
            notes.append(f"the header claims {self.nominal_fps:g} fps, the time stamps show {self.measured_fps:.4g}")
        if self._clock.repaired:
            notes.append(f"{self._clock.repaired} time stamps were missing, repeated or odd and were replaced")
        if self._clock.restarts:
            notes.append(f"time stamps start over {self._clock.restarts} times; time was made to run on")
        return (*notes, *self._flat.notes)

    @property
    def measured_fps(self) -> float:
        """Mean rate of the frames handed out so far by their own time stamps."""
        span_s = self._last_s - self._first_s
        return (self.frames_read - 1) / span_s if span_s > 0 else self.nominal_fps

    @property
    def repaired_stamps(self) -> int:
        """Time stamps that were replaced."""
        return self._clock.repaired

    def __iter__(self) -> Iterator[Frame]:
        while self._ahead:
            picture = self._ahead.popleft()
            self._decode()
            time_s = self._clock.time_s(picture.stamp_s, [later.stamp_s for later in self._ahead])
            self._first_s, self._last_s = (self._first_s if self.frames_read else time_s), time_s
            frame = Frame(picture.image, time_s, self.frames_read, picture.jpeg, picture.planes)
            self._flat.add(frame.image, frame.index, time_s)
            self.frames_read += 1
            yield frame

    def _decode(self) -> None:
        read = self._pictures.read()
        if read is not None:
            picture = Picture(*read)
            picture.image.flags.writeable = False
            self._ahead.append(picture)
            self._decoded += 1

    def _new_clock(self) -> Clock:
        longest_jump_s = self._pictures.longest_jump_s if isinstance(self._pictures, VideoFile) else math.inf
        return Clock(1.0 / self.nominal_fps, longest_jump_s=longest_jump_s)

    def _rate_of_first_frames(self) -> float:
        stamps_s = [picture.stamp_s for picture in self._ahead]
        clock = self._new_clock()
        times_s = [clock.time_s(stamp_s, stamps_s[i + 1 :]) for i, stamp_s in enumerate(stamps_s)]
        return float(1.0 / np.median(np.diff(times_s))) if len(times_s) > 2 else self.nominal_fps

    def _why_none(self) -> str:
        notes = self._pictures.notes
        return f" ({'; '.join(notes)})" if notes else ""

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
    return VideoFile(path, fps=fps, grey=grey)


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
