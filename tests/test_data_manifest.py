"""Anybody's data through a CSV."""

from pathlib import Path
from typing import Any

import pytest
from data_minis import manifest, write_frames, write_video

import mer.data
from mer.errors import MerError


@pytest.fixture
def root(tmp_path: Path) -> Any:
    write_frames(tmp_path / "clips/a", (f"img{n}.png" for n in range(500, 540)))
    write_video(tmp_path / "b.avi", frames=30, fps=50)
    return tmp_path


def findings(path: Any) -> Any:
    return [(f.clip, f.reason, f.left_out) for f in mer.data.check("manifest", path).findings]


def test_positions_are_taken_as_they_are_whatever_the_names_say(root: Any) -> None:
    path = manifest(root, ("p1", "a", "clips/a", 100, 0, 10, 39, "fear"))
    (sample,) = mer.data.load("manifest", path)
    assert (sample.path, sample.fps, sample.onset, sample.apex, sample.offset) == (root / "clips/a", 100.0, 0, 10, 39)


def test_empty_apex_is_none_and_no_fault(root: Any) -> None:
    path = manifest(root, ("p1", "a", "clips/a", 100, 5, None, 39, "fear"))
    assert mer.data.load("manifest", path)[0].apex is None
    assert findings(path) == []


def test_video_may_leave_its_rate_out(root: Any) -> None:
    path = manifest(root, ("p1", "b", "b.avi", None, 2, 10, 20, "fear"))
    assert mer.data.load("manifest", path)[0].fps is None


def test_video_without_a_rate_is_still_checked_for_its_duration(root: Any) -> None:
    path = manifest(root, ("p1", "b", "b.avi", None, 0, 10, 29, "fear"))
    assert findings(path) == [("p1/b", "lasts 0.58 s, more than the 0.5 s of a micro-expression", False)]


def test_folder_without_a_rate_is_left_out(root: Any) -> None:
    path = manifest(root, ("p1", "a", "clips/a", None, 0, 10, 39, "fear"))
    assert findings(path) == [
        ("p1/a", "frame rate is missing; only videos and folders with a file `fps` may leave it out", True)
    ]


def test_folder_may_state_its_rate_in_a_file(root: Any) -> None:
    (root / "clips/a/fps").write_text("200\n")
    path = manifest(root, ("p1", "a", "clips/a", None, 0, 10, 39, "fear"))
    assert findings(path) == []


def test_any_label_will_do_and_stays_as_it_is(root: Any) -> None:
    path = manifest(root, ("p1", "a", "clips/a", 100, 0, 10, 39, "Doubt"))
    assert mer.data.load("manifest", path)[0].label == "Doubt"
    assert findings(path) == []


def test_folder_with_the_manifest_will_do(root: Any) -> None:
    manifest(root, ("p1", "a", "clips/a", 100, 0, 10, 39, "fear"))
    assert len(mer.data.load("manifest", root)) == 1


def test_semicolons_and_a_byte_order_mark_will_do(root: Any) -> None:
    path = manifest(root, ("p1", "a", "clips/a", 100, 0, 10, 39, "fear"))
    path.write_text(path.read_text().replace(",", ";"), encoding="utf-8-sig")
    assert len(mer.data.load("manifest", path)) == 1


def test_every_fault_is_named_with_its_row(root: Any) -> None:
    path = manifest(
        root,
        ("p1", "a", "clips/a", 100, 0, 10, 39, "fear"),
        ("p1", "a", "clips/a", 100, 1, 10, 39, "fear"),
        ("p1", "c", "clips/none", 100, 0, 10, 39, "fear"),
        ("p1", "d", "clips/a", 100, 0, 10, 40, "fear"),
        ("p1", "e", "clips/a", 100, 5, 3, 39, "fear"),
        ("p1", "f", "clips/a", 100, 39, 39, 39, "fear"),
        ("p1", "g", "clips/a", 100, "soon", 10, 39, "fear"),
        ("p1", "h", "clips/a", 100, 0, 10, 39, None),
        ("p1", None, "clips/a", 100, 0, 10, 39, "fear"),
        ("p1", "j", "manifest.csv", 100, 0, 10, 39, "fear"),
        ("p1", "k", None, 100, 0, 10, 39, "fear"),
        ("p1", "l", "clips/a", -5, 0, 10, 39, "fear"),
        ("p1", "m", "clips/a", 100, 0, 39, 39, "fear"),
    )
    report = mer.data.check("manifest", path)
    found = {f.where.rsplit(" ", 1)[1]: f.reason for f in reversed(report.findings)}
    assert found["3"] == "clip name is that of manifest.csv row 2"
    assert found["4"] == f"recording is missing: {root / 'clips/none'}"
    assert found["5"] == "offset frame 40 is not among the frames 0 to 39 on disk"
    assert found["6"] == "apex 3 lies outside of onset 5 to offset 39"
    assert found["7"] == "onset 39 is not before offset 39"
    assert found["8"] == "onset 'soon' is not a frame number"
    assert found["9"] == "label is missing"
    assert found["10"] == "clip is missing"
    assert "cannot be opened as a video" in found["11"]
    assert found["12"] == "path is missing"
    assert found["13"] == "fps '-5' is not a frame rate in frames per second"
    assert found["14"] == "apex and offset are the same frame, 39"
    assert [s.clip for s in report.samples] == ["a", "m"]
    assert (report.rows, report.left_out) == (13, 11)


def test_load_says_how_many_rows_it_left_out(root: Any, caplog: pytest.LogCaptureFixture) -> None:
    path = manifest(root, ("p1", "a", "clips/a", 100, 0, 10, 39, "fear"), ("p1", "b", "x", 100, 0, 10, 39, "fear"))
    mer.data.load("manifest", path)
    assert caplog.messages == [f"manifest: 1 of 2 rows left out; `mer-data check manifest {path}` names them"]


def test_load_refuses_a_manifest_of_bad_rows(root: Any) -> None:
    path = manifest(root, ("p1", "a", "clips/a", 100, 9, 10, 9, "fear"))
    with pytest.raises(MerError, match=r"not one of 1 rows can be used; the first: manifest.csv row 2: onset 9 is not"):
        mer.data.load("manifest", path)


def test_no_recording_on_disk_is_a_wrong_layout(root: Any) -> None:
    path = manifest(root, ("p1", "a", "elsewhere/a", 100, 0, 10, 39, "fear"))
    with pytest.raises(MerError, match="none of the 1 annotated recordings is on disk"):
        mer.data.load("manifest", path)


def test_missing_column_is_named(root: Any) -> None:
    path = manifest(root, ("p1", "a"), header=("subject", "clip", "file"))
    with pytest.raises(MerError, match="column 'path', 'fps', 'onset', 'apex', 'offset', 'label' is missing"):
        mer.data.load("manifest", path)


def test_header_without_rows_is_refused(root: Any) -> None:
    with pytest.raises(MerError, match="a header but no rows"):
        mer.data.load("manifest", manifest(root))


def test_truth_of_a_manifest_is_grouped_by_recording(root: Any) -> None:
    path = manifest(
        root, ("p1", "a1", "clips/a", 100, 20, 25, 39, "fear"), ("p1", "a2", "clips/a", 100, 0, None, 15, "disgust")
    )
    (recording,) = mer.data.intervals("manifest", path)
    assert [(i.onset, i.apex, i.offset, i.label) for i in recording.intervals] == [
        (0, None, 15, "disgust"),
        (20, 25, 39, "fear"),
    ]
