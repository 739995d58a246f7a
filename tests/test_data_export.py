"""`mer-data export`: clips, flow and embeddings by clip name, for other programs."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest
import torch
from toy_clips import toy_clips, write_toy

from engines.data import main
from mer import checkpoint
from mer.models import networks
from mer.preprocess import encode
from mer.training.data import read_npz


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    arrays = toy_clips(2, 3)
    names = np.array([f"EP{n:02d}" for n in range(6)])
    return write_toy(tmp_path_factory.mktemp("toy") / "toy.npz", **arrays, names=names)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "best.safetensors"
    torch.manual_seed(0)
    network = networks.create("conv3d", mode="residual", n_classes=2)
    checkpoint.save(path, network, checkpoint.Configuration("conv3d", "residual", ("happiness", "surprise"), 2.0))
    return path


def exported(out: Path) -> dict[str, Any]:
    with np.load(out, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def test_clips_carry_their_names_and_can_be_trained_on(toy: Path, tmp_path: Path) -> None:
    assert main(["export", "--clips", str(toy), "--out", str(tmp_path / "all.npz")]) == 0
    found = exported(tmp_path / "all.npz")
    assert found["names"].tolist() == [f"EP{n:02d}" for n in range(6)]
    assert (tmp_path / "all.npz").stat().st_mode & 0o777 == 0o600
    again = read_npz(tmp_path / "all.npz")
    assert np.array_equal(again.clips, read_npz(toy).clips)
    assert again.names.tolist() == found["names"].tolist()


def test_flow_is_in_pixels(toy: Path, tmp_path: Path) -> None:
    assert main(["export", "--clips", str(toy), "--contents", "flow", "--out", str(tmp_path / "flow.npz")]) == 0
    found = exported(tmp_path / "flow.npz")
    assert "clips" not in found
    encoded = encode(read_npz(toy).clips[2], "flow").astype(float)
    assert found["flow"].shape == (6, 13, 90, 90, 2)
    assert np.allclose(found["flow"][2], (encoded[..., :2] - 128) / 24, atol=1e-6)
    assert np.allclose(found["strain"][2], encoded[..., 2] / 600, atol=1e-6)


def test_embeddings_lead_to_the_probabilities(toy: Path, weights: Path, tmp_path: Path) -> None:
    given = ["export", "--clips", str(toy), "--contents", "embeddings", "--weights", str(weights)]
    assert main([*given, "--out", str(tmp_path / "e.npz")]) == 0
    found = exported(tmp_path / "e.npz")
    network, configuration = checkpoint.load(weights)
    last = [module for module in network.modules() if isinstance(module, torch.nn.Linear)][-1]
    logits = last(torch.from_numpy(found["embeddings"])) / configuration.temperature
    assert np.allclose(torch.softmax(logits, dim=1).detach().numpy(), found["probabilities"], atol=1e-5)
    assert found["classes"].tolist() == ["happiness", "surprise"]


def test_parquet_has_a_row_for_each_clip(toy: Path, weights: Path, tmp_path: Path) -> None:
    given = ["export", "--clips", str(toy), "--contents", "clips,embeddings", "--weights", str(weights)]
    assert main([*given, "--out", str(tmp_path / "e.parquet")]) == 0
    table = parquet.read_table(tmp_path / "e.parquet")
    assert table.num_rows == 6
    assert table["names"].to_pylist() == [f"EP{n:02d}" for n in range(6)]
    assert table.schema.metadata[b"shape of clips"] == b"13x90x90"
    clip = np.array(table["clips"][3].as_py(), np.uint8).reshape(13, 90, 90)
    assert np.array_equal(clip, read_npz(toy).clips[3])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--out", "x.csv"), "neither .npz nor .parquet"),
        (("--out", "x.npz", "--contents", "faces"), "'faces' is not known; choose among clips, flow, embeddings"),
        (("--out", "x.npz", "--contents", "embeddings"), "embeddings and one --weights go together"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    options: tuple[str, ...], said: str, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "--clips", str(toy), *options]) == 2
    assert said in capsys.readouterr().err
