"""How long a user waits after the start: mer-live until it shows something, mer-replay for a recording of one second.

    python tests/benchmarks/bench_start.py [--rounds N] [--other FOLDER]

A server in a process of its own sends a synthetic face as Motion JPEG over loopback already when `mer-live` is started,
on a pseudo-terminal of 120x40 cells; what it writes is searched for the first picture drawn in half blocks and for the
first face that is tracked. Versions take turns, so that other load on the machine meets all alike. The first round is
not counted: it reads the files from the disk.
"""

import argparse
import fcntl
import multiprocessing
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench_live import jpegs  # noqa: E402
from mjpeg_server import serve_jpegs  # noqa: E402

from mer.synthesise import main as synthesise  # noqa: E402

FPS: Final = 30.0
PATIENCE_S: Final = 30.0
CELLS: Final = (120, 40)
SEEN: Final = {"screen": b"\x1b[?1049h", "picture": "▀".encode(), "tracked face": b"tracked"}
"""What mer-live has written once something can be seen."""
START: Final = """
import importlib, sys, tomllib
module, name = tomllib.load(open("pyproject.toml", "rb"))["project"]["scripts"][sys.argv[1]].split(":")
sys.exit(getattr(importlib.import_module(module), name)(sys.argv[2:]))
"""
"""Starts a command of the version in the current folder as its console script would."""


def send(path: Path, control: Connection) -> None:
    """Serve a recording until told to stop; runs in a process of its own."""
    with serve_jpegs(jpegs(path), times_s=lambda i: i / FPS, total=10**9) as url:
        control.send(url)
        control.recv()


def command(version: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """Return the command line and the environment that run a command of the version in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(version)}
    return [sys.executable, "-c", START, *arguments], kept | terminal


def live_s(version: Path, url: str) -> dict[str, float]:
    """Return the seconds from the start of mer-live until each of SEEN."""
    ours, theirs = pty.openpty()
    columns, rows = CELLS
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    line, environment = command(version, "mer-live", "--camera", url)
    started_s = time.monotonic()
    process = subprocess.Popen(line, stdin=theirs, stdout=theirs, stderr=theirs, cwd=version, env=environment)
    os.close(theirs)
    written, found = b"", dict[str, float]()
    while len(found) < len(SEEN) and time.monotonic() - started_s < PATIENCE_S:
        if select.select([ours], [], [], 0.5)[0]:
            try:
                written += os.read(ours, 1 << 16)
            except OSError:  # Linux's way to say that the other end was closed
                break
            now_s = time.monotonic() - started_s
            found |= {name: now_s for name, mark in SEEN.items() if name not in found and mark in written}
    process.terminate()
    while process.poll() is None:  # its closing lines must go somewhere
        if select.select([ours], [], [], 0.05)[0]:
            try:
                written += os.read(ours, 1 << 16)
            except OSError:
                process.wait()
    os.close(ours)
    if len(found) < len(SEEN):
        raise SystemExit(f"mer-live of {version} showed only {list(found)}: {written[-2000:].decode(errors='replace')}")
    return {f"mer-live: {name}": after_s for name, after_s in found.items()}


def replay_s(version: Path, recording: Path) -> float:
    """Return the seconds that mer-replay takes for a recording from start to end."""
    with tempfile.TemporaryDirectory() as folder:
        line, environment = command(version, "mer-replay", str(recording), "--out", folder)
        started_s = time.monotonic()
        subprocess.run(line, check=True, cwd=version, env=environment, stdout=subprocess.DEVNULL)
        return time.monotonic() - started_s


def measure(versions: Sequence[Path], recording: Path, *, rounds: int) -> dict[Path, dict[str, list[float]]]:
    """Return the seconds of each version by what was waited for, the versions in turns."""
    found: dict[Path, dict[str, list[float]]] = {version: {} for version in versions}
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=send, args=(recording, theirs))
    server.start()
    url = ours.recv()
    for number in range(rounds + 1):
        for version in versions:
            waited = live_s(version, url) | {"mer-replay of 1 s": replay_s(version, recording)}
            for name, seconds in waited.items() if number else ():
                found[version].setdefault(name, []).append(seconds)
    ours.send("done")
    server.join()
    return found


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--other", type=Path, action="append", default=[], help="checkout of another version")
    given = parser.parse_args(argv)
    versions = [*(folder.resolve() for folder in given.other), ROOT]
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "second.mp4"
        if synthesise(["recording", str(recording), "--fps", str(FPS), "--seconds", "1", "--n-events", "0"]):
            raise SystemExit("no synthetic recording could be made")
        found = measure(versions, recording, rounds=given.rounds)
    title = f"Seconds after the start, median (fastest), {given.rounds} rounds in turns, {os.cpu_count()} processors"
    table = Table("waited for", *("this version" if v == ROOT else v.name for v in versions), title=title)
    for name in found[ROOT]:
        seconds = [found[version][name] for version in versions]
        table.add_row(name, *(f"{statistics.median(values):.2f} ({min(values):.2f})" for values in seconds))
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
