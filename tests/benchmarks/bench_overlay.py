"""What drawing costs a live session: drops and latency with and without the overlay, in turns.

    python tests/benchmarks/bench_overlay.py [--rounds N] [--seconds S] [--size COLUMNSxROWS]

A synthetic face comes at 100 frames/s as Motion JPEG over loopback from this process; `mer-live` runs in a process of
its own on a pseudo-terminal, which is read as fast as it writes. The ways take turns, so that other load meets all
alike.
"""

import argparse
import fcntl
import os
import pty
import re
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from mjpeg_server import serve  # noqa: E402

from mer.synthesise import main as synthesise  # noqa: E402

FPS = 100.0
CELL_WH = (10, 20)
WAYS = {
    "plain lines": ("--no-overlay",),
    "overlay, half blocks": ("--pictures", "blocks"),
    "overlay, kitty": ("--pictures", "kitty"),
    "overlay, Sixel": ("--pictures", "sixel"),
}
FRAMES = re.compile(r"(\d+) frames, ([\d.]+) s, face in (\d+) % of them, (\d+) dropped")
LATENCY = re.compile(r"from frame to decision: p50 ([\d.]+), p95 ([\d.]+), p99 ([\d.]+) ms")


@dataclass(frozen=True, slots=True)
class Round:
    """What one session told at its end, and how much it wrote to the terminal."""

    frames: int
    seconds: float
    dropped: int
    p50_ms: float
    p99_ms: float
    written_mb: float
    processor_s: float


def session(url: str, way: str, *, seconds: float, size: tuple[int, int]) -> Round:
    """Run `mer-live` on a pseudo-terminal of `size` cells."""
    ours, theirs = pty.openpty()
    columns, rows = size
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, columns * CELL_WH[0], rows * CELL_WH[1]))
    command = [str(Path(sys.executable).with_name("mer-live")), "--camera", url, "--duration", str(seconds), *WAYS[way]]
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)}
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        environment.pop(name, None)
    before = os.times()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment)
    os.close(theirs)
    written = bytearray()
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        if select.select([ours], [], [], 0.05)[0]:
            try:
                written += os.read(ours, 1 << 16)
            except OSError:  # Linux's way to say that the other end was closed
                break
    process.wait()
    os.close(ours)
    after = os.times()
    text = written.decode("utf-8", "replace").replace("\r\n", "\n")
    frames, latency = FRAMES.search(text), LATENCY.search(text)
    if process.returncode or frames is None or latency is None:
        raise SystemExit(f"mer-live ended with exit code {process.returncode} and said: {text[-2000:]}")
    return Round(
        frames=int(frames[1]),
        seconds=float(frames[2]),
        dropped=int(frames[4]),
        p50_ms=float(latency[1]),
        p99_ms=float(latency[3]),
        written_mb=len(written) / 1e6,
        processor_s=after.children_user + after.children_system - before.children_user - before.children_system,
    )


def pictures() -> list[NDArray[np.uint8]]:
    """Return four seconds of a synthetic face, 640 x 480."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "face.mp4"
        if synthesise(["recording", str(path), "--fps", str(FPS), "--seconds", "4", "--n-events", "1"]):
            raise SystemExit("no synthetic recording could be made")
        capture, found = cv2.VideoCapture(str(path)), []
        while (read := capture.read())[0]:
            found.append(np.asarray(read[1], np.uint8))
        capture.release()
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--size", default="200x60", metavar="COLUMNSxROWS")
    given = parser.parse_args(argv)
    columns, rows = (int(part) for part in given.size.split("x"))
    faces = pictures()
    rounds: dict[str, list[Round]] = {way: [] for way in WAYS}
    loads = []
    with serve(faces, fps=FPS, rounds=1000) as url:
        for _ in range(given.rounds):
            for way in WAYS:
                loads.append(os.getloadavg()[0])
                rounds[way].append(session(url, way, seconds=given.seconds, size=(columns, rows)))
    title = f"{FPS:.0f} frames/s, {given.seconds:g} s, terminal {given.size}, {given.rounds} rounds in turns, synthetic"
    table = Table(
        "way", "frames/s", "dropped", "p50 ms", "p99 ms: median (lowest to highest)", "MB/s", "processor s", title=title
    )
    for way, found in rounds.items():
        p99 = [one.p99_ms for one in found]
        table.add_row(
            way,
            f"{statistics.median(one.frames / one.seconds for one in found):.1f}",
            f"{sum(one.dropped for one in found)} of {sum(one.frames + one.dropped for one in found)}",
            f"{statistics.median(one.p50_ms for one in found):.1f}",
            f"{statistics.median(p99):.1f} ({min(p99):.1f} to {max(p99):.1f})",
            f"{statistics.median(one.written_mb / one.seconds for one in found):.2f}",
            f"{statistics.median(one.processor_s for one in found):.1f}",
        )
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(table)
    console.print(f"{os.cpu_count()} processors, load {min(loads):.1f} to {max(loads):.1f} meanwhile")


if __name__ == "__main__":
    main()
