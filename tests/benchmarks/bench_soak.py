"""Whether replay stays as it is for hours: cost a frame and memory in each minute of one long recording.

    python tests/benchmarks/bench_soak.py [--minutes 60] [--fps 100] [--recording FILE]

A synthetic recording of a few seconds is read again and again, its times running on, as fast as the machine can; the
minutes are those of the recording. Memory is that of this process, without torch. At the end the threads and file
handles that are left are held against those before.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from engines.select import open_engine  # noqa: E402
from mer.media.video import FrameReader  # noqa: E402
from mer.messages import Frame  # noqa: E402
from mer.synthesise import main as synthesise  # noqa: E402
from realtime.pipeline import Pipeline  # noqa: E402
from realtime.session import replay  # noqa: E402


def again_and_again(path: Path, *, seconds: float) -> Iterator[Frame]:
    """Yield the frames of a recording over and over, numbers and times running on."""
    index, start_s = 0, 0.0
    while True:
        with FrameReader(path, grey=True) as frames:
            for frame in frames:
                time_s = start_s + frame.time_s
                if time_s >= seconds:
                    return
                yield replace(frame, index=index, time_s=time_s)
                index += 1
        start_s = time_s + 1.0 / frames.rate_hz


def resident_mb() -> float:
    """Return the resident memory of this process in MB, NaN where the system does not tell (only Linux does)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return float("nan")


def held() -> tuple[list[str], int]:
    """Return the names of the threads of this process and how many files it has open."""
    files = Path("/proc/self/fd")
    return sorted(thread.name for thread in threading.enumerate()), len(list(files.iterdir())) if files.exists() else 0


def soak(path: Path, *, minutes: int) -> list[tuple[float, float, float, int]]:
    """Return wall and processor milliseconds a frame, resident MB and events so far at the end of each minute."""
    rows = []
    with open_engine("onnxruntime") as engine, FrameReader(path) as first:
        rate_hz = first.rate_hz
        with Pipeline(rate_hz=rate_hz, engine=engine) as pipeline:
            minute, frames = 1, 0
            wall_s, processor_s = time.perf_counter(), time.process_time()
            for update in replay(again_and_again(path, seconds=60.0 * minutes), pipeline):  # type: ignore[arg-type]
                frames += 1
                if update.crop.time_s < 60.0 * minute - 1.5 / rate_hz:
                    continue
                spent = time.perf_counter() - wall_s, time.process_time() - processor_s
                rows.append((*(1000.0 * s / frames for s in spent), resident_mb(), pipeline.totals.events))
                minute, frames = minute + 1, 0
                wall_s, processor_s = time.perf_counter(), time.process_time()
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=int, default=2, help="of the recording (default 2)")
    parser.add_argument("--fps", type=float, default=100.0)
    parser.add_argument("--recording", type=Path, help="what to repeat (default: a new one of 8 s)")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        path = given.recording or Path(folder) / "recording.mp4"
        options = ["--fps", str(given.fps), "--seconds", "8", "--n-events", "3"]
        if given.recording is None and synthesise(["recording", str(path), *options]):
            raise SystemExit("no synthetic recording could be made")
        soak(path, minutes=1)  # what libraries load and keep once
        before = held()
        rows = soak(path, minutes=given.minutes)
        after = held()
    table = Table("minute", "ms a frame", "processor ms a frame", "resident MB", "events so far", title="synthetic")
    for minute, (wall_ms, processor_ms, memory_mb, events) in enumerate(rows, 1):
        table.add_row(str(minute), f"{wall_ms:.2f}", f"{processor_ms:.2f}", f"{memory_mb:.0f}", str(events))
    console = Console()
    console.print(table)
    settled = rows[1:] or rows
    memory, cost = [row[2] for row in settled], [row[1] for row in settled]
    console.print(
        f"from minute 2 on: memory {min(memory):.0f} to {max(memory):.0f} MB, at most "
        f"{100 * (max(memory) / memory[0] - 1):.1f} % more than in minute 2; "
        f"processor {min(cost):.2f} to {max(cost):.2f} ms a frame; torch loaded: {'torch' in sys.modules}"
    )
    console.print(f"threads before {before[0]}, after {after[0]}; open files before {before[1]}, after {after[1]}")
    if after != before:
        raise SystemExit("threads or files were left behind")


if __name__ == "__main__":
    main()
