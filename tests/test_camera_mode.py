"""Modes of cameras, with a stand-in for the driver: no test machine has a camera."""

from typing import Any

import cv2
import pytest
from fakes import FakeCamera

import realtime.capture.source
from mer.errors import MerError, UsageError
from realtime.capture.camera_mode import Mode, api_of, in_force, request
from realtime.capture.source import LiveSource, open_source


class Driver(FakeCamera):
    """A camera that takes what it is asked for, in the order it is asked."""

    def __init__(self, *, exposure: bool = True, stamps_ms: tuple[float, ...] = (0.0, 33.0), fps: float = 30.0) -> None:
        super().__init__(stamps_ms, fps=fps)
        self.asked: list[tuple[int, float]] = []
        self._exposure = exposure

    def isOpened(self) -> bool:
        return True

    def set(self, key: int, value: float) -> bool:
        self.asked.append((key, value))
        if key in (cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_AUTO_EXPOSURE) and not self._exposure:
            return False
        self._answers[key] = value
        return True


MJPG = float(cv2.VideoWriter.fourcc(*"MJPG"))


@pytest.mark.parametrize(
    ("asked", "compressed"),
    [
        (Mode(640, 480, 30.0), False),
        (Mode(640, 480, 90.0), True),
        (Mode(1280, 720), True),
        (Mode(), False),
        (Mode(640, 480, 90.0, "YUYV"), False),
    ],
)
def test_motion_jpeg_is_asked_for_where_raw_pictures_do_not_fit(asked: Mode, compressed: bool) -> None:
    driver = Driver()
    said = request(driver, asked, api=cv2.CAP_V4L2)
    assert ((cv2.CAP_PROP_FOURCC, MJPG) in driver.asked) is compressed
    assert said.fourcc == ("MJPG" if compressed else asked.fourcc)


def test_the_pixel_format_is_asked_for_before_size_and_rate() -> None:
    driver = Driver()
    request(driver, Mode(1280, 720, 60.0), api=cv2.CAP_V4L2)
    assert [key for key, _ in driver.asked] == [
        cv2.CAP_PROP_FOURCC,
        cv2.CAP_PROP_FRAME_WIDTH,
        cv2.CAP_PROP_FRAME_HEIGHT,
        cv2.CAP_PROP_FPS,
    ]


def test_an_exposure_is_set_by_hand_and_read_back() -> None:
    driver = Driver()
    request(driver, Mode(exposure_ms=4.0), api=cv2.CAP_V4L2)
    assert driver.asked == [(cv2.CAP_PROP_AUTO_EXPOSURE, 1.0), (cv2.CAP_PROP_EXPOSURE, 40.0)]
    assert str(in_force(driver, exposure=True)) == "MJPG exposure 4 ms"


def test_automatic_exposure_is_given_back_to_the_camera() -> None:
    driver = Driver()
    request(driver, Mode(exposure_ms=0.0), api=cv2.CAP_V4L2)
    assert driver.asked == [(cv2.CAP_PROP_AUTO_EXPOSURE, 3.0)]
    assert str(in_force(driver, exposure=True)) == "MJPG exposure automatic"


def test_a_camera_without_exposure_control_is_named() -> None:
    with pytest.raises(MerError, match="does not let its exposure be set"):
        request(Driver(exposure=False), Mode(exposure_ms=4.0), api=cv2.CAP_V4L2)


def test_exposure_needs_v4l2() -> None:
    with pytest.raises(MerError, match="through V4L2"):
        request(Driver(), Mode(exposure_ms=4.0), api=cv2.CAP_ANY)


def test_a_backend_that_this_opencv_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda api: False)
    with pytest.raises(UsageError, match="--camera-backend gstreamer"):
        api_of("gstreamer")


def test_a_pipeline_is_opened_through_gstreamer(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[Any, int]] = []
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda api: True)
    monkeypatch.setattr(realtime.capture.source.cv2, "VideoCapture", lambda *given: opened.append(given) or Driver())
    open_source("v4l2src ! appsink", backend="gstreamer")
    assert opened == [("v4l2src ! appsink", cv2.CAP_GSTREAMER)]


def test_a_camera_slower_than_it_states_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(stamps_ms=tuple(66.7 * n for n in range(20)), fps=30.0)
    source = LiveSource(driver, name="camera 0", own_stamps=True)
    [note] = source.notes
    assert "states 30 fps and delivers 15" in note
    assert "--exposure 17" in note


def test_a_camera_as_quick_as_it_states_is_not() -> None:
    driver = Driver(stamps_ms=tuple(33.3 * n for n in range(20)), fps=30.0)
    assert LiveSource(driver, name="camera 0", own_stamps=True).notes == ()


def test_a_camera_that_refuses_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(exposure=False)
    monkeypatch.setattr(realtime.capture.source.cv2, "VideoCapture", lambda *_: driver)
    with pytest.raises(MerError):
        open_source("0", exposure_ms=4.0, backend="v4l2")
    assert driver.released
