"""Recordings as frames with trustworthy times: video files and folders of frames. Torch-free."""

import math
import os
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np

from mer.errors import MerError, UsageError
from mer.media.clock import Clock
from mer.media.decoder import Picture
from mer.media.flat import FlatStretches
from mer.media.folder import Folder
from mer.media.kinds import PICTURE_SUFFIXES, STACK_SUFFIXES
from mer.media.rate import MAX_FPS, MIN_FPS
from mer.media.stack import Stack
from mer.media.video_file import VideoFile
from mer.messages import Frame

LOOK_AHEAD: Final = 6
"""Frames decoded on opening: they show that the file can be read and how far apart its frames really are."""


class FrameReader:
    """Frames of a video file or of a folder of frames, in order, each once.

    Use as a context manager and iterate once::

        with FrameReader(Path("a.mp4")) as frames:
            for frame in frames: ...

    Times are seconds on the container's time line, which starts with the first of its streams, video or audio.

    Args:
        path: A video file, a folder of frames in natural order of their names, or a TIFF of several pages.
        fps: Frame rate that overrides the recording's own time stamps. Folders and TIFFs need it, or a file
            `fps` or `fps.txt` in the folder that holds the number.
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
        if fps is not None and not MIN_FPS <= fps <= MAX_FPS:
            raise UsageError(
                f"--fps {fps:g} is not a frame rate; give a number from {MIN_FPS:g} to {MAX_FPS:g}, such as 200"
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
            raise MerError(
                f"{path} contains no frame that can be decoded; is the recording complete?{self._why_none()}"
            )
        height, width = self._ahead[0].image.shape[:2]
        self.size_wh = (width, height)
        self.rate_hz = self._rate_of_first_frames()
        if not MIN_FPS <= self.rate_hz <= MAX_FPS:
            self.close()
            raise MerError(
                f"the time stamps of {path} show {self.rate_hz:.3g} frames/s; expected {MIN_FPS:g} to {MAX_FPS:g}; "
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
        """Frames that header or numbers state and that were not there, known once all frames were read."""
        if not isinstance(self._pictures, VideoFile):
            return self._pictures.missing
        return max(0, (self.claimed_frames or 0) - self._decoded) if not self._ahead else 0

    @property
    def left_out(self) -> int:
        """Pictures of a folder or TIFF that were left out so far: damaged ones, and those of another size."""
        return 0 if isinstance(self._pictures, VideoFile) else self._pictures.left_out

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd about the recording so far; complete once all frames were read."""
        notes = list(self._pictures.notes)
        if not isinstance(self._pictures, VideoFile):  # neither header nor time stamps
            return (*notes, *self._flat.notes)
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
            time_s = self._time_s(picture)
            self._first_s, self._last_s = (self._first_s if self.frames_read else time_s), time_s
            frame = Frame(picture.image, time_s, self.frames_read, picture.jpeg, picture.planes)
            self._flat.add(frame.image, frame.index, time_s)
            self.frames_read += 1
            yield frame

    def _time_s(self, picture: Picture) -> float:
        if not isinstance(self._pictures, VideoFile) and picture.stamp_s is not None:
            return picture.stamp_s  # counted: a gap is a gap
        return self._clock.time_s(picture.stamp_s, [later.stamp_s for later in self._ahead])

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
        if not isinstance(self._pictures, VideoFile):
            return self.nominal_fps
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


def _open(path: Path, *, fps: float | None, grey: bool) -> VideoFile | Folder | Stack:
    try:
        str(path).encode()
    except UnicodeEncodeError:  # OpenCV would take the process down with it
        name = str(path).encode(errors="backslashreplace").decode()
        raise MerError(f"the name {name} is not valid UTF-8; rename it") from None
    try:
        status = path.stat()
    except OSError as error:
        raise MerError(_why_not_there(path, error)) from None
    if stat.S_ISDIR(status.st_mode):
        return Folder(path, fps=fps, grey=grey)
    if not stat.S_ISREG(status.st_mode):
        raise MerError(f"{path} is neither a file nor a folder; give a video file or a folder of frames")
    if status.st_size == 0:
        raise MerError(f"{path} is empty; give a video file or a folder of frames")
    if path.suffix.lower() in STACK_SUFFIXES:
        return Stack(path, fps=fps, grey=grey)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        raise MerError(f"{path} is a single picture; give a video file, or the folder that holds all pictures")
    return VideoFile(path, fps=fps, grey=grey)


def _why_not_there(path: Path, error: OSError) -> str:
    if not os.path.lexists(path):
        return f"{path} does not exist; give a video file or a folder of frames"
    if isinstance(error, FileNotFoundError):
        return f"{path} is a link to {os.readlink(path)}, which does not exist; fetch it first (as with datalad get)"  # noqa: PTH115
    return f"{path} cannot be opened ({error.strerror}); give a video file or a folder of frames"
