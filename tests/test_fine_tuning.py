"""Training that begins with the weights of another run."""

from pathlib import Path

import pytest
import torch
from toy_clips import CLASSES, write_toy

from mer import checkpoint, train

HOW = ("--model", "conv3d", "--input", "residual", "--threads", "1", "--device", "cpu", "--batch", "4", "--warmup", "0")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy") / "toy.npz")


@pytest.fixture(scope="module")
def base(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run over three epochs."""
    out = tmp_path_factory.mktemp("runs") / "base"
    assert run_it(toy, out, "--epochs", "3") == 0
    return out / "best.safetensors"


def run_it(clips: Path, out: Path, *options: str, classes: tuple[str, ...] = CLASSES) -> int:
    names = ("--classes", ",".join(classes), "--protocol", "all")
    return train.main(["--clips", str(clips), "--out", str(out), *HOW, *names, *options])


def weights(path: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(path)[0].state_dict()


def test_it_begins_where_the_other_run_ended(base: Path, toy: Path, tmp_path: Path) -> None:
    assert run_it(toy, tmp_path / "run", "--epochs", "1", "--lr", "1e-9", "--init", str(base)) == 0
    before, after = weights(base), weights(tmp_path / "run/best.safetensors")
    for name, tensor in before.items():
        assert torch.allclose(tensor, after[name], atol=1e-6), name


def test_other_classes_keep_all_but_the_last_layer(base: Path, toy: Path, tmp_path: Path) -> None:
    options = ("--epochs", "1", "--lr", "1e-9", "--init", str(base), "--map", "surprise=fear")
    assert run_it(toy, tmp_path / "run", *options, classes=("happiness", "disgust", "fear")) == 0
    before, after = weights(base), weights(tmp_path / "run/best.safetensors")
    changed = {name for name in before if not torch.allclose(before[name], after[name], atol=1e-6)}
    assert changed == {"head.classifier.out.weight", "head.classifier.out.bias"}


def test_the_checkpoint_says_what_all_its_weights_were_trained_on(base: Path, tmp_path: Path) -> None:
    other = write_toy(tmp_path / "other.npz")
    assert run_it(other, tmp_path / "run", "--epochs", "1", "--init", str(base)) == 0
    _, configuration = checkpoint.load(tmp_path / "run/best.safetensors")
    assert configuration.training["data"] == "other, after toy"


def test_the_weights_of_another_model_are_refused(
    base: Path, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_it(toy, tmp_path / "run", "--init", str(base), "--input", "gray") == 1
    assert "holds mode 'residual', but 'gray' is wanted" in capsys.readouterr().err


def test_a_pickle_is_refused(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"a": torch.zeros(2)}, tmp_path / "a.safetensors")
    assert run_it(toy, tmp_path / "run", "--init", str(tmp_path / "a.safetensors")) == 1
    assert "is a pickle" in capsys.readouterr().err
