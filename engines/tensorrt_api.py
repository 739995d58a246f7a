"""What differs between TensorRT 8.6, 10, 11 and TensorRT-RTX, and nothing else.

| | 8.6 | 10 | 11 | RTX |
|---|---|---|---|---|
| module | tensorrt | tensorrt | tensorrt | tensorrt_rtx |
| network flag | EXPLICIT_BATCH | STRONGLY_TYPED | STRONGLY_TYPED | STRONGLY_TYPED |
| half precision | flags, and by layer | in the ONNX file | in the ONNX file | in the ONNX file |
| progress monitor, so a build can be ended | no | yes | yes | yes |
| reads the layout "gates" | no | yes | yes | yes |
| timing cache | yes | yes | yes | nothing is timed at build |
| tactic sources | without cuBLAS and cuDNN | default | default | default |
| one profile, several contexts | preview feature | yes | yes | yes |
| device memory | device_memory_size | device_memory_size_v2 | device_memory_size_v2 | device_memory_size_v2 |
| GPU to build for | the one in the machine | same | same | named, none needed |
| runtime cache | no | no | no | yes |

`tensorrt` and `tensorrt_rtx` are imported here and nowhere else.
"""

import contextlib
import functools
import importlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, Protocol

from engines.kernels import Kernel, read_kernels
from engines.manifest import Layout
from mer.errors import MerError
from mer.files import from_json, write_atomically

TrtBackend = Literal["tensorrt", "tensorrt-rtx"]
MODULES: Final[dict[TrtBackend, str]] = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
_EXTRAS: Final[dict[TrtBackend, str]] = {"tensorrt": "trt", "tensorrt-rtx": "rtx"}
OLDEST: Final = (8, 6)
_HALVED: Final = frozenset({"CONVOLUTION", "ELEMENTWISE", "ACTIVATION"})
"""Kinds of layers of the recurrence; all have kernels in half precision."""


@dataclass(frozen=True, slots=True)
class Api:
    """An imported TensorRT.

    Attributes:
        module: The Python module.
        backend: Which of the two libraries.
        version: Full version, "10.13.0.35" for example.
    """

    module: ModuleType
    backend: TrtBackend
    version: str

    @property
    def major(self) -> int:
        """First number of the version."""
        return int(self.version.split(".")[0])

    @property
    def strongly_typed(self) -> bool:
        """Whether the ONNX file alone decides the precision."""
        return self.backend == "tensorrt-rtx" or self.major >= 10


def load_api(backend: TrtBackend) -> Api:
    """Import TensorRT.

    Raises:
        MerError: If it is not installed, does not load or is older than 8.6.
    """
    name = MODULES[backend]
    try:
        module = importlib.import_module(name)
        version = str(module.__version__)
    except ModuleNotFoundError as error:
        raise MerError(
            f"the Python module {name} is not installed; `pip install 'mer-live[{_EXTRAS[backend]}]'`"
        ) from error
    except (ImportError, OSError, AttributeError, RuntimeError) as error:  # a stub, or missing libraries
        raise MerError(f"the Python module {name} does not load ({error}); install it again") from error
    if backend == "tensorrt" and tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise MerError(f"TensorRT {version} is installed; 8.6 or newer is needed")
    return Api(module, backend, version)


@dataclass(frozen=True, slots=True)
class Log:
    """What TensorRT has to say.

    Attributes:
        logger: TensorRT's own object.
        errors: The last errors.
        kernels: Those of the last plan that was built, where the library tells: TensorRT-RTX does.
    """

    logger: Any
    errors: deque[str]
    kernels: list[Kernel]

    def reason(self) -> str:
        """Return the errors since the last call, for a message of ours."""
        text = "; ".join(self.errors)
        self.errors.clear()
        return text or "no reason given"


@functools.cache
def log_of(module: ModuleType) -> Log:
    """Return the log of this process: TensorRT reports to the first logger it is given, whoever gives others."""
    base: Any = module.ILogger
    errors: deque[str] = deque(maxlen=8)
    kernels: list[Kernel] = []

    class Logger(base):  # type: ignore[misc]  # the module is only known at run time
        def __init__(self) -> None:
            base.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (base.INTERNAL_ERROR, base.ERROR):
                errors.append(message)
            elif found := read_kernels(message):
                kernels[:] = found

    return Log(Logger(), errors, kernels)


def start(api: Api, kind: Literal["Builder", "Runtime"]) -> Any:
    """Return a builder or a runtime.

    Raises:
        MerError: If the library cannot make one.
    """
    log = log_of(api.module)
    log.errors.clear()
    log.kernels.clear()
    try:
        return getattr(api.module, kind)(log.logger)
    except TypeError as error:  # pybind11's word for a null pointer
        raise MerError(f"{api.backend} {api.version} does not start: {log.reason()}; install it again") from error


def new_network(api: Api, builder: Any) -> Any:
    """Return an empty network whose types come from the ONNX file where the version allows it."""
    flags = api.module.NetworkDefinitionCreationFlag
    flag = flags.STRONGLY_TYPED if api.strongly_typed else flags.EXPLICIT_BATCH
    return builder.create_network(1 << int(flag))


def configure(api: Api, config: Any, *, half: bool, level: int | None, workspace_bytes: int | None) -> None:
    """Set precision, effort, memory and tactics on a builder configuration."""
    trt = api.module
    if half and not api.strongly_typed:
        config.set_flag(trt.BuilderFlag.FP16)
    if level is not None:
        config.builder_optimization_level = level
    if workspace_bytes is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_bytes)
    if api.backend == "tensorrt" and api.major < 9:  # from 9 on contexts share a profile by default
        config.set_preview_feature(trt.PreviewFeature.PROFILE_SHARING_0806, True)
    if api.backend == "tensorrt" and api.major < 10:
        sources = (trt.TacticSource.EDGE_MASK_CONVOLUTIONS, trt.TacticSource.JIT_CONVOLUTIONS)
        config.set_tactic_sources(sum(1 << int(source) for source in sources))
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED


def obey_half(api: Api, config: Any, network: Any) -> None:
    """Have TensorRT 8.6 compute in half what the ONNX file has in half; its flag FP16 only allows it to.

    Where it may choose, it takes the first kernel that fits or the fastest of many that it times: fewer are left.
    """
    trt = api.module
    if api.strongly_typed:
        return
    config.set_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    for layer in (network.get_layer(i) for i in range(network.num_layers)):
        if layer.type.name in _HALVED and layer.get_output(0).dtype == trt.DataType.HALF:
            layer.precision = trt.DataType.HALF
            layer.set_output_type(0, trt.DataType.HALF)


def check_layout(api: Api, model: str, layout: Layout) -> None:
    """Refuse a graph that the version cannot read, before minutes are spent.

    Raises:
        MerError: If it cannot.
    """
    if layout == "gates" and model == "convlstm" and api.backend == "tensorrt" and api.major < 10:
        raise MerError(
            f"TensorRT {api.version} cannot read the layout 'gates', in which weights of convolutions are computed; "
            "use the layout 'joint', which is the default"
        )


def set_compute_capabilities(api: Api, config: Any, wanted: tuple[str, ...]) -> None:
    """Name the GPUs to build for.

    Raises:
        MerError: If the library builds for the GPU in the machine only, or does not know one of them.
    """
    if not wanted:
        return
    if api.backend != "tensorrt-rtx":
        raise MerError("--compute-capability needs --library tensorrt-rtx: TensorRT builds for the GPU in the machine")
    known = {name: value for name, value in api.module.ComputeCapability.__members__.items() if name.startswith("SM")}
    config.num_compute_capabilities = len(wanted)
    for index, capability in enumerate(wanted):
        name = "SM" + capability.replace(".", "")
        if name not in known:
            choices = ", ".join(f"{name[2:-1]}.{name[-1]}" for name in known)
            raise MerError(f"compute capability {capability!r} is not known to TensorRT-RTX; choose from {choices}")
        if not config.set_compute_capability(known[name], index):
            raise MerError(f"TensorRT-RTX refuses compute capability {capability}")


def open_timing_cache(api: Api, config: Any, path: Path | None) -> Any:
    """Attach a timing cache, filled from a file if it exists; None where nothing is timed at build."""
    if path is None or api.backend == "tensorrt-rtx":
        return None
    content = path.read_bytes() if path.is_file() else b""
    cache = config.create_timing_cache(content)
    if cache is None or not config.set_timing_cache(cache, False):  # another GPU's or version's: start afresh
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return cache


def set_progress_monitor(api: Api, config: Any, listener: "BuildListener") -> bool:
    """Report the build's phases to a listener; return False where the version cannot."""
    base: Any = getattr(api.module, "IProgressMonitor", None)
    if base is None:
        return False

    class Monitor(base):  # type: ignore[misc]  # the module is only known at run time
        def __init__(self) -> None:
            base.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            listener.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return listener.step(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            listener.finish(phase_name)

    listener.monitor = Monitor()  # TensorRT keeps no reference of its own
    config.progress_monitor = listener.monitor
    return True


class BuildListener(Protocol):
    """Hears of the phases of a build, from the thread that builds.

    Attributes:
        monitor: The library's object that calls this one; kept here because TensorRT does not keep it.
    """

    monitor: Any

    @property
    def stopping(self) -> bool:
        """Whether the build was asked to end."""

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """A phase begins, inside another one or at the top (`parent` None)."""

    def step(self, phase: str, step: int) -> bool:
        """A step of a phase is done; return False to end the build."""

    def finish(self, phase: str) -> None:
        """A phase is done."""


def device_memory_bytes(engine: Any) -> int:
    """Return what one execution context needs on the GPU."""
    size = getattr(engine, "device_memory_size_v2", None)
    return int(engine.device_memory_size if size is None else size)


def new_runtime_cache(api: Api, engine: Any, path: Path) -> tuple[Any, Any]:
    """Return TensorRT-RTX's runtime configuration and its cache of compiled kernels, filled from a file.

    Elsewhere both are None: the plan holds compiled kernels.
    """
    if api.backend != "tensorrt-rtx":
        return None, None
    configuration = engine.create_runtime_config()
    # compile for the shape at hand while warming up: a kernel exchanged later would not be in the CUDA graph
    configuration.dynamic_shapes_kernel_specialization_strategy = (
        api.module.DynamicShapesKernelSpecializationStrategy.EAGER
    )
    cache = configuration.create_runtime_cache()
    if path.is_file():
        cache.deserialize(path.read_bytes())  # False for another GPU or driver: it stays empty and is filled again
    configuration.set_runtime_cache(cache)
    return configuration, cache


def save_runtime_cache(cache: Any, path: Path) -> None:
    """Keep the kernels that were compiled while warming up; a folder that cannot be written costs only time."""
    if cache is None:
        return
    with contextlib.suppress(MerError):
        write_atomically(path, bytes(cache.serialize()))


def layer_table(api: Api, engine: Any) -> str:
    """Return the library's own description of a deserialized engine's layers, one a line."""
    text: str = engine.create_engine_inspector().get_engine_information(api.module.LayerInformationFormat.ONELINE)
    return text


def wide_convolutions(api: Api, engine: Any, names: Sequence[str]) -> tuple[list[str], int]:
    """Return the layers of a deserialized engine that convolve in single precision, and how many convolve.

    Args:
        api: The library.
        engine: Built with detailed profiling.
        names: Convolutions of the network: layers of the engine are named after all that they compute.

    Raises:
        ValueError: If the library's description of its layers cannot be read.
    """
    text = engine.create_engine_inspector().get_engine_information(api.module.LayerInformationFormat.JSON)
    described = from_json(text, strict=False)  # TensorRT writes control characters into names as they are
    layers = [layer for layer in described.get("Layers", []) if isinstance(layer, dict)]
    convolutions = [
        layer for layer in layers if _is_convolution(layer) and any(name in str(layer.get("Name")) for name in names)
    ]
    return [str(layer.get("Name")) for layer in convolutions if _is_wide(layer)], len(convolutions)


def _is_convolution(layer: dict[str, Any]) -> bool:
    """By its kind: copies into another format are named after convolutions, too."""
    kinds = f"{layer.get('LayerType')} {layer.get('ParameterType')} {layer.get('TacticName')}".lower()
    return "convolution" in kinds or "fprop" in kinds


def _is_wide(layer: dict[str, Any]) -> bool:
    """By the format of what enters, or, where the shape is not fixed and no format is told, by the kernel's name."""
    formats = " ".join(str(port.get("Format/Datatype")) for port in layer.get("Inputs", []))
    tactic = str(layer.get("TacticName")).lower()
    return "FP32" in formats or "Float" in formats or any(word in tactic for word in ("tf32", "f32f32", "sgemm"))
