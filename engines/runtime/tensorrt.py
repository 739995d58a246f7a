"""Runs a TensorRT or TensorRT-RTX plan through cuda-python, without torch."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines import tensorrt_api
from engines.manifest import INPUT, OUTPUT, Manifest, Target, check_clips, load_pair
from engines.probabilities import checked_probabilities
from engines.protocol import DEFAULT_THREADS
from engines.runtime import cuda
from engines.runtime.cuda import Device
from engines.tensorrt_api import Api, TrtBackend
from mer.errors import MerError
from mer.preprocess import InputMode


class TensorRtEngine:
    """A plan on the first visible GPU. See `engines.protocol.Engine`.

    All memory is allocated once. A batch of any size is split into powers of two; each such size has its
    own execution context and its own CUDA graph of copy in, network and copy out, recorded when that
    size first comes (size 1 on opening). Everything runs on one private stream.

    Args:
        path: The .plan file; its manifest lies beside it. TensorRT-RTX's compiled kernels are kept in a
            .cache file there too.
        threads: Not used; other runtimes run on the processor.

    Raises:
        MerError: If there is no GPU, no library, or the plan is not for this GPU and this version.
    """

    choice_reason = ""

    def __init__(self, path: Path, *, threads: int = DEFAULT_THREADS) -> None:  # noqa: ARG002 - a GPU uses none
        self._engine: Any = None
        self._memory = ExitStack()
        self._graphs = ExitStack()
        self._launchers: dict[int, Callable[[], None]] = {}
        self._contexts: dict[int, Any] = {}
        self.manifest, content = load_pair(path)
        missing = cuda.unavailable()
        if missing:
            raise MerError(f"engine {path} needs a GPU: {missing}; use --engine onnxruntime")
        self._target = plan_target(path, self.manifest)
        try:
            self._open(path, content)
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path, content: bytes) -> None:
        self._api = check_fit(path, self.manifest, cuda.use_device())
        self.name = f"{self._api.backend}-{self.manifest.precision}"
        self._log = tensorrt_api.log_of(self._api.module)
        self._runtime = tensorrt_api.start(self._api, "Runtime")
        self._engine = self._runtime.deserialize_cuda_engine(content)
        if self._engine is None:
            raise MerError(
                f"{self._api.backend} {self._api.version} refuses {path}: {self._log.reason()}; "
                "build it again on this machine"
            )
        check_interface(path, self._api, self._engine, self.manifest)
        shapes = (self._target.max_batch, *self.manifest.clip_shape), (self._target.max_batch, len(self.classes))
        self._stream = cuda.new_stream(self._memory)
        self._host_in = cuda.pinned_array(self._memory, shapes[0], np.uint8)
        self._host_out = cuda.pinned_array(self._memory, shapes[1], np.float32)
        self._device_in = cuda.device_buffer(self._memory, self._host_in.nbytes)
        self._device_out = cuda.device_buffer(self._memory, self._host_out.nbytes)
        cache_path = path.with_name(path.name + ".cache")
        self._configuration, cache = tensorrt_api.new_runtime_cache(self._api, self._engine, cache_path)
        self._host_in[:] = 0
        self._launcher(1)()
        cuda.wait(self._stream)
        self._checked(self._host_out[:1])
        tensorrt_api.save_runtime_cache(cache, cache_path)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return self.manifest.classes

    @property
    def mode(self) -> InputMode:
        """Encoding of the clips."""
        return self.manifest.mode

    @property
    def none_threshold(self) -> float:
        """Probability that the best class must reach."""
        return self.manifest.none_threshold

    def classify(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (N, n_classes) float32 probabilities of encoded clips.

        Raises:
            MerError: If the engine is closed or fails, or its outputs are not probabilities.
        """
        check_clips(clips, self.manifest)
        if self._engine is None:
            raise MerError(f"engine {self.name} is closed; open it again")
        probabilities = np.empty((len(clips), len(self.classes)), np.float32)
        start = 0
        for size in split_batch(len(clips), self._target.max_batch):
            self._host_in[:size] = clips[start : start + size]
            self._launcher(size)()
            cuda.wait(self._stream)
            probabilities[start : start + size] = self._host_out[:size]
            start += size
        return self._checked(probabilities)

    def device_ms(self, batch: int, repeats: int) -> list[float]:
        """Return the GPU's own times of the network alone, without copies, in milliseconds a batch.

        Args:
            batch: A power of two up to the plan's largest batch.
            repeats: How often to measure.
        """
        self._launcher(batch)
        with ExitStack() as stack:
            launch = cuda.capture(stack, self._stream, lambda: self._enqueue(batch))
            return cuda.time_ms(stack, self._stream, launch, repeats)

    def device_memory_bytes(self) -> int:
        """Return what one execution context needs on the GPU."""
        return tensorrt_api.device_memory_bytes(self._engine)

    def wide_convolutions(self, names: Sequence[str]) -> tuple[list[str], int]:
        """Return the layers that compute convolutions in single precision, and how many compute convolutions.

        Args:
            names: Those of the convolutions in the graph.

        Raises:
            ValueError: If the library's description of its layers cannot be read.
        """
        return tensorrt_api.wide_convolutions(self._api, self._engine, names)

    def layer_table(self) -> str:
        """Return TensorRT's own description of the layers it made, one a line."""
        return tensorrt_api.layer_table(self._api, self._engine)

    def close(self) -> None:
        """Free graphs, contexts, engine, stream and memory, in this order."""
        self._launchers.clear()
        self._graphs.close()
        self._contexts.clear()
        self._engine = self._configuration = self._runtime = None
        self._memory.close()

    def __enter__(self) -> "TensorRtEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _checked(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        return checked_probabilities(
            probabilities, clips=len(probabilities), classes=len(self.classes), source=f"engine {self.manifest.file}"
        )

    def _launcher(self, batch: int) -> Callable[[], None]:
        if batch not in self._launchers:
            self._launchers[batch] = self._record(batch)
        return self._launchers[batch]

    def _record(self, batch: int) -> Callable[[], None]:
        """Make the execution context and the CUDA graph of one batch size, and run it once."""
        context = (
            self._engine.create_execution_context()
            if self._configuration is None
            else self._engine.create_execution_context(self._configuration)
        )
        if context is None:
            raise MerError(
                f"no execution context for a batch of {batch}: {tensorrt_api.device_memory_bytes(self._engine)} bytes "
                f"of GPU memory are needed, {cuda.free_bytes()} are free; close other programs"
            )
        profile = 0 if batch == 1 else self._engine.num_optimization_profiles - 1  # the first is of one clip
        ready = (
            (profile == 0 or context.set_optimization_profile_async(profile, self._stream))
            and context.set_input_shape(INPUT, (batch, *self.manifest.clip_shape))
            and context.set_tensor_address(INPUT, self._device_in)
            and context.set_tensor_address(OUTPUT, self._device_out)
        )
        if not ready:
            raise MerError(f"the plan refuses a batch of {batch}; build it again with --max-batch {batch}")
        self._contexts[batch] = context

        def work() -> None:
            cuda.copy_to_device(self._device_in, self._host_in[:batch], self._stream)
            self._enqueue(batch)
            cuda.copy_to_host(self._host_out[:batch], self._device_out, self._stream)

        work()  # first run: lazy allocations and compilation happen outside the graph
        cuda.wait(self._stream)
        return cuda.capture(self._graphs, self._stream, work)

    def _enqueue(self, batch: int) -> None:
        if not self._contexts[batch].execute_async_v3(self._stream):
            raise MerError(f"{self.name} failed on a batch of {batch}: {self._log.reason()}")


def tensorrt_version() -> str:
    """Return the version of TensorRT."""
    return tensorrt_api.load_api("tensorrt").version


def tensorrt_rtx_version() -> str:
    """Return the version of TensorRT-RTX."""
    return tensorrt_api.load_api("tensorrt-rtx").version


def split_batch(count: int, largest: int) -> list[int]:
    """Return powers of two, none above `largest`, that sum to `count`: few different sizes, few CUDA graphs."""
    sizes = []
    while count:
        size = 1 << (min(count, largest).bit_length() - 1)
        sizes.append(size)
        count -= size
    return sizes


def plan_target(path: Path, manifest: Manifest) -> Target:
    """Return where a plan fits.

    Raises:
        MerError: If the file is not a plan.
    """
    if manifest.target is None:
        raise MerError(f"engine {path} is an ONNX file, not a TensorRT plan; rename it to end in .onnx")
    return manifest.target


def check_fit(path: Path, manifest: Manifest, device: Device) -> Api:
    """Return the library for a plan, after comparing library and GPU with its manifest.

    Raises:
        MerError: If the plan was built by another version or for another GPU, or the library is missing.
    """
    target = plan_target(path, manifest)
    backend: TrtBackend = "tensorrt-rtx" if manifest.backend == "tensorrt-rtx" else "tensorrt"
    api = tensorrt_api.load_api(backend)
    if api.version != target.tensorrt_version:
        raise MerError(
            f"engine {path} was built by {backend} {target.tensorrt_version}, here is {api.version}; build it again"
        )
    if target.gpu and target.gpu != device.name:
        raise MerError(
            f"engine {path} was built for {target.gpu}, here is {device.name}; build it again on this machine"
        )
    if target.compute_capabilities and device.compute_capability not in target.compute_capabilities:
        raise MerError(
            f"engine {path} was built for compute capability {', '.join(target.compute_capabilities)}, {device.name} "
            f"has {device.compute_capability}; build it again"
        )
    return api


def check_interface(path: Path, api: Api, engine: Any, manifest: Manifest) -> None:
    """Compare the inputs and outputs that a deserialized plan reports with its manifest.

    Raises:
        MerError: If names, types or shapes differ: other classes or another input mode.
    """
    trt = api.module
    found = {}
    for name in (engine.get_tensor_name(i) for i in range(engine.num_io_tensors)):
        found[name] = (
            engine.get_tensor_mode(name),
            engine.get_tensor_dtype(name),
            tuple(engine.get_tensor_shape(name)),
        )
    expected = {
        INPUT: (trt.TensorIOMode.INPUT, trt.DataType.UINT8, (-1, *manifest.clip_shape)),
        OUTPUT: (trt.TensorIOMode.OUTPUT, trt.DataType.FLOAT, (-1, len(manifest.classes))),
    }
    if (
        manifest.target is not None and manifest.target.max_batch == 1
    ):  # with a profile of one clip some versions report 1 as the batch
        found = {
            name: (*port[:2], (-1, *port[2][1:]) if port[2][:1] == (1,) else port[2]) for name, port in found.items()
        }
    if found != expected:
        raise MerError(
            f"engine {path} has inputs and outputs {found}; its manifest promises {expected}; build it again"
        )
