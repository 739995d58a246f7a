"""Basler's driver, against Basler's own emulator of cameras."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import emulated_basler
import numpy as np
import pytest
from recordings import number_of, pictures

from mer.errors import MerError, UsageError
from realtime.capture.cameras import basler
from realtime.capture.cameras.base import Laboratory, Mode, Region
from realtime.capture.live_source import LiveSource
from realtime.commands import live

COUNT = 60


@pytest.fixture(autouse=True)
def emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    emulated_basler.emulate(monkeypatch)


@pytest.fixture
def played(tmp_path: Path) -> Laboratory:
    """In picture number n the first n columns are white."""
    return emulated_basler.settings(tmp_path, pictures(COUNT))


def opened(laboratory: Laboratory, *, fps: float = 500.0, **asked: Any) -> basler.BaslerCamera:
    return basler.open_camera("1", Mode(fps=fps, laboratory=laboratory, **asked))


def frames(camera: basler.BaslerCamera, count: int) -> list[Any]:
    return [camera.read() for _ in range(count)]


def refused(**asked: Any) -> str:
    with pytest.raises(MerError) as error:
        basler.open_camera("1", Mode(**asked))
    return str(error.value)


@pytest.mark.parametrize("fps", [200.0, 500.0])
def test_pictures_come_in_order_at_the_times_of_their_numbers(played: Laboratory, fps: float) -> None:
    camera = opened(played, fps=fps)
    got = frames(camera, 30)
    camera.close()
    assert [number_of(frame.image) for frame in got] == list(range(30))
    assert [frame.time_s for frame in got] == pytest.approx([n / fps for n in range(30)])
    assert sum(frame.lost_before for frame in got) == 0


def test_failed_buffers_are_lost_frames_by_the_cameras_count(played: Laboratory) -> None:
    camera = opened(played)
    before = frames(camera, 5)[-1]
    nodes = camera._camera.GetNodeMap()
    nodes.GetNode("ForceFailedBufferCount").Value = 7
    nodes.GetNode("ForceFailedBuffer").Execute()
    for _ in range(400):  # what was waiting already comes first
        step = camera.read()
        if step is None or step.lost_before:
            break
        before = step
    camera.close()
    assert step is not None
    assert step.lost_before == 7
    assert step.time_s - before.time_s == pytest.approx(8 / 500.0)
    assert "7 frames came incomplete" in " ".join(camera.notes)


def test_lost_frames_reach_the_notes_of_the_session(played: Laboratory) -> None:
    camera = opened(played)
    source = LiveSource(camera, name="camera basler:1")
    camera._camera.GetNodeMap().GetNode("ForceFailedBufferCount").Value = 3
    camera._camera.GetNodeMap().GetNode("ForceFailedBuffer").Execute()
    next(frame for frame in source if frame.lost_before)
    source.close()
    assert source.lost == 3
    assert "the camera lost 3 frames before they came" in source.notes


def test_a_camera_that_is_removed_ends_and_can_be_opened_again(played: Laboratory) -> None:
    camera = opened(played)
    assert camera.read() is not None
    camera._camera.GetNodeMap().GetNode("FirePnPCallback").Execute()
    while camera.read() is not None:  # pylon tells from a thread of its own
        pass
    camera.close()
    again = opened(played)
    assert again.read() is not None
    again.close()


@pytest.mark.parametrize("name", ["1", emulated_basler.SECOND])
def test_a_camera_is_named_by_number_or_serial_number(name: str) -> None:
    camera = basler.open_camera(name, Mode())
    assert camera._camera.GetDeviceInfo().GetSerialNumber() == emulated_basler.SECOND
    camera.close()


def test_a_camera_that_is_not_there_is_said_with_those_that_are() -> None:
    with pytest.raises(MerError, match=r"sees no such camera, only basler:0 .*0815-0000"):
        basler.open_camera("40123456", Mode())


def test_an_exposure_that_does_not_fit_is_shortened_and_said(played: Laboratory) -> None:
    camera = opened(played)
    assert camera.mode.exposure_ms == pytest.approx(1.8)
    assert "exposure shortened from 10 to 1.8 ms to reach 500 frames/s" in camera.notes
    camera.close()


def test_exposure_and_gain_are_those_that_were_asked_for(played: Laboratory) -> None:
    camera = opened(replace(played, gain=6.0), exposure_ms=1.5)
    assert camera.mode.exposure_ms == 1.5
    assert camera._camera.Gain.Value == pytest.approx(6.0, abs=0.1)
    camera.close()


def test_a_part_of_the_sensor_is_read(played: Laboratory) -> None:
    camera = opened(replace(played, roi=Region(10, 4, 40, 20)))
    frame = camera.read()
    assert frame is not None
    assert frame.image.shape == (20, 40)
    assert (camera._camera.OffsetX.Value, camera._camera.OffsetY.Value) == (10, 4)
    camera.close()


def test_the_region_moves_while_the_camera_runs(played: Laboratory) -> None:
    camera = opened(replace(played, roi=Region(0, 0, 40, 20)), fps=100.0)
    source = LiveSource(camera, name="camera basler:1")
    source.move_region(16, 8)
    shown = next(frame for frame in source if camera._camera.OffsetX.Value == 16)
    source.close()
    assert shown.image.shape == (20, 40)
    assert camera.notes[-1].startswith("the camera does not stamp")


def test_the_region_stops_at_the_end_of_the_sensor(played: Laboratory) -> None:
    camera = opened(replace(played, roi=Region(0, 0, 40, 20)))
    camera.move_region(-50, 100_000)
    assert camera.read() is not None
    x, y = camera._camera.OffsetX.Value, camera._camera.OffsetY.Value
    assert (x, y) == (0, camera._camera.OffsetY.Max)
    camera.close()


def test_a_camera_that_does_not_move_its_region_says_so_and_goes_on(
    played: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = opened(replace(played, roi=Region(0, 0, 40, 20)))
    monkeypatch.setattr(basler.PylonFeatures, "has", lambda self, name: name != "OffsetX")
    camera.move_region(16, 0)
    assert camera.read() is not None
    assert "the region stays where it is: this camera does not let OffsetX be set while it runs" in camera.notes
    camera.close()


@pytest.mark.parametrize("pixel_format", ["Mono8", "Mono10", "Mono12", "BayerRG8", "BayerGB12"])
def test_pixel_formats_end_in_eight_bits(played: Laboratory, pixel_format: str) -> None:
    camera = opened(played, fourcc=pixel_format)
    image = frames(camera, 20)[-1].image
    camera.close()
    assert image.dtype == np.uint8
    assert image.shape == ((48, 64, 3) if pixel_format.startswith("Bayer") else (48, 64))
    assert (image.max(), image.min()) == (235, 20)


def test_a_trigger_that_never_comes_is_said(played: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basler, "TIMEOUT_S", 0.2)
    camera = opened(replace(played, trigger="Line1"))
    with pytest.raises(MerError, match="no trigger came on Line1"):
        camera.read()
    camera.close()


def test_a_trigger_that_was_left_on_is_switched_off(played: Laboratory) -> None:
    camera = opened(replace(played, trigger="Line1"))
    camera.close()
    again = opened(played)
    assert again.read() is not None
    again.close()


def test_what_the_camera_does_not_have_is_named() -> None:
    assert "--ptp: this camera does not have a clock" in refused(laboratory=Laboratory(ptp=True))
    assert "this camera has Mono8, Mono10, Mono12" in refused(fourcc="Mono9")
    assert "takes 1 to 4096" in refused(laboratory=Laboratory(roi=Region(0, 0, 5000, 10)))
    assert "takes 0 to 48 dB" in refused(laboratory=Laboratory(gain=90.0))
    assert "give at most 5 ms" in refused(fps=200.0, exposure_ms=8.0)
    assert "--trigger Line7: this camera has" in refused(laboratory=Laboratory(trigger="Line7"))
    assert "--cti is not for Basler's driver" in refused(laboratory=Laboratory(cti=Path("x.cti")))


def test_settings_that_pylon_did_not_save_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pfs").write_text("hello")
    with pytest.raises(UsageError, match=r"a\.pfs cannot be loaded"):
        basler.open_camera("1", Mode(laboratory=Laboratory(camera_settings=tmp_path / "a.pfs")))


def test_the_cameras_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert live.main(["--list-cameras", "basler"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "basler:0  Emulation (serial 0815-0000)",
        "basler:1  Emulation (serial 0815-0001)",
    ]


def test_without_pypylon_one_sentence_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pypylon", None)
    assert live.main(["--list-cameras", "basler"]) == 1
    assert capsys.readouterr().err == (
        "mer-live: error: --list-cameras basler needs pypylon, Basler's driver: pip install 'mer-live[basler]'\n"
    )


def test_the_library_is_loaded_for_its_own_scheme_only() -> None:
    program = "import sys, realtime.commands.live; print({'pypylon', 'harvesters', 'genicam'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "set()\n"
