"""`mer-doctor --camera`: what a camera holds and what limits it."""

import json
from dataclasses import replace
from pathlib import Path

import emulated_basler
import numpy as np
import pytest
from fakes import FakeCamera, FakeClock
from recordings import pictures, write_video

from mer.messages import Frame
from mer.synth.camera import Light
from realtime.capture.cameras.base import Mode
from realtime.capture.live_source import LiveSource
from realtime.commands import camera_check, doctor
from realtime.commands.installation import Finding


def findings(
    step_s: float, *, asked: float = 100.0, stated: float = 100.0, taken_s: float | None = None, lost: int = 0
) -> dict[str, Finding]:
    """Watch a stand-in camera for a second; `taken_s` is this computer's time for each frame."""
    clock = FakeClock()
    camera = FakeCamera(
        [n * step_s for n in range(2000)],
        fps=stated,
        asked=Mode(fps=asked),
        clock=clock,
        seconds_per_read=[step_s if taken_s is None else taken_s],
        lost_before={150: lost},
    )
    with LiveSource(camera, name="camera basler:0", clock=clock) as source:
        found = camera_check.check(source, seconds=1.5, clock=clock)
        return {finding.topic.partition(": ")[2]: finding for finding in found}


def test_a_camera_that_holds_its_rate_works() -> None:
    found = findings(0.01)
    assert found["rate"].state == "works"
    assert found["rate"].found.startswith("100 frames/s of 64x48 MJPG, jitter")
    assert found["lost frames"] == Finding("camera basler:0: lost frames", "works", "none of 151")


def test_a_camera_that_cannot_reach_the_rate_is_what_limits_it() -> None:
    found = findings(0.02, stated=50.0)["rate"]
    assert (found.state, found.advice.partition(":")[0]) == ("broken", "the camera limits it")


def test_a_computer_that_takes_frames_too_slowly_is_what_limits_it() -> None:
    found = findings(0.01, taken_s=0.02)["rate"]
    assert (found.state, found.advice.partition(":")[0]) == ("broken", "this computer limits it")


def test_too_little_light_is_what_limits_a_camera_that_states_more() -> None:
    found = findings(0.02, stated=100.0)["rate"]
    assert "give more light" in found.advice


def test_lost_frames_are_counted_and_not_held() -> None:
    found = findings(0.01, lost=5)["lost frames"]
    assert (found.state, found.found) == ("broken", "5 by the camera's own count, of 156")


class UnderALamp(FakeCamera):
    """Brightness goes up and down with a lamp on the mains."""

    def read(self) -> Frame | None:
        frame = super().read()
        if frame is None:
            return None
        gain = Light(beat=0.02).gain(np.array([frame.time_s]))[0]
        return replace(frame, image=np.full((48, 64), round(120.0 * gain), np.uint8))


def test_a_lamp_that_flickers_is_found_with_the_remedy() -> None:
    clock = FakeClock()
    camera = UnderALamp([n / 90.0 for n in range(700)], fps=90.0, clock=clock, seconds_per_read=[1 / 90.0])
    with LiveSource(camera, name="camera basler:0", clock=clock) as source:
        found = {finding.topic: finding for finding in camera_check.check(source, seconds=5.0, clock=clock)}
    light = found["camera basler:0: light"]
    assert light.state == "broken"
    assert light.found.startswith("the light flickers at 100 Hz")
    assert "--exposure 10" in light.advice


def test_a_recording_is_not_a_camera(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(20))
    assert doctor.main(["--camera", str(path)]) == 2
    assert "is a recording; give a camera or a stream" in capsys.readouterr().err


def test_the_emulated_camera_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    emulated_basler.emulate(monkeypatch)
    monkeypatch.setattr(camera_check, "SECONDS", 0.5)
    played = emulated_basler.settings(tmp_path, pictures(20))
    options = ["--camera", "basler:0", "--camera-settings", str(played.camera_settings), "--roi", str(played.roi)]
    code = doctor.main([*options, "--fps", "20", "--exposure", "2", "--json"])
    answer = json.loads(capsys.readouterr().out)
    found = {finding["topic"]: finding for finding in answer["findings"]}
    assert found["camera basler:0: exposure"]["found"] == "2 ms"
    assert found["camera basler:0: lost frames"]["state"] == "works"
    assert answer["ready"] is (code == 0)
