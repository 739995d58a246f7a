"""Ordinary motion: cut from recordings, mixed with micro-expressions in training."""

import stat
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from recordings import pictures, write_video
from toy_clips import toy_clips, write_toy

from mer import checkpoint, train
from mer.config import TrainSettings
from mer.data.backgrounds import clips_of
from mer.data.cli import main as mer_data
from mer.errors import MerError
from mer.messages import FaceCrop
from mer.preprocess import encode, encode_flow
from mer.synthesise import main as mer_synth
from mer.training.backgrounds import mix, read_backgrounds
from mer.training.data import read_npz

CLASSES = ("happiness", "disgust", "surprise")
STILL = np.tile(np.array([128, 128, 0], np.uint8), (13, 90, 90, 1))


def moved(u: int, v: int) -> NDArray[np.uint8]:
    """Return an encoded clip in which everything but the first frame moves by some steps."""
    clip: NDArray[np.uint8] = STILL.copy()
    clip[1:, ..., 0] = 128 + u
    clip[1:, ..., 1] = 128 + v
    return clip


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ordinary") / "a.mp4"
    options = ("--fps", "60", "--seconds", "3", "--n-events", "0", "--size", "320x240")
    assert mer_synth(["recording", str(path), *options]) == 0
    return path


def test_clips_of_ordinary_motion_are_cut_for_their_owner_only(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "ordinary.npz"
    assert mer_data(["backgrounds", str(recording), "--out", str(out)]) == 0
    cut = read_npz(out)
    assert len(cut.clips) > 20
    assert set(cut.labels.tolist()) == {"none"}
    assert set(cut.subjects.tolist()) == {"a"}
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_nothing_is_cut_where_there_is_no_face(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = tmp_path / "grey.mp4"
    write_video(recording, pictures(60))
    assert mer_data(["backgrounds", str(recording), "--out", str(tmp_path / "x.npz")]) == 1
    assert "none of 1 recordings shows a face" in capsys.readouterr().err
    assert not (tmp_path / "x.npz").exists()


def test_a_seed_below_zero_is_refused(recording: Path, tmp_path: Path) -> None:
    assert mer_data(["backgrounds", str(recording), "--out", str(tmp_path / "x.npz"), "--seed", "-1"]) == 2


def test_no_clip_reaches_over_frames_without_a_face() -> None:
    picture = np.zeros((240, 240), np.uint8)
    transform = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    lost = [
        FaceCrop(picture, transform, transform, np.zeros((478, 2), np.float32), k / 50, k, -1, "lost", 0.0, 0)
        for k in range(100)
    ]
    assert clips_of(lost, np.random.default_rng(0)) == []


def test_motion_adds_up() -> None:
    clips, truth = np.stack([moved(10, 0)] * 40), np.zeros(40, np.int64)
    mixed = mix(clips, truth, np.stack([moved(0, 20)]), n_classes=3, seed=[1], none_share=0.0)
    steps = mixed.clips[:, 6, 45, 45, :2].astype(int) - 128
    assert set(steps[:, 0].tolist()) == {10}
    assert steps[:, 1].min() == 0  # some stay as they are
    assert 15 < steps[:, 1].max() <= 25
    assert np.array_equal(mixed.targets, np.tile([1.0, 0.0, 0.0], (40, 1)).astype(np.float32))


def test_mirrored_motion_goes_the_other_way() -> None:
    clips, truth = np.stack([STILL] * 60), np.zeros(60, np.int64)
    mixed = mix(clips, truth, np.stack([moved(40, 0)]), n_classes=3, seed=[1], none_share=0.0)
    steps = mixed.clips[:, 6, 45, 45, 0].astype(int) - 128
    assert steps.min() < -15
    assert steps.max() > 15


def test_ordinary_motion_alone_has_no_class() -> None:
    clips, truth = np.stack([moved(10, 0)] * 8), np.ones(8, np.int64)
    mixed = mix(clips, truth, np.stack([moved(0, 20)]), n_classes=4, seed=[1], none_share=1.0)
    assert np.allclose(mixed.targets, 0.25)
    assert set(mixed.clips[:, 6, 45, 45, 0].tolist()) == {128}


def test_the_same_seed_mixes_the_same() -> None:
    rng = np.random.default_rng(0)
    clips = rng.integers(100, 156, (6, 13, 90, 90, 3)).astype(np.uint8)
    given = {"truth": np.zeros(6, np.int64), "backgrounds": clips[:3], "n_classes": 3}
    first, again, other = (mix(clips, **given, seed=[seed]).clips for seed in (1, 1, 2))  # type: ignore[arg-type]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_strain_is_that_of_the_sum() -> None:
    rng = np.random.default_rng(0)
    smooth = [np.kron(rng.integers(100, 156, (13, 9, 9)), np.ones((10, 10))).astype(np.uint8) for _ in range(2)]
    clips = [encode_flow(images) for images in smooth]
    mixed = mix(clips[0][None], np.zeros(1, np.int64), clips[1][None], n_classes=3, seed=[3], none_share=0.0).clips[0]
    assert mixed[0].reshape(-1, 3).tolist() == [[128, 128, 0]] * 8100
    assert mixed[6, ..., 2].any()


def test_recordings_that_decide_when_to_stop_change_no_weight(tmp_path: Path) -> None:
    clips = np.stack([np.full((13, 90, 90), 10 * k, np.uint8) for k in range(12)])
    people = np.repeat([f"p{k}" for k in range(6)], 2)
    np.savez(tmp_path / "b.npz", clips=clips, labels=np.full(12, "none"), subjects=people)
    given = read_backgrounds(tmp_path / "b.npz", lambda clip: clip[0, 0, 0], threads=1)
    assert given.validation.tolist() == [0, 10, 100, 110]  # p0 and p5
    assert not set(given.validation.tolist()) & set(given.train.tolist())


def test_one_recording_is_too_few(tmp_path: Path) -> None:
    write_toy(tmp_path / "b.npz", **toy_clips(1))
    with pytest.raises(MerError, match="holds clips of 1 recording; expected at least 2"):
        read_backgrounds(tmp_path / "b.npz", lambda clip: encode(clip, "flow"), threads=1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"input": "gray"}, "use input flow"),
        ({"model": "mdmo"}, "sees each clip only once"),
        ({"model": "elrcn"}, "once"),
    ],
)
def test_what_cannot_be_mixed_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(MerError, match=said):
        TrainSettings(backgrounds="b.npz", **given)  # type: ignore[arg-type]


def test_a_network_is_trained_on_moving_faces_from_the_command_line(tmp_path: Path) -> None:
    clips = write_toy(tmp_path / "toy.npz", **toy_clips(4))
    ordinary = write_toy(tmp_path / "ordinary.npz", **toy_clips(3))
    options = ("--model", "conv2d", "--input", "flow", "--epochs", "1", "--protocol", "holdout", "--device", "cpu")
    arguments = ["--clips", str(clips), "--out", str(tmp_path / "run"), "--classes", ",".join(CLASSES), *options]
    assert train.main([*arguments, "--backgrounds", str(ordinary)]) == 0
    _, configuration = checkpoint.load(tmp_path / "run" / "best.safetensors")
    assert configuration.training["settings"]["backgrounds"] == str(ordinary)
