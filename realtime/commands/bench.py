"""`mer-bench`: measures parts of mer-live on this machine; `pipeline` is measured here, `engine` in `engines.bench`."""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from engines.bench import add_engine_command
from engines.select import open_engine
from mer import option_help
from mer.cli import command
from mer.errors import UsageError
from mer.face import geometry
from mer.face.cutting import cut
from mer.face.landmarker import Landmarker
from mer.media.video import FrameReader
from mer.parser import Parser
from mer.terminal import open_console
from realtime.options import count
from realtime.pipeline import Pipeline
from realtime.session import replay
from realtime.timing import Timing

PLAIN_FRAMES: Final = 300
"""Frames given to the pipeline that finds landmarks on every one; it needs the same time for each."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What one way through a recording took.

    Attributes:
        frames: Frames processed.
        wall_s: Seconds by the clock.
        processor_s: Seconds of processor time of all threads and of mediapipe's process; it hardly depends on what
            else the machine does.
    """

    frames: int
    wall_s: float
    processor_s: float


def add_pipeline_command(commands: Any) -> None:
    """Add `pipeline` to the subcommands of `mer-bench`."""
    parser = commands.add_parser(
        "pipeline",
        help="speed of mer-replay by stage",
        description="Measure mer-replay stage by stage, in turns with a pipeline that finds landmarks on every frame.",
        examples=("mer-bench pipeline", "mer-bench pipeline interview.mp4 --rounds 5 --json"),
    )
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="recording (default: a synthetic one, 640x480, 200 fps)"
    )
    parser.add_argument("--rounds", type=count, default=3, metavar="N", help="number of repetitions")
    parser.add_argument("--json", action="store_true", help=option_help.JSON)
    parser.set_defaults(run=_run)


@command("mer-bench")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = Parser(
        prog="mer-bench",
        description="Measure the speed of mer-live on this machine.",
        examples=("mer-bench pipeline", "mer-bench engine --json"),
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_engine_command(commands)
    add_pipeline_command(commands)
    arguments = parser.parse_args(argv)
    return int(arguments.run(arguments))


def measure(path: Path, *, rounds: int) -> dict[str, Any]:
    """Measure every way in turn, so that other load on the machine meets all alike.

    Args:
        path: A recording.
        rounds: Repetitions.

    Returns:
        JSON-like: median frames a second and processor milliseconds a frame of each way, the ratios, the stages of
        the last round.

    Raises:
        MerError: If the recording cannot be read.
    """
    ways: dict[str, Callable[[], Speed]] = {
        "decode only": lambda: _decoded(path),
        "landmarks on every frame": lambda: _landmarked(path),
    }
    speeds: dict[str, list[Speed]] = {name: [] for name in ("mer-replay", *ways)}
    stages: dict[str, dict[str, float]] = {}
    for round_number in range(rounds + 1):
        for name in speeds:
            if name in ways:
                speed = ways[name]()
            else:
                speed, timing = _replayed(path)
                stages = timing.summary()
            if round_number:  # the first round fills caches
                speeds[name].append(speed)
    rows = [_row(name, found) for name, found in speeds.items()]
    ours, plain = rows[0], rows[-1]
    return {
        "recording": path.name,
        "rounds": rounds,
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "ways": rows,
        "times_landmarks_by_clock": round(ours["frames_per_second"] / plain["frames_per_second"], 2),
        "times_landmarks_by_processor_time": round(plain["processor_ms"] / ours["processor_ms"], 2),
        "stages": stages,
        "raw": {name: [asdict(speed) for speed in found] for name, found in speeds.items()},
    }


def _run(arguments: argparse.Namespace) -> int:
    if arguments.file is not None:
        report = measure(arguments.file, rounds=arguments.rounds)
    else:
        from mer.synthesise import main as synthesise

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "synthetic.mp4"
            if synthesise(["recording", str(path), "--fps", "200", "--seconds", "8", "--n-events", "3"]):
                raise UsageError("no synthetic recording could be made; name a recording")
            report = measure(path, rounds=arguments.rounds)
    print(json.dumps(report, indent=2, allow_nan=False)) if arguments.json else print_report(report, open_console())
    return 0


def print_report(report: dict[str, Any], console: Console) -> None:
    """Print the ways, the ratio and the stages as tables."""
    title = f"{report['recording']}, {report['rounds']} rounds in turn, {report['processors']} processors"
    table = Table("way", "frames/s", "lowest", "highest", "processor ms a frame", title=title)
    for row in report["ways"]:
        rates = (row["frames_per_second"], row["lowest"], row["highest"])
        table.add_row(row["way"], *(f"{rate:.0f}" for rate in rates), f"{row['processor_ms']:.2f}")
    console.print(table)
    console.print(
        f"mer-replay, everything included, against decoding and landmarks on every frame: "
        f"{report['times_landmarks_by_clock']} times the frames/s, "
        f"1/{report['times_landmarks_by_processor_time']} of the processor time; load {report['load']}"
    )
    table = Table("stage", "count", "p50 ms", "p95", "p99", "max", title="stages of the last round")
    for name, figures in report["stages"].items():
        table.add_row(name, *(f"{value:.4g}" for value in figures.values()))
    console.print(table)
    if "event" in report["stages"]:
        parts = {"evidence": "evidence", "queue": "queue", "sampling": "sample", "engine": "classify"}
        shares = " + ".join(f"{name} {report['stages'][stage]['p50_ms']:.0f}" for name, stage in parts.items())
        median_ms, events = (report["stages"]["event"][key] for key in ("p50_ms", "count"))
        console.print(f"an event is there {median_ms:.0f} ms after its offset (median of {events}): {shares}")


def _row(name: str, speeds: list[Speed]) -> dict[str, Any]:
    rates = [speed.frames / speed.wall_s for speed in speeds]
    return {
        "way": name,
        "frames": speeds[0].frames,
        "frames_per_second": round(statistics.median(rates), 1),
        "lowest": round(min(rates), 1),
        "highest": round(max(rates), 1),
        "processor_ms": round(1000.0 * statistics.median(s.processor_s / s.frames for s in speeds), 3),
    }


def _timed(frames: Iterable[object], landmarker: Landmarker | None = None) -> Speed:
    wall_s, processor_s = time.perf_counter(), _processor_s(landmarker)
    number = sum(1 for _ in frames)
    return Speed(number, time.perf_counter() - wall_s, _processor_s(landmarker) - processor_s)


def _processor_s(landmarker: Landmarker | None) -> float:
    """Return the processor time used so far, that of mediapipe's process included."""
    return time.process_time() + (landmarker.processor_s if landmarker else 0.0)


def _decoded(path: Path) -> Speed:
    with FrameReader(path) as frames:
        return _timed(frames)


def _landmarked(path: Path) -> Speed:
    """Decode, find landmarks and cut the face out, each for every frame; no spotting, no classifying."""
    with FrameReader(path) as frames, _ready_landmarker() as landmarker:

        def crops() -> Iterable[object]:
            for frame, _ in zip(frames, range(PLAIN_FRAMES)):
                meshes = landmarker.detect(frame.image, frame.time_s)
                yield cut(frame.image, geometry.crop_from_landmarks(meshes[0])) if meshes else None

        return _timed(crops(), landmarker)


def _replayed(path: Path) -> tuple[Speed, Timing]:
    with (
        open_engine("onnxruntime") as engine,
        FrameReader(path, grey=True) as frames,
        _ready_landmarker() as landmarker,
        Pipeline(rate_hz=frames.rate_hz, engine=engine, landmarker=landmarker) as pipeline,
    ):
        return _timed(replay(frames, pipeline), landmarker), pipeline.timing


def _ready_landmarker() -> Landmarker:
    """Return a landmarker whose process has used processor time for its start already."""
    landmarker = Landmarker()
    landmarker.detect(np.zeros((64, 64, 3), np.uint8), 0.0)
    return landmarker


if __name__ == "__main__":
    sys.exit(main())
