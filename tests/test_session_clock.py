"""One time line for everything of a live session, and when its beginning was."""

import json
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEngine, FakePipeline, update
from mjpeg_server import serve
from recordings import pictures, write_video

import realtime.commands.live
from mer.media.video import FrameReader
from mer.messages import Frame
from realtime.capture.feed import Feed
from realtime.capture.session_clock import SessionStart, start_now
from realtime.capture.source import open_source
from realtime.commands.live import main
from realtime.messages import Totals
from realtime.output.session_recording import VIDEO, SessionRecording
from realtime.screen.log import Log

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def feed_of(camera: str, **options: Any) -> Feed:
    return Feed(lambda: open_source(camera, **options), patience_s=0.0, stop=threading.Event())


def live_frames() -> tuple[list[Frame], SessionStart, float, float]:
    """Return frames of a stream that is stamped on arrival, their start, and the monotonic times around it."""
    with serve(pictures(150), fps=150.0) as url:
        before_s = time.monotonic()
        feed = feed_of(url)
        frames = list(feed.frames(lambda notice: None))
        feed.close()
    return frames, feed.start, before_s, time.monotonic()


def test_times_of_a_live_source_count_from_its_first_frame() -> None:
    frames, start, before_s, after_s = live_frames()
    assert frames[0].time_s == 0.0
    assert 0.0 < frames[-1].time_s < after_s - before_s
    assert before_s < start.monotonic_s < after_s
    assert abs((datetime.now(timezone.utc) - start.utc).total_seconds() - (after_s - start.monotonic_s)) < 0.5


def test_the_recording_has_the_same_times_as_the_session(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs the extra record")
    given, *_ = live_frames()
    with SessionRecording(tmp_path / "s", size_wh=(64, 48), rate_hz=2000.0, about={}) as recording:
        for frame in given:
            recording.add(frame)
    with FrameReader(tmp_path / "s" / VIDEO) as reader:
        found = [frame.time_s for frame in reader]
    assert found == pytest.approx([frame.time_s for frame in given], abs=2e-6)


def test_times_of_a_recording_stay_as_in_a_replay(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", pictures(20), fps=1000.0)
    feed = feed_of(str(video))
    with FrameReader(video) as reader:
        assert [f.time_s for f in feed.frames(lambda notice: None)] == [f.time_s for f in reader]


def test_a_first_frame_stamped_by_the_monotonic_clock_is_as_old_as_it_says() -> None:
    start = start_now(99.8, clock=lambda: 100.0, utc_now=lambda: NOON)
    assert start.monotonic_s == pytest.approx(99.8)
    assert start.utc == NOON - timedelta(seconds=0.2)


@pytest.mark.parametrize("first_s", [0.0, 7000.0, None])
def test_a_first_frame_of_another_clock_is_taken_to_be_of_now(first_s: float | None) -> None:
    assert start_now(first_s, clock=lambda: 100.0, utc_now=lambda: NOON) == SessionStart(NOON, 100.0)


def test_the_log_has_the_times_of_the_events_file() -> None:
    """Although the first frames may have been given up while the session started."""
    lines: list[str] = []
    log = Log(totals=Totals(frames=1, first_time_s=0.5), say=lines.append)
    log.update(update(100, 1.25, notices=("face found",)))
    assert lines == ["    1.250 s  face found"]


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of a recorded session with a mark on its first frame and an event."""
    pytest.importorskip("av", reason="needs the extra record")

    class Marking(realtime.commands.live.Keys):  # type: ignore[name-defined,misc]
        def update(self, update: Any) -> None:
            super().update(update)
            if update.crop.index == 0:
                self(" ")

    monkeypatch.setattr(realtime.commands.live, "Keys", Marking)
    monkeypatch.setattr(realtime.commands.live, "Pipeline", lambda **_: FakePipeline(event_frames=(20,)))
    monkeypatch.setattr(realtime.commands.live, "open_engine", lambda choice: FakeEngine())
    folder = tmp_path / "session"
    with serve(pictures(60)) as url:
        assert main(["--camera", url, "--fps", "200", "--reconnect", "0", "--record", str(folder)]) == 0
    return folder


def test_the_start_stands_beside_the_times_in_every_file(session: Path) -> None:
    about = json.loads((session / "session.json").read_text())
    start = {name: about[name] for name in ("start_utc", "start_monotonic_s")}
    lines = [json.loads(line) for line in (session / "events.jsonl").read_text().splitlines()]
    assert [{name: line[name] for name in start} for line in lines] == [start] * 2
    assert 0.0 < time.monotonic() - start["start_monotonic_s"] < 600.0


def test_the_apex_by_the_clock_is_the_start_plus_the_apex(session: Path) -> None:
    lines = [json.loads(line) for line in (session / "events.jsonl").read_text().splitlines()]
    event = next(line for line in lines if "apex_s" in line)
    since = datetime.fromisoformat(event["apex_utc"]) - datetime.fromisoformat(event["start_utc"])
    assert since.total_seconds() == pytest.approx(event["apex_s"], abs=0.0015)


def test_the_lines_of_a_session_follow_the_schema(session: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(realtime.__file__).parent / "schema/event-1.schema.json").read_text())
    for line in (session / "events.jsonl").read_text().splitlines():
        jsonschema.validate(json.loads(line), schema)
