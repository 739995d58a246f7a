"""A stand-in for `cuda.bindings` on machines without a GPU: host memory, streams that run at once, recorded graphs.

It keeps account of what is allocated, so that tests see leaks, and can be told to fail at any call.
"""

import ctypes
import types
from typing import Any

import pytest


class Status(int):
    name = "cudaSuccess"


class Failure(Status):
    name = "cudaErrorMemoryAllocation"


OK = Status(0)


class FakeRuntime(types.ModuleType):
    cudaStreamNonBlocking = 1
    cudaHostAllocDefault = 0
    cudaMemcpyKind = types.SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
    cudaStreamCaptureMode = types.SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)

    def __init__(self, *, name: Any = "NVIDIA Test 1", capability: Any = (9, 0), devices: Any = 1) -> None:
        super().__init__("cuda.bindings.runtime")
        self.failing: set[str] = set()
        self.live: dict[int, Any] = {}
        self.launches = 0
        self.recording: list[Any] | None = None
        self._device = types.SimpleNamespace(name=name.encode() + b"\0", major=capability[0], minor=capability[1])
        self._devices = devices
        self._next = 1

    def submit(self, work: Any) -> None:
        """What a library does on a stream: run now, or be recorded."""
        if self.recording is None:
            work()
        else:
            self.recording.append(work)

    def memory(self, address: Any, nbytes: Any) -> Any:
        return (ctypes.c_uint8 * nbytes).from_address(address)

    def _status(self, function: Any) -> Any:
        return Failure(2) if function in self.failing else OK

    def _make(self, function: Any, thing: Any) -> Any:
        status = self._status(function)
        if status:
            return status, 0
        handle = ctypes.addressof(thing) if isinstance(thing, ctypes.Array) else 0xF000 + self._next
        self._next += 1
        self.live[handle] = thing
        return OK, handle

    def _drop(self, handle: Any) -> Any:
        del self.live[int(handle)]
        return (OK,)

    def cudaGetDeviceCount(self) -> Any:
        return self._status("cudaGetDeviceCount"), self._devices

    def cudaSetDevice(self, index: Any) -> Any:
        return (self._status("cudaSetDevice"),)

    def cudaGetDeviceProperties(self, index: Any) -> Any:
        return OK, self._device

    def cudaMemGetInfo(self) -> Any:
        return OK, 1 << 30, 1 << 31

    def cudaMalloc(self, nbytes: Any) -> Any:
        return self._make("cudaMalloc", (ctypes.c_uint8 * nbytes)())

    def cudaHostAlloc(self, nbytes: Any, flags: Any) -> Any:
        return self._make("cudaHostAlloc", (ctypes.c_uint8 * nbytes)())

    def cudaStreamCreateWithFlags(self, flags: Any) -> Any:
        return self._make("cudaStreamCreateWithFlags", "stream")

    def cudaEventCreate(self) -> Any:
        return self._make("cudaEventCreate", "event")

    def cudaFree(self, handle: Any) -> Any:
        return self._drop(handle)

    def cudaFreeHost(self, handle: Any) -> Any:
        return self._drop(handle)

    def cudaStreamDestroy(self, handle: Any) -> Any:
        return self._drop(handle)

    def cudaEventDestroy(self, handle: Any) -> Any:
        return self._drop(handle)

    def cudaGraphDestroy(self, handle: Any) -> Any:
        return self._drop(handle)

    def cudaGraphExecDestroy(self, handle: Any) -> Any:
        return self._drop(handle)

    def cudaMemcpyAsync(self, target: Any, source: Any, nbytes: Any, kind: Any, stream: Any) -> Any:
        status = self._status("cudaMemcpyAsync")
        if not status:
            self.submit(lambda: ctypes.memmove(target, source, nbytes))
        return (status,)

    def cudaStreamSynchronize(self, stream: Any) -> Any:
        return (self._status("cudaStreamSynchronize"),)

    def cudaStreamBeginCapture(self, stream: Any, mode: Any) -> Any:
        self.recording = []
        return (self._status("cudaStreamBeginCapture"),)

    def cudaStreamEndCapture(self, stream: Any) -> Any:
        recorded, self.recording = self.recording, None
        return self._make("cudaStreamEndCapture", recorded)

    def cudaGraphInstantiate(self, graph: Any, flags: Any) -> Any:
        return self._make("cudaGraphInstantiate", self.live[int(graph)])

    def cudaGraphLaunch(self, graph: Any, stream: Any) -> Any:
        status = self._status("cudaGraphLaunch")
        if not status:
            self.launches += 1
            for work in self.live[int(graph)]:
                work()
        return (status,)

    def cudaEventRecord(self, event: Any, stream: Any) -> Any:
        return (OK,)

    def cudaEventSynchronize(self, event: Any) -> Any:
        return (OK,)

    def cudaEventElapsedTime(self, first: Any, last: Any) -> Any:
        return OK, 0.25


def install(monkeypatch: pytest.MonkeyPatch, runtime: FakeRuntime) -> FakeRuntime:
    """Make `from cuda.bindings import driver, runtime` give the stand-in."""
    driver = types.ModuleType("cuda.bindings.driver")
    vars(driver)["cuInit"] = lambda flags: (runtime._status("cuInit"),)
    bindings = types.ModuleType("cuda.bindings")
    vars(bindings).update(driver=driver, runtime=runtime)
    package = types.ModuleType("cuda")
    vars(package)["bindings"] = bindings
    for name, module in {
        "cuda": package,
        "cuda.bindings": bindings,
        "cuda.bindings.driver": driver,
        "cuda.bindings.runtime": runtime,
    }.items():
        monkeypatch.setitem(__import__("sys").modules, name, module)
    monkeypatch.setattr("engines.runtime.cuda._has_driver", lambda: True)
    return runtime
