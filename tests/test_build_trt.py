"""Real TensorRT-RTX builds, which need no GPU; TensorRT itself is a stand-in here (see fake_tensorrt)."""

import importlib.util
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import fake_tensorrt
import pytest
from build_listener import Silent
from engine_models import save_random

from engines import build, build_cli, tensorrt_api
from engines.build import BuildOptions, Port
from engines.kernels import TABLE, read_kernels
from engines.manifest import load_pair, read_manifest, sha256
from engines.select import SHIPPED_MODEL
from engines.source import read_source
from mer.errors import MerError
from mer.sampling import N_FRAMES

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="tensorrt_rtx is not installed: pip install '.[rtx]'"
)
VERSIONS = ["8.6.0", "10.13.0.35", "11.0.1"]


@needs_rtx
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_rtx_builds_the_shipped_model_in_ten_seconds_without_a_gpu(tmp_path: Path, no_gpu: Any, precision: Any) -> None:
    source = read_source(SHIPPED_MODEL)
    api = build.choose_api("auto")
    started = time.process_time()  # of all threads, so that a busy machine does not count
    built = build.build_plan(source, tmp_path / "m.plan", api, BuildOptions(precision=precision), Silent())

    assert time.process_time() - started < 10.0
    assert api.backend == "tensorrt-rtx"
    assert built.ports == (
        Port("clips", (-1, *source.manifest.clip_shape), "UINT8"),
        Port("probabilities", (-1, len(source.manifest.classes)), "FLOAT"),
    )
    assert len(built.content) > 4_000_000


@needs_rtx
def test_a_step_of_the_recurrence_is_two_kernels_in_half_precision(tmp_path: Path, no_gpu: Any) -> None:
    source = read_source(SHIPPED_MODEL)
    kernels = build.build_plan(source, tmp_path / "m.plan", build.choose_api("auto"), BuildOptions(), Silent()).kernels
    steps = [place for place, kernel in enumerate(kernels) if kernel.name.startswith("step")]

    assert all(kernel.half for kernel in kernels if kernel.convolves)
    assert [b - a for a, b in pairwise(steps)] == [2] * (N_FRAMES - 2)
    assert len(kernels) < 40  # no copies of gates or tokens in between; 38 when this was written


@needs_rtx
def test_an_rtx_plan_whose_convolutions_are_not_half_is_not_called_fp16(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_gpu: Any
) -> None:
    as_said = (
        "Layers:\nName: step1, LayerType: correlation, Inputs: [ { Datatype: Float } ], Constants: [], Outputs: []"
    )
    wide = read_kernels(as_said)
    monkeypatch.setattr(tensorrt_api, "read_kernels", lambda message: wide if message.startswith(TABLE) else [])

    with pytest.raises(MerError, match=r"1 of 1 convolutions .* not in half precision, step1 .*nothing was written"):
        build.build_plan(
            read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), BuildOptions(), Silent()
        )
    assert list(tmp_path.iterdir()) == []


@needs_rtx
def test_the_manifest_of_an_rtx_plan_names_versions_and_source(tmp_path: Path, no_gpu: Any) -> None:
    assert build_cli.main(["-o", str(tmp_path / "m.plan"), "--compute-capability", "8.9"]) == 0
    manifest, _ = load_pair(tmp_path / "m.plan")

    assert manifest.backend == "tensorrt-rtx"
    assert manifest.deviation is None
    assert manifest.classes == read_manifest(SHIPPED_MODEL).classes
    assert manifest.target is not None
    assert manifest.target.compute_capabilities == ("8.9",)
    assert manifest.target.source_sha256 == sha256(SHIPPED_MODEL.read_bytes())
    assert manifest.target.tensorrt_version == tensorrt_api.load_api("tensorrt-rtx").version


@needs_rtx
def test_the_command_builds_from_a_checkpoint_and_shows_the_layers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], no_gpu: Any
) -> None:
    checkpoint = save_random(tmp_path / "best.safetensors")

    assert build_cli.main([str(checkpoint), "-o", str(tmp_path / "m.plan"), "--verbose", "--max-batch", "2"]) == 0
    out = capsys.readouterr().out
    assert "convolution" in out
    assert "correlation" in out  # the word of the plan
    assert "clips: UINT8 (-1, 13, 90, 90)" in out
    assert "predictions not compared: no CUDA driver" in out


@needs_rtx
def test_rtx_reports_its_progress(small_model: Path, tmp_path: Path, no_gpu: Any) -> None:
    listener = Silent()
    build.build_plan(read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), BuildOptions(), listener)

    assert "Building engine" in listener.seen


@needs_rtx
def test_a_cancelled_build_writes_nothing(small_model: Path, tmp_path: Path, no_gpu: Any) -> None:
    with pytest.raises(MerError, match="built nothing"):
        build.build_plan(
            read_source(small_model),
            tmp_path / "m.plan",
            build.choose_api("auto"),
            BuildOptions(),
            Silent(going=False),
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_build_at_its_next_step(
    small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: Any
) -> None:
    def interrupted(source: Any, path: Any, api: Any, options: Any, listener: Any) -> None:
        listener.monitor = "the library's"
        signal.raise_signal(number)
        assert listener.step("Building", 0) is False
        raise MerError("built nothing")

    monkeypatch.setattr(build, "choose_api", lambda backend: tensorrt_api.Api(signal, "tensorrt", "10.3.0"))
    monkeypatch.setattr(build, "build_plan", interrupted)
    before = signal.getsignal(number)

    assert build_cli.main([str(small_model), "-o", str(tmp_path / "m.plan")]) == 128 + number
    assert "interrupted; no plan was written" in capsys.readouterr().err
    assert signal.getsignal(number) is before


@needs_rtx
def test_without_o_the_plan_goes_where_auto_looks(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_gpu: Any
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert build_cli.main([str(small_model)]) == 0
    assert (tmp_path / "mer-live" / "engines" / "conv3d-tensorrt-rtx-fp16.plan.json").is_file()


@needs_rtx
def test_an_unknown_compute_capability_is_answered_with_the_known(
    small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], no_gpu: Any
) -> None:
    assert build_cli.main([str(small_model), "-o", str(tmp_path / "m.plan"), "--compute-capability", "9.9"]) == 1
    assert "'9.9' is not known to TensorRT-RTX; choose from 7.5, 8.0" in capsys.readouterr().err


@needs_rtx
def test_the_command_works_where_there_is_no_driver_and_ends_cleanly(small_model: Path, tmp_path: Path) -> None:
    """In a process of its own: a TensorRT runtime made without a driver would end it with a signal."""
    script = "import sys; from engines.build_cli import main; sys.exit(main(sys.argv[1:]))"
    plan = tmp_path / "m.plan"
    done = subprocess.run(
        [sys.executable, "-c", script, str(small_model), "-o", str(plan)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, plan.is_file()) == (0, True), done.stderr


def test_tensorrt_without_a_gpu_is_refused_with_the_way_out(
    small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], no_gpu: Any
) -> None:
    assert build_cli.main([str(small_model), "-o", str(tmp_path / "m.plan"), "--library", "tensorrt"]) == 1
    assert "--library tensorrt-rtx, which needs no GPU" in capsys.readouterr().err


def test_auto_without_gpu_and_without_rtx_says_both(monkeypatch: pytest.MonkeyPatch, no_gpu: Any) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)

    with pytest.raises(MerError, match=r"no CUDA driver.*tensorrt_rtx is not installed"):
        build.choose_api("auto")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["missing.onnx"], 1, "missing.onnx does not exist"),
        (["missing.safetensors"], 1, "cannot be read"),
        (["model.pt"], 1, "give a .safetensors checkpoint or an .onnx file"),
        (["m.onnx", "--max-batch", "0"], 2, "--max-batch 0 given"),
        (["m.onnx", "--workspace-mib", "0"], 2, "--workspace-mib 0 given"),
        (["m.onnx", "-o", "m.onnx"], 2, "ends in .plan"),
    ],
)
def test_what_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: Any, code: Any, words: Any
) -> None:
    monkeypatch.setattr(build, "choose_api", lambda backend: None)

    assert build_cli.main(options) == code
    assert words in capsys.readouterr().err


@needs_rtx
def test_rtx_builds_for_one_clip_at_a_time(small_model: Path, tmp_path: Path, no_gpu: Any) -> None:
    assert build_cli.main([str(small_model), "-o", str(tmp_path / "m.plan"), "--max-batch", "1"]) == 0
    target = read_manifest(tmp_path / "m.plan").target
    assert target is not None
    assert target.max_batch == 1


def test_a_compute_capability_for_tensorrt_proper_is_refused(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any
) -> None:
    """Against a stand-in."""
    fake_tensorrt.install(monkeypatch, "10.3.0")
    options = BuildOptions(compute_capabilities=("8.9",))

    with pytest.raises(MerError, match="needs --library tensorrt-rtx"):
        build.build_plan(read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), options, Silent())


def test_a_tensorrt_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a stand-in."""
    fake_tensorrt.install(monkeypatch, "8.6.0").__version__ = "8.5.3"

    with pytest.raises(MerError, match=r"8\.5\.3 is installed; 8\.6 or newer"):
        tensorrt_api.load_api("tensorrt")


@needs_rtx
def test_the_stand_in_has_no_name_that_the_real_library_lacks() -> None:
    """TensorRT-RTX has the interface of TensorRT 11, so the stand-in for 11 can be held against it."""
    import tensorrt_rtx

    real = {
        "Builder": tensorrt_rtx.Builder,
        "Runtime": tensorrt_rtx.Runtime,
        "Engine": tensorrt_rtx.ICudaEngine,
        "Context": tensorrt_rtx.IExecutionContext,
        "Config": tensorrt_rtx.IBuilderConfig,
        "Parser": tensorrt_rtx.OnnxParser,
    }
    for name, library in real.items():
        ours = {n for n, v in vars(getattr(fake_tensorrt, name)).items() if callable(v) and not n.startswith("_")}
        assert ours <= set(dir(library)), name
    for name in ("NetworkDefinitionCreationFlag", "MemoryPoolType", "TacticSource", "ProfilingVerbosity"):
        fake = getattr(fake_tensorrt.module("11.0.1"), name)
        assert set(fake.__members__) <= set(getattr(tensorrt_rtx, name).__members__), name
