"""TensorRT plans of a user's own network: from the ONNX file that torch's exporter wrote."""

import importlib.util
from pathlib import Path
from typing import Any

import fake_tensorrt
import numpy as np
import pytest
import torch
from registered import nothing_stays

from engines import build_cli
from engines.export import export_network
from engines.manifest import load_pair, sha256
from engines.parity import parity_clips
from engines.runtime.tensorrt import TensorRtEngine
from engines.select import open_engine
from engines.source import read_ours
from mer import checkpoint, plugins
from mer.checkpoint import Configuration
from mer.errors import MerError
from mer.models import networks

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="tensorrt_rtx is not installed: pip install '.[rtx]'"
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of an own network with random weights; its ONNX file lies beside it. The plugin is gone again."""
    path = tmp_path_factory.mktemp("own") / "best.safetensors"
    with nothing_stays():
        plugins.load([Path(__file__).parent.parent / "examples" / "own_model.py"])
        torch.manual_seed(3)
        network = networks.create("tiny", mode="flow", n_classes=3).eval()
        configuration = Configuration("tiny", "flow", ("negative", "positive", "surprise"), training={"data": "none"})
        checkpoint.save(path, network, configuration)
        export_network(network, configuration, path.with_suffix(".onnx"))
    return path


@pytest.mark.parametrize("version", ["8.6.0", "10.13.0.35", "11.0.1"])
def test_a_plan_of_an_own_network_is_built_compared_and_run(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any, version: str
) -> None:
    """Against a stand-in."""
    fake_tensorrt.install(monkeypatch, version)
    source, plan = own.with_suffix(".onnx"), tmp_path / "m.plan"

    assert build_cli.main([str(source), "-o", str(plan), "--max-batch", "2"]) == 0
    manifest, _ = load_pair(plan)
    assert (manifest.model, manifest.precision, manifest.classes[0]) == ("tiny", "fp32", "negative")
    assert manifest.opset == load_pair(source)[0].opset
    assert manifest.target is not None
    assert manifest.target.source_sha256 == sha256(source.read_bytes())
    assert manifest.deviation is not None
    assert manifest.deviation.reference == "onnxruntime fp32"
    clips = parity_clips("flow", 3)
    with TensorRtEngine(plan) as engine, open_engine(source) as reference:
        assert np.allclose(engine.classify(clips), reference.classify(clips), atol=1e-6)


@needs_rtx
def test_rtx_builds_an_own_network_without_a_gpu(own: Path, tmp_path: Path, no_gpu: Any) -> None:
    assert build_cli.main([str(own.with_suffix(".onnx")), "-o", str(tmp_path / "m.plan")]) == 0
    manifest, content = load_pair(tmp_path / "m.plan")
    assert (manifest.backend, manifest.model, manifest.deviation) == ("tensorrt-rtx", "tiny", None)
    assert len(content) > 10_000


def test_half_precision_of_an_own_network_is_refused(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, gpu: Any
) -> None:
    fake_tensorrt.install(monkeypatch, "8.6.0")
    given = [str(own.with_suffix(".onnx")), "-o", str(tmp_path / "m.plan"), "--precision", "fp16"]

    assert build_cli.main(given) == 1
    assert "its file is in fp32; leave out --precision" in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_the_checkpoint_of_an_own_network_leads_to_its_onnx_file(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, gpu: Any
) -> None:
    fake_tensorrt.install(monkeypatch, "8.6.0")
    assert build_cli.main([str(own), "-o", str(tmp_path / "m.plan")]) == 1
    assert "holds model 'tiny', which is not one of ours; give the .onnx file" in capsys.readouterr().err


def test_the_comparison_of_runtimes_says_that_it_takes_ours_only(own: Path) -> None:
    with pytest.raises(MerError, match=r"holds model 'tiny'; give one of conv3d, conv2d, convlstm"):
        read_ours(own.with_suffix(".onnx"))
