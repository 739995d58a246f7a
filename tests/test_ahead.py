import threading
from collections.abc import Iterator
from itertools import count

import pytest

from realtime.capture.ahead import ahead


def test_yields_everything_in_order() -> None:
    assert list(ahead(iter(range(500)), most=4, name="test-ahead")) == list(range(500))


def test_is_never_more_than_so_many_items_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for n in range(200):
            taken = n
            yield n

    for item in ahead(items(), most=3, name="test-ahead"):
        assert taken <= item + 5  # three wait, one is in the consumer's hands and one in the thread's


def test_raises_what_went_wrong_after_what_came_before() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("torn")

    made = ahead(items(), most=4, name="test-ahead")
    assert next(made) == 1
    with pytest.raises(OSError, match="torn"):
        next(made)


def test_leaves_no_thread_behind_when_the_consumer_stops() -> None:
    made = ahead(count(), most=2, name="test-ahead")
    assert [next(made), next(made)] == [0, 1]
    made.close()
    assert "test-ahead" not in [thread.name for thread in threading.enumerate()]
