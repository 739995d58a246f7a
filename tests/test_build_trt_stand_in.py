"""Builds with TensorRT, which is a stand-in here (see fake_tensorrt) because the real one needs a GPU."""

import json
import signal
import threading
import types
from pathlib import Path
from typing import Any

import fake_tensorrt
import pytest
from build_listener import Silent

from engines import build, build_cli, tensorrt_api
from engines.build import BuildOptions
from engines.parity import parity_clips
from engines.runtime.tensorrt import TensorRtEngine
from engines.select import SHIPPED_MODEL
from engines.source import read_source
from mer.errors import MerError

VERSIONS = ["8.6.0", "10.13.0.35", "11.0.1"]


@pytest.mark.parametrize(
    ("version", "network_flags", "half_flag", "tactics"),
    [
        ("8.6.0", 1 << 0, True, (1 << 3) | (1 << 4)),
        ("10.13.0.35", 1 << 1, False, None),
        ("11.0.1", 1 << 1, False, None),
    ],
)
def test_each_tensorrt_gets_its_own_flags(
    small_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gpu: Any,
    version: Any,
    network_flags: Any,
    half_flag: Any,
    tactics: Any,
) -> None:
    """Against a stand-in."""
    fake = fake_tensorrt.install(monkeypatch, version)
    options = BuildOptions(workspace_bytes=1 << 20, level=3)
    build.build_plan(read_source(small_model), tmp_path / "m.plan", build.choose_api("tensorrt"), options, Silent())
    builder = fake.Builder.last

    assert builder.network.flags == network_flags
    assert bool(builder.config.flags) is half_flag
    assert builder.config.tactics == tactics
    assert builder.config.limits == {fake.MemoryPoolType.WORKSPACE: 1 << 20}
    assert builder.config.builder_optimization_level == 3
    assert builder.config.preview == ({fake.PreviewFeature.PROFILE_SHARING_0806} if version == "8.6.0" else set())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plan_is_compared_with_onnx_runtime_where_a_gpu_runs_it(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any, version: Any
) -> None:
    """Against a stand-in."""
    fake_tensorrt.install(monkeypatch, version)
    build.build_plan(read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), BuildOptions(), Silent())
    written = json.loads((tmp_path / "m.plan.json").read_text())

    assert written["deviation"]["reference"] == "onnxruntime fp32"
    assert 0 < written["deviation"]["relative"] < 1e-2
    assert written["target"]["gpu"] == "NVIDIA Test 1"
    assert written["target"]["compute_capabilities"] == ["9.0"]


def test_a_plan_with_wrong_answers_is_not_written(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any
) -> None:
    """Against a stand-in."""
    fake_tensorrt.install(monkeypatch, "10.3.0")
    monkeypatch.setattr(build, "TOLERANCE", 0.0)

    with pytest.raises(MerError, match="nothing was written"):
        build.build_plan(
            read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), BuildOptions(), Silent()
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"timed before", b"other GPU"])
def test_the_timing_cache_is_used_kept_and_replaced_if_it_does_not_fit(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any, content: Any
) -> None:
    """Against a stand-in."""
    fake = fake_tensorrt.install(monkeypatch, "8.6.0")
    cache = tmp_path / "cache"
    if content is not None:
        cache.write_bytes(content)
    options = BuildOptions(timing_cache=cache)
    build.build_plan(read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), options, Silent())

    assert fake.Builder.last.config.cache.content == (content if content == b"timed before" else b"")
    assert cache.read_bytes() == b"timed"


def test_a_build_that_is_ended_keeps_what_was_timed(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any
) -> None:
    """Against a stand-in."""
    fake_tensorrt.install(monkeypatch, "10.3.0")
    options = BuildOptions(timing_cache=tmp_path / "cache")

    with pytest.raises(MerError, match="built nothing"):
        build.build_plan(
            read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), options, Silent(going=False)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert (tmp_path / "cache").read_bytes() == b"timed"


def test_a_build_that_cannot_be_ended_keeps_what_was_timed_when_a_signal_comes(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any
) -> None:
    """Against a stand-in that builds until the cache is there: the second signal would end the process."""
    fake = fake_tensorrt.install(monkeypatch, "8.6.0")
    kept = threading.Event()

    def serialize() -> bytes:
        kept.set()
        return b"timed"

    cache = types.SimpleNamespace(content=b"", serialize=serialize)
    monkeypatch.setattr(fake_tensorrt.Config, "create_timing_cache", lambda *_: cache)
    built = fake.Builder.build_serialized_network
    monkeypatch.setattr(
        fake.Builder, "build_serialized_network", lambda *given: built(*given) if kept.wait(30.0) else None
    )
    listener = Silent()
    listener.stopping = True
    options = BuildOptions(timing_cache=tmp_path / "cache")

    build.build_plan(read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), options, listener)
    assert (tmp_path / "cache").read_bytes() == b"timed"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_half_precision_is_set_and_obeyed_where_the_file_does_not_decide(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any, version: Any, precision: Any
) -> None:
    """Against a stand-in."""
    fake = fake_tensorrt.install(monkeypatch, version)
    options = BuildOptions(precision=precision)
    build.build_plan(read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), options, Silent())
    builder = fake.Builder.last
    halved = [layer for layer in builder.network.layers if layer.precision == layer.output_type == fake.DataType.HALF]

    assert any(layer.type.name == "CONVOLUTION" for layer in halved) is (version == "8.6.0" and precision == "fp16")
    assert (11 in builder.config.flags) is bool(halved)


WIDE = {
    "by its input": {
        "LayerType": "CaskConvolution",
        "Inputs": [{"Format/Datatype": "Row major linear FP32"}],
        "TacticName": "sm80_xmma_fprop_implicit_gemm_f16f16",
    },
    "by its kernel": {
        "LayerType": "CaskConvolution",
        "Inputs": [{"Format/Datatype": "N/A due to dynamic shapes"}],
        "TacticName": "sm80_xmma_fprop_implicit_gemm_f32f32_tf32f32_f32_nhwckrsc_nhwc",
    },
}
HALF = {
    "Name": "conv_8 + sigmoid_9",
    "LayerType": "CaskConvolution",
    "Inputs": [{"Format/Datatype": "Channel major FP16 format where channel % 8 == 0"}],
    "TacticName": "sm80_xmma_fprop_implicit_gemm_f16f16_f16f16_f16_nhwckrsc_nhwc",
}


@pytest.mark.parametrize("wide", WIDE.values(), ids=WIDE)
def test_a_plan_whose_convolutions_are_not_half_is_not_called_fp16(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any, wide: Any
) -> None:
    """Against a stand-in, with layers as TensorRT 8.6 describes them."""
    fake_tensorrt.install(monkeypatch, "8.6.0")
    monkeypatch.setattr(fake_tensorrt.Engine, "layers", [HALF, {"Name": "conv_8_part", **wide}])

    with pytest.raises(MerError, match=r"1 of 2 convolutions .* not in half precision, conv_8_part .*nothing"):
        build.build_plan(
            read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), BuildOptions(), Silent()
        )
    assert list(tmp_path.iterdir()) == []


def test_a_plan_whose_convolutions_are_half_is_written(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any
) -> None:
    """Against a stand-in. The head is in single precision, and so is what is copied into half."""
    fake_tensorrt.install(monkeypatch, "8.6.0")
    single = {"Inputs": [{"Format/Datatype": "Row major linear FP32"}]}
    others = (
        {"Name": "matmul_32 + add_33", "LayerType": "CaskGemmConvolution", **single},
        {"Name": "Reformatting CopyNode for Input Tensor 0 to conv_8 + sigmoid_9", "LayerType": "Reformat", **single},
        "a layer without details",
    )
    monkeypatch.setattr(fake_tensorrt.Engine, "layers", [HALF, *others])

    built = build.build_plan(
        read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), BuildOptions(), Silent()
    )
    assert (tmp_path / "m.plan").is_file()
    assert built.unchecked_reason == ""


def test_control_characters_in_the_names_of_layers_are_read(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any
) -> None:
    """Against a stand-in that writes them as they are, as TensorRT 8.6 does."""
    fake_tensorrt.install(monkeypatch, "8.6.0")
    wide = {**WIDE["by its input"], "Name": "conv_8\x1esigmoid_9"}
    table = json.dumps({"Layers": [HALF, wide]}).replace("\\u001e", "\x1e")
    monkeypatch.setattr(fake_tensorrt.Inspector, "get_engine_information", lambda *_: table)

    with pytest.raises(MerError, match="1 of 2 convolutions"):
        build.build_plan(
            read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), BuildOptions(), Silent()
        )


@pytest.mark.parametrize("table", ["{", '{"Layers": ["a layer without details"]}'])
def test_a_table_of_kernels_that_says_nothing_is_mentioned_and_loses_no_build(
    small_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    gpu: Any,
    table: Any,
) -> None:
    """Against a stand-in."""
    fake_tensorrt.install(monkeypatch, "8.6.0")
    monkeypatch.setattr(fake_tensorrt.Inspector, "get_engine_information", lambda *_: table)

    assert build_cli.main([str(small_model), "-o", str(tmp_path / "m.plan")]) == 0
    assert "not known whether all kernels are in half precision" in capsys.readouterr().out
    assert (tmp_path / "m.plan").is_file()


@pytest.mark.parametrize(("max_batch", "expected"), [(1, [(1, 1, 1)]), (8, [(1, 1, 1), (1, 8, 8)])])
def test_one_clip_has_a_profile_of_its_own(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any, max_batch: Any, expected: Any
) -> None:
    """Against a stand-in."""
    fake = fake_tensorrt.install(monkeypatch, "10.3.0")
    options = BuildOptions(max_batch=max_batch)
    built = build.build_plan(read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), options, Silent())
    profiles = fake.Builder.last.config.profiles

    assert [tuple(shape[0] for shape in profile.shapes) for profile in profiles] == expected
    assert built.manifest.deviation is not None


def test_the_library_builds_in_a_thread_that_signals_do_not_wait_for(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any
) -> None:
    """Against a stand-in."""
    fake = fake_tensorrt.install(monkeypatch, "8.6.0")
    threads = []
    built = fake.Builder.build_serialized_network

    def watched(*given: Any) -> Any:
        threads.append(threading.current_thread())
        return built(*given)

    monkeypatch.setattr(fake.Builder, "build_serialized_network", watched)
    build.build_plan(read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), BuildOptions(), Silent())

    assert threads
    assert threads[0] is not threading.main_thread()


def test_a_tensorrt_that_cannot_be_ended_says_what_a_signal_does(
    small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, gpu: Any
) -> None:
    """Against a stand-in."""
    fake_tensorrt.install(monkeypatch, "8.6.0")
    monkeypatch.setattr(tensorrt_api, "set_progress_monitor", lambda *_: signal.raise_signal(signal.SIGINT))
    cache = tmp_path / "cache"
    given = [str(small_model), "-o", str(tmp_path / "m.plan"), "--timing-cache", str(cache)]

    assert build_cli.main(given) == 0
    assert "cannot be ended halfway" in " ".join(capsys.readouterr().err.split())
    assert cache.read_bytes() == b"timed"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plan_for_one_clip_at_a_time_is_built_opened_and_compared(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any, version: Any
) -> None:
    """Against a stand-in, whose plan reports a batch of 1 as TensorRT 8.6's does."""
    fake_tensorrt.install(monkeypatch, version)
    options = BuildOptions(max_batch=1)
    built = build.build_plan(read_source(small_model), tmp_path / "m.plan", build.choose_api("auto"), options, Silent())

    assert built.manifest.deviation is not None
    with TensorRtEngine(tmp_path / "m.plan") as engine:
        assert engine.classify(parity_clips("gray", 3)).shape == (3, 5)


def test_a_layout_that_the_parser_of_8_6_refuses_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: Any
) -> None:
    """Against a stand-in."""
    fake = fake_tensorrt.install(monkeypatch, "8.6.0")
    fake.Builder.last = None
    options = BuildOptions(layout="gates")

    with pytest.raises(MerError, match=r"8\.6\.0 cannot read the layout 'gates'.*use the layout 'joint'"):
        build.build_plan(read_source(SHIPPED_MODEL), tmp_path / "m.plan", build.choose_api("auto"), options, Silent())
    assert fake.Builder.last is None
