import json
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEngine
from recordings import number_of, pictures, write_video

import realtime.commands.live
from mer.errors import MerError
from mer.media.video import FrameReader
from mer.messages import Frame
from mer.synthesise import main as synthesise
from realtime.capture.session_clock import SessionStart
from realtime.commands import replay
from realtime.commands.live import main
from realtime.output import session_recording
from realtime.output.records import Records
from realtime.output.session_recording import SESSION, VIDEO, SessionRecording

ROOT = Path(__file__).parent.parent


def frames(count: int, *, seed: int = 1) -> list[Frame]:
    """Return frames at uneven times."""
    times_s = np.cumsum(np.random.default_rng(seed).uniform(0.003, 0.008, count))
    times_s -= times_s[0]
    return [Frame(image, float(t), n) for n, (image, t) in enumerate(zip(pictures(count), times_s))]


def recorded(folder: Path, given: list[Frame], *, size_wh: tuple[int, int] = (64, 48)) -> SessionRecording:
    with SessionRecording(folder, size_wh=size_wh, rate_hz=2000.0, about={"source": "x"}) as recording:
        for _ in recording.passing(given):
            pass
    return recording


def test_every_frame_is_there_with_its_time_to_the_microsecond(tmp_path: Path) -> None:
    given = frames(150)
    assert recorded(tmp_path / "s", given).written == 150
    with FrameReader(tmp_path / "s" / VIDEO) as reader:
        found = list(reader)
    assert [number_of(frame.image) for frame in found] == [n % 64 for n in range(150)]
    np.testing.assert_allclose([f.time_s for f in found], [f.time_s for f in given], atol=2e-6)


def test_pictures_with_odd_sides_are_kept(tmp_path: Path) -> None:
    images = [np.full((45, 63, 3), shade, np.uint8) for shade in range(50, 60)]
    given = [Frame(image, n / 100, n) for n, image in enumerate(images)]
    recorded(tmp_path / "s", given, size_wh=(63, 45))
    with FrameReader(tmp_path / "s" / VIDEO) as reader:
        assert [frame.image.shape for frame in reader] == [(45, 63, 3)] * 10


def test_pictures_of_another_size_are_left_out_and_counted(tmp_path: Path) -> None:
    given = frames(20)
    other = Frame(np.zeros((24, 32, 3), np.uint8), given[-1].time_s + 1.0, 20)
    recording = recorded(tmp_path / "s", [*given, other])
    assert (recording.written, recording.left_out) == (20, 1)


def test_a_folder_with_a_recording_is_refused(tmp_path: Path) -> None:
    recorded(tmp_path / "s", frames(10))
    before = (tmp_path / "s" / VIDEO).read_bytes()
    with pytest.raises(MerError, match="already holds a recording"):
        recorded(tmp_path / "s", frames(10))
    assert (tmp_path / "s" / VIDEO).read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MerError, match="cannot be written"):
        recorded(tmp_path / "file" / "s", frames(10))


def test_an_encoder_that_fails_ends_the_recording_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: SessionRecording) -> None:
        self._queue.get()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SessionRecording, "_write_all", full)
    recording = recorded(tmp_path / "s", frames(60))
    assert "No space left on device" in recording.error


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime.commands.live, "open_engine", lambda choice: FakeEngine())
    monkeypatch.setattr(replay, "open_engine", lambda choice: FakeEngine())


def test_a_replay_of_the_recording_finds_the_same_events(
    tmp_path: Path, no_engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not how fast this machine encodes is asked here, and it may be busy.
    monkeypatch.setattr(session_recording, "QUEUE_S", 60.0)
    original, session = tmp_path / "r.mp4", tmp_path / "session"
    options = ["--fps", "60", "--seconds", "4.2", "--n-events", "1", "--size", "320x240", "--distractors", "none"]
    assert synthesise(["recording", str(original), *options, "--amplitude", "3", "3"]) == 0
    assert main(["--camera", str(original), "--record", str(session)]) == 0
    assert replay.main([str(session), "--out", str(tmp_path / "out")]) == 0

    live = [json.loads(line) for line in (session / "events.jsonl").read_text().splitlines()]
    [found] = (tmp_path / "out").rglob("events.jsonl")
    again = [json.loads(line) for line in found.read_text().splitlines()]
    assert len(live) == 1
    assert len(again) == len(live)
    for a, b in zip(live, again):
        for moment in ("onset_frame", "apex_frame", "offset_frame"):
            assert abs(a[moment] - b[moment]) <= 1
    about = json.loads((session / SESSION).read_text())
    assert about["options"]["camera"] == str(original)
    assert about["versions"]["numpy"] == np.__version__


def test_a_session_that_was_killed_can_be_read(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", pictures(6000), fps=100.0)
    session = tmp_path / "session"
    code = "import sys; from realtime.commands.live import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "--camera", str(video), "--record", str(session)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (session / VIDEO).exists() or (session / VIDEO).stat().st_size < 2000:
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with FrameReader(session / VIDEO) as reader:
        assert len(list(reader)) >= 100


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_recorded_session_is_for_its_owner_only(tmp_path: Path) -> None:
    recorded(tmp_path / "session", frames(10)).describe(SessionStart(datetime.now(timezone.utc), 0.0))
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "session").iterdir()}
    assert modes == {VIDEO: 0o600, SESSION: 0o600}
    assert (tmp_path / "session").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", [VIDEO, SESSION])
def test_a_session_is_not_recorded_through_a_link(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("kept")
    (tmp_path / "session").mkdir()
    (tmp_path / "session" / name).symlink_to(tmp_path / "secret")
    if name == VIDEO:
        with pytest.raises(MerError, match="already holds a recording"):
            recorded(tmp_path / "session", frames(10))
    else:
        recorded(tmp_path / "session", frames(10)).describe(SessionStart(datetime.now(timezone.utc), 0.0))
    assert (tmp_path / "secret").read_text() == "kept"


def test_the_events_of_a_session_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("kept")
    (tmp_path / "events.jsonl").symlink_to(tmp_path / "secret")
    with pytest.raises(MerError, match="remove it"):
        Records(tmp_path / "events.jsonl", owned=True)
    with Records(tmp_path / "events.jsonl") as records:  # named by the user, who may mean the link
        records.write({"a": 1})
    assert (tmp_path / "secret").read_text() == 'kept\n{"a": 1}\n'
