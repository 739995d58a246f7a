"""Random changes to encoded motion."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from toy_clips import CLASSES, write_toy

from mer import train
from mer.training.elastic import AMPLITUDE, vary_flow


@pytest.fixture(scope="module")
def clip() -> NDArray[np.uint8]:
    """One clip that moves right and up, left of the middle."""
    y, x = np.mgrid[0:90, 0:90]
    bump = np.exp(-((x - 30) ** 2 + (y - 50) ** 2) / (2 * 8.0**2))
    course = np.sin(np.pi * np.arange(13) / 12)[:, None, None]
    channels = [128 + 40 * course * bump, 128 - 20 * course * bump, 60 * course * bump]
    moved: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)[None]
    return moved


def test_without_strength_a_clip_is_only_mirrored_sometimes(clip: NDArray[np.uint8]) -> None:
    mirrored = clip[:, :, :, ::-1].copy()
    mirrored[..., 0] = 256 - mirrored[..., 0].astype(int)

    made = [vary_flow(clip, 0.0, (0, k)) for k in range(20)]

    kinds = {"same" if (m == clip).all() else "mirrored" if (m == mirrored).all() else "else" for m in made}
    assert kinds == {"same", "mirrored"}


def test_the_same_seed_makes_the_same_changes(clip: NDArray[np.uint8]) -> None:
    assert (vary_flow(clip, 1.0, (5, 1)) == vary_flow(clip, 1.0, (5, 1))).all()
    assert (vary_flow(clip, 1.0, (5, 1)) != vary_flow(clip, 1.0, (5, 2))).any()


def test_the_onset_picture_stays_at_rest(clip: NDArray[np.uint8]) -> None:
    onset = vary_flow(np.repeat(clip, 8, axis=0), 1.0, (3,))[:, 0]

    assert (onset[..., :2] == 128).all()
    assert (onset[..., 2] == 0).all()


def test_motion_changes_in_strength_and_place_but_not_in_kind(clip: NDArray[np.uint8]) -> None:
    made = vary_flow(np.repeat(clip, 60, axis=0), 1.0, (7,))[:, 6].astype(float) - (128, 128, 0)

    up = -made[..., 1]
    peaks = up.reshape(60, -1).max(axis=1)
    places = [np.unravel_index(picture.argmax(), picture.shape) for picture in up]
    columns = np.array([min(column, 89 - column) for _, column in places])
    assert (up.reshape(60, -1).mean(axis=1) > 0).all()
    assert 20 / AMPLITUDE / 1.5 < peaks.min() < 16
    assert 25 < peaks.max() < 20 * AMPLITUDE * 1.5
    assert 1.0 < columns.std() < 8.0
    assert abs(columns.mean() - 30) < 3


def test_training_with_it_repeats_to_the_digit(tmp_path: Path) -> None:
    toy = write_toy(tmp_path / "toy.npz")
    given = (
        "--clips",
        str(toy),
        "--model",
        "conv3d",
        "--input",
        "flow",
        "--classes",
        ",".join(CLASSES),
        "--epochs",
        "1",
    )
    options = (*given, "--threads", "1", "--device", "cpu", "--protocol", "holdout", "--elastic", "1")

    assert train.main([*options, "--out", str(tmp_path / "a")]) == 0
    assert train.main([*options, "--out", str(tmp_path / "b")]) == 0

    a, b = ((tmp_path / name / "fold-1/predictions.csv").read_text() for name in "ab")
    assert a == b


def test_pictures_are_not_motion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toy = write_toy(tmp_path / "toy.npz")

    code = train.main(["--clips", str(toy), "--out", str(tmp_path / "out"), "--input", "gray", "--elastic", "1"])

    assert code == 2
    assert "--elastic is 1 with input gray" in capsys.readouterr().err
