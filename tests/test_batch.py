import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEngine, FakePipeline, batch_in_this_process
from recordings import pictures, write_video

import realtime.commands.replay
import realtime.recordings.recording
from mer.media.video import FrameReader
from mer.text import printable
from realtime.commands.replay import main

ROOT = Path(__file__).parent.parent


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace engine and pipeline; the list grows by one with each recording that is really replayed."""
    rates: list[float] = []

    def made(*, rate_hz: float, **_: Any) -> FakePipeline:
        rates.append(rate_hz)
        return FakePipeline(rate_hz=rate_hz, event_frames=(5,))

    monkeypatch.setattr(realtime.commands.replay, "open_engine", lambda choice: FakeEngine())
    monkeypatch.setattr(realtime.recordings.recording, "Pipeline", made)
    batch_in_this_process(monkeypatch, FakeEngine())
    return rates


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "study").mkdir()
    for name in "ab":
        write_video(tmp_path / f"study/{name}.mp4", pictures(12))
    return tmp_path / "study"


def run(study: Path, *options: str) -> int:
    return main([str(study), "--out", str(study.parent / "out"), *options])


def elsewhere(study: Path, out: str, *options: str, **given: Any) -> "subprocess.CompletedProcess[str]":
    """Replay in a process of its own, which looks at its start for a `sitecustomize.py` beside the study."""
    command = [sys.executable, "-m", "realtime.commands.replay", str(study), "--engine", "onnxruntime"]
    return subprocess.run(
        [*command, "--out", str(study.parent / out), *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{study.parent}{os.pathsep}{ROOT}"},
        check=False,
        **given,
    )


def statuses(study: Path) -> list[str]:
    with (study.parent / "out/recordings.csv").open(newline="") as file:
        return [row["status"] for row in csv.DictReader(file)]


@pytest.mark.usefixtures("replayed")
def test_a_batch_ends_with_a_table_of_all(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(study) == 0
    assert "2 recordings: 2 done" in capsys.readouterr().out
    rows = json.loads((study.parent / "out/recordings.json").read_text())
    assert [(row["status"], row["frames"], row["events"]) for row in rows] == [("done", 12, 1)] * 2


def test_what_is_done_is_skipped(study: Path, replayed: list[float]) -> None:
    run(study)
    assert run(study) == 0
    assert len(replayed) == 2
    assert statuses(study) == ["skipped", "skipped"]


@pytest.mark.parametrize("option", [["--overwrite"], ["--fps", "25"]])
def test_what_is_done_is_done_again_if_asked_or_with_other_settings(
    study: Path, replayed: list[float], option: list[str]
) -> None:
    run(study)
    run(study, *option)
    assert len(replayed) == 4


def test_a_recording_that_has_changed_is_done_again(study: Path, replayed: list[float]) -> None:
    run(study)
    write_video(study / "b.mp4", pictures(13))
    run(study)
    assert len(replayed) == 3
    assert statuses(study) == ["skipped", "done"]


def test_a_result_that_lost_a_file_is_done_again(study: Path, replayed: list[float]) -> None:
    run(study)
    (study.parent / "out/a/events.csv").unlink()
    run(study)
    assert len(replayed) == 3


def test_a_summary_that_does_not_say_what_was_done_is_replaced(study: Path, replayed: list[float]) -> None:
    run(study)
    (study.parent / "out/a/summary.json").write_text(json.dumps({"source": str((study / "a.mp4").resolve())}))
    assert run(study) == 0
    assert len(replayed) == 3


@pytest.mark.parametrize("text", ["", "[]"])
def test_a_summary_that_names_no_recording_is_left_alone(study: Path, replayed: list[float], text: str) -> None:
    run(study)
    (study.parent / "out/a/summary.json").write_text(text)
    assert run(study) == 3
    assert statuses(study) == ["failed", "skipped"]
    assert len(replayed) == 2


@pytest.mark.usefixtures("replayed")
def test_a_bad_recording_does_not_end_the_others(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / "a.mp4").write_text("this is no video\n" * 50)
    assert run(study) == 3
    assert statuses(study) == ["failed", "done"]
    assert capsys.readouterr().err.count("mer-replay: error: ") == 1


@pytest.mark.usefixtures("replayed")
def test_a_name_that_is_no_utf8_fails_alone(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = os.fsencode(study) + b"/caf\xe9.mp4"
    try:
        os.rename(study / "a.mp4", odd)  # noqa: PTH104 - pathlib takes no bytes
    except OSError:
        pytest.skip("this file system wants UTF-8")
    assert run(study, "--report") == 3
    assert "rename it" in capsys.readouterr().err
    assert sorted(statuses(study)) == ["done", "failed"]
    assert (study.parent / "out/index.html").is_file()


@pytest.mark.usefixtures("replayed")
def test_a_batch_of_which_nothing_can_be_done_ends_with_exit_code_1(study: Path) -> None:
    for name in "ab":
        (study / f"{name}.mp4").write_text("this is no video\n" * 50)
    assert run(study) == 1


def test_an_interrupted_batch_goes_on_where_it_stopped(
    study: Path, replayed: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = FakePipeline.step

    def interrupted(self: FakePipeline, crop: Any) -> Any:
        if len(replayed) == 2 and crop.index == 6:
            raise KeyboardInterrupt
        return step(self, crop)

    monkeypatch.setattr(FakePipeline, "step", interrupted)
    assert run(study) == 130
    assert statuses(study) == ["done", "interrupted"]
    assert run(study) == 0
    assert statuses(study) == ["skipped", "done"]


def test_several_at_a_time_cannot_share_one_overlay(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(study, "--jobs", "2", "--overlay") == 2
    assert "leave out --jobs" in capsys.readouterr().err


def test_two_processes_find_the_same_as_one(study: Path) -> None:
    (study / "c.mp4").write_text("this is no video\n" * 50)
    for out, jobs in (("one", "1"), ("two", "2")):
        answer = elsewhere(study, out, "--jobs", jobs)
        assert answer.returncode == 3, answer.stderr
        assert "2 done" in answer.stdout
        assert "1 failed" in answer.stdout
    for name in ("a/events.csv", "a/rejected.csv", "b/events.csv"):
        assert (study.parent / "one" / name).read_bytes() == (study.parent / "two" / name).read_bytes()


_CTRL_C = """
import os, signal, sys
if "--multiprocessing-fork" in sys.orig_argv and "resource_tracker" not in str(sys.orig_argv):
    os.killpg(0, signal.SIGINT)
"""


def test_ctrl_c_while_processes_start_is_one_line(study: Path) -> None:
    """The place where Python looks at its start stands for somebody who is quick."""
    (study.parent / "sitecustomize.py").write_text(_CTRL_C)
    ended = elsewhere(
        study,
        "out",
        "--jobs",
        "2",
        start_new_session=True,
    )
    assert (ended.returncode, ended.stderr) == (130, "mer-replay: interrupted\n")


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("a defect"), MemoryError(), RecursionError("too deep"), OSError(5, "Input/output error")],
)
def test_whatever_one_recording_raises_does_not_end_the_others(
    study: Path, replayed: list[float], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(study.parent))
    step = FakePipeline.step

    def broken(self: FakePipeline, crop: Any) -> Any:
        if len(replayed) == 1:
            raise error
        return step(self, crop)

    monkeypatch.setattr(FakePipeline, "step", broken)
    assert run(study) == 3
    assert statuses(study) == ["failed", "done"]


_ABORT = """
import os
from realtime.recordings import recording
reader = recording.FrameReader
recording.FrameReader = lambda path, **options: os.abort() if path.name == "b.mp4" else reader(path, **options)
"""


def test_a_recording_that_takes_its_process_down_is_lost_alone(study: Path) -> None:
    """The place where Python looks at its start stands for a decoder that ends the process."""
    write_video(study / "c.mp4", pictures(12))
    (study.parent / "sitecustomize.py").write_text(_ABORT)
    ended = elsewhere(study, "out", "--jobs", "1")
    assert ended.returncode == 3, ended.stderr
    assert statuses(study) == ["done", "failed", "done"]
    assert "process that replayed it died" in ended.stderr


@pytest.mark.parametrize("damage", [{"rejected": None}, {"seconds": "long"}, {"engine": {}}, {"labels": []}])
def test_an_edited_summary_is_replaced(study: Path, replayed: list[float], damage: dict[str, Any]) -> None:
    run(study)
    path = study.parent / "out/a/summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **damage}))
    assert run(study, "--report") == 0
    assert statuses(study) == ["done", "done"]
    assert json.loads(path.read_text())["engine"]["name"] == "fake"


@pytest.mark.usefixtures("replayed")
def test_a_deep_summary_is_left_alone(study: Path) -> None:
    run(study)
    (study.parent / "out/a/summary.json").write_text("[" * 100_000)
    assert run(study) == 3
    assert statuses(study) == ["failed", "skipped"]


@pytest.mark.usefixtures("replayed")
def test_leftover_pictures_of_faces_go_although_the_recording_is_done(study: Path) -> None:
    run(study)
    (study.parent / "out/a/report.html.part").write_text("a face")
    run(study)
    assert statuses(study) == ["skipped", "skipped"]
    assert not list((study.parent / "out/a").glob("*.part"))


@pytest.mark.usefixtures("replayed")
@pytest.mark.parametrize("name", ["Talk [id]", "[bold]x[", "a\x1b]52;c;aGk=\x07"])
def test_names_are_printed_as_they_are_and_do_nothing(
    study: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (study / "a.mp4").rename(study / f"{name}.mp4")
    assert run(study) == 0
    said = capsys.readouterr().out
    assert printable(f"{name}.mp4: 12 frames") in said
    assert "\x1b]" not in said


@pytest.mark.usefixtures("replayed")
def test_many_notes_are_cut_short(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = tuple(f"{number}.png is not a picture" for number in range(20_000))
    monkeypatch.setattr(FrameReader, "notes", property(lambda self: many))
    run(study)
    notes = json.loads((study.parent / "out/a/summary.json").read_text())["notes"]
    assert len(notes) == 11
    assert notes[-1] == "and 19,990 more"


@pytest.mark.usefixtures("replayed")
def test_a_name_of_dots_does_not_write_above_its_folder(study: Path) -> None:
    (study / "a.mp4").rename(study / "...mp4")
    before = set(study.parent.iterdir())
    assert main([str(study / "...mp4"), "--out", str(study.parent / "out")]) == 1
    assert set(study.parent.iterdir()) - before <= {study.parent / "out"}


def linked(folder: Path, content: Path) -> Path:
    """Make a study of two names for one content, as git-annex does, below a picture."""
    folder.mkdir()
    for name in ("sub-01_face.mp4", "sub-02_face.mp4"):
        (folder / name).symlink_to(content)
    (folder / "layout.png").write_bytes(b"picture")
    return folder


def test_two_names_of_one_content_have_results_of_their_own(study: Path, replayed: list[float]) -> None:
    again = linked(study.parent / "annexed", study / "a.mp4")
    assert run(again) == 0
    assert len(replayed) == 2
    assert run(again) == 0
    assert len(replayed) == 2  # both done
    for name in ("sub-01_face", "sub-02_face"):
        summary = json.loads((study.parent / f"out/{name}/summary.json").read_text())
        assert summary["source"].endswith(f"{name}.mp4")


@pytest.mark.usefixtures("replayed")
def test_what_is_passed_over_is_said_once(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = linked(study.parent / "annexed", study / "a.mp4")
    assert run(again) == 0
    assert "1 file was skipped: 1 .png" in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.usefixtures("replayed")
def test_recordings_of_one_name_do_not_share_results(study: Path) -> None:
    (study / "b.mp4").unlink()
    write_video(study.parent / "a.mp4", pictures(12))
    files = [str(study / "a.mp4"), str(study.parent / "a.mp4")]
    assert main([*files, "--out", str(study.parent / "out")]) == 0
    done = sorted(path.parent.relative_to(study.parent / "out") for path in study.parent.glob("out/**/summary.json"))
    assert [path.as_posix() for path in done] == ["study/a", f"{study.parent.name}/a"]
