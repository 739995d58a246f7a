"""Measures everything about the TensorRT engines that needs a GPU, in one go: run it on a machine that has one.

    python tests/benchmarks/gpu_engines.py [MODEL] --out gpu.json [--python tensorrt="COMMAND"]

Builds the fp16 plan twice (without and with a timing cache), measures all runners as `mer-bench engine` does and, with
--layouts, a plan of the other layout of the graph; holds the figures against the targets. Without a GPU everything is
"not measured".
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from engines.bench import Settings, measure_all, plan_path, print_report, run_worker
from engines.bench_worker import Job
from engines.select import SHIPPED_MODEL
from engines.source import read_source
from mer.errors import MerError

P50_MS = 0.20
TIMES_COMPILE = 2.0
TIMES_EAGER = 10.0
RELATIVE_ERROR = 1e-2
REBUILD_S = 15.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target; `figure` and `met` are None where nothing could be measured."""

    target: str
    figure: float | None
    met: bool | None


def judge(report: dict[str, Any], builds: dict[str, Any]) -> list[Verdict]:
    """Hold the figures of TensorRT fp16, one clip, against the targets."""
    row: dict[str, Any] = next(
        (r for r in report["rows"] if (r["runner"], r["precision"], r["batch"]) == ("tensorrt", "fp16", 1)), {}
    )
    targets = (
        (f"p50 host to host <= {P50_MS} ms", row.get("p50_ms"), P50_MS, False),
        (f"{TIMES_COMPILE:.0f} times torch.compile fp16", row.get("times_torch_compile"), TIMES_COMPILE, True),
        (f"{TIMES_EAGER:.0f} times torch eager fp16", row.get("times_torch_eager"), TIMES_EAGER, True),
        (f"relative error <= {RELATIVE_ERROR:.0e}", row.get("relative_error"), RELATIVE_ERROR, False),
        (f"rebuild with timing cache < {REBUILD_S:.0f} s", builds["again"].get("build_s"), REBUILD_S, False),
    )
    return [
        Verdict(text, figure, None if figure is None else (figure >= limit if at_least else figure <= limit))
        for text, figure, limit, at_least in targets
    ]


def build_twice(job: Job, folder: Path, settings: Settings) -> dict[str, Any]:
    """Build a plan without and then with the timing cache that the first build left."""
    plan = Path(job.engine)
    for leftover in (plan, plan.with_suffix(".timing")):
        leftover.unlink(missing_ok=True)
    build = replace(job, action="build")
    return {"first": run_worker(build, folder, settings), "again": run_worker(build, folder, settings)}


def measure_gates(job: Job, folder: Path, settings: Settings) -> dict[str, Any]:
    """Build and measure a plan of the graph with one convolution a gate instead of one a step."""
    gates = replace(job, layout="gates", engine=str(folder / "gates.plan"))
    built = run_worker(replace(gates, action="build"), folder, settings)
    return built if "skipped_reason" in built else built | run_worker(gates, folder, settings)


def measure(model: Path, settings: Settings, folder: Path, *, layouts: bool) -> dict[str, Any]:
    """Do everything and return it as one JSON-like report."""
    source = read_source(model)
    job = Job(
        action="measure",
        runner="tensorrt",
        precision="fp16",
        source=str(model.absolute()),
        engine=str(plan_path(folder, source, "tensorrt", "fp16").absolute()),
        result=str(folder / "gpu.json"),
        probabilities=str(folder / "gpu.npy"),
        batches=settings.batches,
        seconds=settings.seconds,
        threads=settings.threads,
    )
    builds = build_twice(job, folder, settings)
    report = measure_all(model, replace(settings, plans=folder))
    verdicts = judge(report, builds)
    return report | {
        "builds": builds,
        "gates": measure_gates(job, folder, settings) if layouts else {},
        "verdicts": [{"target": v.target, "figure": v.figure, "met": v.met} for v in verdicts],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; exit code 1 if a target was measured and missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=SHIPPED_MODEL)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--runner", nargs="+", default=list(Settings().runners))
    parser.add_argument("--precision", nargs="+", default=list(Settings().precisions))
    parser.add_argument("--layouts", action="store_true", help="also measure a plan with one convolution a gate")
    parser.add_argument("--plans", type=Path, help="folder that keeps the plans (default: a temporary one)")
    parser.add_argument("--python", action="append", default=[], metavar="RUNNER=COMMAND")
    arguments = parser.parse_args(argv)
    settings = Settings(
        batches=tuple(arguments.batch),
        seconds=arguments.seconds,
        pythons=tuple((text.partition("=")[0], text.partition("=")[2]) for text in arguments.python),
        runners=tuple(arguments.runner),
        precisions=tuple(arguments.precision),
    )
    console = Console(width=None if sys.stdout.isatty() else 120)
    try:
        with tempfile.TemporaryDirectory() as folder:
            if arguments.plans is not None:
                arguments.plans.mkdir(parents=True, exist_ok=True)
            report = measure(arguments.model, settings, arguments.plans or Path(folder), layouts=arguments.layouts)
    except MerError as error:
        print(f"gpu_engines: error: {error}", file=sys.stderr)
        return error.exit_code
    arguments.out.write_text(json.dumps(report, indent=2))
    print_report(report, console)
    table = Table("target", "measured", "met", title="targets: TensorRT fp16, one clip")
    for verdict in report["verdicts"]:
        figure = "not measured" if verdict["figure"] is None else f"{verdict['figure']:.3g}"
        table.add_row(verdict["target"], figure, {None: "", True: "yes", False: "no"}[verdict["met"]])
    console.print(table)
    return int(any(verdict["met"] is False for verdict in report["verdicts"]))


if __name__ == "__main__":
    sys.exit(main())
