"""Portraits that follow real heads and faces: paths, curves, and what the command says to bad files."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mer.errors import MerError
from mer.face.landmarker import detect_once
from mer.face.pose import HeadPose, fit_pose
from mer.synth import curves, head_path
from mer.synth.portrait import packaged_portrait
from mer.synth.scene import Expressed, Scene
from mer.synth.timeline import Timeline
from mer.synthesise import main

TINY = ("--fps", "30", "--seconds", "1", "--n-events", "0", "--size", "160x120", "--distractors", "none")


def frames_of(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return frames


@pytest.mark.parametrize("name", head_path.built_in())
def test_paths_of_the_package_are_paths_of_heads_and_name_their_licence(name: Any) -> None:
    path = head_path.find_path(name, np.random.default_rng(0))
    assert path.seconds > 5
    assert 0.05 < np.median(path.speeds) < 1.0
    assert np.percentile(path.speeds, 95) < 3.0
    file = Path(head_path.__file__).with_name("motion") / f"head-{name}.csv"
    assert "licence" in "".join(file.read_text().splitlines()[:2]) or "Apache" in file.read_text()[:300]


@pytest.mark.parametrize("name", curves.built_in())
def test_curves_of_the_package_move_brows_mouth_and_lids(name: Any) -> None:
    timeline = Timeline(np.arange(3000) / 30)
    curves.find_curves(name, np.random.default_rng(0)).play(timeline, np.random.default_rng(1))
    assert timeline.closure.max() == 1.0
    assert timeline.closure.min() >= 0.0
    for unit in (1, 12, 26):
        assert 0.02 < timeline.units[unit, 1].max() < 0.25
        assert timeline.units[unit, 1].min() >= 0.0


def test_a_path_is_smooth_between_its_rows_and_stays_within_what_a_portrait_shows() -> None:
    path = head_path.find_path("webcam", np.random.default_rng(0))
    times_s = np.arange(0, 120, 1 / 200)  # longer than the path: it is walked back and forth
    poses = path.stretch(times_s, np.random.default_rng(2))
    x = np.array([pose.x for pose in poses])
    assert np.abs(np.diff(x)).max() * 200 < 4.0
    assert max(abs(pose.yaw) for pose in poses) <= head_path.MAX_TURN
    assert np.abs(x).max() <= head_path.MAX_SHIFT_IOD


def test_a_written_path_is_read_as_it_was(tmp_path: Path) -> None:
    path = head_path.find_path("reading", np.random.default_rng(0))
    head_path.write_path(tmp_path / "p.csv", path, about=["a path"])
    assert head_path.read_path(tmp_path / "p.csv").poses == pytest.approx(path.poses)


def mesh_of(image: Any) -> Any:
    """Return the (478, 3) mesh of the face in a picture."""
    mesh = detect_once(image)
    assert mesh is not None
    return mesh


def test_a_portrait_follows_position_size_and_turn() -> None:
    portrait = packaged_portrait()
    scene = Scene(portrait, {}, size_wh=(640, 480), iod_px=90, reach_iod=0.9)
    rest, there = (
        fit_pose(mesh_of(scene.render(Expressed({}), pose).astype(np.uint8))[:, :2])
        for pose in (HeadPose(), HeadPose(x=0.3, y=-0.2, scale=1.1, yaw=0.2, pitch=0.0, roll=0.1))
    )
    moved = np.array([there.x - rest.x, there.y - rest.y]) / rest.scale
    assert moved == pytest.approx([0.3, -0.2], abs=0.05)
    assert there.scale / rest.scale == pytest.approx(1.1, abs=0.05)
    assert there.roll - rest.roll == pytest.approx(0.1, abs=0.03)
    assert 0.1 < there.yaw - rest.yaw < 0.25


def test_a_turn_moves_the_nose_more_than_the_eyes() -> None:
    portrait = packaged_portrait()
    scene = Scene(portrait, {}, size_wh=(320, 240), iod_px=60, reach_iod=0.9)
    still, turned = (scene.render(Expressed({}), pose).mean(axis=2) for pose in (HeadPose(), HeadPose(yaw=0.1)))
    flow = cv2.calcOpticalFlowFarneback(
        still.astype(np.uint8), turned.astype(np.uint8), None, 0.5, 3, 11, 5, 7, 1.5, 0
    )[..., 0]
    tip, between = (scene.landmarks_px[k].round().astype(int) for k in (4, 168))
    across = [flow[y - 2 : y + 3, x - 2 : x + 3].mean() / 60 for x, y in (tip, between)]
    assert across[0] == pytest.approx(0.06, abs=0.025)
    assert across[0] > 1.5 * across[1]


def test_a_recording_with_a_real_head_says_so_and_repeats_itself(tmp_path: Path) -> None:
    options = ("--head-path", "measured", "--curves", "measured", "--seed", "5", *TINY)
    for name in ("a", "b"):
        assert main(["recording", str(tmp_path / f"{name}.mp4"), *options]) == 0
    truth = json.loads((tmp_path / "a.json").read_text())
    assert truth["head_path"].startswith("head-")
    assert truth["curves"].startswith("curves-")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_duplicate_frames_are_as_many_as_asked_for_and_named(tmp_path: Path) -> None:
    options = ["--duplicates", "0.4", "--fps", "60", "--seconds", "2", "--n-events", "0", "--size", "160x120"]
    assert main(["recording", str(tmp_path / "r.avi"), *options]) == 0
    repeated = json.loads((tmp_path / "r.json").read_text())["repeated_frames"]
    frames = frames_of(tmp_path / "r.avi")
    assert 0.25 < len(repeated) / len(frames) < 0.55
    assert [k for k in range(1, len(frames)) if np.array_equal(frames[k], frames[k - 1])] == repeated


def test_h264_has_sharper_frames_at_every_key_frame(tmp_path: Path) -> None:
    options = ["--codec", "h264", "--quality", "30", "--key-every", "10", "--distractors", "standard"]
    assert (
        main(["recording", str(tmp_path / "r.mp4"), "--fps", "30", "--seconds", "2", "--n-events", "0", *options]) == 0
    )
    import av

    with av.open(str(tmp_path / "r.mp4")) as container:
        keys = [k for k, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keys == [0, 10, 20, 30, 40, 50]


def test_the_size_of_the_face_can_be_chosen(tmp_path: Path) -> None:
    assert main(["recording", str(tmp_path / "r.avi"), *TINY, "--iod", "40"]) == 0
    assert json.loads((tmp_path / "r.json").read_text())["iod_px"] == 40


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--head-path", "nowhere.csv"), "nowhere.csv cannot be read"),
        (("--curves", "nowhere.csv"), "nowhere.csv cannot be read"),
        (("--head-path", "bad.csv"), "no column x"),
        (("--curves", "bad.csv"), "time_s or Timecode"),
        (("--iod", "5"), "expected 20"),
        (("--duplicates", "2"), "expected 0 to 0.9"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: Any, expected: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.csv").write_text("time_s,a\n0,1\n")
    assert main(["recording", "r.mp4", *TINY, *options]) in (1, 2)
    assert expected in capsys.readouterr().err


def test_a_broken_row_of_a_path_is_named(tmp_path: Path) -> None:
    rows = "time_s,x,y,scale,yaw,pitch,roll\n" + "0,0,0,1,0,0,0\n" + "1,0,0,nan,0,0,0\n"
    (tmp_path / "p.csv").write_text(rows)
    with pytest.raises(MerError, match="row 3"):
        head_path.read_path(tmp_path / "p.csv")


def test_live_link_time_codes_are_read(tmp_path: Path) -> None:
    lines = ["Timecode,BlendShapeCount,JawOpen"]
    lines += [f"13:13:0{k // 30}:{2 * (k % 30)}.5,61,0.{k % 10}" for k in range(60)]
    (tmp_path / "c.csv").write_text("\n".join(lines))
    read = curves.read_curves(tmp_path / "c.csv")
    assert read.times_s[-1] == pytest.approx(59 / 30)


def test_the_path_of_a_head_is_measured_in_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--fps", "30", "--seconds", "3", "--n-events", "0", "--distractors", "none", "--size", "320x240"]
    assert main(["recording", str(tmp_path / "r.mp4"), *options, "--head-path", "webcam", "--seed", "2"]) == 0
    assert main(["head-path", str(tmp_path / "r.mp4"), str(tmp_path / "p.csv")]) == 0
    assert "median speed" in capsys.readouterr().out
    measured = head_path.read_path(tmp_path / "p.csv")
    generator = np.random.default_rng(np.random.SeedSequence(2).spawn(7)[6])
    _, stretch_of, _, _ = generator.spawn(4)
    path = head_path.find_path("webcam", generator)
    shown = path.stretch(np.arange(90) / 30, stretch_of)
    x = np.array([pose.x for pose in shown])
    assert np.std(measured.poses[:, 0] - (x - np.median(x))) < 0.02
