"""What the checks for safety cost in a replay: each is timed where it is called, in one run with everything else.

Run: python tests/benchmarks/bench_checks.py [--seconds 10] [--fps 200]. A synthetic recording is replayed by
`mer-replay` in this process, as Motion JPEG, as MPEG-4 and as a folder of JPEG pictures. The table has the seconds
spent in the checks, those of calls inside others counted once and the timing itself included, and their share of the
whole command. What it costs to have mediapipe in a process of its own (shared memory, messages) is measured beside it:
the same frames are given in turns to it and to mediapipe in this process, and the difference of the medians counts for
each frame whose landmarks the replay asked for.
"""

import argparse
import contextlib
import functools
import io
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

NOWHERE = "http://127.0.0.1:9"
os.environ.update(dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE))
"""Before mediapipe is loaded here, which sends usage data where it can."""

import cv2  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

import engines.manifest  # noqa: E402
import mer.cli  # noqa: E402
import mer.face.model_file  # noqa: E402
import mer.media.container  # noqa: E402
import mer.media.size  # noqa: E402
import mer.media.source_name  # noqa: E402
import mer.onnx_runs  # noqa: E402
import mer.probabilities  # noqa: E402
import mer.text  # noqa: E402
import realtime.output.event_log  # noqa: E402
import realtime.output.folder  # noqa: E402
import realtime.output.sharing  # noqa: E402
from mer.face import landmark_process  # noqa: E402
from mer.face.landmarker import Landmarker  # noqa: E402
from mer.media.video import FrameReader  # noqa: E402
from realtime.commands import replay  # noqa: E402

BIN = Path(sys.executable).parent
COMPARED = 300
"""Frames that both ways to mediapipe get."""
LANDMARKS = "landmarks (in all)"
CHECKS: dict[str, list[tuple[Any, tuple[str, ...]]]] = {
    "sizes before decoding": [
        (mer.media.size, ("size_of", "is_too_large")),
        (mer.media.container, ("names_other_files", "format_of")),
    ],
    "answers of the engine": [(mer.probabilities, ("checked_probabilities",))],
    "hashes of engine and face model": [(engines.manifest, ("sha256",)), (mer.face.model_file, ("_check",))],
    "escaping, names, addresses, paths": [
        (mer.text, ("printable", "cell")),
        (mer.media.source_name, ("source_name",)),
        (mer.cli, ("without_secrets",)),
        (realtime.output.sharing, ("shared_path", "shared_text")),
    ],
    "whose the results folder is": [
        (realtime.output.folder, ("_check_name", "_create", "_earlier_files", "leftovers")),
        (realtime.output.event_log, ("_open_owned",)),
    ],
}


class Watch:
    """Adds up the seconds and calls of functions; a call inside another one of the same thread is part of it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: defaultdict[str, int] = defaultdict(int)
        self._inside = threading.local()

    def timed(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*given: Any, **named: Any) -> Any:
            self.calls[name] += 1
            if getattr(self._inside, "now", False):
                return function(*given, **named)
            self._inside.now, started_s = True, time.perf_counter()
            try:
                return function(*given, **named)
            finally:
                self.seconds[name] += time.perf_counter() - started_s
                self._inside.now = False

        return timed

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Time the checks wherever this program's modules have imported them."""
        changed: list[tuple[Any, str, Any]] = []
        ours = [module for name, module in sys.modules.items() if name.split(".")[0] in ("mer", "engines", "realtime")]
        for check, places in CHECKS.items():
            for home, names in places:
                for name in names:
                    function = getattr(home, name)
                    for module in ours:
                        if getattr(module, name, None) is function:
                            changed.append((module, name, function))
                            setattr(module, name, self.timed(function, check))
        meshes = Landmarker._meshes

        def counted(landmarker: Landmarker, *given: Any) -> Any:
            started_s = time.perf_counter()
            found = meshes(landmarker, *given)
            self.calls[LANDMARKS] += 1
            self.seconds[LANDMARKS] += time.perf_counter() - started_s
            return found

        changed.append((Landmarker, "_meshes", meshes))
        Landmarker._meshes = counted  # type: ignore[method-assign]
        try:
            yield
        finally:
            for module, name, function in changed:
                setattr(module, name, function)


def recordings(folder: Path, *, fps: int, seconds: float) -> dict[str, Path]:
    """Render a recording and return it in each of the formats."""
    rendered, still = folder / "rendered.mp4", folder / "pictures"
    made = {"Motion JPEG": (folder / "a.avi", "MJPG"), "MPEG-4": (folder / "b.mp4", "mp4v")}
    given = ["--fps", str(fps), "--seconds", str(seconds), "--n-events", str(max(1, int(seconds // 3)))]
    subprocess.run([BIN / "mer-synth", "recording", rendered, *given, "--seed", "3"], check=True, capture_output=True)
    still.mkdir()
    with FrameReader(rendered) as frames, contextlib.ExitStack() as stack:
        writers: list[cv2.VideoWriter] = []
        for frame in frames:
            size_wh = (frame.image.shape[1], frame.image.shape[0])
            for path, code in made.values() if not writers else ():
                writers.append(cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), fps, size_wh))
                stack.callback(writers[-1].release)
            for writer in writers:
                writer.write(frame.image)
            cv2.imwrite(str(still / f"{frame.index:05d}.jpg"), frame.image)
    return {**{kind: path for kind, (path, _) in made.items()}, "JPEG pictures": still}


def replayed(recording: Path, out: Path, *options: str) -> tuple[float, Watch]:
    """Replay a recording with its checks timed; return the seconds of the whole command."""
    watch = Watch()
    command = [str(recording), "--out", str(out), "--engine", "onnxruntime", "--report", "--export", "eaf,boris,srt"]
    said = io.StringIO()
    with watch.on(), contextlib.redirect_stdout(said):
        started_s = time.perf_counter()
        code = replay.main([*command, *options])
        seconds = time.perf_counter() - started_s
    if code:
        raise SystemExit(f"mer-replay ended with {code}: {said.getvalue()}")
    return seconds, watch


def process_costs(recording: Path) -> tuple[list[float], list[float]]:
    """Return the seconds of each frame in mediapipe's own process, and in this one."""
    apart, here = [], []
    with FrameReader(recording) as frames, Landmarker() as landmarker:
        find = landmark_process._face_finder(mer.face.model_file.find_face_model(), 0.5, landmark_process.FACES)
        landmarker.wait()
        for number, frame in zip(range(COMPARED), frames):
            for own in (number % 2, not number % 2):
                started_s = time.perf_counter()
                if own:
                    landmarker.detect(frame.image, frame.time_s)
                else:
                    find(cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB), 1 + round(frame.time_s * 1000))
                (apart if own else here).append(time.perf_counter() - started_s)
    return apart, here


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--fps", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        made = recordings(Path(temporary), fps=given.fps, seconds=given.seconds)
        replayed(made["MPEG-4"], Path(temporary) / "warm-up")
        found = {
            kind: replayed(path, Path(temporary) / "out", *(["--fps", str(given.fps)] if path.is_dir() else []))
            for kind, path in made.items()
        }
        apart, here = process_costs(made["Motion JPEG"])
    extra_s = statistics.median(apart) - statistics.median(here)
    title = f"Checks in mer-replay, {given.seconds:g} s at {given.fps} frames/s (synthetic), with report and exports"
    table = Table("check", *(f"{kind}: calls, ms, share" for kind in found), title=title)
    for check in (*CHECKS, LANDMARKS):
        cells = [shown(watch.calls[check], watch.seconds[check], seconds) for seconds, watch in found.values()]
        table.add_row(check, *cells)
    own = {kind: max(0.0, extra_s) * watch.calls[LANDMARKS] for kind, (_, watch) in found.items()}
    table.add_row(
        "landmarks: a process of its own", *(shown(w.calls[LANDMARKS], own[kind], s) for kind, (s, w) in found.items())
    )
    sums = {kind: own[kind] + sum(watch.seconds[check] for check in CHECKS) for kind, (_, watch) in found.items()}
    table.add_row("all checks", *(shown(0, sums[kind], seconds) for kind, (seconds, _) in found.items()))
    table.add_row("the whole command", *(f"{seconds:.2f} s" for seconds, _ in found.values()))
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(table)
    console.print(
        f"landmarks of a frame: {1000 * statistics.median(apart):.2f} ms in a process of its own, "
        f"{1000 * statistics.median(here):.2f} ms in this one (medians of {len(apart)} frames in turns)"
    )


def shown(calls: int, seconds: float, whole_s: float) -> str:
    """Return one cell of the table."""
    return f"{calls or '':>6} {1000 * seconds:8.1f} {100 * seconds / whole_s:6.2f} %"


if __name__ == "__main__":
    main()
