"""A stand-in for the Python module `tensorrt` in the forms that 8.6, 10 and 11 have.

The real library needs a GPU to build and run on and cannot be had without one; TensorRT-RTX, whose interface is
that of 11, is built with for real elsewhere in these tests. A "plan" here is the ONNX file behind a header, run by
ONNX Runtime; what is tested is our code around the library: flags, caches, buffers, graphs, checks.
"""

import enum
import json
import sys
import types
from typing import Any

import numpy as np
import onnx
import pytest

from engines.runtime.onnx import new_session

HEADER = b"stand-in plan "
FIXED = b"stand-in plan whose profile is of one clip "
EXCLUSIVE = b"stand-in plan of 8.6 whose profile one context takes "


class Severity(enum.IntEnum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2


class ILogger:
    INTERNAL_ERROR, ERROR, WARNING = Severity

    def __init__(self) -> None:
        pass


class IProgressMonitor:
    def __init__(self) -> None:
        pass


class DataType(enum.IntEnum):
    FLOAT = 0
    HALF = 1
    UINT8 = 5


class TensorIOMode(enum.IntEnum):
    INPUT = 1
    OUTPUT = 2


class Tensor:
    def __init__(self, port: Any) -> None:
        self.name = port.name
        self.dtype = {1: DataType.FLOAT, 2: DataType.UINT8, 10: DataType.HALF}[port.type.tensor_type.elem_type]
        self.shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in port.type.tensor_type.shape.dim)


class Layer:
    def __init__(self, node: Any, dtype: Any) -> None:
        self.name = node.name
        kinds = {"Conv": "CONVOLUTION", "Add": "ELEMENTWISE", "Mul": "ELEMENTWISE", "Sigmoid": "ACTIVATION"}
        self.type = types.SimpleNamespace(name=kinds.get(node.op_type, "SHUFFLE"))
        self.precision = self.output_type = None
        self._output = types.SimpleNamespace(dtype=dtype, shape=())

    def get_output(self, index: Any) -> Any:
        return self._output

    def set_output_type(self, index: Any, dtype: Any) -> None:
        self.output_type = dtype


class Network:
    def __init__(self, flags: Any) -> None:
        self.flags = flags
        self.content = b""
        self.num_layers = 0
        self.layers: list[Layer] = []

    def load(self, content: Any) -> None:
        self.content = content
        graph = onnx.load_model_from_string(content).graph
        self._inputs, self._outputs = [Tensor(p) for p in graph.input], [Tensor(p) for p in graph.output]
        self.num_inputs, self.num_outputs = len(self._inputs), len(self._outputs)
        half = any(item.data_type == onnx.TensorProto.FLOAT16 for item in graph.initializer)
        self.layers = [Layer(node, DataType.HALF if half else DataType.FLOAT) for node in graph.node]
        self.num_layers = len(self.layers)

    def get_layer(self, index: Any) -> Any:
        return self.layers[index]

    def get_input(self, index: Any) -> Any:
        return self._inputs[index]

    def get_output(self, index: Any) -> Any:
        return self._outputs[index]


class Parser:
    num_errors = 0

    def __init__(self, network: Any, logger: Any) -> None:
        self._network = network

    def parse(self, content: Any) -> Any:
        self._network.load(content)
        return True


class Config:
    def __init__(self) -> None:
        self.flags: set[Any] = set()
        self.limits: dict[Any, Any] = {}
        self.tactics = None
        self.cache = None
        self.progress_monitor = None
        self.refused_cache = b"other GPU"
        self.preview: set[Any] = set()
        self.profiles: list[Any] = []

    def set_flag(self, flag: Any) -> None:
        self.flags.add(flag)

    def set_preview_feature(self, feature: Any, enable: Any) -> None:
        self.preview |= {feature} if enable else set()

    def set_memory_pool_limit(self, pool: Any, nbytes: Any) -> None:
        self.limits[pool] = nbytes

    def set_tactic_sources(self, bits: Any) -> None:
        self.tactics = bits

    def add_optimization_profile(self, profile: Any) -> Any:
        self.profile = profile
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, content: Any) -> Any:
        return types.SimpleNamespace(content=content, serialize=lambda: b"timed")

    def set_timing_cache(self, cache: Any, ignore_mismatch: Any) -> Any:
        if cache.content == self.refused_cache:
            return False
        self.cache = cache
        return True


class Profile:
    def set_shape(self, name: Any, smallest: Any, usual: Any, largest: Any) -> None:
        self.shapes = (smallest, usual, largest)


class Builder:
    last = None

    def __init__(self, logger: Any) -> None:
        Builder.last = self
        self._logger = logger

    def create_network(self, flags: Any) -> Any:
        self.network = Network(flags)
        return self.network

    def create_builder_config(self) -> Any:
        self.config = Config()
        return self.config

    def create_optimization_profile(self) -> Any:
        return Profile()

    def build_serialized_network(self, network: Any, config: Any) -> Any:
        monitor = config.progress_monitor
        if monitor is not None:
            monitor.phase_start("Building", None, 2)
            going = monitor.step_complete("Building", 0) and monitor.step_complete("Building", 1)
            monitor.phase_finish("Building")
            if not going:
                self._logger.log(Severity.ERROR, "build was cancelled")
                return None
        smallest, _, largest = config.profile.shapes
        if smallest == largest:
            return FIXED + network.content
        old = sys.modules["tensorrt"].__version__.startswith("8.")
        return (HEADER if config.preview or not old else EXCLUSIVE) + network.content


class Context:
    def __init__(self, engine: Any, *, has_profile: Any) -> None:
        self._engine = engine
        self._has_profile = has_profile
        self._addresses: dict[Any, Any] = {}
        self._shape = None
        self._profile = 0

    def set_optimization_profile_async(self, index: Any, stream: Any) -> Any:
        self._profile = index
        return not self._engine.fixed

    def set_input_shape(self, name: Any, shape: Any) -> Any:
        self._shape = shape
        return name == "clips" and (shape[0] == 1 or self._profile == 1)

    def set_tensor_address(self, name: Any, address: Any) -> Any:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: Any) -> Any:
        if self._engine.failing or not self._has_profile:
            self._engine.logger.log(Severity.ERROR, "Assertion mOptimizationProfile >= 0 failed")
            return False
        cuda = sys.modules["cuda.bindings.runtime"]

        def work() -> None:
            raw = cuda.memory(self._addresses["clips"], int(np.prod(self._shape)))
            clips = np.ctypeslib.as_array(raw).reshape(self._shape)
            answer = self._engine.session.run(None, {"clips": clips})[0]
            target = cuda.memory(self._addresses["probabilities"], answer.nbytes)
            np.ctypeslib.as_array(target)[:] = answer.view(np.uint8).ravel()

        cuda.submit(work)
        return True


class Engine:
    num_io_tensors = 2
    last: Any = None
    layers: list[Any] = []  # noqa: RUF012 - set by tests

    def __init__(self, content: Any, logger: Any, *, shared: Any, fixed: Any) -> None:
        self.fixed = fixed
        self.num_optimization_profiles = 1 if fixed else 2
        self.failing = False
        Engine.last = self
        self.logger = logger
        self._profiles = 1000 if shared else 1
        self.session = new_session(content, source="stand-in")
        graph = onnx.load_model_from_string(content).graph
        self._ports = [Tensor(p) for p in (*graph.input, *graph.output)]

    def get_tensor_name(self, index: Any) -> Any:
        return self._ports[index].name

    def get_tensor_mode(self, name: Any) -> Any:
        return TensorIOMode.INPUT if name == "clips" else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: Any) -> Any:
        return next(p.dtype for p in self._ports if p.name == name)

    def get_tensor_shape(self, name: Any) -> Any:
        shape = next(p.shape for p in self._ports if p.name == name)
        return (1, *shape[1:]) if self.fixed else shape

    def create_engine_inspector(self) -> Any:
        return Inspector()

    def create_execution_context(self) -> Any:
        self._profiles -= 1
        return Context(self, has_profile=self._profiles >= 0)


class Inspector:
    def get_engine_information(self, _format: Any) -> str:
        return json.dumps({"Layers": Engine.layers})


class Runtime:
    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, content: Any) -> Any:
        header = next((h for h in (FIXED, EXCLUSIVE, HEADER) if content.startswith(h)), None)
        if header is None:
            self._logger.log(Severity.ERROR, "plan header is broken")
            return None
        engine = Engine(content.removeprefix(header), self._logger, shared=header != EXCLUSIVE, fixed=header == FIXED)
        size = "device_memory_size" if sys.modules["tensorrt"].__version__.startswith("8.") else "device_memory_size_v2"
        setattr(engine, size, 4096)
        return engine


def _enum(name: str, members: Any) -> Any:
    made: Any = enum.IntEnum
    return made(name, members)


def module(version: Any) -> Any:
    """Return the stand-in with the names that the given version has."""
    major = int(version.split(".")[0])
    fake: Any = types.ModuleType("tensorrt")
    fake.__version__ = version
    names = (ILogger, DataType, TensorIOMode, Builder, Runtime)
    for thing in names if major < 10 else (*names, IProgressMonitor):
        setattr(fake, thing.__name__, thing)
    fake.OnnxParser = Parser
    network_flags = {
        8: {"EXPLICIT_BATCH": 0},
        10: {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1},
        11: {"STRONGLY_TYPED": 1},
    }
    fake.NetworkDefinitionCreationFlag = _enum("NetworkDefinitionCreationFlag", network_flags[major])
    flags = {"FP16": 0, "DEBUG": 2, "OBEY_PRECISION_CONSTRAINTS": 11}
    fake.BuilderFlag = _enum("BuilderFlag", {"DEBUG": 2} if major > 10 else flags)
    fake.LayerInformationFormat = _enum("LayerInformationFormat", {"ONELINE": 0, "JSON": 1})
    if major < 9:
        fake.PreviewFeature = _enum("PreviewFeature", {"PROFILE_SHARING_0806": 2})
    fake.MemoryPoolType = _enum("MemoryPoolType", {"WORKSPACE": 0})
    fake.TacticSource = _enum("TacticSource", {"EDGE_MASK_CONVOLUTIONS": 3, "JIT_CONVOLUTIONS": 4})
    fake.ProfilingVerbosity = _enum("ProfilingVerbosity", {"DETAILED": 2})
    return fake


def install(monkeypatch: pytest.MonkeyPatch, version: Any) -> Any:
    """Make `import tensorrt` give the stand-in of a version."""
    fake = module(version)
    monkeypatch.setitem(sys.modules, "tensorrt", fake)
    return fake
