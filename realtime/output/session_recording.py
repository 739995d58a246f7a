"""A live session on disk, if asked for: what the camera showed, with exact times, and what was found.

The video is written by the codec that `recording_codec` chooses. Time stamps are those of the frames, to the
microsecond.
"""

import json
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from mer.errors import MerError
from mer.files import write_atomically, write_new
from mer.media.jpeg import in_colour
from mer.messages import Frame
from realtime.capture.session_clock import SessionStart
from realtime.output import recording_codec
from realtime.output.recording_codec import FILES, H264, TIME_BASE, Choice, Codec, open_stream
from realtime.output.versions import component_versions

VIDEO: Final = recording_codec.H264.file
"""Name of the video, unless it is raw."""
EVENTS: Final = "events.jsonl"
SESSION: Final = "session.json"
SCHEMA: Final = 2
QUEUE_S: Final = 1.0
"""Frames that may wait for the encoder; those beyond are left out and counted, for capture never waits."""


class SessionRecording:
    """Writes the frames of a session into a folder from a thread of its own. Use as a context manager.

    A disk that refuses to go on ends the recording, not the session.

    Args:
        folder: Made if need be; must not hold a recording yet.
        size_wh: Width and height of the frames in pixels.
        rate_hz: About how many come a second.
        about: What `session.json` says beside versions and the start.
        sample: A frame of a camera that sends them uncompressed: grey ones are then recorded without loss if this
            machine holds that.

    Attributes:
        path: The video.
        codec: How it is written.
        written: Frames written.
        left_out: Frames that came while too many were waiting, or in another size.
        error: Why the recording ended early, empty if it did not.

    Raises:
        MerError: If the folder cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        *,
        size_wh: tuple[int, int],
        rate_hz: float,
        about: Mapping[str, Any],
        sample: Frame | None = None,
    ) -> None:
        self.written = 0
        self.left_out = 0
        self.error = ""
        self._folder = folder
        self._size_wh = size_wh
        self._queue: queue.Queue[Frame | None] = queue.Queue(max(8, round(QUEUE_S * rate_hz)))
        self._about = about
        choice = _prepared(folder, sample, rate_hz)
        self.codec = choice.codec
        self.path = folder / self.codec.file
        self._reason = choice.reason
        self._video = _open_video(self.path, self.codec, size_wh, rate_hz)
        self._thread = threading.Thread(target=self._run, name="session-recording", daemon=True)
        self._thread.start()

    def describe(self, start: SessionStart) -> None:
        """Write `session.json`, once it is known when time 0 of the session was.

        Raises:
            MerError: If it cannot be written.
        """
        video = {"file": self.path.name, "codec": self.codec.name, "lossless": self.codec.lossless}
        head = {"schema": SCHEMA, **start.fields(), **self._about, "video": video, "versions": component_versions()}
        text = json.dumps(head, indent=1, default=str, allow_nan=False) + "\n"
        write_atomically(self._folder / SESSION, text, private=True)

    def passing(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield frames, each once it is on its way to the disk."""
        for frame in frames:
            self.add(frame)
            yield frame

    def add(self, frame: Frame) -> None:
        """Hand one frame over without waiting."""
        if self.error:
            return
        height, width = frame.image.shape[:2]
        if (width, height) != self._size_wh:
            self.left_out += 1
            return
        try:
            self._queue.put_nowait(frame)
        except queue.Full:
            self.left_out += 1

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say at the end of the session."""
        left_out = f", {self.left_out} left out because the encoder did not keep up" if self.left_out else ""
        lossy = "" if self.codec.lossless or not self._reason else f" (not lossless here: {self._reason})"
        return (f"{self.written} frames recorded in {self.path}, {self.codec.name}{lossy}{left_out}",)

    def close(self) -> None:
        """Write what is waiting and end the file; safe to call twice."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def __enter__(self) -> "SessionRecording":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            self._write_all()
        except (OSError, ValueError) as error:  # PyAV's errors are of both kinds
            reason = getattr(error, "strerror", None) or str(error)
            self.error = f"{self.path} could not be written any more ({reason}); the session continues without"
        if self.error:
            while self._queue.get() is not None:  # `add` has stopped; only what was waiting is thrown away
                pass

    def _write_all(self) -> None:
        container, stream, picture_of = self._video
        with container:
            while (frame := self._queue.get()) is not None:
                if self.codec.lossless:
                    picture = picture_of(frame.image, format="gray")
                else:
                    picture = picture_of(in_colour(frame), format="bgr24")
                picture.pts, picture.time_base = round(frame.time_s / TIME_BASE), TIME_BASE
                container.mux(stream.encode(picture))
                self.written += 1
            container.mux(stream.encode())


def _prepared(folder: Path, sample: Frame | None, rate_hz: float) -> Choice:
    """Make the folder and return how its video is to be written.

    Raises:
        MerError: If it cannot be used.
    """
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
        for name in FILES:
            if (folder / name).exists():
                raise MerError(f"{folder} already holds a recording ({name}); give --record another folder")
        if sample is None or sample.image.ndim != 2 or sample.jpeg is not None or sample.planes is not None:
            return Choice(H264)
        return recording_codec.choose(folder, sample.image, rate_hz)
    except OSError as error:
        raise MerError(f"{folder} cannot be written ({error.strerror}); give --record another folder") from error


def _open_video(path: Path, codec: Codec, size_wh: tuple[int, int], rate_hz: float) -> tuple[Any, Any, Any]:
    """Return an open container, its stream and what makes a frame of an array."""
    try:
        write_new(path, b"", private=True)  # the encoder opens it again and leaves its mode
        return open_stream(str(path), codec, size_wh=size_wh, rate_hz=rate_hz)
    except FileExistsError:
        raise MerError(f"{path.parent} already holds a recording ({path.name}); give --record another folder") from None
    except OSError as error:
        raise MerError(f"{path} cannot be written ({error.strerror}); give --record another folder") from error
