"""A session with an emulated laboratory camera that plays a rendered face: recorded without loss, replayed alike."""

import json
import subprocess
import sys
from pathlib import Path

import emulated_basler
import pytest
from fakes import FakeEngine

import realtime.commands.live
from mer.media.video import FrameReader
from realtime.commands import replay
from realtime.output import recording_codec, session_recording
from realtime.output.recording_codec import FFV1, Choice
from realtime.recordings import workers

ROOT = Path(__file__).parent.parent


def test_events_of_a_recorded_session_are_those_of_its_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emulated_basler.emulate(monkeypatch)
    monkeypatch.setattr(realtime.commands.live, "open_engine", lambda choice: FakeEngine())
    monkeypatch.setattr(workers, "engine_of_this_process", lambda choice: FakeEngine())
    # Not how fast this machine encodes is asked here, and it may be busy.
    monkeypatch.setattr(session_recording, "QUEUE_S", 60.0)
    monkeypatch.setattr(recording_codec, "choose", lambda *_: Choice(FFV1))
    made, session = tmp_path / "r.mp4", tmp_path / "session"
    options = ["--fps", "60", "--seconds", "6", "--n-events", "2", "--size", "320x240"]
    subprocess.run([sys.executable, "-m", "mer.synthesise", "recording", str(made), *options], check=True, cwd=ROOT)
    with FrameReader(made, grey=True) as reader:
        images = [frame.image for frame in reader]
    played = emulated_basler.settings(tmp_path, images, size_wh=(320, 240))

    camera = ["--camera", "basler:1", "--camera-settings", str(played.camera_settings), "--roi", str(played.roi)]
    arguments = [*camera, "--fps", "60", "--duration", "7", "--record", str(session), "--no-overlay"]
    assert realtime.commands.live.main(arguments) == 0
    assert replay.main([str(session), "--out", str(tmp_path / "out")]) == 0

    shown = {image.tobytes() for image in images}
    with FrameReader(session / "recording.mp4", grey=True) as reader:
        assert all(frame.image.tobytes() in shown for frame in reader)
    live = [json.loads(line) for line in (session / "events.jsonl").read_text().splitlines()]
    [found] = (tmp_path / "out").rglob("events.jsonl")
    again = [json.loads(line) for line in found.read_text().splitlines()]
    assert live
    assert len(again) == len(live)
    for a, b in zip(live, again):
        for moment in ("onset_frame", "apex_frame", "offset_frame"):
            assert abs(a[moment] - b[moment]) <= 1
    assert json.loads((session / "session.json").read_text())["video"] == {
        "file": "recording.mp4",
        "codec": "FFV1 (lossless)",
        "lossless": True,
    }
