"""Lost frames by the numbers that a camera gives its frames."""

import pytest

from realtime.capture.cameras.counter import FrameCounter


@pytest.mark.parametrize(
    ("numbers", "lost"),
    [
        ([0, 1, 2], 0),
        ([7, 8, 11, 12], 2),
        ([65534, 65535, 1, 2], 0),
        ([65534, 2], 2),
        ([100, 0, 1], 0),
        ([2**40, 2**40 + 3], 2),
    ],
    ids=["none", "a gap", "GigE wraps", "a gap over the wrap", "started again", "64 bits"],
)
def test_gaps_are_counted(numbers: list[int], lost: int) -> None:
    counter = FrameCounter()
    assert sum(counter.lost_before(number) for number in numbers) == lost == counter.lost
