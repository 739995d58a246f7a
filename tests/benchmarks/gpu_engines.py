"""Measures everything about the TensorRT engines that needs a GPU, in one go: run it on a machine that has one.

    python tests/benchmarks/gpu_engines.py [MODEL] --out gpu.json [--python tensorrt="COMMAND"]

Builds each plan twice (without and with a timing cache), measures all runners as `mer-bench engine` does, compares
the two layouts of the graph, and holds the figures against the targets. Without a GPU everything is "not measured".
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

from engines.bench import Settings, measure_all, print_report, run_worker
from engines.bench_worker import Job
from engines.select import SHIPPED_MODEL
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


def compare_layouts(job: Job, folder: Path, settings: Settings) -> dict[str, Any]:
    """Measure plans of the graph with one convolution a step and with one a gate."""
    results = {}
    for layout in ("joint", "gates"):
        one = replace(job, layout=layout, engine=str(folder / f"{layout}.plan"))
        built = run_worker(replace(one, action="build"), folder, settings)
        results[layout] = built if "unmeasured" in built else run_worker(one, folder, settings)
    return results


def measure(model: Path, settings: Settings, folder: Path) -> dict[str, Any]:
    """Do everything and return it as one JSON-like report."""
    job = Job(
        action="measure",
        runner="tensorrt",
        precision="fp16",
        source=str(model.absolute()),
        engine=str(folder / "twice.plan"),
        result=str(folder / "gpu.json"),
        answers=str(folder / "gpu.npy"),
        batches=settings.batches,
        seconds=settings.seconds,
        threads=settings.threads,
    )
    builds = build_twice(job, folder, settings)
    report = measure_all(model, settings)
    verdicts = judge(report, builds)
    return report | {
        "builds": builds,
        "layouts": compare_layouts(job, folder, settings),
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
    parser.add_argument("--python", action="append", default=[], metavar="RUNNER=COMMAND")
    arguments = parser.parse_args(argv)
    settings = Settings(
        batches=tuple(arguments.batch),
        seconds=arguments.seconds,
        pythons=tuple((text.partition("=")[0], text.partition("=")[2]) for text in arguments.python),
        runners=tuple(arguments.runner),
    )
    console = Console(width=None if sys.stdout.isatty() else 120)
    try:
        with tempfile.TemporaryDirectory() as folder:
            report = measure(arguments.model, settings, Path(folder))
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
