"""A live session on disk, if asked for: what the camera showed, with exact times, and what was found.

The video is H.264 in fragments of a second, so that a session that is killed can be read up to its last second. Time
stamps are those of the frames, to the microsecond.
"""

import json
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import av

from mer.errors import MerError
from mer.files import write_atomically, write_new
from mer.media.jpeg import in_colour
from mer.messages import Frame
from realtime.capture.session_clock import SessionStart
from realtime.output.versions import component_versions

VIDEO: Final = "recording.mp4"
EVENTS: Final = "events.jsonl"
SESSION: Final = "session.json"
SCHEMA: Final = 2
QUEUE_S: Final = 1.0
"""Frames that may wait for the encoder; those beyond are left out and counted, for capture never waits."""
_TIME_BASE: Final = Fraction(1, 1_000_000)
_CODEC_OPTIONS: Final = {"preset": "ultrafast", "crf": "12", "bf": "0"}
"""Nearly lossless: movements of a tenth of a pixel have to survive."""
_FRAGMENTS: Final = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}


class SessionRecording:
    """Writes the frames of a session into a folder from a thread of its own. Use as a context manager.

    A disk that refuses to go on ends the recording, not the session.

    Args:
        folder: Made if need be; must not hold a recording yet.
        size_wh: Width and height of the frames in pixels.
        rate_hz: About how many come a second.
        about: What `session.json` says beside versions and the start.

    Attributes:
        written: Frames written.
        left_out: Frames that came while too many were waiting, or in another size.
        error: Why the recording ended early, empty if it did not.

    Raises:
        MerError: If the folder cannot be used.
    """

    def __init__(self, folder: Path, *, size_wh: tuple[int, int], rate_hz: float, about: Mapping[str, Any]) -> None:
        self.written = 0
        self.left_out = 0
        self.error = ""
        self._folder = folder
        self._size_wh = size_wh
        self._queue: queue.Queue[Frame | None] = queue.Queue(max(8, round(QUEUE_S * rate_hz)))
        self._about = about
        self._video = _open_video(folder, size_wh, rate_hz)
        self._thread = threading.Thread(target=self._run, name="session-recording", daemon=True)
        self._thread.start()

    def describe(self, start: SessionStart) -> None:
        """Write `session.json`, once it is known when time 0 of the session was.

        Raises:
            MerError: If it cannot be written.
        """
        head = {"schema": SCHEMA, **start.fields(), **self._about, "versions": component_versions()}
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
        return (f"{self.written} frames recorded in {self._folder / VIDEO}{left_out}",)

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
            self.error = (
                f"{self._folder / VIDEO} could not be written any more ({reason}); the session continues without"
            )
        if self.error:
            while self._queue.get() is not None:  # `add` has stopped; only what was waiting is thrown away
                pass

    def _write_all(self) -> None:
        container, stream, picture_of = self._video
        with container:
            while (frame := self._queue.get()) is not None:
                picture = picture_of(in_colour(frame), format="bgr24")
                picture.pts, picture.time_base = round(frame.time_s / _TIME_BASE), _TIME_BASE
                container.mux(stream.encode(picture))
                self.written += 1
            container.mux(stream.encode())


def _open_video(folder: Path, size_wh: tuple[int, int], rate_hz: float) -> tuple[Any, Any, Any]:
    """Return an open container, its stream and what makes a picture of an array."""
    path = folder / VIDEO
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
        write_new(path, b"", private=True)  # the encoder opens it again and leaves its mode
        container = av.open(str(path), "w", format="mp4", options=_FRAGMENTS)
    except FileExistsError:
        raise MerError(f"{folder} already holds a recording ({VIDEO}); give --record another folder") from None
    except OSError as error:
        raise MerError(f"{path} cannot be written ({error.strerror}); give --record another folder") from error
    stream = container.add_stream("libx264", rate=max(1, round(rate_hz)), options=_CODEC_OPTIONS)
    stream.width, stream.height = size_wh
    stream.pix_fmt = "yuv444p" if size_wh[0] % 2 or size_wh[1] % 2 else "yuv420p"
    stream.time_base = stream.codec_context.time_base = _TIME_BASE
    stream.codec_context.gop_size = max(1, round(rate_hz))
    return container, stream, av.VideoFrame.from_ndarray
