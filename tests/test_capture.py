import threading
from collections.abc import Iterator
from itertools import count

import numpy as np
import pytest
from fakes import crop

from mer.messages import FaceCrop, Frame
from realtime.capture.ring_buffer import RingBuffer
from realtime.capture.thread import Capture


def frame(index: int) -> Frame:
    return Frame(np.zeros((4, 4, 3), np.uint8), index / 100.0, index)


def crop_of(frame: Frame) -> FaceCrop:
    return crop(frame.index, frame.time_s)


def read_all(buffer: RingBuffer) -> list[int]:
    indices = []
    while not buffer.exhausted:
        got = buffer.get(timeout_s=10.0)
        if got is not None:
            indices.append(got.index)
    return indices


def test_crops_every_frame_into_the_buffer_and_closes_it() -> None:
    buffer = RingBuffer(4.0, 100.0)
    capture = Capture(map(frame, range(50)), crop=crop_of, buffer=buffer)
    capture.start()
    assert read_all(buffer) == list(range(50))
    capture.stop()
    assert not capture.running


def test_stops_a_source_that_never_ends() -> None:
    buffer = RingBuffer(1.0, 100.0)
    capture = Capture(map(frame, count()), crop=crop_of, buffer=buffer)
    capture.start()
    assert buffer.get(timeout_s=10.0) is not None
    capture.stop()
    assert not capture.running


def test_stop_is_harmless_before_start_and_twice() -> None:
    capture = Capture(iter([]), crop=crop_of, buffer=RingBuffer(1.0, 100.0))
    capture.stop()
    capture.start()
    capture.stop()
    capture.stop()
    assert not capture.running


def test_an_error_of_the_source_is_raised_in_the_reader() -> None:
    def broken() -> Iterator[Frame]:
        yield frame(0)
        raise OSError("unplugged")

    buffer = RingBuffer(1.0, 100.0)
    capture = Capture(broken(), crop=crop_of, buffer=buffer)
    capture.start()
    assert buffer.get(timeout_s=10.0) is not None
    with pytest.raises(OSError, match="unplugged"):
        buffer.get(timeout_s=10.0)
    capture.stop()


def test_an_error_of_the_face_stage_is_raised_in_the_reader() -> None:
    def broken(frame: Frame) -> FaceCrop:
        raise ValueError("no model")

    buffer = RingBuffer(1.0, 100.0)
    capture = Capture(map(frame, range(3)), crop=broken, buffer=buffer)
    capture.start()
    with pytest.raises(ValueError, match="no model"):
        buffer.get(timeout_s=10.0)
    capture.stop()


def test_a_reader_that_is_too_slow_loses_frames_that_are_counted() -> None:
    buffer = RingBuffer(1.0, 20.0)
    capture = Capture(map(frame, range(100)), crop=crop_of, buffer=buffer)
    capture.start()
    while capture.running:
        threading.Event().wait(0.001)
    indices = read_all(buffer)
    assert indices == list(range(90, 100))
    assert buffer.overruns == 90


def test_knows_how_long_ago_a_frame_arrived() -> None:
    buffer = RingBuffer(4.0, 100.0)
    capture = Capture(map(frame, range(10)), crop=crop_of, buffer=buffer)
    capture.start()
    ages_s = [capture.since_arrival_s(index) for index in read_all(buffer)]
    capture.stop()
    assert len(ages_s) == 10
    assert min(ages_s) > 0
