"""Frames that a camera lost, told by the numbers it gives them."""

from typing import Final

GIGE_WRAP: Final = 65535
"""GigE cameras without extended numbers count to here and go on with 1: 0 stands for a test packet."""
_NEAR_WRAP: Final = 0.5


class FrameCounter:
    """Counts the gaps in the frame numbers of a device.

    Attributes:
        lost: Frames that are missing so far.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._last: int | None = None

    def lost_before(self, number: int) -> int:
        """Return how many frames are missing between the one before and this one.

        A number that runs backwards means that the count has wrapped, if it was near its end, or else that it began
        again, of which nothing is known to be lost.
        """
        last, self._last = self._last, number
        if last is None:
            return 0
        step = number - last
        if step <= 0:
            wrapped = _NEAR_WRAP * GIGE_WRAP < last <= GIGE_WRAP and 0 < step + GIGE_WRAP < _NEAR_WRAP * GIGE_WRAP
            step = step + GIGE_WRAP if wrapped else 1
        self.lost += step - 1
        return step - 1
