"""Builds TensorRT and TensorRT-RTX plans; `engines.build_cli` is the command around it."""

import importlib.metadata
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from engines import tensorrt_api
from engines.graph import OPSET, build_graph
from engines.kernels import Kernel, check_described, checked
from engines.manifest import INPUT, OUTPUT, Deviation, Layout, Manifest, Target, clip_shape, sha256, write_pair
from engines.parity import deviation, parity_clips
from engines.runtime import cuda
from engines.runtime.onnx import new_session
from engines.source import Source
from engines.tensorrt_api import Api, BuildListener, TrtBackend
from mer.errors import MerError
from mer.files import write_atomically

TOLERANCE: Final = 1e-2
"""Largest relative error against ONNX Runtime in single precision with which a plan is written."""
LOOK_EVERY_S: Final = 0.2
"""How often signals are looked for during a build."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build.

    Attributes:
        precision: Of the arithmetic; the head always works in single precision.
        max_batch: Largest batch, 1 to 1024. More than one adds a profile, which takes as long to build as the first,
            and memory.
        level: The library's optimisation level, 0 to 5; None for its default.
        workspace_bytes: GPU memory that tactics may use; None for no limit.
        timing_cache: File that makes rebuilding fast; None for none.
        compute_capabilities: GPUs that TensorRT-RTX builds for; none for all it supports.
        layout: How the graph is written; "joint" is meant for GPUs.
    """

    precision: Literal["fp16", "fp32"] = "fp16"
    max_batch: int = 1
    level: int | None = None
    workspace_bytes: int | None = None
    timing_cache: Path | None = None
    compute_capabilities: tuple[str, ...] = ()
    layout: Layout = "joint"


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a network as the library itself reports it.

    Attributes:
        name: Tensor name.
        shape: -1 for the batch.
        dtype: "UINT8" for example.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Built:
    """A finished plan.

    Attributes:
        content: The plan.
        manifest: What is written beside it.
        ports: Inputs, then outputs, read back from the library.
        layers: Name, type, output shape and type of each layer of the network.
        kernels: What the plan runs, in order; none where the library does not tell.
        parity_skipped_reason: Why no GPU has run it; empty if one has.
        unchecked_reason: Why it is not known that all convolutions of a plan in half precision are in half precision,
            although a GPU has run it; empty if it is known.
    """

    content: bytes
    manifest: Manifest
    ports: tuple[Port, ...]
    layers: tuple[tuple[str, str, str, str], ...]
    kernels: tuple[Kernel, ...]
    parity_skipped_reason: str
    unchecked_reason: str


def choose_api(backend: TrtBackend | Literal["auto"]) -> Api:
    """Return the library to build with.

    "auto" is TensorRT where it is installed and has a GPU to build on, TensorRT-RTX otherwise.

    Raises:
        MerError: If there is none, or TensorRT proper was asked for without a GPU.
    """
    missing = cuda.unavailable()
    if backend == "tensorrt-rtx":
        return tensorrt_api.load_api(backend)
    if backend == "tensorrt":
        if missing:
            raise MerError(
                f"TensorRT times its kernels on the GPU that will run them, and there is none: {missing}. "
                "Build on the target machine, or use --library tensorrt-rtx, which needs no GPU"
            )
        return tensorrt_api.load_api(backend)
    reasons = [missing]
    for candidate in ("tensorrt-rtx",) if missing else ("tensorrt", "tensorrt-rtx"):
        try:
            return tensorrt_api.load_api("tensorrt" if candidate == "tensorrt" else "tensorrt-rtx")
        except MerError as error:
            reasons.append(str(error))
    raise MerError("nothing to build with: " + "; ".join(reason for reason in reasons if reason))


def build_plan(source: Source, path: Path, api: Api, options: BuildOptions, listener: BuildListener) -> Built:
    """Build a plan, check its outputs where a GPU can run it, and write it with its manifest.

    Args:
        source: The model.
        path: Where to write.
        api: From `choose_api`.
        options: How to build.
        listener: Hears of the progress, where the library reports it.

    Raises:
        MerError: If the library refuses the model or the options, or the plan's outputs are wrong.
    """
    log = tensorrt_api.log_of(api.module)
    described = source.manifest
    tensorrt_api.check_layout(api, described.model, options.layout)
    graph = _graph(source, options)
    device = None if cuda.unavailable() else cuda.use_device()
    builder = tensorrt_api.start(api, "Builder")
    network = tensorrt_api.new_network(api, builder)
    _parse(api, network, log, graph)
    ports = read_ports(network)
    _check_ports(ports, described)
    config = _configured(api, builder, network, described, options)
    cache = tensorrt_api.open_timing_cache(api, config, options.timing_cache)
    tensorrt_api.set_progress_monitor(api, config, listener)

    def keep_times() -> None:
        if cache is not None and options.timing_cache is not None:
            write_atomically(options.timing_cache, bytes(cache.serialize()))

    plan = _build(builder, network, config, listener, keep_times)
    keep_times()  # of a build that was ended, too
    if plan is None:
        raise MerError(f"{api.backend} {api.version} built nothing: {log.reason()}")
    content, kernels = bytes(plan), checked(log.kernels, options.precision)
    target = _target(api, options, device if api.backend == "tensorrt" else None, source_sha256=described.sha256)
    manifest = replace(
        described,
        file=path.name,
        sha256=sha256(content),
        backend=api.backend,
        precision=options.precision,
        opset=described.opset if source.traced else OPSET,
        versions=_versions(api),
        deviation=None,
        target=target,
    )
    half = () if kernels or options.precision == "fp32" else _convolutions(network)
    measured, parity_skipped_reason, unchecked_reason = _measure(source, content, manifest, half)
    _check_deviation(measured, options.precision)
    manifest = replace(manifest, deviation=measured)
    write_pair(path, content, manifest)
    return Built(content, manifest, ports, _layers(network), kernels, parity_skipped_reason, unchecked_reason)


def _graph(source: Source, options: BuildOptions) -> bytes:
    """Return the ONNX file to build from; that of a user's own network is taken as it is.

    Raises:
        MerError: If it would have to be written in another precision.
    """
    described = source.manifest
    if not source.traced:
        graph = build_graph(
            source.arrays,
            model=described.model,
            mode=described.mode,
            precision=options.precision,
            layout=options.layout,
        )
        return bytes(graph.SerializeToString())
    if options.precision != described.precision:
        raise MerError(
            f"--precision {options.precision} given, but model {described.model!r} is not one of ours and its file is "
            f"in {described.precision}; leave out --precision"
        )
    return source.traced


def _configured(api: Api, builder: Any, network: Any, manifest: Manifest, options: BuildOptions) -> Any:
    """Return a builder configuration with precision, effort, GPUs and profiles set."""
    config = builder.create_builder_config()
    half = options.precision == "fp16"
    tensorrt_api.configure(api, config, half=half, level=options.level, workspace_bytes=options.workspace_bytes)
    if half:
        tensorrt_api.obey_half(api, config, network)
    tensorrt_api.set_compute_capabilities(api, config, options.compute_capabilities)
    _add_profiles(builder, config, manifest, options.max_batch)
    return config


def _parse(api: Api, network: Any, log: tensorrt_api.Log, graph: bytes) -> None:
    """Fill a network from an ONNX graph.

    Raises:
        MerError: If the library cannot read it.
    """
    parser = api.module.OnnxParser(network, log.logger)
    if not parser.parse(graph):
        errors = [parser.get_error(i).desc() for i in range(parser.num_errors)]
        raise MerError(f"{api.backend} {api.version} cannot read the graph: {'; '.join(errors)}")


def _check_deviation(measured: Deviation | None, precision: str) -> None:
    """Refuse a plan whose outputs are not those of ONNX Runtime.

    Raises:
        MerError: If they were compared and are too far apart.
    """
    if measured and not measured.relative <= TOLERANCE:
        raise MerError(
            f"the {precision} plan deviates from ONNX Runtime by {measured.relative:.1e}, more than {TOLERANCE:.0e}; "
            "nothing was written. Build with --precision fp32"
        )


def _versions(api: Api) -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("mer-live", "onnx")} | {api.backend: api.version}


def _target(api: Api, options: BuildOptions, device: cuda.Device | None, *, source_sha256: str) -> Target:
    """Return what a plan is for: the GPU it is built on, or those that were asked for."""
    return Target(
        tensorrt_version=api.version,
        gpu=device.name if device else "",
        compute_capabilities=(device.compute_capability,) if device else options.compute_capabilities,
        source_sha256=source_sha256,
        max_batch=options.max_batch,
    )


def _build(builder: Any, network: Any, config: Any, listener: BuildListener, keep_times: Callable[[], None]) -> Any:
    """Build in a thread of its own: the library takes minutes, and no signal is heard by the thread that is in it.

    Where a build cannot be ended halfway, a second signal ends the process: what was timed is kept at the first.
    """
    kept = False
    with ThreadPoolExecutor(1, thread_name_prefix="build") as worker:
        building = worker.submit(builder.build_serialized_network, network, config)
        while not building.done():
            wait([building], LOOK_EVERY_S)
            if listener.stopping and listener.monitor is None and not kept:
                keep_times()
                kept = True
        return building.result()


def read_ports(network: Any) -> tuple[Port, ...]:
    """Return a parsed network's inputs, then its outputs, as TensorRT reports them."""
    tensors = [network.get_input(i) for i in range(network.num_inputs)]
    tensors += [network.get_output(i) for i in range(network.num_outputs)]
    return tuple(Port(t.name, tuple(t.shape), t.dtype.name) for t in tensors)


def _check_ports(ports: tuple[Port, ...], manifest: Manifest) -> None:
    expected = (
        Port(INPUT, (-1, *clip_shape(manifest.mode)), "UINT8"),
        Port(OUTPUT, (-1, len(manifest.classes)), "FLOAT"),
    )
    if ports != expected:
        raise MerError(f"TensorRT sees inputs and outputs {ports}, expected {expected}; export the model again")


def _add_profiles(builder: Any, config: Any, manifest: Manifest, max_batch: int) -> None:
    """One clip is the rule and has a profile of its own, of fixed shape; larger batches have the second."""
    shape = clip_shape(manifest.mode)
    for batches in ((1, 1, 1), (1, max_batch, max_batch))[: 1 if max_batch == 1 else 2]:
        profile = builder.create_optimization_profile()
        profile.set_shape(INPUT, *((batch, *shape) for batch in batches))
        if config.add_optimization_profile(profile) < 0:
            raise MerError(f"TensorRT refuses batches of {batches[0]} to {batches[2]}; choose another --max-batch")


def _layers(network: Any) -> tuple[tuple[str, str, str, str], ...]:
    rows = []
    for layer in (network.get_layer(i) for i in range(network.num_layers)):
        output = layer.get_output(0)
        shape = "" if output is None else " x ".join(map(str, output.shape))
        rows.append((layer.name, layer.type.name.lower(), shape, "" if output is None else output.dtype.name.lower()))
    return tuple(rows)


def _convolutions(network: Any) -> list[str]:
    return [name for name, kind, *_ in _layers(network) if kind == "convolution"]


def _measure(
    source: Source, content: bytes, manifest: Manifest, half: Sequence[str]
) -> tuple[Deviation | None, str, str]:
    """Compare a plan with ONNX Runtime; return also why no GPU here can run it, and why its kernels are not known.

    Raises:
        MerError: If the plan does not open, or computes one of the layers `half` in single precision.
    """
    missing = cuda.unavailable()
    if missing:
        return None, missing, ""
    from engines.runtime.tensorrt import TensorRtEngine

    clips = parity_clips(manifest.mode)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "built.plan"
        write_pair(path, content, manifest)
        try:
            engine = TensorRtEngine(path)
        except MerError as error:
            if manifest.backend == "tensorrt-rtx":  # built for other GPUs than this machine's
                return None, str(error), ""
            raise
        with engine:
            unchecked = check_described(lambda: engine.wide_convolutions(half)) if half else ""
            found = engine.classify(clips)
    return deviation(found, onnx_runtime_probabilities(source, clips), reference="onnxruntime fp32"), "", unchecked


def onnx_runtime_probabilities(source: Source, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what ONNX Runtime returns with the same weights in single precision."""
    graph = _graph(source, BuildOptions(precision="fp32", layout="gates"))
    session = new_session(graph, source="the reference graph")
    return np.concatenate([session.run(None, {INPUT: clip[None]})[0] for clip in clips])
