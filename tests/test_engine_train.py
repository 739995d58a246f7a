import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engines import train
from engines.manifest import load_pair, read_manifest
from engines.parity import parity_clips
from engines.select import SHIPPED_MODEL, open_engine
from mer import checkpoint

QUICK = [
    "--input",
    "gray",
    "--model",
    "conv3d",
    "--classes",
    "fear,surprise",
    "--protocol",
    "all",
    "--epochs",
    "1",
    "--threads",
    "2",
    "--device",
    "cpu",
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("data") / "clips.npz"
    images = parity_clips("gray", 12)
    labels = np.array([["fear", "surprise"][i % 2] for i in range(12)])
    np.savez(path, clips=images, labels=labels, subjects=np.array([f"s{i // 2}" for i in range(12)]))
    return path


def test_training_ends_with_an_engine(clips: Any, tmp_path: Path) -> None:
    assert train.main(["--clips", str(clips), *QUICK, "--out", str(tmp_path / "run")]) == 0
    manifest, _ = load_pair(tmp_path / "run" / "best.onnx")

    assert set(manifest.classes) == {"fear", "surprise"}
    with open_engine(tmp_path / "run" / "best.onnx") as engine:
        assert engine.classify(parity_clips("gray", 1)).shape == (1, 2)


@pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="tensorrt_rtx is not installed: pip install '.[rtx]'"
)
def test_training_can_end_with_a_tensorrt_plan(clips: Any, tmp_path: Path) -> None:
    assert train.main(["--clips", str(clips), *QUICK, "--out", str(tmp_path / "run"), "--build-plan"]) == 0

    assert load_pair(tmp_path / "run" / "best.plan")[0].target is not None


def test_what_cannot_be_used_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--clips", str(tmp_path / "no.npz"), "--out", str(tmp_path / "run")]) == 1
    assert capsys.readouterr().err.startswith("mer-train: error: ")


def test_training_can_begin_with_the_shipped_weights(clips: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = [option if option != "conv3d" else "convlstm" for option in QUICK]
    assert (
        train.main(
            [
                "--clips",
                str(clips),
                *options,
                *("--input", "flow", "--lr", "1e-9", "--init", "shipped", "--oversample", "0"),
                "--out",
                str(run),
            ]
        )
        == 0
    )

    manifest, _ = load_pair(run / "best.onnx")
    assert manifest.training_data == f"clips, after {read_manifest(SHIPPED_MODEL).training_data}"


def test_the_shipped_weights_as_a_checkpoint_answer_as_the_shipped_engine(tmp_path: Path) -> None:
    images = parity_clips("flow", 2)
    network, configuration = checkpoint.load(train.shipped_checkpoint(tmp_path))
    with torch.no_grad():
        answers = torch.softmax(network(torch.from_numpy(images)), dim=1).numpy()
    with open_engine(SHIPPED_MODEL) as engine:
        assert np.allclose(answers, engine.classify(images), atol=1e-2), "the recurrence in whole numbers"
        assert (configuration.classes, configuration.mode) == (engine.classes, engine.mode)
