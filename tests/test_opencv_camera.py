"""Cameras through OpenCV, with a stand-in for the driver: no test machine has a camera."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mer.errors import MerError, UsageError
from realtime.capture.cameras.base import Laboratory, Mode
from realtime.capture.cameras.dynamic_rate import set_dynamic_rate
from realtime.capture.cameras.opencv import OpenCvCamera, api_number, in_force, open_camera, request
from realtime.capture.live_source import LiveSource

MJPG = float(cv2.VideoWriter.fourcc(*"MJPG"))


class FakeDriver:
    """A `Driver` that takes what it is asked for, in the order it is asked, and stamps pictures in milliseconds."""

    def __init__(
        self,
        *,
        exposure: bool = True,
        opens: bool = True,
        stamps_ms: tuple[float, ...] = (0.0, 33.0),
        fps: float = 30.0,
    ) -> None:
        self.asked: list[tuple[int, float]] = []
        self.released = False
        self._exposure = exposure
        self._opens = opens
        self._stamps_ms = list(stamps_ms)
        self._answers = {cv2.CAP_PROP_FPS: fps, cv2.CAP_PROP_FOURCC: MJPG}

    def isOpened(self) -> bool:
        return self._opens

    def read(self) -> tuple[bool, NDArray[Any]]:
        if not self._stamps_ms:
            return False, np.empty(0)
        self._answers[cv2.CAP_PROP_POS_MSEC] = self._stamps_ms.pop(0)
        return True, np.zeros((48, 64, 3), np.uint8)

    def get(self, key: int, /) -> float:
        return self._answers.get(key, 0.0)

    def set(self, key: int, value: float, /) -> bool:
        self.asked.append((key, value))
        if key in (cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_AUTO_EXPOSURE) and not self._exposure:
            return False
        self._answers[key] = value
        return True

    def release(self) -> None:
        self.released = True


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
    driver = FakeDriver()
    said = request(driver, asked, api=cv2.CAP_V4L2)
    assert ((cv2.CAP_PROP_FOURCC, MJPG) in driver.asked) is compressed
    assert said.fourcc == ("MJPG" if compressed else asked.fourcc)


def test_the_pixel_format_is_asked_for_before_size_and_rate() -> None:
    driver = FakeDriver()
    request(driver, Mode(1280, 720, 60.0), api=cv2.CAP_V4L2)
    assert [key for key, _ in driver.asked] == [
        cv2.CAP_PROP_FOURCC,
        cv2.CAP_PROP_FRAME_WIDTH,
        cv2.CAP_PROP_FRAME_HEIGHT,
        cv2.CAP_PROP_FPS,
    ]


def test_an_exposure_is_set_by_hand_and_read_back() -> None:
    driver = FakeDriver()
    request(driver, Mode(exposure_ms=4.0), api=cv2.CAP_V4L2)
    assert driver.asked == [(cv2.CAP_PROP_AUTO_EXPOSURE, 1.0), (cv2.CAP_PROP_EXPOSURE, 40.0)]
    assert str(in_force(driver, exposure=True)) == "30 fps MJPG exposure 4 ms"


def test_automatic_exposure_is_given_back_to_the_camera() -> None:
    driver = FakeDriver()
    request(driver, Mode(exposure_ms=0.0), api=cv2.CAP_V4L2)
    assert driver.asked == [(cv2.CAP_PROP_AUTO_EXPOSURE, 3.0)]
    assert str(in_force(driver, exposure=True)) == "30 fps MJPG exposure automatic"


def test_a_camera_without_exposure_control_is_named() -> None:
    with pytest.raises(MerError, match="does not let its exposure be set"):
        request(FakeDriver(exposure=False), Mode(exposure_ms=4.0), api=cv2.CAP_V4L2)


def test_exposure_needs_v4l2() -> None:
    with pytest.raises(MerError, match="through V4L2"):
        request(FakeDriver(), Mode(exposure_ms=4.0), api=cv2.CAP_ANY)


def test_an_api_that_this_opencv_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda api: False)
    with pytest.raises(UsageError, match="--camera-backend gstreamer"):
        api_number("gstreamer")


def test_a_pipeline_is_opened_through_gstreamer(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[int | str, int]] = []

    def driver(name: int | str, api: int) -> FakeDriver:
        opened.append((name, api))
        return FakeDriver()

    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda api: True)
    open_camera("v4l2src ! appsink", Mode(), api="gstreamer", driver=driver)
    assert opened == [("v4l2src ! appsink", cv2.CAP_GSTREAMER)]


def test_a_number_is_given_to_opencv_as_one() -> None:
    opened: list[int | str] = []

    def driver(name: int | str, api: int) -> FakeDriver:
        opened.append(name)
        return FakeDriver()

    open_camera("7", Mode(), api="auto", driver=driver)
    assert opened == [7]


def test_stamps_of_v4l2_are_those_of_the_kernel() -> None:
    camera = OpenCvCamera(FakeDriver(stamps_ms=(5000.0, 5033.0)), Mode(), api=cv2.CAP_V4L2)
    assert camera.clock == "device"
    assert [frame.time_s for frame in iter(camera.read, None)] == [5.0, 5.033]


def test_elsewhere_frames_are_stamped_on_arrival() -> None:
    assert OpenCvCamera(FakeDriver(), Mode(), api=cv2.CAP_ANY).clock == "arrival"


def test_tells_what_was_asked_and_what_was_got() -> None:
    camera = OpenCvCamera(FakeDriver(fps=30.0), Mode(640, 480, 90.0, "YUYV"), api=cv2.CAP_V4L2)
    source = LiveSource(camera, name="camera 0")
    assert str(source.asked) == "640x480 90 fps YUYV"
    assert str(source.got) == "64x48 90 fps YUYV"


def test_a_camera_slower_than_it_states_is_noted() -> None:
    driver = FakeDriver(stamps_ms=tuple(66.7 * n for n in range(20)), fps=30.0)
    [note] = LiveSource(OpenCvCamera(driver, Mode(), api=cv2.CAP_V4L2), name="camera 0").notes
    assert "states 30 fps and delivers 15" in note
    assert "--exposure 17" in note


def test_a_camera_as_quick_as_it_states_is_not() -> None:
    driver = FakeDriver(stamps_ms=tuple(33.3 * n for n in range(20)), fps=30.0)
    assert LiveSource(OpenCvCamera(driver, Mode(), api=cv2.CAP_V4L2), name="camera 0").notes == ()


@pytest.mark.parametrize("driver", [FakeDriver(exposure=False), FakeDriver(opens=False)], ids=["refuses", "is absent"])
def test_a_camera_that_cannot_be_used_is_an_error(driver: FakeDriver) -> None:
    with pytest.raises(MerError):
        open_camera("0", Mode(exposure_ms=4.0), api="auto", driver=lambda name, api: driver)


def test_a_camera_that_refuses_is_released() -> None:
    driver = FakeDriver(exposure=False)
    with pytest.raises(MerError, match="does not let its exposure be set"):
        open_camera("0", Mode(exposure_ms=4.0), api="auto", driver=lambda name, api: driver)
    assert driver.released


def test_an_exposure_that_does_not_fit_the_rate_is_refused() -> None:
    with pytest.raises(UsageError, match=r"does not fit into 60 frames/s; give at most 16\.7 ms"):
        open_camera("0", Mode(fps=60.0, exposure_ms=20.0), api="auto", driver=lambda name, api: FakeDriver())


def test_an_exposure_that_was_left_too_long_is_shortened_and_said() -> None:
    driver = FakeDriver()
    driver.set(cv2.CAP_PROP_AUTO_EXPOSURE, 1.0)
    driver.set(cv2.CAP_PROP_EXPOSURE, 300.0)
    camera = OpenCvCamera(driver, Mode(fps=100.0), api=cv2.CAP_V4L2)
    assert driver.get(cv2.CAP_PROP_EXPOSURE) == pytest.approx(90.0)
    assert camera.notes == ("exposure shortened from 30 to 9 ms to reach 100 frames/s",)


def test_an_automatic_exposure_is_left_alone() -> None:
    driver = FakeDriver()
    driver.set(cv2.CAP_PROP_AUTO_EXPOSURE, 3.0)
    driver.set(cv2.CAP_PROP_EXPOSURE, 300.0)
    assert OpenCvCamera(driver, Mode(fps=100.0), api=cv2.CAP_V4L2).notes == ()


class FakeRateControl:
    """What `set_dynamic_rate` asks for, and a camera that has or lacks the setting."""

    def __init__(self, before: bool | None) -> None:
        self.asked: list[tuple[str, bool]] = []
        self._before = before

    def __call__(self, device: Path, on: bool) -> bool | None:
        self.asked.append((str(device), on))
        return self._before


def kept(before: bool | None, *, fps: float | None = 60.0) -> tuple[OpenCvCamera, FakeRateControl]:
    control = FakeRateControl(before)
    mode = Mode(fps=fps)
    return open_camera("2", mode, api="v4l2", driver=lambda *_: FakeDriver(), dynamic_rate=control), control


def test_a_lower_rate_in_the_dark_is_switched_off_said_and_given_back() -> None:
    camera, control = kept(before=True)
    assert camera.notes == ("the camera's automatic lower rate in the dark is off during the session",)
    camera.close()
    camera.close()
    assert control.asked == [("/dev/video2", False), ("/dev/video2", True)]


@pytest.mark.parametrize("before", [False, None])
def test_a_camera_that_keeps_its_rate_is_left_as_it_was(before: bool | None) -> None:
    camera, control = kept(before)
    camera.close()
    assert camera.notes == ()
    assert control.asked == [("/dev/video2", False)]


def test_without_a_rate_that_is_asked_for_nothing_is_switched() -> None:
    assert kept(True, fps=None)[1].asked == []


def test_the_driver_is_asked_by_number_and_set_only_if_needed(tmp_path: Path) -> None:
    device = tmp_path / "video0"
    device.touch()
    asked: list[tuple[int, bytes]] = []

    def request(number: int, what: int, control: bytes) -> bytes:
        asked.append((what, control))
        return control[:4] + b"\x01\0\0\0"

    assert set_dynamic_rate(device, False, request=request) is True
    assert asked == [(0xC008561B, b"\x03\x09\x9a\0" + bytes(4)), (0xC008561C, b"\x03\x09\x9a\0" + bytes(4))]


def test_a_device_without_the_setting_is_none(tmp_path: Path) -> None:
    device = tmp_path / "video0"
    device.touch()
    assert set_dynamic_rate(device, False) is None  # the kernel refuses the request
    assert set_dynamic_rate(tmp_path / "absent", False) is None


def test_laboratory_options_are_refused() -> None:
    with pytest.raises(UsageError, match="--gain is not for cameras that OpenCV reads"):
        open_camera("0", Mode(laboratory=Laboratory(gain=3.0)), api="auto", driver=lambda name, api: FakeDriver())
