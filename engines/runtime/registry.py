"""Every library that runs models, by name; the most wanted first. `--engine`, `mer-bench`, `mer-doctor` and
`mer-build-trt` read this table. Loading it loads none of them.

A new runtime is a file in this folder and an entry here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from engines.manifest import Precision
from engines.protocol import Engine
from mer.lazy import load


@dataclass(frozen=True, slots=True)
class Runtime:
    """A library that runs models.

    Attributes:
        implementation: "module:name" of the engine's class, which takes the path of a file and `threads`.
        suffix: What the names of its files end in.
        backend: How manifests name what runs a file; empty for files that describe themselves.
        version: "module:name" of what returns its version, and raises MerError with the reason if it cannot be used.
        shipped: Whether it may run the shipped weights, so that `--engine` takes its name and "auto" tries it.
        built: Whether its files are built for one machine, by `mer-build-trt`.
        runners: Ways to run a model that `mer-bench engine` compares, each with its precisions.
    """

    implementation: str
    suffix: str
    backend: str
    version: str
    shipped: bool
    built: bool
    runners: Mapping[str, tuple[Precision, ...]]

    def open(self, path: Path, *, threads: int) -> Engine:
        """Open a file, warmed up.

        Raises:
            MerError: If it or the library cannot be used.
        """
        engine: Engine = load(self.implementation)(path, threads=threads)
        return engine

    def installed(self) -> str:
        """Return the version of the library.

        Raises:
            MerError: If it is missing or does not load.
        """
        return str(load(self.version)())


RUNTIMES: Final[Mapping[str, Runtime]] = MappingProxyType(
    {
        "tensorrt": Runtime(
            "engines.runtime.tensorrt:TensorRtEngine",
            ".plan",
            "tensorrt",
            "engines.runtime.tensorrt:tensorrt_version",
            shipped=True,
            built=True,
            runners={"tensorrt": ("fp32", "fp16")},
        ),
        "tensorrt-rtx": Runtime(
            "engines.runtime.tensorrt:TensorRtEngine",
            ".plan",
            "tensorrt-rtx",
            "engines.runtime.tensorrt:tensorrt_rtx_version",
            shipped=True,
            built=True,
            runners={"tensorrt-rtx": ("fp32", "fp16")},
        ),
        "onnxruntime": Runtime(
            "engines.runtime.onnx:OnnxRuntimeEngine",
            ".onnx",
            "onnx",
            "engines.runtime.onnx:version",
            shipped=True,
            built=False,
            runners={"onnxruntime": ("fp32", "fp16-weights", "int8")},
        ),
        "torch": Runtime(
            "engines.runtime.torch:TorchEngine",
            ".safetensors",
            "",
            "engines.runtime.torch:version",
            shipped=False,
            built=False,
            runners={"torch-eager": ("fp32", "fp16"), "torch-compile": ("fp32", "fp16")},
        ),
    }
)
NAMES: Final = tuple(name for name, runtime in RUNTIMES.items() if runtime.shipped)
"""What `--engine` takes beside "auto" and paths."""
BUILT: Final = tuple(name for name, runtime in RUNTIMES.items() if runtime.built)
SUFFIXES: Final = tuple(dict.fromkeys(runtime.suffix for runtime in RUNTIMES.values()))
"""What the names of engines end in."""


def runner_of(name: str) -> Runtime:
    """Return the runtime of a way to run a model."""
    return next(runtime for runtime in RUNTIMES.values() if name in runtime.runners)


def runners() -> tuple[tuple[str, Precision], ...]:
    """Return every way to run a model with every precision, full precision first."""
    order: tuple[Precision, ...] = ("fp32", "fp16-weights", "int8", "fp16")
    ways = [pair for runtime in reversed(list(RUNTIMES.values())) for pair in runtime.runners.items()]
    return tuple((name, wanted) for wanted in order for name, precisions in ways if wanted in precisions)
