"""A stand-in for `cuda.bindings` on machines without a GPU: host memory, streams that run at once, recorded graphs.

It keeps account of what is allocated, so that tests see leaks, and can be told to fail at any call.
"""

import ctypes
import types


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

    def __init__(self, *, name="NVIDIA Test 1", capability=(9, 0), devices=1):
        super().__init__("cuda.bindings.runtime")
        self.failing: set[str] = set()
        self.live: dict[int, object] = {}
        self.launches = 0
        self.recording = None
        self._device = types.SimpleNamespace(name=name.encode() + b"\0", major=capability[0], minor=capability[1])
        self._devices = devices
        self._next = 1

    def submit(self, work):
        """What a library does on a stream: run now, or be recorded."""
        if self.recording is None:
            work()
        else:
            self.recording.append(work)

    def memory(self, address, nbytes):
        return (ctypes.c_uint8 * nbytes).from_address(address)

    def _status(self, function):
        return Failure(2) if function in self.failing else OK

    def _make(self, function, thing):
        status = self._status(function)
        if status:
            return status, 0
        handle = ctypes.addressof(thing) if isinstance(thing, ctypes.Array) else 0xF000 + self._next
        self._next += 1
        self.live[handle] = thing
        return OK, handle

    def _drop(self, handle):
        del self.live[int(handle)]
        return (OK,)

    def cudaGetDeviceCount(self):
        return self._status("cudaGetDeviceCount"), self._devices

    def cudaSetDevice(self, index):
        return (self._status("cudaSetDevice"),)

    def cudaGetDeviceProperties(self, index):
        return OK, self._device

    def cudaMemGetInfo(self):
        return OK, 1 << 30, 1 << 31

    def cudaMalloc(self, nbytes):
        return self._make("cudaMalloc", (ctypes.c_uint8 * nbytes)())

    def cudaHostAlloc(self, nbytes, flags):
        return self._make("cudaHostAlloc", (ctypes.c_uint8 * nbytes)())

    def cudaStreamCreateWithFlags(self, flags):
        return self._make("cudaStreamCreateWithFlags", "stream")

    def cudaEventCreate(self):
        return self._make("cudaEventCreate", "event")

    def cudaFree(self, handle):
        return self._drop(handle)

    def cudaFreeHost(self, handle):
        return self._drop(handle)

    def cudaStreamDestroy(self, handle):
        return self._drop(handle)

    def cudaEventDestroy(self, handle):
        return self._drop(handle)

    def cudaGraphDestroy(self, handle):
        return self._drop(handle)

    def cudaGraphExecDestroy(self, handle):
        return self._drop(handle)

    def cudaMemcpyAsync(self, target, source, nbytes, kind, stream):
        status = self._status("cudaMemcpyAsync")
        if not status:
            self.submit(lambda: ctypes.memmove(target, source, nbytes))
        return (status,)

    def cudaStreamSynchronize(self, stream):
        return (self._status("cudaStreamSynchronize"),)

    def cudaStreamBeginCapture(self, stream, mode):
        self.recording = []
        return (self._status("cudaStreamBeginCapture"),)

    def cudaStreamEndCapture(self, stream):
        recorded, self.recording = self.recording, None
        return self._make("cudaStreamEndCapture", recorded)

    def cudaGraphInstantiate(self, graph, flags):
        return self._make("cudaGraphInstantiate", self.live[int(graph)])

    def cudaGraphLaunch(self, graph, stream):
        status = self._status("cudaGraphLaunch")
        if not status:
            self.launches += 1
            for work in self.live[int(graph)]:
                work()
        return (status,)

    def cudaEventRecord(self, event, stream):
        return (OK,)

    def cudaEventSynchronize(self, event):
        return (OK,)

    def cudaEventElapsedTime(self, first, last):
        return OK, 0.25


def install(monkeypatch, runtime: FakeRuntime) -> FakeRuntime:
    """Make `from cuda.bindings import driver, runtime` give the stand-in."""
    driver = types.ModuleType("cuda.bindings.driver")
    driver.cuInit = lambda flags: (runtime._status("cuInit"),)
    bindings = types.ModuleType("cuda.bindings")
    bindings.driver, bindings.runtime = driver, runtime
    package = types.ModuleType("cuda")
    package.bindings = bindings
    for name, module in {
        "cuda": package,
        "cuda.bindings": bindings,
        "cuda.bindings.driver": driver,
        "cuda.bindings.runtime": runtime,
    }.items():
        monkeypatch.setitem(__import__("sys").modules, name, module)
    monkeypatch.setattr("engines.runtime.cuda._has_driver", lambda: True)
    return runtime
