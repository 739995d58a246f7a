import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEngine, FakePipeline
from mjpeg_server import serve
from recordings import pictures, write_video

import realtime.commands.live
from mer.media.video import FrameReader
from realtime.capture.thread import Capture
from realtime.commands.live import main
from realtime.session import live

ROOT = Path(__file__).parent.parent
PROGRAM = (
    "import sys; sys.path.insert(0, 'tests')\n"
    "import realtime.commands.live; from fakes import *\n"
    "realtime.commands.live.Pipeline = lambda **_: FakePipeline(event_frames=(1,))\n"
    "realtime.commands.live.open_engine = lambda choice: FakeEngine()\n"
    "sys.exit(realtime.commands.live.main(sys.argv[1:]))\n"
)


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events on frames 20 and 120, and no proxy between this machine and itself."""

    def made(*, rate_hz: float, **_: Any) -> FakePipeline:
        return FakePipeline(rate_hz=rate_hz, event_frames=(20, 120))

    monkeypatch.setattr(realtime.commands.live, "Pipeline", made)
    monkeypatch.setattr(realtime.commands.live, "open_engine", lambda choice: FakeEngine())
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_video(tmp_path / "a.mp4", pictures(200), fps=500.0)


def labels_in(path: Path) -> list[str]:
    return [json.loads(line)["label"] for line in path.read_text().splitlines()]


def test_plays_a_file_and_writes_its_events(recording: Path, tmp_path: Path) -> None:
    assert main(["--camera", str(recording), "--events", str(tmp_path / "e.jsonl")]) == 0
    assert labels_in(tmp_path / "e.jsonl") == ["happiness", "happiness"]


def test_a_second_session_adds_to_the_events_of_the_first(recording: Path, tmp_path: Path) -> None:
    for _ in range(2):
        main(["--camera", str(recording), "--events", str(tmp_path / "e.jsonl")])
    assert len(labels_in(tmp_path / "e.jsonl")) == 4


def test_prints_plain_lines_where_there_is_no_terminal(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--camera", str(recording)]) == 0
    printed = capsys.readouterr().out
    assert "event 1: happiness 60 %" in printed
    assert "200 frames, 0.40 s, face in 100 % of them, 0 dropped; 2 events" in printed
    assert "\x1b" not in printed


def test_follows_a_stream_over_http_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(pictures(150)) as url:
        assert main(["--camera", url, "--reconnect", "0", "--fps", "200", "--events", str(tmp_path / "e.jsonl")]) == 0
    assert len(labels_in(tmp_path / "e.jsonl")) == 2
    assert "150 frames, 0.74 s" in capsys.readouterr().out


def test_an_event_of_a_live_source_carries_the_time_of_day(tmp_path: Path) -> None:
    with serve(pictures(60)) as url:
        main(["--camera", url, "--reconnect", "0", "--fps", "200", "--events", str(tmp_path / "e.jsonl")])
    record = json.loads((tmp_path / "e.jsonl").read_text().splitlines()[0])
    assert record["apex_utc"].endswith("+00:00")
    assert record["source"] == url


def test_ends_after_the_duration(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--camera", str(recording), "--duration", "0.1"]) == 0
    assert "50 frames" in capsys.readouterr().out


def test_what_was_captured_before_a_stop_is_still_processed(recording: Path) -> None:
    stop = threading.Event()
    pipeline = FakePipeline()
    with FrameReader(recording) as frames:
        capture = Capture(frames, crops=pipeline.crops, buffer=pipeline.buffer, stop=stop)
        count = 0
        for _ in live(pipeline, capture, stop=stop):
            count += 1
            stop.set()
    assert count == pipeline.totals.frames
    assert pipeline.buffer.exhausted
    assert pipeline.finished
    assert not capture.running


def test_a_defect_in_the_capture_thread_ends_the_session_with_a_report(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: FakePipeline, frame: Any) -> Any:
        raise RuntimeError("the face stage broke")

    monkeypatch.setattr(FakePipeline, "crops", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["--camera", str(recording)]) == 70
    assert "the face stage broke" in capsys.readouterr().err
    assert "capture" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("camera", ["97", "/dev/null", "nothing.mp4", "http://127.0.0.1:9/x"])
def test_a_source_that_is_not_there_ends_with_one_line_and_exit_code_1(
    camera: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--camera", camera]) == 1
    error = capsys.readouterr().err
    assert error.startswith("mer-live: error: ")
    assert error.count("\n") == 1


def test_engine_and_source_are_opened_side_by_side(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=60.0)

    def opened(text: str, **_: Any) -> FrameReader:
        both.wait()
        return FrameReader(Path(text), grey=True)

    def engine(_: str) -> FakeEngine:
        both.wait()
        return FakeEngine()

    monkeypatch.setattr(realtime.commands.live, "open_source", opened)
    monkeypatch.setattr(realtime.commands.live, "open_engine", engine)
    assert main(["--camera", str(recording), "--duration", "0.01"]) == 0


def test_an_engine_is_closed_if_the_source_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    monkeypatch.setattr(realtime.commands.live, "open_engine", lambda choice: engine)
    assert main(["--camera", "nothing.mp4"]) == 1
    assert engine.closed


def test_an_events_file_that_cannot_be_written_ends_with_exit_code_1(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--camera", str(recording), "--events", str(tmp_path / "no/e.jsonl")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_full_disk_ends_the_writing_but_not_the_session(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    assert main(["--camera", str(recording), "--events", "/dev/full"]) == 1
    printed = capsys.readouterr()
    assert "200 frames" in printed.out
    assert "2 events" in printed.out
    assert "later events are missing" in printed.err


@pytest.mark.parametrize(("option", "code"), [("--no-overlay", 0), ("--json", 1)])
def test_an_output_that_takes_nothing_is_no_reason_to_end(
    recording: Path, tmp_path: Path, option: str, code: int
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    given = ["--camera", str(recording), option, *(["--events", str(tmp_path / "e.jsonl")] if not code else [])]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *given], stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
    assert done.returncode == code, done.stderr
    if code:
        assert "200 frames" in done.stderr
        assert "later events are missing" in done.stderr.splitlines()[-1]
    else:
        assert labels_in(tmp_path / "e.jsonl") == ["happiness"]
        assert not done.stderr


def test_an_event_is_on_disk_before_it_is_told(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk: list[int] = []

    def told(line: str, *, path: Path) -> None:
        if "event" in line and "events" not in line:
            on_disk.append(len(labels_in(path)))

    monkeypatch.setattr(realtime.commands.live, "say", told)
    assert main(["--camera", str(recording), "--events", str(tmp_path / "e.jsonl")]) == 0
    assert on_disk == [1, 2]


@pytest.mark.parametrize("options", [["--duration", "0"], ["--width", "-3"], ["--fps", "nan"], []])
def test_options_that_make_no_sense_end_with_exit_code_2(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--camera", "0", *options] if options else [])
    assert ended.value.code == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)])
def test_a_signal_ends_the_session_with_everything_written(tmp_path: Path, number: int, code: int) -> None:
    recording = write_video(tmp_path / "long.mp4", pictures(3000), fps=100.0)
    command = [sys.executable, "-c", PROGRAM, "--camera", str(recording), "--events", str(tmp_path / "e.jsonl")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # the tests may run under nohup themselves
    ) as process:
        assert process.stdout is not None
        assert "event 1" in process.stdout.readline()
        os.kill(process.pid, number)
        output, errors = process.communicate(timeout=600)
    assert process.returncode == code
    assert "1 events" in output
    assert "Traceback" not in errors
    assert labels_in(tmp_path / "e.jsonl") == ["happiness"]


def test_after_nohup_a_hangup_does_not_end_the_session(tmp_path: Path) -> None:
    recording = write_video(tmp_path / "a.mp4", pictures(200), fps=100.0)
    command = [sys.executable, "-c", PROGRAM, "--camera", str(recording)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    ) as process:
        assert process.stdout is not None
        assert "event 1" in process.stdout.readline()
        os.kill(process.pid, signal.SIGHUP)
        output, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    assert "200 frames" in output


@pytest.mark.parametrize("option", [["--json"], ["--events", "-"]])
def test_json_lines_alone_stand_on_the_standard_output(
    recording: Path, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--camera", str(recording), *option]) == 0
    printed = capsys.readouterr()
    assert [json.loads(line)["label"] for line in printed.out.splitlines()] == ["happiness", "happiness"]
    assert "200 frames" in printed.err
