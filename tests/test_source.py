import math
from itertools import pairwise
from pathlib import Path

import pytest
from fakes import FakeCamera, FakeClock
from mjpeg_server import serve
from recordings import number_of, pictures, write_folder, write_video

from mer.errors import MerError, UsageError
from mer.media.video import FrameReader
from realtime.capture.cameras.base import Mode
from realtime.capture.cameras.registry import BACKENDS
from realtime.capture.live_source import RATE_WINDOW_S, STEADY_WINDOW_S, LiveSource
from realtime.capture.source import open_source, paced

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_a_path_is_read_as_a_recording(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(10))
    with open_source(str(path)) as source:
        assert isinstance(source, FrameReader)
        assert len(list(source)) == 10


def test_a_folder_is_read_as_a_recording(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "f", pictures(4))
    with open_source(str(folder), fps=100.0) as source:
        assert [frame.time_s for frame in source] == pytest.approx([0.0, 0.01, 0.02, 0.03])


@pytest.mark.parametrize("text", ["97", "/dev/null"])
def test_refuses_a_camera_that_does_not_exist(text: str) -> None:
    with pytest.raises(MerError, match="cannot be opened"):
        open_source(text)


def test_refuses_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(MerError, match="does not exist"):
        open_source(str(tmp_path / "no.mp4"))


def test_refuses_a_stream_without_a_server() -> None:
    with pytest.raises(MerError, match="is its server running"):
        open_source("http://127.0.0.1:9/stream")


def test_refuses_a_pixel_format_that_is_none() -> None:
    with pytest.raises(UsageError, match="four letters"):
        open_source("0", fourcc="MJPEG")


def test_refuses_a_rate_that_is_none() -> None:
    with pytest.raises(UsageError, match="not a frame rate"):
        open_source("0", fps=-3.0)


def test_a_camera_is_opened_by_the_backend_that_its_name_begins_with(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, Mode]] = []

    def opener(name: str, asked: Mode) -> FakeCamera:
        opened.append((name, asked))
        return FakeCamera([0.0, 0.01], asked=asked)

    monkeypatch.setitem(BACKENDS, "toy", opener)
    with open_source("toy:serial 7", fps=100.0, exposure_ms=2.0) as source:
        assert isinstance(source, LiveSource)
        assert len(list(source)) == 2
    assert opened == [("serial 7", Mode(fps=100.0, exposure_ms=2.0))]


def test_a_camera_without_a_scheme_is_opened_by_the_backend_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "toy", lambda name, asked: FakeCamera([float(name)]))
    with open_source("3", backend="toy") as source:
        assert next(iter(source)).time_s == 3.0


def test_a_stream_over_http_is_read_to_its_end() -> None:
    with serve(pictures(30)) as url, open_source(url, fps=200.0) as source:
        frames = list(source)
    assert isinstance(source, LiveSource)
    assert [number_of(frame.image) for frame in frames] == list(range(30))
    assert all(frame.image.ndim == 2 for frame in frames)  # only the luma was decoded


def test_a_rate_given_for_a_stream_counts_its_time_stamps() -> None:
    with serve(pictures(20)) as url, open_source(url, fps=200.0) as source:
        times_s = [frame.time_s for frame in source]
    assert times_s == pytest.approx([n / 200.0 for n in range(20)])


def test_the_rate_of_a_motion_jpeg_stream_is_measured() -> None:
    with serve(pictures(60), fps=100.0) as url, open_source(url) as source:
        assert source.rate_hz == pytest.approx(100.0, rel=0.2)


def test_motion_jpeg_is_stamped_on_arrival() -> None:
    clock = FakeClock()
    camera = FakeCamera([0, 0.04, 0.08, 0.12], camera_clock="arrival", clock=clock, seconds_per_read=[0.01])
    source = LiveSource(camera, name="s", clock=clock)
    assert [frame.time_s for frame in source] == pytest.approx([100.01, 100.02, 100.03, 100.04])


def test_stamps_of_the_kernel_are_used_where_there_are_any() -> None:
    source = LiveSource(FakeCamera([5.0, 5.033, 5.066]), name="camera 0")
    assert [frame.time_s for frame in source] == pytest.approx([5.0, 5.033, 5.066])


def test_a_frame_without_a_stamp_lies_between_its_neighbours() -> None:
    source = LiveSource(FakeCamera([1.0, 1.02, math.nan, 1.06], fps=50.0), name="camera 0")
    assert [frame.time_s for frame in source] == pytest.approx([1.0, 1.02, 1.04, 1.06])


def test_frames_that_the_camera_lost_are_told() -> None:
    source = LiveSource(FakeCamera([0.0, 0.01, 0.05], lost_before={2: 3}), name="camera 0")
    assert [frame.lost_before for frame in source] == [0, 0, 3]
    assert source.notes == ("the camera lost 3 frames before they came",)


def test_what_was_lost_before_the_session_is_not_counted() -> None:
    clock = FakeClock()
    lost = dict.fromkeys(range(20), 2)  # while the rate is measured
    camera = FakeCamera([n / 50 for n in range(90)], lost_before=lost, clock=clock, seconds_per_read=[0.02])
    source = LiveSource(camera, name="camera 0", clock=clock)
    source.skip_backlog()
    assert [frame.lost_before for frame in source][:1] == [0]
    assert source.lost == 0


def test_stamps_that_stand_still_are_replaced_and_counted() -> None:
    source = LiveSource(FakeCamera([0, 0, 0], fps=50.0), name="camera 0")
    assert [frame.time_s for frame in source] == pytest.approx([0.0, 0.02, 0.04])
    assert source.repaired_stamps == 2


def test_tells_what_was_asked_and_what_was_got() -> None:
    asked = Mode(640, 480, 200.0, "MJPG")
    source = LiveSource(FakeCamera([0], fps=30.0, asked=asked), name="camera 0")
    assert str(source.asked) == "640x480 200 fps MJPG"
    assert str(source.got) == "64x48 30 fps MJPG"


def test_a_camera_that_delivers_nothing_is_refused_and_released() -> None:
    camera = FakeCamera([])
    with pytest.raises(MerError, match="delivers no frames"):
        LiveSource(camera, name="camera 0")
    assert camera.closed


def test_what_piled_up_before_the_start_is_thrown_away() -> None:
    clock = FakeClock()
    # as many as the rate is measured on, 40 at once, as from a full socket buffer, then one every 20 ms
    waits_s = [0.02] * 27 + [0.0] * 40 + [0.02] * 33
    camera = FakeCamera([0] * 100, camera_clock="arrival", clock=clock, seconds_per_read=waits_s)
    source = LiveSource(camera, name="s", clock=clock)
    source.skip_backlog()
    frames = list(source)
    steps_s = [b.time_s - a.time_s for a, b in pairwise(frames)]
    assert len(frames) == 33
    assert frames[0].index == 0
    assert frames[1].index == 1
    assert steps_s == pytest.approx([0.02] * (len(frames) - 1))


@pytest.mark.parametrize(
    ("waits_s", "watched_s"),
    [([0.02], STEADY_WINDOW_S), ([0.01, 0.03], RATE_WINDOW_S), ([0.04], RATE_WINDOW_S)],
    ids=["even", "uneven", "even, but not at the stated rate"],
)
def test_a_source_is_watched_until_its_rate_is_known(waits_s: list[float], watched_s: float) -> None:
    clock = FakeClock()
    camera = FakeCamera([0] * 100, fps=50.0, camera_clock="arrival", clock=clock, seconds_per_read=waits_s)
    source = LiveSource(camera, name="s", clock=clock)
    assert clock() - 100.0 == pytest.approx(watched_s + waits_s[0], abs=0.03)
    assert source.rate_hz == pytest.approx(len(waits_s) / sum(waits_s), rel=0.1)


def test_nothing_is_thrown_away_where_time_stamps_are_counted() -> None:
    source = LiveSource(FakeCamera([0] * 50), name="s", fps=100.0)
    source.skip_backlog()
    assert len(list(source)) == 50


def test_a_paced_recording_keeps_to_its_time_stamps(tmp_path: Path) -> None:
    clock = FakeClock()
    reader = FrameReader(write_video(tmp_path / "a.mp4", pictures(10), fps=50.0))
    seen_s = [clock() for _ in paced(reader, clock=clock, wait=clock.wait)]
    assert seen_s == pytest.approx([100.0 + n / 50.0 for n in range(10)])


def test_a_paced_recording_that_is_late_does_not_wait(tmp_path: Path) -> None:
    clock = FakeClock()
    waits_s: list[float] = []
    reader = FrameReader(write_video(tmp_path / "a.mp4", pictures(10), fps=50.0))
    for _ in paced(reader, clock=clock, wait=waits_s.append):
        clock.now_s += 0.05
    assert waits_s == []
