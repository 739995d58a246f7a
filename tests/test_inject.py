"""Micro-expressions drawn into recordings: what changes, where, when, and what must not."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mer.evaluation.matching import read_truth
from mer.face.pose import HeadPose, average_face, fit_pose
from mer.synth.injection.meshes import shown_pictures, smoothed
from mer.synth.injection.planes import Picture, PlaneReader
from mer.synthesise import main

ONE_EVENT = ("--n-events", "1", "--seed", "3", "--crf", "0", "--amplitude", "3", "3")


def pictures_of(path: Path) -> list[Picture]:
    with PlaneReader(path) as reader:
        return list(reader)


def same(a: Picture, b: Picture) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of a still face with uneven frame times, and copies of it with events, with none and of size 0."""
    out = tmp_path_factory.mktemp("inject")
    source = ["recording", str(out / "source.mp4"), "--fps", "30", "--seconds", "4", "--n-events", "0"]
    look = ["--size", "320x240", "--distractors", "standard", "--clock", "variable"]
    assert main([*source, *look, "--codec", "h264", "--quality", "90"]) == 0
    copies = {"drawn": ONE_EVENT, "none": ("--none", "--crf", "0"), "zero": (*ONE_EVENT, "--amplitude", "0", "0")}
    for name, options in copies.items():
        assert main(["inject", str(out / "source.mp4"), str(out / f"{name}.mp4"), *options]) == 0
    return out


@pytest.fixture(scope="module")
def event(folder: Path) -> Any:
    return json.loads((folder / "drawn.json").read_text())["events"][0]


def test_nothing_drawn_is_the_recording_itself(folder: Path) -> None:
    copied, source = pictures_of(folder / "none.mp4"), pictures_of(folder / "source.mp4")
    assert len(copied) == len(source) == 120
    assert all(map(same, copied, source))


def test_events_of_no_size_change_no_byte(folder: Path) -> None:
    assert (folder / "zero.mp4").read_bytes() == (folder / "none.mp4").read_bytes()


def test_time_stamps_of_an_uneven_recording_stay(folder: Path) -> None:
    stamps = [picture.stamp for picture in pictures_of(folder / "drawn.mp4")]
    assert stamps == [picture.stamp for picture in pictures_of(folder / "source.mp4")]
    assert len(set(np.diff(stamps))) > 20


def test_only_frames_between_onset_and_offset_change(folder: Path, event: Any) -> None:
    drawn, none = pictures_of(folder / "drawn.mp4"), pictures_of(folder / "none.mp4")
    changed = [k for k, (a, b) in enumerate(zip(drawn, none)) if not same(a, b)]
    assert event["onset"]["index"] - 1 <= changed[0] <= event["onset"]["index"] + 2
    assert event["offset"]["index"] - 2 <= changed[-1] <= event["offset"]["index"] + 1


def test_the_skin_moves_by_the_amplitude_of_the_truth(folder: Path, event: Any) -> None:
    drawn, none = (pictures_of(folder / f"{name}.mp4")[event["apex"]["index"]] for name in ("drawn", "none"))
    truth = json.loads((folder / "drawn.json").read_text())
    flow = cv2.calcOpticalFlowFarneback(none.planes[0], drawn.planes[0], None, 0.5, 3, 15, 5, 7, 1.5, 0)
    expected_px = event["amplitude_percent"] / 100 * truth["iod_px"]
    assert np.hypot(flow[..., 0], flow[..., 1]).max() == pytest.approx(expected_px, rel=0.35)


def test_pixels_away_from_the_face_keep_their_bytes(folder: Path, event: Any) -> None:
    drawn, none = (pictures_of(folder / f"{name}.mp4")[event["apex"]["index"]] for name in ("drawn", "none"))
    touched = drawn.planes[0] != none.planes[0]
    assert 0.001 < touched.mean() < 0.3
    assert not touched[:, :40].any()
    assert not touched[:, -40:].any()


def test_noise_stays_where_the_skin_moves(folder: Path, event: Any) -> None:
    drawn, none = (pictures_of(folder / f"{name}.mp4")[event["apex"]["index"]] for name in ("drawn", "none"))
    touched = cv2.erode((drawn.planes[0] != none.planes[0]).astype(np.uint8), np.ones((5, 5))) > 0
    fine = [
        (plane - cv2.GaussianBlur(plane, (0, 0), 1.0))[touched].std()
        for plane in (picture.planes[0].astype(np.float64) for picture in (drawn, none))
    ]
    assert fine[0] == pytest.approx(fine[1], rel=0.05)


def test_the_truth_says_that_it_was_drawn(folder: Path, event: Any) -> None:
    truth = json.loads((folder / "drawn.json").read_text())
    assert truth["synthetic"] is True
    assert "drawn into a real recording" in truth["note"]
    assert truth["seed"] == 3
    assert event["units"]
    assert read_truth(folder / "drawn.json").events[0].amplitude_percent == 3.0


def test_a_copy_without_events_does_not_call_itself_synthetic(folder: Path) -> None:
    truth = json.loads((folder / "none.json").read_text())
    assert truth["synthetic"] is False
    assert truth["events"] == []


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["inject", *arguments]) in (1, 2)
    return capsys.readouterr().err


def test_a_recording_without_a_face_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "grey.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    for _ in range(5):
        writer.write(np.full((48, 64, 3), 90, np.uint8))
    writer.release()
    assert "no face was found" in refused(capsys, str(tmp_path / "grey.avi"), str(tmp_path / "out.mp4"))
    assert not (tmp_path / "out.mp4").exists()


def test_a_recording_without_a_face_can_be_copied(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "grey.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    for value in range(5):
        writer.write(np.full((48, 64, 3), 90 + value, np.uint8))
    writer.release()
    assert main(["inject", str(tmp_path / "grey.avi"), str(tmp_path / "out.mp4"), "--none"]) == 0
    assert len(pictures_of(tmp_path / "out.mp4")) == 5


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--amplitude", "3", "1"), "expected 0 < low <= high"),
        (("--event-duration", "0.2", "2"), "length of a micro-expression"),
        (("--crf", "30"), "0 (lossless) to 10"),
        (("--n-events", "0"), "--none"),
        (("--pause", "0", "1"), "0.1 <= low"),
    ],
)
def test_impossible_settings_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: Any, expected: Any
) -> None:
    assert expected in refused(capsys, str(folder / "source.mp4"), str(tmp_path / "out.mp4"), *options)


def test_a_file_that_is_no_video_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    assert "text.mp4" in refused(capsys, str(tmp_path / "text.mp4"), str(tmp_path / "out.mp4"))


def test_the_recording_itself_is_never_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is the recording itself" in refused(capsys, str(folder / "source.mp4"), str(folder / "source.mp4"))


def test_the_pose_of_a_turned_average_face_is_found() -> None:
    pose = HeadPose(x=200.0, y=150.0, scale=60.0, yaw=0.3, pitch=-0.2, roll=0.1)
    mesh = np.array([pose.x, pose.y]) + pose.scale * average_face() @ pose.turn.T
    found = fit_pose(mesh)
    assert (found.x, found.y, found.scale) == pytest.approx((200.0, 150.0, 60.0))
    assert (found.yaw, found.pitch, found.roll) == pytest.approx((0.3, -0.2, 0.1))


def test_smoothing_takes_jitter_out_and_leaves_a_straight_path_alone() -> None:
    times_s = np.arange(60) / 30
    jitter = np.random.default_rng(1).normal(0.0, 1.0, (60, 2))
    assert smoothed(times_s, jitter, width_s=0.04)[5:-5].std() < 0.6
    line = np.column_stack([3 * times_s, 1 - times_s])
    assert smoothed(times_s, line, width_s=0.04) == pytest.approx(line)


def test_repeated_pictures_are_told_from_still_ones() -> None:
    assert shown_pictures(np.array([0, 1.0, 0.04, 1.1, 0.03, 0.05, 0.9])).tolist() == [0, 1, 1, 3, 3, 3, 6]
    assert shown_pictures(np.array([0, 0.3, 0.1, 0.2, 0.15])).tolist() == [0, 1, 2, 3, 4]


def test_where_the_camera_repeats_a_picture_the_movement_stands_still(tmp_path: Path) -> None:
    options = ["--fps", "60", "--seconds", "4", "--n-events", "0", "--size", "240x180", "--duplicates", "0.4"]
    assert main(["recording", str(tmp_path / "r.mp4"), *options, "--quality", "95"]) == 0
    repeated = json.loads((tmp_path / "r.json").read_text())["repeated_frames"]
    assert main(["inject", str(tmp_path / "r.mp4"), str(tmp_path / "d.mp4"), *ONE_EVENT]) == 0
    truth = json.loads((tmp_path / "d.json").read_text())
    assert truth["repeated_frames"] == repeated
    drawn = pictures_of(tmp_path / "d.mp4")
    event = truth["events"][0]
    inside = [k for k in repeated if event["onset"]["index"] + 2 < k < event["offset"]["index"] - 2]
    assert inside
    assert all(same(drawn[k], drawn[k - 1]) for k in inside)
