"""How `mer-replay --jobs` shares processors: throughput and memory of a batch with one worker and with more.

    python tests/benchmarks/bench_jobs.py [--jobs 1 2] [--rounds N] [--quota SHARE]

A synthetic recording is replayed as often as `--copies` says, in one batch each time; the numbers of workers take
turns. With `--quota` the program and each of its workers, mediapipe's process included, get that share of a core and no
more (control groups of Linux, as root): eight workers of a fifth of a core show on two cores how the batch would spread
over eight slow ones. Caches and memory bandwidth, which real cores share as well, are not simulated.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT)]

from mer.synthesise import main as synthesise  # noqa: E402

GROUPS: Final = Path("/sys/fs/cgroup/cpu")
PERIOD_US: Final = 100_000
LOOK_EVERY_S: Final = 0.1
MEMORY_EVERY_S: Final = 2.0
WORKER: Final = b"spawn_main"


@dataclass(frozen=True, slots=True)
class Batch:
    """One run of mer-replay.

    Attributes:
        seconds: From start to end.
        processor_s: Of all its processes.
        memory_mb: Highest sum over its processes, what they share counted once.
        events: Content of all events files, to be compared.
    """

    seconds: float
    processor_s: float
    memory_mb: float
    events: tuple[bytes, ...]


def children(process: int) -> list[int]:
    """Return the processes that a process has started, and those that these have started."""
    try:
        direct = [
            int(number)
            for task in Path(f"/proc/{process}/task").iterdir()
            for number in (task / "children").read_text().split()
        ]
    except OSError:  # it has ended
        return []
    return [number for child in direct for number in (child, *children(child))]


def is_worker(process: int) -> bool:
    with contextlib.suppress(OSError):
        return WORKER in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def proportional_mb(process: int) -> float:
    """Return the memory of a process in MB, what it shares with others divided by their number."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6
    return 0.0


class Quotas:
    """A control group for the program and one for each worker, each with a share of a core.

    Args:
        share: Of a core.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._groups: dict[int, Path] = {}

    def limit(self, process: int) -> None:
        """Put a process, and what it starts from now on, into a group of its own; once."""
        if process in self._groups:
            return
        group = GROUPS / f"bench-jobs-{process}"
        group.mkdir()
        self._groups[process] = group
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(int(self._share * PERIOD_US)))
        with contextlib.suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(process))

    def __enter__(self) -> "Quotas":
        return self

    def __exit__(self, *_: object) -> None:
        for group in self._groups.values():
            while (group / "cgroup.procs").read_text():  # mediapipe's process ends after the one that started it
                time.sleep(LOOK_EVERY_S)
            group.rmdir()


def batch(recordings: Sequence[Path], out: Path, *, jobs: int, limit: Callable[[int], None]) -> Batch:
    """Replay all recordings in one batch."""
    command = [sys.executable, "-c", "import sys, realtime.start; sys.exit(realtime.start.replay())"]
    command += [*map(str, recordings), "--out", str(out), "--jobs", str(jobs)]
    before, started_s = os.times(), time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    limit(process.pid)
    memory_mb, asked_s = 0.0, 0.0
    while process.poll() is None:
        started = children(process.pid)
        for worker in filter(is_worker, started):
            limit(worker)
        if time.monotonic() - asked_s > MEMORY_EVERY_S:
            asked_s = time.monotonic()
            memory_mb = max(memory_mb, sum(map(proportional_mb, [process.pid, *started])))
        time.sleep(LOOK_EVERY_S)
    seconds, after = time.monotonic() - started_s, os.times()
    if process.returncode:
        raise SystemExit(f"mer-replay --jobs {jobs} ended with exit code {process.returncode}")
    events = tuple(path.read_bytes() for path in sorted(out.rglob("events.csv")))
    processor_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Batch(seconds, processor_s, memory_mb, events)


@contextlib.contextmanager
def limits(share: float | None) -> Iterator[Callable[[int], None]]:
    """Yield what limits a process to a share of a core, or does nothing."""
    if share is None:
        yield lambda process: None
        return
    if not os.access(GROUPS / "cgroup.procs", os.W_OK):
        raise SystemExit(f"--quota needs control groups (version 1) that can be written in {GROUPS}: run it as root")
    with Quotas(share) as quotas:
        yield quotas.limit


def measure(
    recordings: Sequence[Path], numbers: Sequence[int], *, rounds: int, quota: float | None, folder: Path
) -> dict[int, list[Batch]]:
    """Return the batches by the number of workers, which take turns."""
    found: dict[int, list[Batch]] = {number: [] for number in numbers}
    for _ in range(rounds):
        for number in numbers:
            out = folder / "out"
            with limits(quota) as limit:
                found[number].append(batch(recordings, out, jobs=number, limit=limit))
            shutil.rmtree(out)
    contents = {one.events for batches in found.values() for one in batches}
    if len(contents) != 1 or len(next(iter(contents))) != len(recordings):
        raise SystemExit("the batches differ in their events, or some are missing")
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2], metavar="N", help="numbers of workers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--copies", type=int, default=8, help="recordings in the batch (default 8)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the recording (default 10)")
    parser.add_argument("--fps", type=float, default=200.0)
    parser.add_argument("--quota", type=float, metavar="SHARE", help="of a core for each worker (default: no limit)")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recordings = [folder / f"{n}.mp4" for n in range(given.copies)]
        options = ["--fps", str(given.fps), "--seconds", str(given.seconds), "--n-events", "1"]
        if synthesise(["recording", str(recordings[0]), *options]):
            raise SystemExit("no synthetic recording could be made")
        for copy in recordings[1:]:
            shutil.copy(recordings[0], copy)
        found = measure(recordings, given.jobs, rounds=given.rounds, quota=given.quota, folder=folder)
    frames = given.copies * given.seconds * given.fps
    limit = f", {given.quota:g} of a core each" if given.quota else ""
    title = f"{given.copies} recordings of {given.seconds:g} s, {given.fps:g} frames/s{limit}; {given.rounds} rounds"
    table = Table(
        "workers", "seconds: median (fastest)", "frames/s", "times the first", "processor s", "MB", title=title
    )
    first = statistics.median(one.seconds for one in found[given.jobs[0]])
    for number, batches in found.items():
        seconds = [one.seconds for one in batches]
        middle = statistics.median(seconds)
        table.add_row(
            str(number),
            f"{middle:.1f} ({min(seconds):.1f})",
            f"{frames / middle:.0f}",
            f"{first / middle:.2f}",
            f"{statistics.median(one.processor_s for one in batches):.1f}",
            f"{max(one.memory_mb for one in batches):.0f}",
        )
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
