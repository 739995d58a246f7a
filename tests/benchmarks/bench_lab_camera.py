"""What a session with a laboratory camera loses, costs and finds: mer-live on pylon's emulator, replayed afterwards.

    python tests/benchmarks/bench_lab_camera.py [--seconds 600] [--fast-seconds 60]

Basler's emulator plays a synthetic recording as its pictures, again and again, at 200 frames/s for `--seconds` and at
500 for `--fast-seconds`; `mer-live --camera basler:0` reads it as it reads a real camera. Capture to decision counts
from the moment at which pylon hands a frame over until mer-live has decided on it. The emulator makes its pictures in
threads of mer-live's process; a run that only reads the camera tells what they cost. Afterwards the very pictures that
came are replayed, and the events compared. The emulator of pylon 26.9 was seen to give about 93 frames/s however many
are asked for, on an idle processor: pictures come later than the camera's clock says (a row tells by how much), a run
lasts longer than its seconds, and what is lost at 200 or 500 frames/s in real time is not shown.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT: Final = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]

from bench_live import resident_mb  # noqa: E402
from emulated_basler import settings  # noqa: E402

from engines.select import open_engine  # noqa: E402
from mer.media.video import FrameReader  # noqa: E402
from mer.messages import Frame  # noqa: E402
from mer.synthesise import main as synthesise  # noqa: E402
from realtime.capture.cameras import basler  # noqa: E402
from realtime.capture.cameras.base import Laboratory, Mode  # noqa: E402
from realtime.pipeline import Pipeline  # noqa: E402
from realtime.session import replay  # noqa: E402

BASELINE_S: Final = 3.0
MOMENTS: Final = ("onset_frame", "apex_frame", "offset_frame", "label")

# mer-live itself; notes which picture each frame is and when it came, and when each was decided.
WATCHED: Final = """
import sys, time, zlib
import numpy as np
import realtime.commands.live as program
came, decided = [], []
inner, Capture = program.live, program.Capture
def noted(frames):
    for frame in frames:
        code = zlib.crc32(frame.image[::8].tobytes())
        came.append((frame.index, frame.time_s, code, frame.lost_before, time.monotonic()))
        yield frame
program.Capture = lambda frames, **options: Capture(noted(frames), **options)
def watched(*args, **options):
    for update in inner(*args, **options):
        decided.append((update.crop.index, time.monotonic()))
        yield update
program.live = watched
code = program.main(sys.argv[2:])
np.savez(sys.argv[1], came=np.array(came), decided=np.array(decided))
sys.exit(code)
"""


@dataclass(frozen=True, slots=True)
class Session:
    """What mer-live did.

    Attributes:
        came: (N, 5): index, time in s, checksum of the picture, frames lost before it, `time.monotonic` of its arrival.
        decided: (M, 2): index of each frame, and when it was decided.
        events: Its events.
        processors: Processor time over wall time from the first frame on, of all its processes.
        memory_mb: Resident memory of all its processes, once a second.
    """

    came: NDArray[np.float64]
    decided: NDArray[np.float64]
    events: list[dict[str, Any]]
    processors: float
    memory_mb: list[float]


def family(process: int) -> list[int]:
    """Return a process and its children, and theirs."""
    found = [process]
    for parent in found:
        try:
            lists = [path.read_text() for path in Path(f"/proc/{parent}/task").glob("*/children")]
        except OSError:
            continue
        found += [int(child) for text in lists for child in text.split()]
    return found


def processor_s(process: int) -> float:
    """Return the processor time of a process and its children so far."""
    total = 0
    for one in family(process):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / float(os.sysconf("SC_CLK_TCK"))


def session(played: Laboratory, folder: Path, *, fps: float, seconds: float) -> Session:
    """Run mer-live on the emulated camera."""
    saved = folder / "seen.npz"
    command = [sys.executable, "-c", WATCHED, str(saved), "--camera", "basler:0", "--roi", str(played.roi), "--json"]
    command += ["--camera-settings", str(played.camera_settings), "--fps", str(fps), "--duration", str(seconds)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYLON_CAMEMU": "1"}
    events: list[dict[str, Any]] = []
    memory_mb, spent = [], []
    with (
        (folder / "said").open("w+") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment) as process,
    ):
        assert process.stdout is not None
        lines = threading.Thread(target=lambda: events.extend(map(json.loads, process.stdout or ())))
        lines.start()
        while process.poll() is None:
            spent.append((time.monotonic(), processor_s(process.pid)))
            memory_mb.append(sum(map(resident_mb, family(process.pid))))
            time.sleep(1.0)
        lines.join()
        said.seek(0)
        text = said.read()
    if process.returncode:
        raise SystemExit(f"mer-live ended with exit code {process.returncode} and said: {text[-2000:]}")
    print("\n".join(text.splitlines()[-8:]), file=sys.stderr)
    with np.load(saved) as seen:
        came, decided = seen["came"], seen["decided"]
    running = np.array([entry for entry in spent[:-1] if entry[0] >= came[0, 4]])
    share = float(np.diff(running[[0, -1], 1])[0] / np.diff(running[[0, -1], 0])[0]) if len(running) > 1 else np.nan
    found = [event for event in events if event.get("type", "event") == "event"]
    return Session(came, decided, found, share, memory_mb[:-1])


def camera_alone(played: Laboratory, *, fps: float) -> tuple[float, float]:
    """Return processors and frames a second of this process while it only reads the camera."""
    camera = basler.open_camera("0", Mode(fps=fps, laboratory=played))
    started_s, spent_s, count = time.monotonic(), time.process_time(), 0
    while time.monotonic() - started_s < BASELINE_S and camera.read() is not None:
        count += 1
    took_s = time.monotonic() - started_s
    camera.close()
    return (time.process_time() - spent_s) / took_s, count / took_s


class Pictures:
    """What the session saw, as a recording to replay: its pictures, times and numbers.

    Args:
        images: Of the recording that the camera played.
        came: Of the session.
    """

    def __init__(self, images: list[NDArray[np.uint8]], came: NDArray[np.float64]) -> None:
        by_sum = {zlib.crc32(image[::8].tobytes()): image for image in images}
        if len(by_sum) < len(images):
            raise SystemExit("two pictures of the recording are alike; render another one")
        self._images = [by_sum[int(code)] for code in came[:, 2]]
        self._came = came

    def __iter__(self) -> Iterator[Frame]:
        for image, (index, time_s, _, lost, _) in zip(self._images, self._came):
            yield Frame(image, float(time_s), int(index), lost_before=int(lost))


def replayed(pictures: Pictures, *, fps: float) -> list[dict[str, Any]]:
    """Return moments and label of the events of a replay."""
    found = []
    with Pipeline(rate_hz=fps, engine=open_engine("auto")) as pipeline:
        for update in replay(pictures, pipeline):  # type: ignore[arg-type]  # only iterated over
            for event in update.events:
                moments = (event.interval.onset, event.interval.apex, event.interval.offset)
                found.append(dict(zip(MOMENTS, (*(moment.index for moment in moments), event.label))))
    return found


def figures(ran: Session, again: list[dict[str, Any]], *, fps: float) -> dict[str, Any]:
    """Return what a session shows, JSON-like."""
    came, decided = ran.came, ran.decided
    frames = decided[np.concatenate([[True], np.diff(decided[:, 0]) > 0])]  # not the updates without a frame
    until = frames[-1, 0]  # what came while mer-live was ending was not asked for any more
    counted = came[came[:, 0] <= until]
    arrived_s = dict(zip(came[:, 0].astype(int).tolist(), came[:, 4].tolist()))
    late_ms = np.array([1000.0 * (at - arrived_s[int(index)]) for index, at in frames])
    behind_ms = 1000.0 * ((came[:, 4] - came[0, 4]) - (came[:, 1] - came[0, 1]))
    live = [{key: event[key] for key in MOMENTS} for event in ran.events]
    memory = ran.memory_mb
    return {
        "fps": fps,
        "seconds": round(float(came[-1, 1] - came[0, 1]), 1),
        "frames": len(counted),
        "lost by mer-live": len(counted) - len(frames),
        "lost by the camera's count": int(came[:, 3].sum()),
        "capture to decision, ms": {f"p{p}": round(float(np.percentile(late_ms, p)), 2) for p in (50, 99, 99.9)},
        "arrival behind the camera's clock, ms": {
            "p50": round(float(np.median(behind_ms)), 1),
            "max": round(float(behind_ms.max()), 1),
        },
        "processors": round(ran.processors, 2),
        "memory, MB": {"after 10 s": round(memory[min(10, len(memory) - 1)]), "end": round(memory[-1])},
        "events": len(live),
        "events of the replay": len(again),
        "events that are equal": sum(event in again for event in live),
        "load": round(os.getloadavg()[0], 1),
    }


def measure(folder: Path, *, fps: float, seconds: float, size: str) -> dict[str, Any]:
    """Render a recording, let the emulated camera play it and return what came of it."""
    made = folder / "made.mp4"
    if synthesise(["recording", str(made), "--fps", str(fps), "--seconds", "6", "--n-events", "2", "--size", size]):
        raise SystemExit("no synthetic recording could be made")
    with FrameReader(made, grey=True) as reader:
        images = [frame.image for frame in reader]
    height, width = images[0].shape
    played = settings(folder, images, size_wh=(width, height))
    os.environ["PYLON_CAMEMU"] = "1"
    share, rate = camera_alone(played, fps=fps)
    ran = session(played, folder, fps=fps, seconds=seconds)
    shown = figures(ran, replayed(Pictures(images, ran.came), fps=fps), fps=fps)
    return shown | {"camera alone": {"processors": round(share, 2), "frames/s": round(rate, 1)}}


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of both rates."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="at 200 frames/s (default 10; 0: not at all)")
    parser.add_argument("--fast-seconds", type=float, default=5.0, help="at 500 frames/s (default 5; 0: not at all)")
    parser.add_argument("--size", default="320x240", metavar="WxH", help="of the pictures (default 320x240)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(argv)
    cv2.setNumThreads(1)
    shown = []
    for fps, seconds in ((200.0, given.seconds), (500.0, given.fast_seconds)):
        if seconds > 0:
            with tempfile.TemporaryDirectory() as folder:
                shown.append(measure(Path(folder), fps=fps, seconds=seconds, size=given.size))
    if given.json:
        print(json.dumps(shown, indent=1, allow_nan=False))
        return
    for row in shown:
        for name, value in row.items():
            text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
            print(f"{name:40s} {text}")
        print()


if __name__ == "__main__":
    main()
