"""The little of CUDA that the TensorRT engine needs, through cuda-python, every status checked.

Nothing here touches a driver before `unavailable` has found one: TensorRT's own runtime can end the
process where there is none.
"""

import ctypes
import importlib.util
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from mer.errors import MerError

_NO_DRIVER: Final = "no CUDA driver on this machine"


@dataclass(frozen=True, slots=True)
class Device:
    """The GPU in use.

    Attributes:
        name: As its maker calls it, "NVIDIA GeForce RTX 4070" for example.
        compute_capability: "8.9" for example.
    """

    name: str
    compute_capability: str


def unavailable() -> str:
    """Return why no GPU can be used, as a sentence, or nothing if one can."""
    if not _has_driver() and importlib.util.find_spec("cuda") is not None:
        return _NO_DRIVER
    try:
        from cuda.bindings import driver, runtime
    except ImportError as error:
        return f"no CUDA from Python ({error}; install the extra `trt` or `rtx`)"
    try:
        (status,) = driver.cuInit(0)
        if int(status):
            return f"no usable CUDA driver (cuInit returned {_name(status)})"
        status, count = runtime.cudaGetDeviceCount()
    except (RuntimeError, OSError):  # cuda-python's words for a missing driver library, by version
        return _NO_DRIVER
    if int(status):
        return f"no usable CUDA device ({_name(status)})"
    return "" if count else "no CUDA device in this machine"


def _has_driver() -> bool:
    """Return whether the driver's library is there; cuda-python, imported to find out, would start ldconfig."""
    if sys.platform != "linux":
        return True  # only cuda-python can tell
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def call(function: Callable[..., tuple[Any, ...]], *arguments: Any) -> Any:
    """Call a function of cuda.bindings.runtime and return its value, if it has one.

    Raises:
        MerError: If its status is not success.
    """
    status, *values = function(*arguments)
    if int(status):
        raise MerError(
            f"CUDA failed: {getattr(function, '__name__', function)} returned {_name(status)}; "
            "is another program using the GPU's memory?"
        )
    return values[0] if values else None


def _name(status: Any) -> str:
    return str(getattr(status, "name", status))


def use_device() -> Device:
    """Make the first visible GPU current in this thread and describe it."""
    from cuda.bindings import runtime

    call(runtime.cudaSetDevice, 0)
    properties = call(runtime.cudaGetDeviceProperties, 0)
    name = properties.name.decode() if isinstance(properties.name, bytes) else str(properties.name)
    return Device(name.rstrip("\0"), f"{properties.major}.{properties.minor}")


def free_bytes() -> int:
    """Return the GPU memory that nobody uses."""
    from cuda.bindings import runtime

    status, free, _total = runtime.cudaMemGetInfo()
    call(lambda: (status,))
    return int(free)


def new_stream(stack: ExitStack) -> int:
    """Return the handle of a private stream; it goes when the stack is closed."""
    from cuda.bindings import runtime

    stream = call(runtime.cudaStreamCreateWithFlags, runtime.cudaStreamNonBlocking)
    stack.callback(call, runtime.cudaStreamDestroy, stream)
    return int(stream)


def device_buffer(stack: ExitStack, nbytes: int) -> int:
    """Return the address of device memory; it goes when the stack is closed."""
    from cuda.bindings import runtime

    address = call(runtime.cudaMalloc, nbytes)
    stack.callback(call, runtime.cudaFree, address)
    return int(address)


def pinned_array(stack: ExitStack, shape: tuple[int, ...], dtype: npt.DTypeLike) -> NDArray[Any]:
    """Return an array in page-locked host memory, which copies fastest; it goes when the stack is closed.

    The array must not be read after that.
    """
    from cuda.bindings import runtime

    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    address = int(call(runtime.cudaHostAlloc, nbytes, runtime.cudaHostAllocDefault))
    stack.callback(call, runtime.cudaFreeHost, address)
    memory = (ctypes.c_uint8 * nbytes).from_address(address)
    return np.ctypeslib.as_array(memory).view(dtype).reshape(shape)


def copy_to_device(device: int, host: NDArray[Any], stream: int) -> None:
    """Queue a copy from page-locked memory."""
    from cuda.bindings import runtime

    kind = runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
    call(runtime.cudaMemcpyAsync, device, host.ctypes.data, host.nbytes, kind, stream)


def copy_to_host(host: NDArray[Any], device: int, stream: int) -> None:
    """Queue a copy to page-locked memory."""
    from cuda.bindings import runtime

    kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
    call(runtime.cudaMemcpyAsync, host.ctypes.data, device, host.nbytes, kind, stream)


def wait(stream: int) -> None:
    """Wait until the stream has nothing left to do."""
    from cuda.bindings import runtime

    call(runtime.cudaStreamSynchronize, stream)


def capture(stack: ExitStack, stream: int, work: Callable[[], None]) -> Callable[[], None]:
    """Record what `work` queues on the stream and return a function that launches it as one CUDA graph.

    Args:
        stack: Frees the graph when closed.
        stream: The private stream.
        work: Queues on the stream and nowhere else; must have run once before, so that nothing is
            allocated while recording.
    """
    from cuda.bindings import runtime

    call(runtime.cudaStreamBeginCapture, stream, runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal)
    try:
        work()
    except BaseException:
        status, unfinished = runtime.cudaStreamEndCapture(stream)  # leaves the stream usable
        if not int(status):
            runtime.cudaGraphDestroy(unfinished)
        raise
    graph = call(runtime.cudaStreamEndCapture, stream)
    try:
        runnable = call(runtime.cudaGraphInstantiate, graph, 0)
    finally:
        call(runtime.cudaGraphDestroy, graph)
    stack.callback(call, runtime.cudaGraphExecDestroy, runnable)
    return lambda: call(runtime.cudaGraphLaunch, runnable, stream)


def time_ms(stack: ExitStack, stream: int, launch: Callable[[], None], repeats: int) -> list[float]:
    """Return the GPU's own time of each of `repeats` launches, in milliseconds."""
    from cuda.bindings import runtime

    first, last = (call(runtime.cudaEventCreate) for _ in range(2))
    for event in (first, last):
        stack.callback(call, runtime.cudaEventDestroy, event)
    times = []
    for _ in range(repeats):
        call(runtime.cudaEventRecord, first, stream)
        launch()
        call(runtime.cudaEventRecord, last, stream)
        call(runtime.cudaEventSynchronize, last)
        times.append(float(call(runtime.cudaEventElapsedTime, first, last)))
    return times
