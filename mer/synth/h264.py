"""H.264 in MP4 as webcams and phones write it: a key frame every now and then, sharper than those between."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

_TIME_BASE: Final = Fraction(1, 90_000)
_CRF: Final = (46.0, 10.0)
"""x264's quality at 1 and at 100."""


class H264Writer:
    """Writes one video file; use as a context manager. A file that was not finished is removed.

    Args:
        path: Where to write; conventionally ending in .mp4.
        size_wh: Width and height of every frame, even numbers.
        fps: Nominal frames per second.
        quality: 1 to 100: x264's crf from 46 to 10. A webcam's stream is about 60, a phone's recording 80.
        key_every: Frames from one key frame to the next.

    Raises:
        OSError: If the file cannot be created.
    """

    def __init__(self, path: Path, *, size_wh: tuple[int, int], fps: float, quality: int, key_every: int) -> None:
        self._path = path
        self._part = path.with_name(f"part-{path.name}")
        self._frame_of: Any = av.VideoFrame.from_ndarray
        self._container: Any = av.open(str(self._part), "w", format="mp4")
        crf = _CRF[0] + (quality - 1) / 99 * (_CRF[1] - _CRF[0])
        stream = self._container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.options = {"preset": "veryfast", "crf": f"{crf:.1f}", "bf": "0", "sc_threshold": "0", "threads": "1"}
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = _TIME_BASE
        stream.codec_context.gop_size = key_every
        self._stream: Any = stream
        self._step_s = 1.0 / fps
        self._now_s = 0.0

    def write(self, image: NDArray[np.uint8], duration_s: float | None = None) -> None:
        """Append a frame.

        Args:
            image: (H, W, 3) uint8, BGR.
            duration_s: Time until the next frame; None for 1 / fps.
        """
        frame = self._frame_of(image, format="bgr24")
        frame.pts, frame.time_base = round(self._now_s / _TIME_BASE), _TIME_BASE
        self._container.mux(self._stream.encode(frame))
        self._now_s += self._step_s if duration_s is None else duration_s

    def __enter__(self) -> "H264Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._container.mux(self._stream.encode())
            self._container.close()
            self._part.replace(self._path)
        else:
            self._container.close()
            self._part.unlink(missing_ok=True)
