"""One video file: its pictures with their stamps, and what its header says."""

import math
from pathlib import Path
from typing import Final

from mer.media.container import open_file
from mer.media.decoder import Decoder, Picture
from mer.media.rate import MAX_FPS, MIN_FPS

FALLBACK_FPS: Final = 25.0
"""Rate of a file that states none, holds no usable time stamps and came without an `fps`."""
DECODER_THREADS: Final = 2
"""The decoder works one frame ahead of the pipeline on the second core."""
LONGEST_JUMP_S: Final = 10.0
"""Where stamps may jump (MPEG transport streams), longer jumps are a new start; the same limit as in ffmpeg."""
_NO_STAMPS: Final = 0x0080
_JUMPING_STAMPS: Final = 0x0200
"""`AVFMT_NOTIMESTAMPS` and `AVFMT_TS_DISCONT` of FFmpeg's `avformat.h`."""


class VideoFile:
    """A video file, read once from start to end.

    Args:
        path: An existing file.
        fps: Frame rate that overrides the file's own time stamps.
        grey: Whether luma is enough.

    Attributes:
        fps: What the header states, or `fps` if that was given.
        claimed_frames: Number of frames that the header states exactly, None if it says nothing.
        expected_frames: About how many there are by the length in seconds, None if that is unknown, too.
        longest_jump_s: Longer jumps of the stamps are a new start.

    Raises:
        MerError: If it is not a video, or one that cannot be decoded.
    """

    def __init__(self, path: Path, *, fps: float | None, grey: bool) -> None:
        self._container, stream = open_file(path)
        flags = self._container.format.flags
        stamped = not flags & _NO_STAMPS
        stated = float((stream.average_rate if stamped else stream.guessed_rate) or 0.0)
        is_rate = MIN_FPS <= stated <= MAX_FPS
        self.fps = fps or (stated if is_rate else FALLBACK_FPS)
        # A damaged header may claim anything; each frame takes a byte at least.
        self._claimed = stream.frames if 0 < stream.frames <= path.stat().st_size else None
        seconds = self._container.duration / 1e6 if self._container.duration else 0.0
        estimate = round(seconds * self.fps)
        self.expected_frames = self._claimed or (estimate if 0 < estimate <= path.stat().st_size else None)
        self.longest_jump_s = LONGEST_JUMP_S if flags & _JUMPING_STAMPS else math.inf
        self._counted = fps is not None or not stamped
        self._assumption = ""
        if not stamped and fps is None:
            origin = "assumed" if stream.codec_context.framerate in (None, 0) else "what its header states"
            self._assumption = (
                f"the file has no time stamps; {self.fps:g} frames/s is {origin}: give --fps if it was recorded at "
                "another rate"
            )
        self._decoder = Decoder(self._container, stream, grey=grey, threads=DECODER_THREADS, threading="FRAME")

    def read(self) -> Picture | None:
        """Return the next picture, None at the end."""
        picture = self._decoder.read()
        if picture is None or not self._counted:
            return picture
        number = self._decoder.decoded - 1 + self._decoder.undecodable
        return picture._replace(stamp_s=number / self.fps)

    @property
    def claimed_frames(self) -> int | None:
        """Frames that the header states and that are to be shown."""
        return None if self._claimed is None else self._claimed - self._decoder.left_out

    @property
    def undecodable(self) -> int:
        """Packets that could not be decoded."""
        return self._decoder.undecodable

    @property
    def notes(self) -> list[str]:
        """What was odd about the file so far."""
        return ([self._assumption] if self._assumption else []) + self._decoder.notes

    def close(self) -> None:
        """Release the file; safe to call twice."""
        self._decoder.close()
        self._container.close()
