"""What a live session at a high rate loses and how late it answers: mer-live on a paced stream over loopback.

    python tests/benchmarks/bench_live.py [--fps 200] [--minutes 10] [--recording FILE] [--people 3]

A server in a process of its own sends a synthetic recording as Motion JPEG over HTTP, again and again, and notes when
it sent each picture; `mer-live --json` reads it in another. Capture to decision counts from the sending of a
frame to the moment at which mer-live has decided on it, so it includes the way through the socket and the decoding. An
event counts as out when this process has read its line; its latency is that after the sending of the true offset.
All three share the processors, as a driver and a camera would not.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from mjpeg_server import serve_jpegs  # noqa: E402

from mer.synthesise import main as synthesise  # noqa: E402

WARM_UP_S: Final = 2.0
"""Not counted at the start: mer-live opens its models while the stream runs already."""
LATE_S: Final = 0.1
"""The server leaves a picture out when it is so late because mer-live does not take them."""
MIN_IOU: Final = 0.5

# mer-live itself, with a note of when each frame was decided; --events - is written as always.
WATCHED: Final = """
import sys, time
import numpy as np
import realtime.commands.live as program
inner, decided = program.live, []
def watched(*args, **kwargs):
    for update in inner(*args, **kwargs):
        decided.append((update.crop.index, time.monotonic()))
        yield update
program.live = watched
code = program.main(sys.argv[2:])
np.save(sys.argv[1], np.array(decided))
sys.exit(code)
"""


@dataclass(frozen=True, slots=True)
class Sending:
    """What the server did.

    Attributes:
        numbers: Of the pictures sent, in order.
        times_s: When the sending of each began, by `time.monotonic`.
    """

    numbers: NDArray[np.int64]
    times_s: NDArray[np.float64]


def jpegs(path: Path) -> list[bytes]:
    """Return the frames of a Motion JPEG recording as the files that they are."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    found = []
    while (read := capture.read())[0]:
        found.append(np.asarray(read[1], np.uint8).tobytes())
    capture.release()
    if not found or not all(body.startswith(b"\xff\xd8") for body in found):
        raise SystemExit(f"{path} is not Motion JPEG; give one that mer-synth recording wrote")
    return found


def send(path: Path, fps: float, total: int, control: Connection) -> None:
    """Serve one client; tell the address, then, asked to, when each picture was sent. Runs in a process of its own."""
    numbers: list[int] = []
    times_s: list[float] = []

    def note(number: int, time_s: float) -> None:
        numbers.append(number)
        times_s.append(time_s)

    with serve_jpegs(jpegs(path), times_s=lambda i: i / fps, total=total, sent=note, late_s=LATE_S) as url:
        control.send(url)
        control.recv()
        control.send((numbers, times_s))


def resident_mb(process: int) -> float:
    """Return the resident memory of a process in MB, NaN where the system does not tell (only Linux does)."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS")), float("nan"))


@dataclass(frozen=True, slots=True)
class Session:
    """What mer-live did.

    Attributes:
        decided: (N, 2): index of each frame in the source, and when it was decided, by `time.monotonic`.
        events: The lines of the events, each with when it was read, by `time.monotonic`.
        memory_mb: Resident memory, once a second from the start of the process.
        said: Its closing lines.
    """

    decided: NDArray[np.float64]
    events: list[tuple[float, dict[str, Any]]]
    memory_mb: list[float]
    said: str


def session(url: str, folder: Path, *, people: int) -> Session:
    """Run mer-live until the server hangs up."""
    saved = folder / "decided.npy"
    command = [sys.executable, "-c", WATCHED, str(saved), "--camera", url, "--reconnect", "0", "--json"]
    command += ["--people", str(people)] if people > 1 else []
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        environment.pop(name, None)
    events: list[tuple[float, dict[str, Any]]] = []
    memory_mb: list[float] = []
    with (
        (folder / "said").open("w+") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment) as process,
    ):
        lines = threading.Thread(target=lambda: events.extend(_stamped(process)))
        lines.start()
        while process.poll() is None:
            memory_mb.append(resident_mb(process.pid))
            time.sleep(1.0)
        lines.join()
        said.seek(0)
        text = said.read()
    if process.returncode:
        raise SystemExit(f"mer-live ended with exit code {process.returncode} and said: {text[-2000:]}")
    return Session(np.load(saved), events, memory_mb[:-1], text)


def _stamped(process: "subprocess.Popen[str]") -> Iterator[tuple[float, dict[str, Any]]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield time.monotonic(), json.loads(line)


def figures(sending: Sending, ran: Session, truth: dict[str, Any], *, fps: float) -> dict[str, Any]:
    """Return what a session shows, JSON-like.

    The last frame that was captured is the last that was sent, since the server hangs up after it and a socket
    loses nothing; from there frames are counted backwards, because mer-live throws away what piled up before it began.
    """
    index, decided_s = ran.decided[:, 0].astype(int), ran.decided[:, 1]
    first = len(sending.numbers) - 1 - int(index.max())
    fresh = np.concatenate([[True], np.diff(index) > 0])  # not those without a frame, or of further people
    captured = np.arange(first, len(sending.numbers))
    latency_ms = 1000.0 * (decided_s - sending.times_s[first + index])[fresh]
    counted = latency_ms[sending.times_s[first + index][fresh] >= sending.times_s[first] + WARM_UP_S]
    events = _events(sending, ran, truth, first=first)
    memory = ran.memory_mb
    return {
        "fps": fps,
        "seconds": round(float(sending.times_s[-1] - sending.times_s[first]), 1),
        "sent": len(captured),
        "received": int(fresh.sum()),
        "dropped_by_mer_live": len(captured) - int(fresh.sum()),
        "dropped_by_the_server": int(np.diff(sending.numbers[captured]).sum()) + 1 - len(captured),
        "capture_to_decision_ms": {f"p{p}": round(float(np.percentile(counted, p)), 2) for p in (50, 95, 99, 99.9)},
        **events,
        "memory_mb": {
            "after 10 s": round(memory[min(10, len(memory) - 1)]),
            **({"minute 2": round(memory[120])} if len(memory) > 120 else {}),
            "end": round(memory[-1]),
        },
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "mer_live_said": [line.strip() for line in ran.said.splitlines()[-4:]],
    }


def _events(sending: Sending, ran: Session, truth: dict[str, Any], *, first: int) -> dict[str, Any]:
    """Match true events, each time that they were sent whole, with those found, by the sending of their frames.

    Args:
        sending: What the server did.
        ran: What mer-live did.
        truth: Of the recording.
        first: How many pictures had been sent before mer-live's frame 0.
    """
    from_s = sending.times_s[first] + WARM_UP_S
    when_s = dict(zip(sending.numbers.tolist(), sending.times_s.tolist()))
    rounds = int(sending.numbers[-1]) // truth["frames"] + 1
    spans = [
        (when_s.get(r * truth["frames"] + e["onset"]["index"]), when_s.get(r * truth["frames"] + e["offset"]["index"]))
        for r in range(rounds)
        for e in truth["events"]
    ]
    true = [(a, b) for a, b in spans if a is not None and b is not None and a >= from_s]
    late_ms, unmatched = [], 0
    for read_s, event in ran.events:
        found = tuple(float(sending.times_s[first + event[key]]) for key in ("onset_frame", "offset_frame"))
        if found[0] < from_s:
            continue
        best = max(true, key=lambda span: _iou(span, found), default=None)
        if best is None or _iou(best, found) < MIN_IOU:
            unmatched += 1
        else:
            late_ms.append(1000.0 * (read_s - best[1]))
    shown = {"p50": np.median(late_ms), "max": np.max(late_ms)} if late_ms else {}
    return {
        "events_sent": len(true),
        "events_found": len(late_ms),
        "false_events": unmatched,
        "event_after_true_offset_ms": {name: round(float(value)) for name, value in shown.items()},
    }


def _iou(one: Sequence[float], other: Sequence[float]) -> float:
    common = min(one[1], other[1]) - max(one[0], other[0])
    return max(common, 0.0) / (max(one[1], other[1]) - min(one[0], other[0]))


def measure(path: Path, *, fps: float, seconds: float, people: int = 1) -> dict[str, Any]:
    """Serve a recording for some seconds and return what mer-live made of it."""
    truth = json.loads(path.with_suffix(".json").read_text())
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    total = round(seconds * fps)
    server = multiprocessing.get_context("spawn").Process(target=send, args=(path, fps, total, theirs))
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        ran = session(ours.recv(), Path(folder), people=people)
    ours.send("done")
    numbers, times_s = ours.recv()
    server.join()
    return figures(Sending(np.array(numbers), np.array(times_s)), ran, truth, fps=fps)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fps", type=float, default=200.0)
    parser.add_argument("--minutes", type=float, default=0.3, help="that the stream lasts (default 0.3)")
    parser.add_argument("--recording", type=Path, help="that mer-synth wrote at this rate (default: a new one of 8 s)")
    parser.add_argument("--people", type=int, default=1, help="to render and to follow (default 1)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        path = given.recording or Path(folder) / "stream.mp4"
        if given.recording is None:
            options = ["--fps", str(given.fps)]
            of_one, of_several = ["--seconds", "8", "--n-events", "3"], ["--n-people", str(given.people)]
            kind, more = ("recording", of_one) if given.people == 1 else ("people", of_several)
            if synthesise([kind, str(path), *options, *more]):
                raise SystemExit("no synthetic recording could be made")
        shown = measure(path, fps=given.fps, seconds=60.0 * given.minutes, people=given.people)
    if given.json:
        print(json.dumps(shown, indent=2))
        return
    console = Console(width=None if sys.stdout.isatty() else 150)
    for name, value in shown.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        text = "\n    ".join(["", *value]) if isinstance(value, list) else text
        console.print(f"{name.replace('_', ' '):28s} {text}", highlight=False)


if __name__ == "__main__":
    main()
