"""The only capture thread: reads a live source, has the face cut out and writes the ring buffer."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from mer.messages import FaceCrop, Frame
from realtime.capture.ring_buffer import RingBuffer

JOIN_TIMEOUT_S: Final = 6.0
"""Longer than a source may block in one read."""
_ARRIVALS_KEPT: Final = 4096


class Capture:
    """Runs `frames -> crops -> buffer` in a thread of its own until the frames end or it is stopped.

    An error in the thread closes the buffer and is raised in the reader by the buffer's `get`.

    Args:
        frames: The source; iterated in the thread.
        crops: Cuts the faces out of a frame.
        buffer: Where the crops go; closed when the frames end.
        stop: Set by `stop`, or by others, to end the thread after the frame at hand.
    """

    def __init__(
        self,
        frames: Iterable[Frame],
        *,
        crops: Callable[[Frame], Sequence[FaceCrop]],
        buffer: RingBuffer,
        stop: threading.Event | None = None,
    ) -> None:
        self._frames = frames
        self._crops = crops
        self._buffer = buffer
        self._stop = stop or threading.Event()
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=_ARRIVALS_KEPT)
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it; safe to call twice."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_TIMEOUT_S)

    def since_arrival_s(self, index: int) -> float:
        """Return how long ago a frame came out of the source, in seconds.

        Args:
            index: Of the frame; ask in order, for frames that were written to the buffer.
        """
        while self._arrivals and self._arrivals[0][0] < index:
            self._arrivals.popleft()
        return time.perf_counter() - self._arrivals[0][1] if self._arrivals else 0.0

    def _run(self) -> None:
        try:
            for frame in self._frames:
                if self._stop.is_set():
                    break
                self._arrivals.append((frame.index, time.perf_counter()))
                for crop in self._crops(frame):
                    self._buffer.put(crop)
        except BaseException as error:  # handed to the reader, which raises it
            self._buffer.fail(error)
        else:
            self._buffer.close()
