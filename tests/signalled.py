"""Commands that get a signal at a random moment: what they leave, and what comes of the same command given again.

Used by `test_signals.py` and, with many signals, by `benchmarks/bench_signals.py`.
"""

import hashlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

ROOT: Final = Path(__file__).parent.parent
BIN: Final = Path(sys.executable).parent
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED: Final = 130
GONE_S: Final = 20.0
"""How long processes may take to notice that the command is gone."""
LIMIT_S: Final = 600.0
_MARK: Final = "MER_TEST_MARK"
_OF_TORCH: Final = "torchinductor_"
"""An empty folder that torch makes among the temporary files."""
_TEXTS: Final[dict[str, Callable[[str], object]]] = {
    ".json": json.loads,
    ".jsonl": lambda text: [json.loads(line) for line in text.splitlines()],
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Exit code, negative for a signal.
        said: Both of its outputs.
        seconds: From its start.
        orphans: Command lines of processes that were still there `GONE_S` later.
    """

    code: int
    said: str
    seconds: float
    orphans: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """A command that can be stopped and given again.

    Attributes:
        command: Without the folder of its results, which becomes the last argument.
        mark: Name of the file that is written last in each finished part of the results.
        is_finished: Whether the content of such a file says so.
        results: Patterns of the files that are the same however often it was stopped.
    """

    command: tuple[str, ...]
    mark: str
    is_finished: Callable[[bytes], bool]
    results: tuple[str, ...]

    def finished(self, out: Path) -> dict[str, str]:
        """Return hashes of all files in the folders that are finished."""
        found = [path.parent for path in out.rglob(self.mark) if self.is_finished(path.read_bytes())]
        return {path: digest for folder in found for path, digest in _hashes(out, folder.rglob("*")).items()}

    def outcome(self, out: Path) -> dict[str, str]:
        """Return hashes of the files that must not depend on what happened on the way."""
        return _hashes(out, (path for pattern in self.results for path in out.rglob(pattern)))


def replay_work(folder: Path) -> Work:
    """Return a batch in two processes over a folder of recordings."""
    command = (str(BIN / "mer-replay"), str(folder), "--engine", "onnxruntime", "--jobs", "2", "--out")
    return Work(
        command, "summary.json", lambda text: json.loads(text)["complete"] is True, ("events.csv", "rejected.csv")
    )


def train_work(clips: Path, classes: Sequence[str], *options: str) -> Work:
    """Return a training with a fold for each person."""
    small = ("--model", "conv3d", "--input", "residual", "--classes", ",".join(classes), "--batch", "8")
    usual = ("--protocol", "loso", "--warmup", "0", "--threads", "1", "--device", "cpu")
    command = (str(BIN / "mer-train"), "--clips", str(clips), *small, *usual, *options, "--out")
    return Work(command, "result.json", lambda text: True, ("predictions.csv", "best.safetensors"))


def run(
    work: Work, out: Path, *, signalled: tuple[signal.Signals, float, bool] | None = None
) -> tuple[Ended, dict[str, str]]:
    """Give the command, and it a signal.

    Args:
        work: See `Work`.
        out: Folder of the results.
        signalled: Which signal, how many seconds after the start, and whether to all of its group as a terminal
            does, or to it alone as `kill` does.

    Returns:
        How it ended, and what was finished when the signal came.
    """
    mark, temporary = secrets.token_hex(8), _temporary(out)
    temporary.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ours = {_MARK: mark, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    started_s = time.monotonic()
    finished: dict[str, str] = {}
    with subprocess.Popen(
        [*work.command, str(out)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env=kept | ours,
        preexec_fn=_as_a_shell_starts_it,
    ) as process:
        said = b""
        if signalled is not None:
            number, after_s, group = signalled
            try:
                said = process.communicate(timeout=after_s)[0]
            except subprocess.TimeoutExpired:
                finished = work.finished(out)
                (os.killpg if group else os.kill)(process.pid, number)
        said = said or process.communicate(timeout=LIMIT_S)[0]
    seconds = time.monotonic() - started_s
    return Ended(process.returncode, said.decode("utf-8", "replace"), seconds, _orphans(mark)), finished


def faults(
    work: Work, out: Path, expected: dict[str, str], *, number: signal.Signals, after_s: float, group: bool
) -> list[str] | None:
    """Stop a command by a signal and give it again; return what is wrong then.

    Args:
        work: See `Work`.
        out: Folder of the results, which does not exist.
        expected: What `Work.outcome` returns where nobody disturbed it.
        number: The signal.
        after_s: Seconds after the start.
        group: See `run`.

    Returns:
        Sentences; None if the command had ended before the signal came.
    """
    stopped, finished = run(work, out, signalled=(number, after_s, group))
    if stopped.code == 0:
        return None
    found = []
    if stopped.code not in {-number, INTERRUPTED if number == signal.SIGINT else -number}:  # 130, and for a shell -2
        found.append(f"exit code {stopped.code}")
    found += [f"still there: {orphan}" for orphan in stopped.orphans]
    found += [f"half-written: {path}" for path in _half_written(out)]
    if any(work.finished(out).get(path) != digest for path, digest in finished.items()):
        found.append("something finished was lost or changed")
    again, _ = run(work, out)
    if again.code:
        found.append(f"given again, it ends with {again.code}")
    if finished.items() - work.finished(out).items():
        found.append("given again, it replaced what was finished")
    if work.outcome(out) != expected:
        found.append("given again, it comes to another result")
    found += [f"left behind: {path.relative_to(out.parent)}" for path in _left_behind(out)]
    found += [f"it said: {one.said[-3000:]}" for one in (stopped, again) if "Traceback" in one.said or found]
    return found


def moment(drawn: random.Random, seconds: float) -> tuple[signal.Signals, float, bool]:
    """Draw a signal, when it comes within so many seconds, and whether all of the group get it."""
    return drawn.choice(SIGNALS), drawn.uniform(0.0, seconds), drawn.random() < 0.5


def _as_a_shell_starts_it() -> None:
    os.setsid()
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def _orphans(mark: str) -> tuple[str, ...]:
    """Return the command lines of what was started under a mark and does not end."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(_MARK) == mark:
                found.append(process)
        except psutil.Error:
            pass
    _, alive = psutil.wait_procs(found, timeout=GONE_S)
    return tuple(" ".join(process.cmdline())[:200] for process in alive if process.is_running())


def _half_written(out: Path) -> list[str]:
    """Return the files that are neither whole nor called a part of one."""
    found = []
    for path in out.rglob("*.*"):
        try:
            if path.is_file() and path.suffix in _TEXTS:
                _TEXTS[path.suffix](path.read_text(encoding="utf-8"))
            elif path.suffix == ".csv" and not path.read_bytes().endswith(b"\n"):
                found.append(path.name)
        except ValueError:
            found.append(path.name)
    return found


def _left_behind(out: Path) -> list[Path]:
    temporary = [path for path in _temporary(out).iterdir() if not path.name.startswith(_OF_TORCH)]
    return [*out.rglob("*.part"), *temporary]


def _temporary(out: Path) -> Path:
    return out.with_name(f"{out.name}-temporary")


def _hashes(top: Path, paths: Iterable[Path]) -> dict[str, str]:
    return {
        path.relative_to(top).as_posix(): hashlib.sha256(_content(path)).hexdigest()
        for path in paths
        if path.is_file() and not path.name.endswith(".part")
    }


def _content(path: Path) -> bytes:
    """Return what a file holds; of weights the numbers alone, because their header says how long the training took."""
    content = path.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :] if path.suffix == ".safetensors" else content
