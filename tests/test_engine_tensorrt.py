"""The TensorRT engine on stand-ins for the library and for CUDA: no GPU can be had in these tests.

What is tested is everything of ours: refusals, buffers, splitting, graphs, checks of every status, clean-up.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import fake_cuda
import fake_tensorrt
import numpy as np
import pytest
from engine_models import export_random

from engines import tensorrt_api
from engines.manifest import Manifest, Target, load_pair, sha256, write_pair
from engines.parity import parity_clips
from engines.protocol import Engine
from engines.runtime import cuda
from engines.runtime.onnx import OnnxRuntimeEngine
from engines.runtime.tensorrt import TensorRtEngine, split_batch
from mer.errors import MerError


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    export_random(path)
    return path


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch) -> Any:
    return fake_tensorrt.install(monkeypatch, "10.3.0")


@pytest.fixture
def plan(model: Any, tmp_path: Path) -> Any:
    return write_plan(tmp_path / "m.plan", model)


def write_plan(path: Any, model: Any, *, content: Any = None, classes: Any = None, **target: Any) -> Any:
    described, onnx = load_pair(model)
    content = fake_tensorrt.HEADER + onnx if content is None else content
    fit: dict[str, Any] = {
        "tensorrt_version": "10.3.0",
        "gpu": "NVIDIA Test 1",
        "compute_capabilities": ("9.0",),
        "source_sha256": described.sha256,
        "max_batch": 4,
    } | target
    manifest: Manifest = replace(
        described,
        file=path.name,
        sha256=sha256(content),
        backend="tensorrt",
        classes=classes or described.classes,
        target=Target(**fit),
    )
    write_pair(path, content, manifest)
    return path


def test_it_is_an_engine(plan: Any, gpu: Any, trt: Any) -> None:
    with TensorRtEngine(plan) as engine:
        assert isinstance(engine, Engine)
        assert engine.name == "tensorrt-fp32"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_any_batch_answers_as_onnx_runtime_does(plan: Any, model: Any, gpu: Any, trt: Any, count: Any) -> None:
    clips = parity_clips("gray", count)

    with TensorRtEngine(plan) as engine, OnnxRuntimeEngine(model) as reference:
        assert np.allclose(engine.classify(clips), reference.classify(clips), atol=1e-6)


@pytest.mark.parametrize(
    ("count", "largest", "sizes"), [(1, 8, [1]), (7, 8, [4, 2, 1]), (20, 8, [8, 8, 4]), (7, 6, [4, 2, 1])]
)
def test_batches_are_split_into_powers_of_two(count: Any, largest: Any, sizes: Any) -> None:
    assert split_batch(count, largest) == sizes


def test_a_batch_size_is_recorded_once_and_then_only_launched(plan: Any, gpu: Any, trt: Any) -> None:
    with TensorRtEngine(plan) as engine:
        engine.classify(parity_clips("gray", 1))
        made, launched = len(gpu.live), gpu.launches
        for _ in range(3):
            engine.classify(parity_clips("gray", 1))

        assert (len(gpu.live), gpu.launches) == (made, launched + 3)


def test_answers_do_not_change_under_the_caller(plan: Any, gpu: Any, trt: Any) -> None:
    with TensorRtEngine(plan) as engine:
        first = engine.classify(parity_clips("gray", 2))
        kept = first.copy()
        engine.classify(parity_clips("gray", 4)[2:])

        assert np.array_equal(first, kept)


def test_closing_gives_everything_back(plan: Any, gpu: Any, trt: Any) -> None:
    engine = TensorRtEngine(plan)
    engine.classify(parity_clips("gray", 7))
    engine.close()
    engine.close()

    assert gpu.live == {}
    with pytest.raises(MerError, match="closed"):
        engine.classify(parity_clips("gray", 1))


@pytest.mark.parametrize(
    "function",
    [
        "cudaSetDevice",
        "cudaStreamCreateWithFlags",
        "cudaHostAlloc",
        "cudaMalloc",
        "cudaMemcpyAsync",
        "cudaStreamSynchronize",
        "cudaStreamBeginCapture",
        "cudaStreamEndCapture",
        "cudaGraphInstantiate",
        "cudaGraphLaunch",
    ],
)
def test_every_failing_call_is_named_and_nothing_leaks(plan: Any, gpu: Any, trt: Any, function: Any) -> None:
    gpu.failing.add(function)

    with pytest.raises(MerError, match=f"{function} returned cudaErrorMemoryAllocation"):
        TensorRtEngine(plan)
    assert gpu.live == {}


def test_a_failing_launch_is_reported(plan: Any, gpu: Any, trt: Any) -> None:
    with TensorRtEngine(plan) as engine:
        fake_tensorrt.Engine.last.failing = True

        with pytest.raises(MerError, match="failed on a batch of 2: Assertion mOptimizationProfile"):
            engine.classify(parity_clips("gray", 2))


def test_a_failure_while_recording_leaves_the_stream_usable(
    plan: Any, gpu: Any, trt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TensorRtEngine(plan) as engine:
        queue = cuda.copy_to_host

        def fail_while_recording(*arguments: Any) -> None:
            if gpu.recording is not None:
                raise MerError("not now")
            queue(*arguments)

        monkeypatch.setattr(cuda, "copy_to_host", fail_while_recording)
        with pytest.raises(MerError, match="not now"):
            engine.classify(parity_clips("gray", 2))
        monkeypatch.setattr(cuda, "copy_to_host", queue)

        assert gpu.recording is None
        assert engine.classify(parity_clips("gray", 2)).shape == (2, 5)
    assert gpu.live == {}


def test_device_time_and_memory_can_be_asked(plan: Any, gpu: Any, trt: Any) -> None:
    with TensorRtEngine(plan) as engine:
        assert engine.device_ms(1, 3) == [0.25, 0.25, 0.25]
        assert engine.device_memory_bytes() == 4096


def test_without_a_gpu_the_way_out_is_named(plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "unavailable", lambda: "no CUDA driver on this machine")

    with pytest.raises(MerError, match="no CUDA driver on this machine; use --engine onnxruntime"):
        TensorRtEngine(plan)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"gpu": "NVIDIA A10"}, "built for NVIDIA A10, here is NVIDIA Test 1"),
        ({"tensorrt_version": "8.6.0"}, r"built by tensorrt 8\.6\.0, here is 10\.3\.0"),
        (
            {"gpu": "", "compute_capabilities": ("8.9", "12.0")},
            r"compute capability 8\.9, 12\.0, NVIDIA Test 1 has 9\.0",
        ),
    ],
)
def test_a_plan_for_elsewhere_is_refused(
    model: Any, tmp_path: Path, gpu: Any, trt: Any, target: Any, words: Any
) -> None:
    path = write_plan(tmp_path / "m.plan", model, **target)

    with pytest.raises(MerError, match=words):
        TensorRtEngine(path)


def test_a_plan_without_library_is_refused(plan: Any, gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)

    with pytest.raises(MerError, match=r"tensorrt is not installed; `pip install 'mer-live\[trt\]'`"):
        TensorRtEngine(plan)


def test_a_plan_that_the_library_refuses_is_reported_in_its_words(
    model: Any, tmp_path: Path, gpu: Any, trt: Any
) -> None:
    path = write_plan(tmp_path / "m.plan", model, content=b"no plan")

    with pytest.raises(MerError, match=r"refuses .*: plan header is broken"):
        TensorRtEngine(path)
    assert gpu.live == {}


@pytest.mark.parametrize("kind", ["Builder", "Runtime"])
def test_a_library_that_does_not_start_is_reported_in_its_words(
    trt: Any, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    """What TensorRT 8.6 did on a GPU with a damaged kernel library."""

    def no_start(logger: Any) -> None:
        logger.log(logger.ERROR, "Assertion validateCaskKLibDigest(sha256sum) failed")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    monkeypatch.setattr(trt, kind, no_start)
    with pytest.raises(MerError, match=r"10\.3\.0 does not start: Assertion validateCaskKLibDigest"):
        tensorrt_api.start(tensorrt_api.load_api("tensorrt"), kind)


def test_a_truncated_plan_never_reaches_the_library(plan: Any, gpu: Any, trt: Any) -> None:
    plan.write_bytes(plan.read_bytes()[:-100])

    with pytest.raises(MerError, match="truncated, damaged or another one"):
        TensorRtEngine(plan)


def test_a_plan_with_other_classes_is_refused(model: Any, tmp_path: Path, gpu: Any, trt: Any) -> None:
    path = write_plan(tmp_path / "m.plan", model, classes=("joy", "fear"))

    with pytest.raises(MerError, match="its manifest promises"):
        TensorRtEngine(path)


def test_an_onnx_file_is_not_a_plan(model: Any, gpu: Any) -> None:
    with pytest.raises(MerError, match="not a TensorRT plan"):
        TensorRtEngine(model)


@pytest.mark.parametrize(
    ("failing", "devices", "words"),
    [
        ({"cuInit"}, 1, "cuInit returned"),
        ({"cudaGetDeviceCount"}, 1, "no usable CUDA device"),
        (set(), 0, "no CUDA device"),
    ],
)
def test_why_no_gpu_can_be_used_is_said(
    monkeypatch: pytest.MonkeyPatch, failing: Any, devices: Any, words: Any
) -> None:
    runtime = fake_cuda.install(monkeypatch, fake_cuda.FakeRuntime(devices=devices))
    runtime.failing |= failing

    assert words in cuda.unavailable()


def test_without_cuda_python_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda", None)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)

    assert "install the extra `trt` or `rtx`" in cuda.unavailable()
