"""Recordings as frames with trustworthy times: video files and folders of pictures, through OpenCV. Torch-free."""

import os
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read once by OpenCV when it first meets FFmpeg; -8 is silence

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError, UsageError
from mer.media.folder import Folder
from mer.media.jpeg import open_capture, read_picture
from mer.media.kinds import PICTURE_SUFFIXES, STACK_SUFFIXES
from mer.media.rate import MAX_FPS, MIN_FPS
from mer.media.stack import Stack
from mer.messages import Frame

LOOK_AHEAD: Final = 6
"""Frames decoded on opening: they show that the file can be read and how far apart its frames really are."""
FALLBACK_FPS: Final = 25.0
"""Rate of a file that states none, holds no usable time stamps and came without an `fps`."""
LATEST_S: Final = 1e8
"""Later stamps, three years from the start, are damaged ones."""
DECODER_THREADS: Final = 2
"""The decoder works one frame ahead of the pipeline on the second core."""
_LONGEST_STEP_S: Final = 1.0

_Picture = tuple[NDArray[np.uint8], float, NDArray[np.uint8] | None]
"""BGR or grey, its stamp in seconds, and the JPEG picture that grey is the luma of."""

# OpenCV's own threads take turns with those of the stages instead of adding to them: pictures are small, and waking
# a thread for a part of one costs more processor time than it saves (measured: a sixth of the whole pipeline).
cv2.setNumThreads(1)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


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


class FrameReader:
    """Frames of a video file or of a folder of pictures, in order, each once.

    Use as a context manager and iterate once::

        with FrameReader(Path("a.mp4")) as frames:
            for frame in frames: ...

    Args:
        path: A video file, a folder of pictures in natural order of their names, or a TIFF of several pages.
        fps: Frame rate that overrides the recording's own time stamps. Folders and TIFFs need it, or a file
            `fps` or `fps.txt` in the folder that holds the number.
        grey: Whether JPEG pictures, single or in a video, are decoded to grey, and grey ones are left so; all others
            are BGR.

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
        if fps is not None and not MIN_FPS <= fps <= MAX_FPS:
            raise UsageError(
                f"--fps {fps:g} is not a frame rate; give a number from {MIN_FPS:g} to {MAX_FPS:g}, such as 200"
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
        if not MIN_FPS <= self.rate_hz <= MAX_FPS:
            self.close()
            raise MerError(
                f"the time stamps of {path} show {self.rate_hz:.3g} frames/s; expected {MIN_FPS:g} to {MAX_FPS:g}; "
                "are they damaged? --fps says at which rate it was recorded"
            )
        self.description = f"{path.name} ({width}x{height}, {self.nominal_fps:g} fps)"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd about the recording so far; complete once all frames were read."""
        notes = list(self._pictures.notes)
        if not isinstance(self._pictures, _VideoFile):  # neither header nor time stamps
            return tuple(notes)
        if not self._ahead and self.claimed_frames is not None and self.claimed_frames != self._decoded:
            notes.append(f"the header claims {self.claimed_frames} frames, {self._decoded} could be decoded")
        if abs(self.measured_fps / self.nominal_fps - 1.0) > 0.1:
            notes.append(f"the header claims {self.nominal_fps:g} fps, the time stamps show {self.measured_fps:.4g}")
        if self._clock.repaired:
            notes.append(f"{self._clock.repaired} time stamps did not advance and were replaced")
        return tuple(notes)

    @property
    def left_out(self) -> int:
        """Pictures of a folder or TIFF that were left out so far: damaged ones, and those of another size."""
        return 0 if isinstance(self._pictures, _VideoFile) else self._pictures.left_out

    @property
    def absent(self) -> int:
        """Frames that are missing so far by the numbers of a folder's pictures, and those that were left out."""
        return 0 if isinstance(self._pictures, _VideoFile) else self._pictures.missing

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
        counted = not isinstance(self._pictures, _VideoFile)  # a gap is a gap
        time_s = stamp_s if counted else self._clock.time_s(stamp_s)
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


def _open(path: Path, *, fps: float | None, grey: bool) -> "_VideoFile | Folder | Stack":
    try:
        str(path).encode()
    except UnicodeEncodeError:  # OpenCV would take the process down with it
        name = str(path).encode(errors="backslashreplace").decode()
        raise MerError(f"the name {name} is no valid UTF-8; rename it") from None
    try:
        status = path.stat()
    except OSError as error:
        raise MerError(_why_not_there(path, error)) from None
    if stat.S_ISDIR(status.st_mode):
        return Folder(path, fps=fps, grey=grey)
    if not stat.S_ISREG(status.st_mode):
        raise MerError(f"{path} is neither a file nor a folder; give a video file or a folder of pictures")
    if status.st_size == 0:
        raise MerError(f"{path} is empty; give a video file or a folder of pictures")
    if path.suffix.lower() in STACK_SUFFIXES:
        return Stack(path, fps=fps, grey=grey)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        raise MerError(f"{path} is a single picture; give a video file, or the folder that holds all pictures")
    return _VideoFile(path, fps=fps, grey=grey)


def _why_not_there(path: Path, error: OSError) -> str:
    if not os.path.lexists(path):
        return f"{path} does not exist; give a video file or a folder of pictures"
    if isinstance(error, FileNotFoundError):
        return f"{path} is a link to {os.readlink(path)}, which does not exist; fetch it first (as with datalad get)"  # noqa: PTH115
    return f"{path} cannot be opened ({error.strerror}); give a video file or a folder of pictures"


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
        claimed_fps = claimed_fps if MIN_FPS <= claimed_fps <= MAX_FPS else FALLBACK_FPS
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
