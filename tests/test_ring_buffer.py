import threading
from dataclasses import replace

import pytest
from fakes import crop

from mer.errors import MerError
from realtime.capture.ring_buffer import RingBuffer


def filled(count: int, *, slots: int = 20) -> RingBuffer:
    buffer = RingBuffer(1.0, slots)
    for n in range(count):
        buffer.put(crop(n, n / 10.0, shade=n))
    return buffer


def test_hands_crops_out_in_order() -> None:
    buffer = filled(5)
    indices = []
    while (got := buffer.get()) is not None:
        indices.append(got.index)
    assert indices == [0, 1, 2, 3, 4]


def test_hands_a_crop_out_as_it_came_in() -> None:
    original = crop(3, 0.3, shade=7)
    buffer = RingBuffer(1.0, 20)
    buffer.put(original)
    assert buffer.get() is original
    assert buffer.window(0.0, 1.0) == [original]


def test_nothing_is_handed_out_twice() -> None:
    buffer = filled(1)
    buffer.get()
    assert buffer.get() is None


def test_unread_crops_are_given_up_oldest_first_and_counted() -> None:
    buffer = filled(17)
    first = buffer.get()
    assert first is not None
    assert first.index == 7
    assert buffer.overruns == 7


def test_a_crop_handed_out_does_not_change_when_its_slot_is_written_again() -> None:
    buffer = filled(1)
    got = buffer.get()
    for n in range(1, 60):
        buffer.put(crop(n, n / 10.0, shade=n))
        buffer.get()
    assert got is not None
    assert (got.image == 0).all()


def test_window_gives_back_what_was_read() -> None:
    buffer = filled(10)
    for _ in range(10):
        buffer.get()
    window = buffer.window(0.25, 0.6)
    assert [c.index for c in window] == [3, 4, 5, 6]
    assert [int(c.image[0, 0]) for c in window] == [3, 4, 5, 6]


def test_window_includes_both_ends() -> None:
    buffer = filled(10)
    for _ in range(10):
        buffer.get()
    assert [c.index for c in buffer.window(0.2, 0.4)] == [2, 3, 4]


def test_window_shows_nothing_that_was_not_read_yet() -> None:
    buffer = filled(10)
    for _ in range(4):
        buffer.get()
    assert [c.index for c in buffer.window(0.0, 9.0)] == [0, 1, 2, 3]


def test_window_reaches_back_over_half_the_buffer_however_much_is_unread() -> None:
    buffer = filled(0)
    for n in range(200):
        buffer.put(crop(n, n / 10.0, shade=n))
        if n < 100:
            buffer.get()
    last = buffer.get()
    assert last is not None
    assert [c.index for c in buffer.window(0.0, 99.0)] == list(range(180, last.index + 1))


def test_window_is_a_copy() -> None:
    buffer = filled(1)
    buffer.get()
    window = buffer.window(0.0, 1.0)
    for n in range(1, 60):
        buffer.put(crop(n, n / 10.0, shade=n))
    assert (window[0].image == 0).all()


def test_get_wakes_up_when_a_crop_comes() -> None:
    buffer = RingBuffer(1.0, 20)
    thread = threading.Timer(0.01, buffer.put, [crop(0, 0.0)])
    thread.start()
    got = buffer.get(timeout_s=10.0)
    thread.join()
    assert got is not None


def test_is_exhausted_once_closed_and_read() -> None:
    buffer = filled(1)
    buffer.close()
    before = buffer.exhausted
    buffer.get()
    assert (before, buffer.exhausted) == (False, True)
    assert buffer.get(timeout_s=10.0) is None


def test_an_error_is_raised_in_the_reader_after_what_came_before_it() -> None:
    buffer = filled(2)
    buffer.fail(OSError("camera gone"))
    assert buffer.get() is not None
    assert buffer.get() is not None
    with pytest.raises(OSError, match="camera gone"):
        buffer.get()


def test_an_error_that_came_before_anybody_looked_is_not_taken_for_the_end() -> None:
    buffer = filled(0)
    buffer.fail(OSError("camera gone"))
    assert not buffer.exhausted
    with pytest.raises(OSError, match="camera gone"):
        buffer.get()


@pytest.mark.parametrize(("seconds", "rate_hz"), [(0.0, 30.0), (4.0, 0.0), (4.0, float("nan")), (-1.0, -30.0)])
def test_refuses_an_impossible_size(seconds: float, rate_hz: float) -> None:
    with pytest.raises(MerError, match="not possible"):
        RingBuffer(seconds, rate_hz)


def test_a_window_holds_the_crops_of_one_person() -> None:
    buffer = RingBuffer(4.0, 10.0)
    for index in range(3):
        for person in (1, 2):
            buffer.put(replace(crop(index, index / 10.0), person=person))
    while buffer.get() is not None:
        pass

    assert [(c.index, c.person) for c in buffer.window(0.0, 0.1, person=2)] == [(0, 2), (1, 2)]
    assert {c.person for c in buffer.window(0.0, 9.0)} == {1}
