"""Measures one runner in a process of its own, so that cold start and memory are its own.

Run by `engines.bench` as `PYTHON -m engines.bench_worker JOB.json`; needs only what the runner needs.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from engines.manifest import Layout
from engines.parity import parity_clips
from engines.runtime import cuda
from engines.runtime.registry import runner_of
from mer.errors import MerError
from mer.files import from_json
from mer.preprocess import InputMode

WARM_UP: Final = 3
MIN_REPEATS: Final = 5
MAX_REPEATS: Final = 500
Classify = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is to do.

    Attributes:
        action: "measure", or "build" for a plan.
        runner: One of the ways in `engines.runtime.registry`.
        precision: fp32, fp16 or fp16-weights.
        source: The model: .onnx or .safetensors.
        engine: The file to run, or the plan to build.
        result: Where to write the JSON result.
        probabilities: Where to write the probabilities of the parity clips, as .npy.
        batches: Batch sizes to measure.
        seconds: How long to measure each.
        threads: For the CPU.
        layout: How the graph of a plan is written.
        started_s: `time.time()` when the process was started.
    """

    action: str
    runner: str
    precision: str
    source: str
    engine: str
    result: str
    probabilities: str
    batches: tuple[int, ...]
    seconds: float
    threads: int
    layout: Layout = "joint"
    started_s: float = 0.0


def main(argv: list[str]) -> int:
    """Do the job in the file named and write its result; a refusal is a result too."""
    job = Job(**from_json(Path(argv[0]).read_text()))
    try:
        result = _build(job) if job.action == "build" else _measure(job)
    except MerError as error:
        result = {"skipped_reason": str(error)}
    Path(job.result).write_text(json.dumps(result, allow_nan=False))
    return 0


def write_job(job: Job, path: Path) -> None:
    """Write a job for `main`."""
    path.write_text(json.dumps(asdict(job), allow_nan=False))


def _build(job: Job) -> dict[str, Any]:
    from engines import build
    from engines.build_cli import BuildProgress
    from engines.source import read_source

    if not runner_of(job.runner).built:
        raise MerError(f"{job.runner} builds nothing")
    api = build.choose_api("tensorrt" if job.runner == "tensorrt" else "tensorrt-rtx")
    options = build.BuildOptions(
        precision="fp16" if job.precision == "fp16" else "fp32",
        max_batch=max(job.batches),
        layout=job.layout,
        timing_cache=Path(job.engine).with_suffix(".timing"),
    )
    begun = time.perf_counter()
    build.build_plan(
        read_source(Path(job.source)), Path(job.engine), api, options, BuildProgress(Progress(disable=True))
    )
    return {"build_s": time.perf_counter() - begun, "version": api.version}


def _measure(job: Job) -> dict[str, Any]:
    mode, classify, extra = _torch(job) if job.runner.startswith("torch") else _engine(job)
    clips = parity_clips(mode)
    classify(clips[:1])
    cold_start_s = time.time() - job.started_s
    np.save(job.probabilities, np.concatenate([classify(clip[None]) for clip in clips]))
    batches = {}
    for batch in job.batches:
        times = times_ms(partial(classify, np.resize(clips, (batch, *clips.shape[1:]))), job.seconds)
        batches[str(batch)] = summary(times) | extra(batch)
    return {"cold_start_s": cold_start_s, "batches": batches, "peak_memory_mib": peak_memory_mib()}


def times_ms(work: Callable[[], Any], seconds: float) -> list[float]:
    """Return how long each call took after a few that are not counted, for about `seconds`."""
    for _ in range(WARM_UP):
        work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < MIN_REPEATS or (len(times) < MAX_REPEATS and time.perf_counter() < end):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1e3)
    return times


def summary(times: list[float]) -> dict[str, float]:
    """Return p50, p95, p99 and how many there were."""
    p50, p95, p99 = np.percentile(times, (50, 95, 99))
    return {"p50_ms": float(p50), "p95_ms": float(p95), "p99_ms": float(p99), "repeats": len(times)}


def peak_memory_mib() -> float | None:
    """Return the most main memory this process ever held, or None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)


def _engine(job: Job) -> tuple[InputMode, Classify, Callable[[int], dict[str, Any]]]:
    path, runtime = Path(job.engine), runner_of(job.runner)
    if not runtime.built:
        engine = runtime.open(path, threads=job.threads)
        return engine.mode, engine.classify, _nothing
    from engines.runtime.tensorrt import TensorRtEngine

    if missing := cuda.unavailable():
        raise MerError(missing)
    cuda.use_device()
    free = cuda.free_bytes()
    plan = TensorRtEngine(path)

    def extra(batch: int) -> dict[str, Any]:
        return {
            "device_p50_ms": float(np.median(plan.device_ms(batch, MAX_REPEATS))),
            "gpu_memory_mib": (free - cuda.free_bytes()) / 2**20,
        }

    return plan.mode, plan.classify, extra


def _nothing(_batch: int) -> dict[str, Any]:
    return {}


def _torch(job: Job) -> tuple[InputMode, Classify, Callable[[int], dict[str, Any]]]:
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MerError("torch is not installed") from error
    from mer import checkpoint
    from mer.preprocess import check_mode

    torch.set_num_threads(job.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if job.precision == "fp16" and device.type == "cpu":
        raise MerError("no CUDA device")
    network, configuration = checkpoint.load(Path(job.engine))
    dtype = torch.float16 if job.precision == "fp16" else torch.float32
    normalise = network.get_submodule("normalise")
    network.to(device=device, dtype=dtype)
    normalise.register_forward_hook(lambda _module, _inputs, frames: frames.to(dtype))
    run: Callable[..., Any] = network
    if job.runner == "torch-compile":
        run = torch.compile(network, mode="reduce-overhead" if device.type == "cuda" else None)

    def classify(clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits = run(torch.from_numpy(clips).to(device)).float() / configuration.temperature
            shares: NDArray[np.float32] = torch.softmax(logits, dim=1).cpu().numpy()
        return shares

    def extra(_batch: int) -> dict[str, Any]:
        reserved = torch.cuda.max_memory_reserved() / 2**20 if device.type == "cuda" else None
        return {} if reserved is None else {"gpu_memory_mib": reserved}

    try:
        classify(parity_clips(check_mode(configuration.mode), 1))
    except RuntimeError as error:  # torch.compile's own errors: no compiler, no Triton
        raise MerError(f"{job.runner} fails: {str(error).splitlines()[0]}") from error
    return check_mode(configuration.mode), classify, extra


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
