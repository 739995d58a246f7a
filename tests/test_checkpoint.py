"""Checkpoints: whole or not at all, never pickles, never somebody else's."""

import errno
import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from mer import checkpoint
from mer.checkpoint import Configuration
from mer.errors import MerError
from mer.models import networks

CLASSES = ("happiness", "disgust", "surprise")
CONFIGURATION = Configuration("conv3d", "residual", CLASSES, 1.5, 0.4, {"data": "synthetic", "epochs": 3})


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(1)
    return networks.create("conv3d", mode="residual", n_classes=3)


@pytest.fixture
def saved(tmp_path: Path, network: torch.nn.Module) -> Path:
    path = tmp_path / "best.safetensors"
    checkpoint.save(path, network, CONFIGURATION)
    return path


def rewritten(path: Path, **changes: Any) -> Path:
    """Write the same weights with another description."""
    tensors, description = checkpoint.read(path, "weights")
    del description["format"], description["kind"]
    checkpoint.write(path, tensors, "weights", {**description, **changes})
    return path


def test_everything_comes_back(saved: Path, network: torch.nn.Module) -> None:
    loaded, configuration = checkpoint.load(saved)
    assert configuration == CONFIGURATION
    assert not loaded.training
    weights = network.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in loaded.state_dict().items())


def test_nothing_is_left_beside_the_file(saved: Path) -> None:
    assert [path.name for path in saved.parent.iterdir()] == ["best.safetensors"]


def test_a_full_disk_leaves_the_previous_file_whole(
    saved: Path, network: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MerError, match="No space left on device"):
        checkpoint.save(saved, network, CONFIGURATION)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["best.safetensors"]


def test_a_kill_before_the_end_leaves_the_previous_file_whole(
    saved: Path, network: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(saved, network, CONFIGURATION)
    assert saved.read_bytes() == before


@pytest.mark.parametrize("zipped", [True, False])
def test_pickles_are_refused_unread(tmp_path: Path, network: torch.nn.Module, zipped: bool) -> None:
    path = tmp_path / "model.safetensors"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(MerError, match="pickle"):
        checkpoint.load(path)


def test_a_plain_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps({"weights": [1, 2]}))
    with pytest.raises(MerError, match="pickle"):
        checkpoint.load(path)


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 64, struct.pack("<Q", 4) + b"nope" + b"0" * 60])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(MerError, match="not a safetensors file"):
        checkpoint.load(path)


def test_other_programs_safetensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(MerError, match="another program"):
        checkpoint.load(path)


def test_a_truncated_file_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-1000])
    with pytest.raises(MerError, match="damaged"):
        checkpoint.load(saved)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MerError, match=r"nowhere\.safetensors cannot be read"):
        checkpoint.load(tmp_path / "nowhere.safetensors")


def test_weights_of_another_model_are_refused(saved: Path) -> None:
    with pytest.raises(MerError, match="another model"):
        checkpoint.load(rewritten(saved, model="conv2d"))


def test_weights_of_another_number_of_classes_are_refused(saved: Path) -> None:
    with pytest.raises(MerError, match="classifier"):
        checkpoint.load(rewritten(saved, classes=["a", "b"]))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model": "vgg"}, "vgg"),
        ({"mode": "thermal"}, "thermal"),
        ({"temperature": 0.0}, "temperature"),
        ({"none_threshold": 1.5}, "none_threshold"),
        ({"classes": ["a", "a", "b"]}, "classes"),
        ({"temperature": "warm"}, "configuration is damaged"),
    ],
)
def test_configurations_without_sense_are_refused(saved: Path, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(MerError, match=named):
        checkpoint.load(rewritten(saved, **changes))


def test_a_later_format_is_refused(saved: Path) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data.replace(b'\\"format\\": 1', b'\\"format\\": 9', 1))
    with pytest.raises(MerError, match="format 9"):
        checkpoint.load(saved)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path, network: torch.nn.Module, value: float) -> None:
    network.get_parameter("conv.weight").data[0, 0, 0, 0, 0] = value
    with pytest.raises(MerError, match=r"conv\.weight"):
        checkpoint.save(tmp_path / "best.safetensors", network, CONFIGURATION)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_finite_are_not_loaded(saved: Path) -> None:
    tensors, description = checkpoint.read(saved, "weights")
    tensors["conv.bias"][0] = float("nan")
    checkpoint.write(saved, tensors, "weights", description)
    with pytest.raises(MerError, match=r"conv\.bias"):
        checkpoint.load(saved)


def test_a_training_state_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    checkpoint.write(path, {"step": torch.zeros(1)}, "state", {})
    with pytest.raises(MerError, match="'state'"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"model": "conv2d", "mode": "residual", "classes": CLASSES}, "conv2d"),
        ({"model": "conv3d", "mode": "gray", "classes": CLASSES}, "gray"),
        ({"model": "conv3d", "mode": "residual", "classes": CLASSES[:2]}, "happiness"),
    ],
)
def test_the_wrong_checkpoint_is_named(wanted: dict[str, Any], named: str) -> None:
    with pytest.raises(MerError, match=named):
        checkpoint.require(Path("best.safetensors"), CONFIGURATION, **wanted)


def test_the_right_checkpoint_passes() -> None:
    checkpoint.require(Path("x"), CONFIGURATION, model="conv3d", mode="residual", classes=CLASSES)


def test_metadata_can_be_read_by_any_safetensors_reader(saved: Path) -> None:
    data = saved.read_bytes()
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    assert json.loads(header["__metadata__"]["mer"])["classes"] == list(CLASSES)
