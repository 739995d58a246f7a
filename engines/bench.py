"""`mer-bench engine`: every way to run the model, side by side on this machine."""

import argparse
import json
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from engines.bench_worker import Job, write_job
from engines.manifest import Precision, sha256, write_pair
from engines.parity import deviation, parity_clips
from engines.runtime import cuda
from engines.runtime.registry import runner_of, runners
from engines.select import SHIPPED_MODEL
from engines.source import Source, read_ours
from mer import option_help
from mer.errors import MerError, UsageError
from mer.files import from_json
from mer.terminal import open_console

RUNNERS: Final = runners()
WORKER_LIMIT_S: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How to measure.

    Attributes:
        batches: Batch sizes.
        seconds: How long to measure each.
        threads: For the CPU.
        pythons: Command that starts Python, for the runners that need another one than this.
        plans: Folder in which plans are kept and found again; None to build them anew.
        runners: Names of the runners to measure.
        precisions: Those to measure.
    """

    batches: tuple[int, ...] = (1, 32)
    seconds: float = 5.0
    threads: int = 2
    pythons: tuple[tuple[str, str], ...] = ()
    plans: Path | None = None
    runners: tuple[str, ...] = tuple(dict.fromkeys(name for name, _ in RUNNERS))
    precisions: tuple[str, ...] = tuple(dict.fromkeys(precision for _, precision in RUNNERS))


def add_engine_command(commands: Any) -> None:
    """Add `engine` to the subcommands of `mer-bench`."""
    defaults = Settings()
    parser = commands.add_parser(
        "engine",
        help="speed of the classifier with each runtime",
        description="Measure every runtime of the classifier side by side, each in a process of its own.",
        examples=("mer-bench engine", "mer-bench engine best.onnx --runners onnxruntime --batches 1 8 --json"),
    )
    parser.add_argument(
        "model",
        type=Path,
        nargs="?",
        default=SHIPPED_MODEL,
        metavar="MODEL",
        help=".onnx or .safetensors file (default: the shipped model)",
    )
    parser.add_argument("--json", action="store_true", help=option_help.JSON)
    measured = parser.add_argument_group("what is measured")
    measured.add_argument(
        "--runners",
        nargs="+",
        choices=defaults.runners,
        default=list(defaults.runners),
        metavar="NAME",
        help="runtimes to measure",
    )
    measured.add_argument(
        "--precisions",
        nargs="+",
        choices=defaults.precisions,
        default=list(defaults.precisions),
        metavar="NAME",
        help="number formats to measure",
    )
    measured.add_argument(
        "--batches", type=int, nargs="+", default=list(defaults.batches), metavar="N", help="batch sizes to measure"
    )
    processing = parser.add_argument_group("processing")
    processing.add_argument(
        "--measure-seconds",
        type=float,
        default=defaults.seconds,
        metavar="S",
        help="seconds of measurement for each runtime, number format and batch size",
    )
    processing.add_argument("--threads", type=int, default=defaults.threads, metavar="N", help=option_help.THREADS)
    processing.add_argument("--plans", type=Path, metavar="DIR", help="folder that keeps TensorRT plans")
    processing.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="RUNNER=COMMAND",
        help="Python interpreter of a runtime that needs another one; may be repeated",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if min(arguments.batches) < 1 or arguments.measure_seconds <= 0 or arguments.threads < 1:
        raise UsageError("--batches, --measure-seconds and --threads must be positive")
    for text in arguments.python:
        if text.partition("=")[0] not in Settings().runners or not text.partition("=")[2]:
            raise UsageError(
                f"--python {text} given; expected RUNNER=COMMAND with one of {', '.join(Settings().runners)}"
            )
    settings = Settings(
        batches=tuple(arguments.batches),
        seconds=arguments.measure_seconds,
        threads=arguments.threads,
        pythons=tuple((text.partition("=")[0], text.partition("=")[2]) for text in arguments.python),
        plans=arguments.plans,
        runners=tuple(arguments.runners),
        precisions=tuple(arguments.precisions),
    )
    report = measure_all(arguments.model, settings)
    if arguments.json:
        print(json.dumps(report, indent=2, allow_nan=False))
    else:
        print_report(report, open_console(width=None if sys.stdout.isatty() else 120))
    return 0


def measure_all(model: Path, settings: Settings) -> dict[str, Any]:
    """Measure every runner asked for, one process after the other.

    Returns:
        JSON-like: the machine, the reference, and a row for each runner, precision and batch; what could
        not be measured has a reason in the place of figures.

    Raises:
        MerError: If the model cannot be read.
    """
    source = read_ours(model)
    wanted = [row for row in RUNNERS if row[0] in settings.runners and row[1] in settings.precisions]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference, expected = _reference(source, model, folder)
        for runner, precision in track(wanted, "measuring", console=open_console(stderr=True), transient=True):
            rows += _rows(runner, precision, source, model, folder, settings, expected)
    add_ratios(rows)
    return {
        "machine": machine(),
        "model": str(model),
        "sha256": source.manifest.sha256,
        "reference": reference,
        "rows": rows,
    }


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    missing = cuda.unavailable()
    return {
        "cpu": _cpu_name(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "gpu": f"none: {missing}" if missing else cuda.use_device().name,
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} threads" if names else platform.machine()


def add_ratios(rows: list[dict[str, Any]]) -> None:
    """Add to each measured row how many times faster it is than torch, at the same arithmetic and batch."""
    for row in rows:
        if "p50_ms" not in row:
            continue
        arithmetic = "fp16" if row["precision"] == "fp16" else "fp32"
        for runner in ("torch-eager", "torch-compile"):
            other = [
                r["p50_ms"]
                for r in rows
                if (r["runner"], r["precision"], r["batch"]) == (runner, arithmetic, row["batch"]) and "p50_ms" in r
            ]
            row[f"times_{runner.replace('-', '_')}"] = other[0] / row["p50_ms"] if other else None


_COLUMNS: Final = (
    ("p50 ms", "p50_ms", ".2f"),
    ("p95", "p95_ms", ".2f"),
    ("p99", "p99_ms", ".2f"),
    ("device", "device_p50_ms", ".3f"),
    ("cold s", "cold_start_s", ".2f"),
    ("MiB", "peak_memory_mib", ".0f"),
    ("GPU MiB", "gpu_memory_mib", ".0f"),
    ("error", "relative_error", ".1e"),
    ("x eager", "times_torch_eager", ".2f"),
    ("x compile", "times_torch_compile", ".2f"),
)


def print_report(report: dict[str, Any], console: Console) -> None:
    """Print the measured rows as a table and the reasons for the others below it."""
    rows = [row for row in report["rows"] if "skipped_reason" not in row]
    columns = [column for column in _COLUMNS if any(row.get(column[1]) is not None for row in rows)]
    table = Table(title=f"{report['machine']['cpu']}, GPU {report['machine']['gpu']}")
    for name in ("runner", "precision", "batch", *(column[0] for column in columns)):
        table.add_column(name, justify="left" if name in ("runner", "precision") else "right", no_wrap=True)
    for row in rows:
        figures = [_figure(row.get(key), style) for _, key, style in columns]
        table.add_row(row["runner"], row["precision"], str(row["batch"]), *figures)
    console.print(table)
    console.print(
        f"Times from host clip to host probabilities in ms; error relative to {report['reference']}; x: times faster "
        "than torch at the same arithmetic."
    )
    skipped = {f"{r['runner']} {r['precision']}": r["skipped_reason"] for r in report["rows"] if "skipped_reason" in r}
    for name, reason in skipped.items():
        console.print(f"not measured: {name}: {reason}", highlight=False)


def _figure(value: float | None, style: str) -> str:
    return "" if value is None else format(value, style)


def _reference(source: Source, model: Path, folder: Path) -> tuple[str, NDArray[np.floating]]:
    """Write the checkpoint that torch runs, if torch is there, and return the best predictions to compare with."""
    clips = parity_clips(source.manifest.mode)
    try:
        from engines.export import reference_probabilities
        from engines.unfolding import unfold
        from mer import checkpoint
        from mer.checkpoint import Configuration
    except ModuleNotFoundError:
        from engines.build import onnx_runtime_probabilities

        return "onnxruntime fp32 (torch is not installed)", onnx_runtime_probabilities(source, clips)
    described = source.manifest
    if model.suffix == ".safetensors":
        network, configuration = checkpoint.load(model)
    else:
        network = unfold(source.arrays, model=described.model, mode=described.mode)
        configuration = Configuration(described.model, described.mode, described.classes)
    checkpoint.save(folder / "torch.safetensors", network, configuration)
    return "torch float64", reference_probabilities(network, configuration, clips)


def _rows(
    runner: str,
    precision: Precision,
    source: Source,
    model: Path,
    folder: Path,
    settings: Settings,
    expected: NDArray[np.floating],
) -> list[dict[str, Any]]:
    job = Job(
        action="measure",
        runner=runner,
        precision=precision,
        source=str(model),
        engine=str(folder / "torch.safetensors"),
        result=str(folder / "result.json"),
        probabilities=str(folder / "probabilities.npy"),
        batches=settings.batches,
        seconds=settings.seconds,
        threads=settings.threads,
    )
    built: dict[str, Any] = {}
    runtime = runner_of(runner)
    if runtime.suffix == ".onnx":
        try:
            job = replace(job, engine=str(_write_onnx(source, precision, folder)))
        except MerError as refusal:  # not every model can be written in every precision
            built = {"skipped_reason": str(refusal)}
    elif runtime.built:
        plan = plan_path(settings.plans or folder, source, runner, precision)
        job = replace(job, engine=str(plan.absolute()))
        built = {} if plan.is_file() else run_worker(replace(job, action="build"), folder, settings)
    result = built if "skipped_reason" in built else run_worker(job, folder, settings)
    common = {"runner": runner, "precision": precision}
    if "skipped_reason" in result:
        return [common | {"batch": batch, "skipped_reason": result["skipped_reason"]} for batch in settings.batches]
    error = deviation(np.load(job.probabilities), expected, reference="").relative
    shared = (
        common
        | built
        | {
            "relative_error": error,
            "cold_start_s": result["cold_start_s"],
            "peak_memory_mib": result["peak_memory_mib"],
        }
    )
    return [shared | {"batch": batch} | result["batches"][str(batch)] for batch in settings.batches]


def plan_path(folder: Path, source: Source, runner: str, precision: Precision) -> Path:
    """Return where a plan of a model is kept and found again."""
    return folder / f"{source.manifest.sha256[:12]}-{runner}-{precision}.plan"


def _write_onnx(source: Source, precision: Precision, folder: Path) -> Path:
    from engines.graph import LAYOUTS, OPSET, build_graph

    described = source.manifest
    graph = build_graph(
        source.arrays, model=described.model, mode=described.mode, precision=precision, layout=LAYOUTS[precision]
    )
    content: bytes = graph.SerializeToString()
    path = folder / f"{precision}.onnx"
    manifest = replace(described, file=path.name, sha256=sha256(content), precision=precision, opset=OPSET)
    write_pair(path, content, manifest)
    return path


def run_worker(job: Job, folder: Path, settings: Settings) -> dict[str, Any]:
    """Run a worker and return its result; its death is a result too."""
    Path(job.result).unlink(missing_ok=True)
    python = shlex.split(dict(settings.pythons).get(job.runner, "")) or [sys.executable]
    write_job(replace(job, started_s=time.time()), folder / "job.json")
    command = [*python, "-m", "engines.bench_worker", str(folder / "job.json")]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=WORKER_LIMIT_S, check=False, cwd=Path(__file__).parents[1]
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"skipped_reason": str(error)}
    if done.returncode or not Path(job.result).is_file():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"skipped_reason": f"its process ended with {done.returncode}: {last}"}
    result: dict[str, Any] = from_json(Path(job.result).read_text())
    return result
