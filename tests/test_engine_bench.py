import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_models import random_network, save_random

from engines import bench, bench_worker
from engines.export import onnx_bytes
from engines.folding import fold
from engines.graph import read_arrays
from engines.parity import deviation, parity_clips
from engines.unfolding import unfold
from mer.errors import MerError
from realtime.commands.bench import main

QUICK = ["--batches", "1", "2", "--measure-seconds", "0.05"]


def load_script(name: Any) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("model") / "best.safetensors"
    return save_random(path, temperature=2.0)


@pytest.fixture(scope="module")
def report(model: Any) -> Any:
    """A real run of two runners that work here and one that does not."""
    settings = bench.Settings(batches=(1, 2), seconds=0.05, runners=("torch-eager", "onnxruntime", "tensorrt"))
    return bench.measure_all(model, settings)


def rows(report: Any, runner: Any, precision: Any = "fp32") -> Any:
    return [row for row in report["rows"] if (row["runner"], row["precision"]) == (runner, precision)]


def test_each_batch_has_its_row(report: Any) -> None:
    assert [row["batch"] for row in rows(report, "onnxruntime")] == [1, 2]


def test_figures_are_measured(report: Any) -> None:
    row = rows(report, "onnxruntime")[0]

    assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    assert row["repeats"] >= bench_worker.MIN_REPEATS
    assert row["cold_start_s"] > row["p50_ms"] / 1e3
    assert row["peak_memory_mib"] > 10


def test_the_error_is_that_against_torch_in_double_precision(report: Any) -> None:
    assert report["reference"] == "torch float64"
    assert 0 < rows(report, "torch-eager")[0]["relative_error"] < 1e-4
    assert 1e-6 < rows(report, "onnxruntime", "fp16-weights")[0]["relative_error"] < 1e-2


def test_ratios_come_from_the_same_run(report: Any) -> None:
    eager, ours = rows(report, "torch-eager")[1], rows(report, "onnxruntime")[1]

    assert ours["times_torch_eager"] == pytest.approx(eager["p50_ms"] / ours["p50_ms"])
    assert ours["times_torch_compile"] is None


def test_half_precision_is_compared_with_half_precision() -> None:
    made_up = [
        {"runner": runner, "precision": precision, "batch": 1, "p50_ms": ms}
        for runner, precision, ms in (
            ("torch-eager", "fp32", 8.0),
            ("torch-eager", "fp16", 4.0),
            ("tensorrt", "fp16", 1.0),
            ("onnxruntime", "fp16-weights", 1.0),
        )
    ]
    bench.add_ratios(made_up)

    assert [row["times_torch_eager"] for row in made_up[2:]] == [4.0, 8.0]


def test_what_cannot_be_measured_has_a_reason_and_no_figures(report: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from engines.runtime import cuda

    if not cuda.unavailable():
        pytest.skip("this machine has a GPU")
    for row in rows(report, "tensorrt"):
        assert "there is none" in row["skipped_reason"]
        assert "p50_ms" not in row


def test_a_precision_that_a_model_cannot_have_is_a_reason_and_not_measured(model: Any) -> None:
    settings = bench.Settings(batches=(1,), seconds=0.05, runners=("onnxruntime",), precisions=("int8",))

    (row,) = bench.measure_all(model, settings)["rows"]

    assert "cannot be written in int8" in row["skipped_reason"]
    assert "p50_ms" not in row


def test_a_worker_that_dies_is_reported(model: Any, tmp_path: Path) -> None:
    job = bench_worker.Job("measure", "onnxruntime", "fp32", str(model), "", str(tmp_path / "r"), "", (1,), 0.1, 1)
    settings = bench.Settings(pythons=(("onnxruntime", "python3 -c 'raise SystemExit(3)'"),))

    assert "ended with 3" in bench.run_worker(job, tmp_path, settings)["skipped_reason"]


def test_a_python_that_does_not_exist_is_reported(model: Any, tmp_path: Path) -> None:
    job = bench_worker.Job("measure", "tensorrt", "fp32", str(model), "", str(tmp_path / "r"), "", (1,), 0.1, 1)

    result = bench.run_worker(job, tmp_path, bench.Settings(pythons=(("tensorrt", "/no/such/python"),)))
    assert "/no/such/python" in result["skipped_reason"]


def test_the_table_leaves_out_empty_columns_and_names_what_was_skipped(
    report: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    bench.print_report(report, Console(width=140))
    out = capsys.readouterr().out
    assert "x eager" in out
    assert "GPU MiB" not in out
    assert "not measured: tensorrt fp16" in out


def test_the_command_prints_json(model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engine", str(model), "--json", "--runners", "onnxruntime", *QUICK]) == 0
    printed = json.loads(capsys.readouterr().out)

    assert {row["runner"] for row in printed["rows"]} == {"onnxruntime"}
    assert printed["machine"]["cpu"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["missing.onnx"], 1, "missing.onnx does not exist"),
        (["--measure-seconds", "0"], 2, "must be positive"),
        (["--python", "tensorrt"], 2, "expected RUNNER=COMMAND"),
    ],
)
def test_what_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], options: Any, code: Any, words: Any
) -> None:
    assert main(["engine", *options]) == code
    assert words in capsys.readouterr().err


def test_the_shipped_weights_can_run_in_torch() -> None:
    network, configuration = random_network("convlstm", temperature=1.5)
    arrays = read_arrays(onnx_bytes(network, configuration, precision="fp32", layout="gates"))
    clips = torch.from_numpy(parity_clips("gray", 1))

    again = unfold(arrays, model="convlstm", mode="gray")
    with torch.inference_mode():
        found, expected = torch.softmax(again(clips), 1), torch.softmax(network(clips) / 1.5, 1)

    assert deviation(found.numpy(), expected.numpy(), reference="torch").relative < 1e-4


def test_a_network_with_places_cannot_be_unfolded() -> None:
    network, _ = random_network("conv2d")

    with pytest.raises(MerError, match="give the checkpoint"):
        unfold(fold(network, model="conv2d", mode="gray", temperature=1.0), model="conv2d", mode="gray")


def test_percentiles() -> None:
    found = bench_worker.summary([1.0] * 98 + [2.0, 3.0])

    assert found["p50_ms"] == 1.0
    assert found["p99_ms"] == pytest.approx(float(np.percentile([1.0] * 98 + [2.0, 3.0], 99)))


@pytest.mark.parametrize(("p50_ms", "met"), [(0.19, True), (0.21, False)])
def test_the_gpu_script_holds_figures_against_targets(p50_ms: Any, met: Any) -> None:
    gpu = load_script("gpu_engines")
    row = {"runner": "tensorrt", "precision": "fp16", "batch": 1, "p50_ms": p50_ms, "relative_error": 1e-3}
    verdicts = gpu.judge(
        {"rows": [row | {"times_torch_eager": 12.0, "times_torch_compile": None}]}, {"again": {"build_s": 9.0}}
    )

    assert [v.met for v in verdicts] == [met, None, True, True, True]


def test_the_gpu_script_runs_without_a_gpu_and_says_not_measured(
    model: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from engines.runtime import cuda

    if not cuda.unavailable():
        pytest.skip("this machine has a GPU")
    gpu = load_script("gpu_engines")
    options = ["--out", str(tmp_path / "gpu.json"), "--batch", "1", "--seconds", "0.05", "--runner", "tensorrt"]

    assert gpu.main([str(model), *options]) == 0
    written = json.loads((tmp_path / "gpu.json").read_text())
    assert all(verdict["met"] is None for verdict in written["verdicts"])
    assert "not measured" in capsys.readouterr().out
