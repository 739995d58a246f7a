import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from engine_models import export_random, random_network, save_random
from onnx import TensorProto

from engines import export
from engines.folding import fold
from engines.graph import LAYOUTS, build_graph, read_arrays
from engines.manifest import load_pair, read_manifest
from engines.parity import deviation, parity_clips
from engines.quantised import quantised_gates
from engines.runtime.onnx import new_session
from mer.errors import MerError
from mer.labels import CLASSES


@pytest.fixture(scope="module", autouse=True)
def two_parity_clips() -> Iterator[None]:
    """Noise and a bar instead of two of each: torch takes a second for one in float64."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "parity_clips", functools.partial(parity_clips, count=2))
        yield


def run(content: Any, clips: Any) -> Any:
    return new_session(content, source="test").run(None, {"clips": clips})[0]


@functools.cache
def expected(model: Any, mode: Any) -> Any:
    network, configuration = random_network(model, mode=mode, temperature=1.7)
    return export.reference_probabilities(network, configuration, parity_clips(mode, 1))


def relative_error(model: Any, mode: Any, precision: Any, layout: Any) -> Any:
    network, configuration = random_network(model, mode=mode, temperature=1.7)
    content = export.onnx_bytes(network, configuration, precision=precision, layout=layout)
    found = run(content, parity_clips(mode, 1))
    return deviation(found, expected(model, mode), reference="torch float64").relative


@pytest.mark.parametrize(
    ("model", "mode"),
    [(model, mode) for model in ("conv3d", "conv2d") for mode in ("gray", "residual", "rgb", "flow")]
    + [("convlstm", "gray"), ("convlstm", "flow")],
)
def test_every_model_and_input_answers_as_torch_does(model: Any, mode: Any) -> None:
    assert relative_error(model, mode, "fp32", "gates") < 1e-4


@pytest.mark.parametrize("mode", ["gray", "flow"])
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("fp16", 5e-3)])
def test_the_gpu_layout_answers_as_torch_does(mode: Any, precision: Any, tolerance: Any) -> None:
    assert relative_error("convlstm", mode, precision, "joint") < tolerance


def test_whole_numbers_answer_nearly_as_torch_does() -> None:
    assert 1e-4 < relative_error("convlstm", "flow", "int8", "bytes") < 5e-2


def test_a_frame_at_rest_is_exact_in_whole_numbers() -> None:
    network, configuration = random_network("convlstm", mode="flow")
    arrays = fold(network, model="convlstm", mode="flow", temperature=configuration.temperature)
    rest = np.broadcast_to(arrays["input_shift"], (9, 3)).T.reshape(-1)

    gates = quantised_gates(arrays, "flow")

    for gate, bias in zip(gates, np.split(arrays["input_bias"], 4)):
        of_frame = gate.weight[:, -8:].reshape(len(bias), -1).astype(np.int64)
        total = of_frame @ (np.resize(rest.reshape(3, 9), (8, 9)).reshape(-1) - 128) + gate.bias
        assert np.allclose(total * gate.scale / 127, bias, atol=1e-4)


def test_weights_fit_processors_that_saturate_sums_of_two_products() -> None:
    network, configuration = random_network("convlstm", mode="flow")
    arrays = fold(network, model="convlstm", mode="flow", temperature=configuration.temperature)

    assert max(np.abs(gate.weight.astype(int)).max() for gate in quantised_gates(arrays, "flow")) * 255 * 2 < 2**15


@pytest.mark.parametrize(("model", "mode"), [("conv2d", "flow"), ("conv3d", "gray"), ("convlstm", "residual")])
def test_what_does_not_fit_bytes_is_exported_in_single_precision(tmp_path: Path, model: Any, mode: Any) -> None:
    network, configuration = random_network(model, mode=mode)

    assert export.export_network(network, configuration, tmp_path / "m.onnx").precision == "fp16-weights"
    with pytest.raises(MerError, match="cannot be written in int8"):
        export.export_network(network, configuration, tmp_path / "m.onnx", precision="int8")


def test_the_convlstm_is_exported_in_whole_numbers(tmp_path: Path) -> None:
    network, configuration = random_network("convlstm", mode="flow")

    assert export.export_network(network, configuration, tmp_path / "m.onnx").precision == "int8"


def test_a_network_that_loses_too_much_in_whole_numbers_is_exported_in_single_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(export.TOLERANCE, "int8", 0.0)
    network, configuration = random_network("convlstm", mode="flow")

    assert export.export_network(network, configuration, tmp_path / "m.onnx").precision == "fp16-weights"


def test_whole_numbers_keep_the_weights_for_other_engines() -> None:
    network, configuration = random_network("convlstm", mode="flow")
    whole, single = (
        read_arrays(export.onnx_bytes(network, configuration, precision=precision, layout=LAYOUTS[precision]))
        for precision in ("int8", "fp16-weights")
    )

    assert all((whole[name] == array).all() for name, array in single.items())


def test_the_reference_is_what_torch_answers_in_single_precision() -> None:
    network, configuration = random_network(temperature=2.0)
    clips = parity_clips("gray", 2)
    with torch.inference_mode():
        expected = torch.softmax(network(torch.from_numpy(clips)) / 2.0, dim=1).numpy()

    assert np.allclose(export.reference_probabilities(network, configuration, clips), expected, atol=1e-6)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("export") / "convlstm.onnx"
    export_random(path, model="convlstm", precision="fp16-weights")
    return path


def test_the_batch_is_free(exported: Any) -> None:
    clips = parity_clips("gray", 3)
    content = exported.read_bytes()

    together, alone = run(content, clips), np.concatenate([run(content, clip[None]) for clip in clips])

    assert np.allclose(together, alone, atol=1e-6)


def test_the_interface_is_bytes_in_and_probabilities_out(exported: Any) -> None:
    graph = onnx.load(exported).graph
    ports = [(p.name, p.type.tensor_type.elem_type) for p in (*graph.input, *graph.output)]

    assert ports == [("clips", TensorProto.UINT8), ("probabilities", TensorProto.FLOAT)]
    assert np.allclose(run(exported.read_bytes(), parity_clips("gray", 2)).sum(axis=1), 1.0, atol=1e-6)


def test_the_opset_is_stated_and_true(exported: Any) -> None:
    assert read_manifest(exported).opset == onnx.load(exported).opset_import[0].version == 17


def test_the_manifest_says_what_was_measured(exported: Any) -> None:
    manifest, _ = load_pair(exported)

    assert manifest.parameters == 6_002_253
    assert manifest.deviation is not None
    assert 0 < manifest.deviation.relative < 1e-2
    assert manifest.none_threshold == 0.3


def test_half_precision_weights_halve_the_file(exported: Any) -> None:
    network, configuration = random_network("convlstm")
    single = export.onnx_bytes(network, configuration, precision="fp32", layout="gates")

    assert exported.stat().st_size < 0.51 * len(single)


def test_a_file_for_the_cpu_can_be_written_anew_for_a_gpu(exported: Any) -> None:
    again = build_graph(
        read_arrays(exported.read_bytes()), model="convlstm", mode="gray", precision="fp32", layout="joint"
    )
    clips = parity_clips("gray", 2)

    assert np.allclose(run(again.SerializeToString(), clips), run(exported.read_bytes(), clips), atol=1e-6)


def test_a_file_for_gpus_is_not_taken_as_weights() -> None:
    network, configuration = random_network("convlstm")

    with pytest.raises(MerError, match="written for GPUs"):
        read_arrays(export.onnx_bytes(network, configuration, precision="fp16", layout="joint"))


def test_what_is_no_onnx_file_is_refused() -> None:
    with pytest.raises(MerError, match="not an ONNX file"):
        read_arrays(b"\x00 no protobuf")


def test_a_graph_that_deviates_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(export.TOLERANCE, "fp32", 0.0)

    with pytest.raises(MerError, match="deviates from torch"):
        export_random(tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_model_and_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = save_random(tmp_path / "best.safetensors")

    assert export.main([str(checkpoint), "-o", str(tmp_path / "m.onnx"), "--precision", "fp32"]) == 0
    assert load_pair(tmp_path / "m.onnx")[0].classes == CLASSES
    assert "relative error" in capsys.readouterr().out


@pytest.mark.parametrize(("source", "target"), [("missing.safetensors", "m.onnx"), ("best.safetensors", "m.bin")])
def test_the_command_reports_what_it_cannot_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: Any, target: Any
) -> None:
    save_random(tmp_path / "best.safetensors")

    assert export.main([str(tmp_path / source), "-o", str(tmp_path / target)]) == 1
    assert capsys.readouterr().err.startswith("mer-export: error: ")
