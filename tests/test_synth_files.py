"""mer-synth as a user runs it: recordings, corpora, and what it says to bad input."""

import csv
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mer.labels import CLASSES
from mer.synth import corpus
from mer.synth.mjpeg import MjpegWriter
from mer.synthesise import main

TINY = ("--fps", "30", "--seconds", "4.2", "--n-events", "1", "--size", "160x120")


def frames_of(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return frames


@pytest.fixture(scope="module")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("corpus") / "c"
    built = corpus.build(out, shape=6, seed=4, jobs=1, fps_choices=(30.0,))
    return out, built


def test_clips_of_a_corpus_are_called_synthetic_wherever_they_go(small_corpus: Any) -> None:
    pytest.importorskip("torch", reason="torch (extra `train`) is not installed")
    from mer.data.parts import Part
    from mer.training.data import read_datasets

    clips = read_datasets([Part("manifest", "manifest", small_corpus[1].manifest)], cache=None, jobs=1, classes=CLASSES)

    assert clips.name == "synthetic data only: mer-synth corpus"


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        (tmp_path / name).mkdir()
        assert main(["recording", str(tmp_path / name / "r.mp4"), "--seed", seed, *TINY]) == 0
    a, b, c = ((tmp_path / name / "r.mp4").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    assert (tmp_path / "a" / "r.json").read_bytes() == (tmp_path / "b" / "r.json").read_bytes()


def test_what_the_file_shows_agrees_with_its_truth(tmp_path: Path) -> None:
    out = tmp_path / "r.avi"
    options = ["--fps", "100", "--seconds", "4.2", "--n-events", "1", "--size", "240x200", "--distractors", "none"]
    assert main(["recording", str(out), "--amplitude", "3", "3", "--seed", "2", *options]) == 0
    truth = json.loads((tmp_path / "r.json").read_text())
    grey = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(np.float32) for frame in frames_of(out)]
    frames = [cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in grey]
    assert truth["synthetic"] is True
    assert len(frames) == truth["frames"] == 420
    rest = np.mean(frames[:150:3], axis=0)
    change = np.array([np.sqrt(((frame - rest) ** 2).mean()) for frame in frames])
    floor = np.median(change[:200])
    strength = np.sqrt(np.maximum(change**2 - floor**2, 0.0))
    strength /= strength.max()
    event = truth["events"][0]
    moving = np.flatnonzero(strength > 0.1)
    assert event["onset"]["index"] <= moving[0] <= event["onset"]["index"] + 4
    assert event["offset"]["index"] - 4 <= moving[-1] <= event["offset"]["index"] + 1
    assert strength[event["apex"]["index"]] > 0.97
    assert event["amplitude_percent"] == 3.0
    assert event["apex"]["time_s"] == pytest.approx(event["apex"]["index"] / 100)


def test_a_recording_holds_every_class_with_pauses_between(tmp_path: Path) -> None:
    out = tmp_path / "r.mp4"
    options = ("--fps", "30", "--seconds", "12", "--n-events", "6", "--size", "160x120", "--distractors", "hard")
    assert main(["recording", str(out), *options]) == 0
    truth = json.loads(out.with_suffix(".json").read_text())
    events = truth["events"]
    assert {event["label"] for event in events} == set(CLASSES)
    assert events[0]["onset"]["time_s"] >= 2.4
    for before, after in pairwise(events):
        assert after["onset"]["time_s"] - before["offset"]["time_s"] >= 1.0
    for distractor in truth["distractors"]:
        for event in events:
            assert (
                distractor["end"]["index"] < event["onset"]["index"]
                or distractor["start"]["index"] > event["offset"]["index"]
            )
    assert len(frames_of(out)) == truth["frames"] == 360


@pytest.mark.parametrize("clock", ["variable", "lossy"])
def test_uneven_clocks_are_in_the_file_and_in_the_truth(tmp_path: Path, clock: Any) -> None:
    out = tmp_path / "r.mp4"
    options = ("--fps", "60", "--seconds", "4.2", "--n-events", "1", "--size", "160x120", "--clock", clock)
    assert main(["recording", str(out), *options]) == 0
    truth = json.loads(out.with_suffix(".json").read_text())
    capture = cv2.VideoCapture(str(out))
    frames, times_s = [], []
    while (read := capture.read())[0]:
        frames.append(read[1])
        times_s.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    assert len(frames) == truth["frames"]
    assert np.diff(times_s).max() > 1.5 / 60
    for moment in (truth["events"][0][key] for key in ("onset", "apex", "offset")):
        assert times_s[moment["index"]] == pytest.approx(moment["time_s"], abs=2e-3)
    same = [k for k in range(1, len(frames)) if np.array_equal(frames[k], frames[k - 1])]
    assert same == truth["repeated_frames"]
    assert bool(same) == (clock == "lossy")


def test_manifest_has_the_columns_and_points_at_the_clips(small_corpus: Any) -> None:
    out, built = small_corpus
    with built.manifest.open(newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert tuple(reader.fieldnames or ()) == ("subject", "clip", "path", "fps", "onset", "apex", "offset", "label")
    assert Counter(row["label"] for row in rows) == {label: 2 if label == "happiness" else 1 for label in CLASSES}
    for row in rows:
        n = len(frames_of(out / row["path"]))
        onset, apex, offset = (int(row[key]) for key in ("onset", "apex", "offset"))
        assert 6 <= onset <= apex <= offset < n - 3
        assert float(row["fps"]) == 30.0


def test_corpus_says_that_it_is_synthetic(small_corpus: Any) -> None:
    about = json.loads((small_corpus[0] / "corpus.json").read_text())
    assert about["synthetic"] is True
    assert len(about["clips"]) == 6
    assert all(0.3 <= clip["amplitude_percent"] <= 4.0 for clip in about["clips"])


def test_two_processes_make_the_same_corpus_as_one(small_corpus: Any, tmp_path: Path) -> None:
    out, _ = small_corpus
    corpus.build(tmp_path / "c", shape=6, seed=4, jobs=2, fps_choices=(30.0,))
    names = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    assert len(names) == 6 + len(["manifest.csv", "shifted.csv", "corpus.json"])
    assert all((out / name).read_bytes() == (tmp_path / "c" / name).read_bytes() for name in names)


def test_a_stopped_corpus_goes_on_where_it_was(small_corpus: Any, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop_after_two(done: Any, total: Any) -> None:
        if done == 2:
            raise Stop

    out = tmp_path / "c"
    with pytest.raises(Stop):
        corpus.build(out, shape=6, seed=4, fps_choices=(30.0,), progress=stop_after_two)
    assert not (out / "manifest.csv").exists()
    with (out / "unfinished.jsonl").open("a") as file:
        file.write('{"index": 2, "cut sh')
    done_before = []
    corpus.build(out, shape=6, seed=4, fps_choices=(30.0,), progress=lambda done, total: done_before.append(done))
    assert done_before == [3, 4, 5, 6]
    assert not (out / "unfinished.jsonl").exists()
    assert (out / "corpus.json").read_bytes() == (small_corpus[0] / "corpus.json").read_bytes()


def test_a_stopped_corpus_is_not_mixed_with_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "unfinished.jsonl").write_text('{"seed": 9}\n')
    assert main(["corpus", "--out", str(tmp_path), "--shape", "1", "--jobs", "1"]) == 1
    assert "other settings" in capsys.readouterr().err


def test_mmew_shape_deals_its_clips_to_all_subjects() -> None:
    counts = corpus.check("mmew", seed=0, jobs=1, fps_choices=(90.0,), amplitude_percent=(0.3, 4.0))
    assert counts == {"happiness": 36, "disgust": 72, "fear": 16, "surprise": 89, "sadness": 13}
    subjects = [f"s{k}" for k in range(36)]
    seeds = np.random.SeedSequence(0).spawn(226)
    plans = corpus.deal(counts, subjects, np.random.default_rng(0), seeds, (90.0,), (0.3, 4.0))
    assert Counter(plan.label for plan in plans) == counts
    per_subject = Counter(plan.subject for plan in plans)
    assert len(per_subject) == 36
    assert set(per_subject.values()) == {6, 7}


def test_corpus_refuses_a_folder_that_holds_one(small_corpus: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus", "--out", str(small_corpus[0]), "--shape", "1"]) == 1
    assert "already holds a corpus" in capsys.readouterr().err


def test_mjpeg_keeps_uneven_frame_times(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    times_s = [0.0, 0.033, 0.1, 0.14]
    with MjpegWriter(path, size_wh=(64, 48), fps=30) as writer:
        for now, then in zip(times_s, [*times_s[1:], 0.2]):
            writer.write(np.full((48, 64, 3), int(1000 * now), np.uint8), then - now)
    capture = cv2.VideoCapture(str(path))
    read_s = []
    while capture.read()[0]:
        read_s.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    np.testing.assert_allclose(read_s, times_s, atol=1e-3)


def test_an_unfinished_video_leaves_nothing(tmp_path: Path) -> None:
    def break_off() -> None:
        with MjpegWriter(tmp_path / "v.mp4", size_wh=(64, 48), fps=30) as writer:
            writer.write(np.zeros((48, 64, 3), np.uint8))
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        break_off()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--n-events", "20"], 2, "raise --seconds or lower --n-events"),
        (["--fps", "0"], 2, "expected 10 to 1000"),
        (["--size", "161x120"], 2, "even sides"),
        (["--amplitude", "3", "1"], 2, "low <= high"),
        (["--seed", "-1"], 2, "whole number"),
        (["--codec", "ffv1"], 2, "must end in .avi"),
        (["--codec", "mp4v", "--clock", "lossy", *TINY], 2, "need codec mjpeg"),
        (["--face", "nowhere.png"], 1, "does not exist"),
    ],
)
def test_impossible_settings_are_refused_with_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: Any, code: Any, words: Any
) -> None:
    out = tmp_path / "r.mp4"
    assert main(["recording", str(out), *arguments]) == code
    error = capsys.readouterr().err
    assert "mer-synth: error: " in error
    assert words in error
    assert not out.exists()


def test_an_unknown_suffix_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recording", str(tmp_path / "r.mov")]) == 2
    assert ".mp4 or .avi" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["recording", str(tmp_path / "file" / "r.mp4"), *TINY]) == 1
    assert "cannot write" in capsys.readouterr().err
    assert main(["corpus", "--out", str(tmp_path / "file" / "c"), "--shape", "1"]) == 1
    assert "cannot make the folder" in capsys.readouterr().err


def test_a_portrait_without_a_face_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((200, 200, 3), 128, np.uint8))
    (tmp_path / "text.jpg").write_text("no picture")
    assert main(["recording", str(tmp_path / "r.mp4"), "--face", str(tmp_path / "grey.png"), *TINY]) == 1
    assert "no face found" in capsys.readouterr().err
    assert main(["recording", str(tmp_path / "r.mp4"), "--face", str(tmp_path / "text.jpg"), *TINY]) == 1
    assert "not a picture" in capsys.readouterr().err


def test_a_folder_without_usable_portraits_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faces = tmp_path / "faces"
    assert main(["corpus", "--out", str(tmp_path / "c"), "--faces", str(faces), "--shape", "2"]) == 1
    assert "does not exist" in capsys.readouterr().err
    faces.mkdir()
    cv2.imwrite(str(faces / "grey.png"), np.full((200, 200, 3), 128, np.uint8))
    assert main(["corpus", "--out", str(tmp_path / "c"), "--faces", str(faces), "--shape", "2"]) == 1
    assert "no face found" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--shape", "casme"], "expected mmew or a number"),
        (["--shape", "0"], "at least 1"),
        (["--jobs", "0"], "at least 1"),
        (["--rates", "3"], "10 to 1000"),
    ],
)
def test_impossible_corpora_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: Any, words: Any
) -> None:
    assert main(["corpus", "--out", str(tmp_path / "c"), *arguments]) == 2
    assert words in capsys.readouterr().err
