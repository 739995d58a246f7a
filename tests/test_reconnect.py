import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeCamera, FakeClock
from mjpeg_server import serve
from recordings import pictures

from mer.errors import MerError
from realtime.capture.feed import Feed
from realtime.capture.live_source import LiveSource
from realtime.capture.reconnect import Reconnecting
from realtime.capture.source import open_source


class Stop(threading.Event):
    """An event whose waiting takes a fake clock's time, which passes at once."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.waits_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits_s.append(timeout or 0.0)
        self._clock.wait(timeout or 0.0)
        return self.is_set()


def source(clock: FakeClock, frames: int) -> LiveSource:
    camera = FakeCamera([0.01 * n for n in range(frames)], fps=100.0, clock=clock, seconds_per_read=[0.01])
    return LiveSource(camera, name="camera 0", clock=clock)


def returning(
    attempts: list[Any], *, patience_s: float = 60.0, frames: int = 20, finite: bool = False
) -> tuple[Reconnecting, list[str], Stop]:
    """Return a source of some frames whose reopening does what `attempts` say, its announcements and its stop event."""
    clock = FakeClock()
    said: list[str] = []
    stop = Stop(clock)

    def reopen() -> LiveSource:
        attempt = attempts.pop(0) if attempts else None
        if attempt is None:
            raise MerError("camera 0 cannot be opened")
        return source(clock, attempt)

    first = source(clock, frames)
    first.finite = finite
    made = Reconnecting(first, reopen=reopen, patience_s=patience_s, announce=said.append, stop=stop, clock=clock)
    return made, said, stop


def test_time_and_index_run_on_across_the_gap() -> None:
    frames, said, _ = returning([None, 100], patience_s=5.0)
    taken = list(frames)
    steps_s = [b.time_s - a.time_s for a, b in pairwise(taken)]
    assert [frame.index for frame in taken] == list(range(len(taken)))
    assert len(taken) > 20
    assert steps_s[:19] == pytest.approx([0.01] * 19)
    assert steps_s[19] == pytest.approx(1.75, abs=0.05)  # waits of 0.5 and 1 s, and 0.25 s to learn the rate
    assert steps_s[20:] == pytest.approx([0.01] * len(steps_s[20:]))
    assert said[:2] == ["source lost; trying again for 5 s", f"source is back after {steps_s[19]:.1f} s"]


def test_attempts_come_at_growing_distances() -> None:
    frames, _, stop = returning([None] * 50)
    list(frames)
    assert stop.waits_s[:6] == pytest.approx([0.5, 1.0, 2.0, 4.0, 8.0, 8.0])
    assert sum(stop.waits_s) == pytest.approx(60.0, abs=0.1)


def test_a_source_that_stays_away_is_given_up_with_the_reason() -> None:
    frames, said, _ = returning([], patience_s=3.0)
    assert len(list(frames)) == 20
    assert said == ["source lost; trying again for 3 s"]
    assert "did not come back in 3 s: camera 0 cannot be opened" in frames.given_up


def test_without_patience_the_end_is_the_end() -> None:
    frames, said, _ = returning([100], patience_s=0.0)
    assert len(list(frames)) == 20
    assert said == []
    assert frames.given_up == ""


def test_a_stop_ends_the_waiting() -> None:
    frames, _, stop = returning([], patience_s=60.0)
    iterator = iter(frames)
    for _ in range(20):
        next(iterator)
    stop.set()
    assert list(iterator) == []
    assert frames.given_up == ""


def test_losses_are_told_at_the_end() -> None:
    frames, _, _ = returning([100, 100], patience_s=2.0)
    list(frames)
    assert frames.losses == 3
    assert frames.notes[0].startswith("the source went away 3 times and was away for ")


def test_a_file_behind_an_address_has_an_end() -> None:
    frames, said, _ = returning([100], frames=5, finite=True)
    assert len(list(frames)) == 5
    assert said == []


def test_a_server_that_comes_back_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real stream whose server hangs up, is gone for a while, and listens on the same port again."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    said: list[str] = []
    stop = threading.Event()
    with serve(pictures(60), fps=100.0) as url:
        feed = Feed(lambda: open_source(url), patience_s=20.0, stop=stop)
        frames = feed.frames(said.append)
        first = [next(frames) for _ in range(5)]
    port = int(url.split(":")[2].split("/")[0])
    rest: list[Any] = []
    reader = threading.Thread(target=lambda: rest.extend(frames))
    reader.start()
    try:
        while not said:
            stop.wait(0.02)
        with serve(pictures(60), fps=100.0, port=port):
            while len(said) < 2:
                stop.wait(0.02)
            stop.set()
            reader.join(60.0)
    finally:
        stop.set()
        feed.close()
    assert not reader.is_alive()
    assert said[0] == "source lost; trying again for 20 s"
    assert said[1].startswith("source is back after")
    times_s = [frame.time_s for frame in (*first, *rest)]
    assert times_s == sorted(times_s)


def test_a_source_that_turned_into_a_recording_is_refused(tmp_path: Path) -> None:
    from recordings import write_video

    path = write_video(tmp_path / "a.mp4", pictures(10), fps=100.0)
    opened = [source(FakeClock(), 100), open_source(str(path))]
    feed = Feed(lambda: opened.pop(0), patience_s=0.001, stop=threading.Event())
    assert len(list(feed.frames(lambda text: None))) > 0
    assert feed.error.endswith("what is there now is not a live source")
    feed.close()
