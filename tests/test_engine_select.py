import shutil
from pathlib import Path
from typing import Any

import fake_cuda
import fake_tensorrt
import numpy as np
import pytest
from engine_models import export_random
from test_engine_tensorrt import write_plan

from engines import select
from engines.manifest import manifest_path
from engines.parity import parity_clips
from engines.select import open_engine, plan_folder
from mer.errors import MerError


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    export_random(path)
    return path


@pytest.fixture(autouse=True)
def shipped(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A small model in the place of the shipped one, and an empty cache."""
    monkeypatch.setattr(select, "SHIPPED_MODEL", model)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return model


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stand-ins for CUDA and TensorRT."""
    fake_tensorrt.install(monkeypatch, "10.3.0")
    return fake_cuda.install(monkeypatch, fake_cuda.FakeRuntime())


def test_auto_without_a_gpu_is_onnx_runtime_and_says_why(no_gpu: Any) -> None:
    with open_engine() as engine:
        assert engine.name == "onnxruntime-cpu"
        assert engine.choice_reason == "onnxruntime-cpu: no CUDA driver on this machine"


def test_auto_with_a_gpu_and_no_plan_says_how_to_get_one(gpu: Any) -> None:
    with open_engine() as engine:
        assert engine.name == "onnxruntime-cpu"
        assert "build one with mer-build-trt" in engine.choice_reason


def test_auto_takes_a_plan_that_fits(gpu: Any, model: Any) -> None:
    write_plan(plan_folder() / "m.plan", model)

    with open_engine() as engine:
        assert engine.name == "tensorrt-fp32"
        assert engine.choice_reason == "tensorrt-fp32: the fastest that works here"


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ({"gpu": "NVIDIA A10"}, "built for NVIDIA A10"),
        ({"tensorrt_version": "8.6.0"}, "built by tensorrt 8.6.0"),
        ({"source_sha256": "0" * 64}, "other weights than those shipped"),
        ({"classes": ("joy", "fear")}, "name it explicitly"),
    ],
)
def test_auto_passes_over_a_plan_that_does_not_fit_and_says_why(gpu: Any, model: Any, target: Any, why: Any) -> None:
    write_plan(plan_folder() / "m.plan", model, **target)

    with open_engine() as engine:
        assert engine.name == "onnxruntime-cpu"
        assert why in engine.choice_reason


@pytest.mark.parametrize("damage", ["truncated", "no manifest", "no json"])
def test_auto_passes_over_a_damaged_plan(gpu: Any, model: Any, damage: Any) -> None:
    plan = write_plan(plan_folder() / "m.plan", model)
    if damage == "truncated":
        plan.write_bytes(plan.read_bytes()[:1000])
    elif damage == "no manifest":
        manifest_path(plan).unlink()
    else:
        manifest_path(plan).write_text("{")

    with open_engine() as engine:
        assert engine.name == "onnxruntime-cpu"
        assert "m.plan" in engine.choice_reason


def test_auto_goes_on_to_the_next_plan(gpu: Any, model: Any) -> None:
    write_plan(plan_folder() / "a.plan", model, gpu="NVIDIA A10")
    write_plan(plan_folder() / "b.plan", model)

    with open_engine() as engine:
        assert engine.name == "tensorrt-fp32"


def test_a_plan_named_explicitly_is_never_replaced(gpu: Any, model: Any, tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "m.plan", model, gpu="NVIDIA A10")

    with pytest.raises(MerError, match="built for NVIDIA A10"):
        open_engine(plan)


def test_a_plan_of_other_weights_may_be_named(gpu: Any, model: Any, tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "m.plan", model, source_sha256="0" * 64)

    with open_engine(str(plan)) as engine:
        assert engine.choice_reason.endswith("m.plan was asked for")


@pytest.mark.parametrize("backend", ["tensorrt", "tensorrt-rtx"])
def test_a_backend_asked_for_by_name_is_never_replaced(no_gpu: Any, backend: Any) -> None:
    with pytest.raises(MerError, match=f"'{backend}' cannot be used: no CUDA driver"):
        open_engine(backend)


def test_onnx_runtime_can_be_asked_for(gpu: Any, model: Any) -> None:
    write_plan(plan_folder() / "m.plan", model)

    with open_engine("onnxruntime") as engine:
        assert engine.choice_reason == "onnxruntime-cpu: asked for"


def test_another_onnx_file_can_be_named(model: Any, tmp_path: Path) -> None:
    shutil.copy(model, tmp_path / "n.onnx")
    shutil.copy(manifest_path(model), manifest_path(tmp_path / "n.onnx"))
    clips = parity_clips("gray", 1)

    with open_engine(tmp_path / "n.onnx") as one, open_engine("onnxruntime") as other:
        assert np.array_equal(one.classify(clips), other.classify(clips))


@pytest.mark.parametrize("choice", ["fastest", "model.pt", ""])
def test_an_unknown_engine_is_answered_with_the_known(choice: Any) -> None:
    with pytest.raises(MerError, match="give auto, tensorrt, tensorrt-rtx, onnxruntime or the path"):
        open_engine(choice)


@pytest.mark.parametrize("name", ["missing.onnx", "missing.plan"])
def test_a_missing_file_is_named(tmp_path: Path, name: Any) -> None:
    with pytest.raises(MerError, match=f"{name} does not exist"):
        open_engine(tmp_path / name)
