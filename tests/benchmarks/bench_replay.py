"""How many frames a second replay manages, and where the time goes. Run: python tests/benchmarks/bench_replay.py"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from engines.select import open_engine
from mer.synth.cli import main as synth
from mer.video import FrameReader
from realtime.pipeline import Pipeline
from realtime.recording import replay


def decode_only(path: Path) -> float:
    """Return frames a second of reading alone."""
    started_s = time.perf_counter()
    with FrameReader(path) as frames:
        count = sum(1 for _ in frames)
    return count / (time.perf_counter() - started_s)


def whole(path: Path) -> tuple[float, dict[str, dict[str, float]]]:
    """Return frames a second of the whole pipeline, and the durations of its stages."""
    with (
        open_engine("onnxruntime") as engine,
        FrameReader(path) as frames,
        Pipeline(rate_hz=frames.rate_hz, engine=engine) as pipeline,
    ):
        started_s = time.perf_counter()
        count = sum(1 for _ in replay(frames, pipeline))
        return count / (time.perf_counter() - started_s), pipeline.timing.summary()


def main() -> None:
    """Print two tables: rates with median and range over the rounds, and the stages of the last round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="recording to replay (default: a synthetic one, 200 fps)")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = args.file or Path(folder) / "bench.mp4"
        if args.file is None:
            synth(["recording", str(path), "--fps", "200", "--seconds", "8", "--events", "3"])
        decode_only(path)  # warm the file cache
        whole(path)
        rates: dict[str, list[float]] = {"decode only": [], "whole pipeline": []}
        stages: dict[str, dict[str, float]] = {}
        for _ in range(args.rounds):
            rates["decode only"].append(decode_only(path))
            rate, stages = whole(path)
            rates["whole pipeline"].append(rate)
    console = Console()
    table = Table("frames/s", "median", "lowest", "highest", title=f"{path.name}, {args.rounds} rounds")
    for name, values in rates.items():
        table.add_row(name, *(f"{value:.0f}" for value in (statistics.median(values), min(values), max(values))))
    console.print(table)
    table = Table("ms a frame", "count", "p50", "p95", "p99", "max", title="stages of the last round")
    for name, figures in stages.items():
        table.add_row(name, *(f"{value:.6g}" for value in figures.values()))
    console.print(table)


if __name__ == "__main__":
    main()
