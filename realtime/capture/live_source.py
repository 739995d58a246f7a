"""Frames of an open camera or stream on one time line, with the rate to rely on."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.media.clock import Clock
from mer.media.source_name import source_name
from mer.messages import Frame
from realtime.capture.cameras.base import Camera, Movable

RATE_WINDOW_S: Final = 0.5
"""How long a source is watched on opening to learn its rate; the frames seen meanwhile are kept."""
STEADY_WINDOW_S: Final = 0.25
"""Enough of it for a source whose frames come evenly, at the rate that it states if it states one."""
STEADY: Final = 0.2
"""Largest difference of a distance between frames from their mean, as a share of it, that counts as even."""
MIN_STEPS: Final = 3
"""Fewer distances between frames tell nothing about how even they are."""
FALLBACK_FPS: Final = 30.0
_MIN_STEP_S: Final = 1e-6
"""Pictures that arrive at the same reading of the clock are this far apart."""
MAX_BACKLOG_S: Final = 10.0
"""Most that is thrown away of what piled up before the first frame was wanted."""
SLOW: Final = 0.75
"""A camera that delivers less than this share of its stated rate is said to be slow."""
_MAX_STATED_FPS: Final = 10_000.0


class LiveSource:
    """Frames of a camera or stream as they arrive.

    The time stamps are those of the camera where it has a clock; otherwise, as with Motion JPEG, frames are stamped
    on arrival.

    Args:
        camera: Open; closed here, also if it delivers nothing.
        name: What the user called it.
        fps: If given, time stamps are counted at this rate instead of measured.
        clock: Monotonic seconds, for stamping on arrival.

    Attributes:
        asked: Mode that was asked for.
        got: Mode that is in force.
        finite: Whether the source has an end of its own, as a file behind an address has.
        nominal_fps: Rate that the source states or that was given.
        rate_hz: Rate to rely on: given, or measured on the first frames.
        size_wh: Width and height in pixels.
        claimed_frames: None; a live source does not know its end.
        lost: Frames that the camera knows it lost so far.

    Raises:
        MerError: If the camera delivers nothing.
    """

    def __init__(
        self,
        camera: Camera,
        *,
        name: str,
        fps: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.asked = camera.asked
        self.claimed_frames: int | None = None
        self.frames_read = 0
        self.lost = 0
        self._camera = camera
        self._slow = ""
        self._last_s = -np.inf
        self._fixed_fps = fps
        self._clock = clock
        self._decoded = 0
        self._ahead: deque[Frame] = deque()
        stated = _credible(camera.mode.fps)
        self._stamps = Clock(1.0 / (fps or stated or FALLBACK_FPS))
        named = source_name(name)
        first = self._read()
        if first is None:
            self.close()
            raise MerError(f"{named} was opened but delivers no frames; is it in use, switched off or not a video?")
        self._ahead.append(first)
        height, width = first.image.shape[:2]
        self.size_wh = (width, height)
        self.got = replace(camera.mode, width=width, height=height, fps=stated)
        self.finite = camera.finite
        self.nominal_fps = fps or stated or FALLBACK_FPS
        self.rate_hz = fps or self._measured_rate()
        if camera.clock == "device" and stated and self.rate_hz < SLOW * stated:
            self._slow = _slow_note(self.rate_hz, stated)
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
        lost = f"the camera lost {self.lost} frames before they came" if self.lost else ""
        return tuple(note for note in (self._slow, lost, *self._camera.notes) if note)

    def _read(self) -> Frame | None:
        frame = self._camera.read()
        if frame is None:
            return None
        if self._fixed_fps:
            time_s = self._decoded / self._fixed_fps
        elif self._camera.clock == "device":
            time_s = self._stamps.time_s(frame.time_s)
        else:
            time_s = max(self._clock(), self._last_s + _MIN_STEP_S)
        self._last_s = time_s
        frame.image.flags.writeable = False
        frame = replace(frame, time_s=time_s, index=self._decoded)
        self.lost += frame.lost_before
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
        for _ in range(int(MAX_BACKLOG_S * self.rate_hz)):
            asked_s = self._clock()
            frame = self._read()
            if frame is None:
                return
            if self._clock() - asked_s > 0.5 / self.rate_hz:
                self._ahead.append(replace(frame, index=0, lost_before=0))
                self._decoded, self.lost = 1, 0
                return

    def _measured_rate(self) -> float:
        began_s = self._clock()
        while (watched_s := self._clock() - began_s) < RATE_WINDOW_S:
            if watched_s >= STEADY_WINDOW_S and self._is_steady():
                break
            if (frame := self._read()) is None:
                break
            self._ahead.append(frame)
        steps_s = self._steps_s()
        return float(1.0 / np.mean(steps_s)) if len(steps_s) else self.nominal_fps

    def _steps_s(self) -> NDArray[np.float64]:
        """Return the distances in time of the later half of the frames: the first may have piled up while opening."""
        times_s = [frame.time_s for frame in self._ahead]
        return np.diff(np.array(times_s[len(times_s) // 2 :], np.float64))

    def _is_steady(self) -> bool:
        """Return whether more frames would not change what is known about the rate."""
        steps_s = self._steps_s()
        if len(steps_s) < MIN_STEPS:
            return False
        mean_s = float(np.mean(steps_s))
        stated = self.got.fps is None or abs(1.0 - mean_s * self.got.fps) <= STEADY
        return stated and bool(np.all(np.abs(steps_s - mean_s) <= STEADY * mean_s))

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

    def move_region(self, dx: int, dy: int) -> None:
        """Move the part of the sensor that is read, by pixels to the right and down, if the camera can."""
        if isinstance(self._camera, Movable):
            self._camera.move_region(dx, dy)

    def close(self) -> None:
        """Release the camera or connection; safe to call twice."""
        self._camera.close()

    def __enter__(self) -> "LiveSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _credible(stated_fps: float | None) -> float | None:
    """Return a rate that a camera states if it can be one."""
    return stated_fps if stated_fps and np.isfinite(stated_fps) and 0 < stated_fps < _MAX_STATED_FPS else None


def _slow_note(measured_hz: float, stated_hz: float) -> str:
    return (
        f"the camera states {stated_hz:g} fps and delivers {measured_hz:.3g}, as automatic exposure does in dim light; "
        f"give more light, or --exposure {500.0 / stated_hz:.2g}"
    )
