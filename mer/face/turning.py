"""Which way up the faces of a recording are, looked at now and then beside the tracking."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from mer.face import orientation
from mer.media.jpeg import in_colour
from mer.messages import Frame

FloatT = TypeVar("FloatT", np.float32, np.float64)

DELAY_S: Final = 0.5
"""An answer takes effect this much later, on the source's clock; it takes a fifth of that."""
INTERVAL_S: Final = 2.0
"""Seconds between two looks."""
INTERVAL_UPRIGHT_S: Final = 10.0
"""The same after a face was upright."""


class Turning:
    """Finds out by how much a recording should be turned.

    Args:
        worker: Where frames are looked at.
        find: Looks for faces in a picture that stands alone; used in the worker.

    Attributes:
        turn: Degrees clockwise that would make faces upright: 0, 90, 180 or 270.
    """

    def __init__(self, worker: Executor, find: orientation.Find) -> None:
        self.turn = 0
        self._worker = worker
        self._find = find
        self._answer: Future[int | None] | None = None
        self._due_s = -np.inf
        self._next_s = -np.inf
        self._doubted = False

    def look_at(self, frame: Frame) -> None:
        """Have a frame looked at meanwhile, unless that was done a moment ago."""
        if self._answer is None and frame.time_s >= self._next_s:
            self._answer = self._worker.submit(lambda: orientation.turn_to_upright(in_colour(frame), self._find))
            self._due_s = frame.time_s + DELAY_S

    def learn(self, time_s: float, tell: Callable[[int, float], None]) -> bool:
        """Let an answer take effect once it is due.

        Args:
            time_s: Of the frame at hand.
            tell: Called with the turn and the time if a face is not upright.

        Returns:
            Whether there was an answer.
        """
        if self._answer is None or time_s < self._due_s:
            return False
        turn, self._answer = self._answer.result(), None
        self._next_s = time_s + (INTERVAL_UPRIGHT_S if turn == 0 else INTERVAL_S)
        if turn is None or self._contradicts_once(turn):
            return False
        self.turn = turn
        if turn:
            tell(turn, time_s)
        return True

    def _contradicts_once(self, turn: int) -> bool:
        """Return whether faces that stood upside down seem upright for once, which may be chance."""
        self._doubted = turn == 0 and self.turn != 0 and not self._doubted
        return self._doubted

    def believable(self, faces: Sequence[NDArray[FloatT]]) -> list[NDArray[FloatT]]:
        """Leave out the meshes that cannot be right, given which way up faces are."""
        if self.turn == 0:
            return list(faces)
        off = [(orientation.roll(mesh) + self.turn + 180.0) % 360.0 - 180.0 for mesh in faces]
        return [mesh for mesh, degrees in zip(faces, off) if abs(degrees) <= orientation.MAX_ROLL]
