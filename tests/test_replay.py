import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from fakes import FakeEngine, FakePipeline, batch_in_this_process
from recordings import pictures, write_folder, write_video

import realtime.commands.replay
import realtime.recordings.recording
from mer.media.video import FrameReader
from realtime.commands.replay import main
from realtime.pipeline import Pipeline
from realtime.session import replay

FPS = 200.0


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    engine = FakeEngine()
    monkeypatch.setattr(realtime.commands.replay, "open_engine", lambda choice: engine)
    batch_in_this_process(monkeypatch, engine)
    return engine


@pytest.fixture
def fake_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events on frames 20 and 120, each 40 frames long."""

    def made(*, rate_hz: float, **_: Any) -> FakePipeline:
        return FakePipeline(rate_hz=rate_hz, event_frames=(20, 120))

    monkeypatch.setattr(realtime.recordings.recording, "Pipeline", made)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_video(tmp_path / "a.mp4", pictures(200), fps=FPS)


def write_truth(path: Path, *intervals: tuple[int, int]) -> Path:
    def moment(index: int) -> dict[str, float]:
        return {"index": index, "time_s": index / FPS}

    events = [
        {"label": "happiness", "onset": moment(a), "apex": moment((a + b) // 2), "offset": moment(b)}
        for a, b in intervals
    ]
    path.write_text(json.dumps({"synthetic": True, "events": events, "distractors": []}))
    return path


def summary_of(folder: Path) -> Any:
    return json.loads((folder / "summary.json").read_text())


@pytest.mark.usefixtures("fake_pipeline")
def test_writes_events_table_and_summary(recording: Path, tmp_path: Path) -> None:
    assert main([str(recording), "--out", str(tmp_path / "out")]) == 0
    folder = tmp_path / "out/a"
    assert len((folder / "events.jsonl").read_text().splitlines()) == 2
    with (folder / "events.csv").open(newline="") as file:
        assert [row["onset_frame"] for row in csv.DictReader(file)] == ["20", "120"]
    summary = summary_of(folder)
    assert summary["frames"] == 200
    assert summary["claimed_frames"] == 200
    assert summary["nominal_fps"] == pytest.approx(FPS)
    assert summary["measured_fps"] == pytest.approx(FPS)
    assert summary["seconds"] == pytest.approx(199 / FPS)
    assert summary["events"] == 2
    assert summary["face_coverage"] == 1.0
    assert summary["complete"] is True
    assert summary["engine"]["name"] == "fake"
    assert summary["versions"]["numpy"] == np.__version__
    assert summary["stages"]["decode"]["count"] == 200


@pytest.mark.usefixtures("fake_pipeline")
def test_gives_the_same_events_twice_byte_for_byte(recording: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        main([str(recording), "--out", str(tmp_path / out)])
    assert (tmp_path / "one/a/events.csv").read_bytes() == (tmp_path / "two/a/events.csv").read_bytes()


@pytest.mark.usefixtures("fake_pipeline")
def test_compares_with_the_truth(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = write_truth(tmp_path / "a.json", (22, 60), (150, 190))
    assert main([str(recording), "--out", str(tmp_path / "out"), "--truth", str(truth)]) == 0
    comparison = summary_of(tmp_path / "out/a")["comparison"]
    assert comparison["synthetic"] is True
    assert (comparison["hits"], comparison["false_events"]) == (1, 1)
    printed = capsys.readouterr().out
    assert "1 of 2 found" in printed
    assert "synthetic recording" in printed


@pytest.mark.usefixtures("fake_pipeline")
def test_pools_the_comparison_over_several_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write_video(tmp_path / f"{name}.mp4", pictures(200), fps=FPS) for name in "ab"]
    truths = [write_truth(tmp_path / f"{name}.json", (20, 60)) for name in "ab"]
    out = ["--out", str(tmp_path / "out"), "--truth", *map(str, truths)]
    assert main([*map(str, files), *out]) == 0
    assert "2 of 2 found" in capsys.readouterr().out


@pytest.mark.usefixtures("fake_pipeline")
def test_reads_a_folder_of_pictures_at_a_given_rate(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "shots", pictures(30))
    assert main([str(folder), "--out", str(tmp_path / "out"), "--fps", "100"]) == 0
    assert summary_of(tmp_path / "out/shots")["seconds"] == pytest.approx(0.29)


@pytest.mark.usefixtures("fake_pipeline")
def test_draws_the_overlay_into_a_picture(recording: Path, tmp_path: Path) -> None:
    assert main([str(recording), "--out", str(tmp_path / "out"), "--screenshot", str(tmp_path / "o.svg")]) == 0
    assert "happiness" in (tmp_path / "o.svg").read_text()


@pytest.mark.usefixtures("fake_pipeline")
def test_keeps_what_was_found_when_interrupted(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = FakePipeline.step

    def interrupted(self: FakePipeline, crop: Any) -> Any:
        if crop.index == 100:
            raise KeyboardInterrupt
        return step(self, crop)

    monkeypatch.setattr(FakePipeline, "step", interrupted)
    assert main([str(recording), "--out", str(tmp_path / "out")]) == 130
    summary = summary_of(tmp_path / "out/a")
    assert summary["complete"] is False
    assert summary["events"] == 1
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.usefixtures("fake_pipeline")
def test_closes_the_engine(recording: Path, tmp_path: Path, engine: FakeEngine) -> None:
    main([str(recording), "--out", str(tmp_path / "out")])
    assert engine.closed


def text_file(folder: Path) -> Path:
    (folder / "text.mp4").write_text("this is no video\n" * 50)
    return folder / "text.mp4"


def empty_file(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def cut_file(folder: Path) -> Path:
    whole = write_video(folder / "whole.mp4", pictures(60)).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    return folder / "cut.mp4"


def empty_folder(folder: Path) -> Path:
    (folder / "nothing").mkdir()
    return folder / "nothing"


@pytest.mark.parametrize("bad", [text_file, empty_file, cut_file, empty_folder, lambda folder: folder / "no.mp4"])
def test_bad_input_ends_with_one_line_and_exit_code_1(
    tmp_path: Path, bad: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bad(tmp_path)), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("mer-replay: error: ")
    assert error.count("\n") == 1


def test_an_output_folder_that_cannot_be_made_ends_with_exit_code_1(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main([str(recording), "--out", str(tmp_path / "file/out")]) == 1
    assert "name another one with --out" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--fps", "0"], ["--fps", "fast"], ["--nonsense"]])
def test_options_that_make_no_sense_end_with_exit_code_2(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["a.mp4", "--out", "out", *options])
    assert ended.value.code == 2


def test_as_many_truths_as_recordings_are_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a.mp4", "b.mp4", "--out", str(tmp_path), "--truth", "t.json"]) == 2
    assert "one for each" in capsys.readouterr().err


def test_tells_the_versions_of_all_components(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "mer-live " in printed
    assert "mediapipe " in printed


def test_a_still_face_is_tracked_and_shows_no_event(tmp_path: Path, engine: FakeEngine) -> None:
    portrait = np.asarray(cv2.cvtColor(skimage.data.astronaut()[:320, 60:380], cv2.COLOR_RGB2BGR), np.uint8)
    path = write_video(tmp_path / "still.mp4", [portrait] * 60, fps=30.0)
    with FrameReader(path) as frames, Pipeline(rate_hz=30.0, engine=engine) as pipeline:
        updates = list(replay(frames, pipeline))
    assert [update.crop.state for update in updates] == ["tracked"] * 60
    assert pipeline.totals.events == 0
    assert pipeline.totals.dropped == 0


def test_a_recording_without_any_face_has_no_events(tmp_path: Path) -> None:
    path = write_video(tmp_path / "bars.mp4", pictures(40, size_wh=(320, 240)), fps=30.0)
    assert main([str(path), "--out", str(tmp_path / "out")]) == 0
    summary = summary_of(tmp_path / "out/bars")
    assert (summary["frames"], summary["face_coverage"], summary["events"]) == (40, 0.0, 0)
