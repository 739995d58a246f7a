"""The part of the sensor around a face."""

import argparse
from typing import Any

import numpy as np
import pytest
from fakes import FakeCamera

from mer.errors import MerError
from mer.messages import Frame
from realtime import camera_options
from realtime.capture.cameras.base import Laboratory, Region
from realtime.capture.face_region import FRAMES, around, face_region
from realtime.capture.live_source import LiveSource

MESH = np.array([[200.0, 100.0, 0.0], [300.0, 220.0, 0.0]], np.float32)


def frames(count: int) -> list[Frame]:
    return [Frame(np.zeros((480, 640), np.uint8), n / 100, n) for n in range(count)]


def test_the_region_has_room_on_each_side_and_whole_steps() -> None:
    assert around(MESH, size_wh=(640, 480)) == Region(128, 16, 240, 288)


def test_the_region_stays_on_the_sensor() -> None:
    region = around(np.array([[5.0, 5.0], [600.0, 470.0]]), size_wh=(640, 480))
    assert region == Region(0, 0, 640, 480)


def test_the_first_frame_with_a_face_decides() -> None:
    seen = iter([[], [], [MESH]])
    assert face_region(frames(5), lambda image: next(seen)) == around(MESH, size_wh=(640, 480))


def test_without_a_face_the_message_says_what_to_do() -> None:
    with pytest.raises(MerError, match=f"no face in the first {FRAMES} frames; sit in view"):
        face_region(frames(FRAMES + 10), lambda image: [])


def test_the_camera_is_opened_whole_first_and_around_the_face_then() -> None:
    asked: list[Region | None] = []

    def opener(text: str, *, laboratory: Laboratory, **_: Any) -> LiveSource:
        asked.append(laboratory.roi)
        return LiveSource(FakeCamera([n / 100 for n in range(200)]), name=text)

    names = [
        "camera",
        "fps",
        "width",
        "height",
        "fourcc",
        "exposure",
        "camera_backend",
        "gain",
        "trigger",
        "cti",
        "camera_settings",
    ]
    args = argparse.Namespace(**dict.fromkeys(names), roi=camera_options.FACE, ptp=False)
    args.camera = "basler:0"
    camera_options.open_named(args, opener=opener, meshes=lambda image: [np.array([[20.0, 10.0], [40.0, 30.0]])])
    assert asked == [camera_options.WHOLE, Region(0, 0, 64, 48)]


@pytest.mark.parametrize("text", ["", "640x480", "0x480+1+1", "640x480+-1+3", "faces"])
def test_what_is_not_a_part_of_the_sensor_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="WIDTHxHEIGHT\\+X\\+Y"):
        camera_options.region(text)


def test_a_part_of_the_sensor_is_written_as_it_is_given() -> None:
    assert str(camera_options.region("640x480+100+50")) == "640x480+100+50"
