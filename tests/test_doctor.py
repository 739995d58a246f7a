"""What works on this machine, and what to do about the rest."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from engines import select
from engines.runtime import cuda
from realtime.capture.cameras import devices
from realtime.commands import doctor
from realtime.commands.installation import Finding


def finding(topic: str, console: Console | None = None) -> Finding:
    return next(found for found in doctor.examine(console or Console(file=io.StringIO())) if found.topic == topic)


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    described, devices = tmp_path / "class", tmp_path / "dev"
    devices.mkdir()
    for number, name in ((10, "Depth sensor\n"), (2, "HD Webcam\n")):
        (devices / f"video{number}").write_bytes(b"")
        (described / f"video{number}").mkdir(parents=True)
        (described / f"video{number}" / "name").write_text(name)
    (devices / "videotape").write_bytes(b"")
    return described, devices


def test_models_that_are_whole_let_live_and_replay_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["ready"] is True
    states = {found["topic"]: found["state"] for found in answer["findings"]}
    assert states["face model"] == states["shipped model"] == "works"
    assert "mer-live" in answer["versions"]


def test_a_damaged_model_is_said_with_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(b"not what the manifest says")
    model.with_name("m.onnx.json").write_text(select.SHIPPED_MODEL.with_name("convlstm.onnx.json").read_text())
    monkeypatch.setattr(select, "SHIPPED_MODEL", model)
    assert doctor.main([]) == 1
    assert "cannot start" in capsys.readouterr().out


def test_without_a_gpu_nothing_is_to_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "unavailable", lambda: "no CUDA driver on this machine")
    found = finding("GPU")
    assert (found.state, found.found) == ("missing", "no CUDA driver on this machine")
    assert "ONNX Runtime" in found.advice


def test_cameras_are_listed_by_number_with_their_names(machine: tuple[Path, Path]) -> None:
    found = devices.find(described=machine[0], devices=machine[1])
    assert [(camera.device.name, camera.name) for camera in found] == [
        ("video2", "HD Webcam"),
        ("video10", "Depth sensor"),
    ]


def test_a_camera_without_permission_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "find", lambda: [devices.CameraDevice(Path("/dev/video0"), "HD Webcam", False)])
    found = finding("camera /dev/video0")
    assert found.state == "broken"
    assert "group" in found.advice


def test_modes_are_listed_once_and_the_fastest_first() -> None:
    sizes = [
        SimpleNamespace(pixel_format=SimpleNamespace(name=form), width=w, height=h, max_fps=fps)
        for form, w, h, fps in (
            ("YUYV", 640, 480, 30),
            ("MJPG", 640, 480, 30),
            ("MJPG", 640, 480, 90),
            ("MJPG", 320, 240, 90),
        )
    ]
    assert devices.mode_lines(sizes) == [
        "MJPG 640x480, up to 90 fps",
        "MJPG 320x240, up to 90 fps",
        "YUYV 640x480, up to 30 fps",
    ]


def test_a_device_that_is_no_camera_has_no_modes() -> None:
    pytest.importorskip("linuxpy", reason="linuxpy (extra `camera`) is not installed")
    lines, advice = devices.modes(Path("/dev/null"))
    assert not lines
    assert "cannot be read" in advice


@pytest.mark.parametrize(("width", "height", "state"), [(120, 40, "works"), (60, 20, "broken")])
def test_a_terminal_too_small_for_the_overlay_is_said(width: int, height: int, state: str) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=height)
    assert finding("terminal", console).state == state
