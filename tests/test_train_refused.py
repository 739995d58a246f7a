"""What cannot be trained on is refused with a message, before anything is trained."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_clips import CLASSES, write_toy

from mer import splits, train
from mer.errors import MerError
from mer.training.data import read_npz

SMALL = ("--model", "conv3d", "--input", "residual", "--classes", ",".join(CLASSES), "--threads", "1")


def run_it(clips: Path, out: Path, *options: str) -> int:
    return train.main(["--clips", str(clips), "--out", str(out), *SMALL, *options])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"labels": np.array(["happiness"] * 36)}, "no clip of class 'disgust'"),
        ({"subjects": np.array(["P0"] * 36)}, "1 subject"),
        ({"clips": np.zeros((36, 2, 90, 90), np.uint8)}, r"\(36, 2, 90, 90\)"),
        ({"clips": np.zeros((36, 13, 90, 90), np.float32)}, "float32"),
        ({"labels": np.array(["happiness"] * 3)}, "one each"),
    ],
)
def test_data_that_cannot_be_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], named: str
) -> None:
    path = write_toy(tmp_path / "bad.npz", **changes)
    assert run_it(path, tmp_path / "run") == 1
    message = capsys.readouterr().err
    assert message.startswith("mer-train: error: ")
    assert re.search(named, message)


def test_colour_cannot_be_made_of_grey_clips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_it(write_toy(tmp_path / "toy.npz"), tmp_path / "run", "--input", "rgb") == 1
    assert "rgb" in capsys.readouterr().err


def test_pickles_in_place_of_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, clips=np.array([{"a": 1}], dtype=object), labels=np.array(["a"]), subjects=np.array(["b"]))
    with pytest.raises(MerError, match="plain arrays"):
        read_npz(path)


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", clips=np.zeros((1, 13, 90, 90), np.uint8), labels=np.array(["a"]))
    with pytest.raises(MerError, match="'subjects'"):
        read_npz(tmp_path / "bad.npz")


def test_folds_of_other_people_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    others = splits.Fold("fold-1", ("X0", "X1"), ("X2",), ("X3",))
    splits.save(tmp_path / "folds.json", [others], protocol="5fold", seed=0)
    assert run_it(write_toy(tmp_path / "toy.npz"), tmp_path / "run", "--folds", str(tmp_path / "folds.json")) == 1
    assert "is not in the data" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--clips", "a.npz", "--dataset", "mmew", "--root", "."),
        ("--dataset", "mmew"),
        ("--clips", "a.npz", "--batch", "0"),
        ("--clips", "a.npz", "--lr", "-1"),
        ("--clips", "a.npz", "--classes", "one"),
        ("--clips", "a.npz", "--threads", "0"),
    ],
)
def test_options_without_sense_exit_with_2(options: tuple[str, ...], tmp_path: Path) -> None:
    assert train.main([*options, "--out", str(tmp_path / "run")]) == 2


def test_a_missing_gpu_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert run_it(write_toy(tmp_path / "toy.npz"), tmp_path / "run", "--device", "cuda") == 1
    assert "no GPU" in capsys.readouterr().err
