"""Nothing leaves the machine: what the commands connect to, look up and start, as strace sees it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from toy_clips import CLASSES, write_toy

ROOT = Path(__file__).parent.parent
STRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-s", "200", "-e", "trace=network,execve", "-e", "signal=none")
SENDING = re.compile(r"\b(?:connect|sendto|sendmsg|sendmmsg)\(.*sa_family=AF_INET")
LOOPBACK = re.compile(r'inet_addr\("127\.|inet_pton\(AF_INET6, "(?:::1|::ffff:127\.[^"]*)"')
LOOK_UP = re.compile(r'_port=htons\((?:53|853|5353|5355)\)|sun_path="[^"]*(?:resolve|avahi)')
TOOLS = r"gcc|cc|c\+\+|g\+\+|clang|ld|ldconfig|objdump"
COMPILER = re.compile(rf'\bexecve\("[^"]*/(?:[\w.+]+-)*(?:{TOOLS})(?:[-.][\w.]+)?",')

TOY_TRAINING = ("--model", "conv3d", "--input", "residual", "--classes", ",".join(CLASSES), "--epochs", "1")
CPU = ("--batch", "4", "--warmup", "0", "--threads", "1", "--device", "cpu")


def can_trace() -> bool:
    return bool(shutil.which("strace")) and subprocess.run([*STRACE, "true"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_trace(), reason="needs strace 5.3 or newer and the right to trace")


def offences(folder: Path, program: str, arguments: Sequence[str] = ()) -> tuple[int, list[str]]:
    """Run a Python program; return its exit code and the calls by which it or its children leave the machine."""
    log = folder / "calls"
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [*STRACE, "-o", str(log), sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=environment | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    return done.returncode, [line for line in log.read_text(errors="replace").splitlines() if is_offence(line)]


def is_offence(call: str) -> bool:
    sent_away = bool(SENDING.search(call)) and not LOOPBACK.search(call)
    return sent_away or bool(LOOK_UP.search(call)) or bool(COMPILER.search(call))


def command(module: str) -> str:
    return f"import sys; from {module} import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def synthesised(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, list[str]]:
    """A recording of four seconds, and how making it went."""
    folder = tmp_path_factory.mktemp("synth")
    options = ("--fps", "30", "--seconds", "4", "--n-events", "1")
    return folder / "r.avi", *offences(
        folder, command("mer.synthesise"), ["recording", str(folder / "r.avi"), *options]
    )


@pytest.mark.parametrize(
    "program",
    [
        "import socket; socket.getaddrinfo('play.googleapis.com', 443)",
        "import socket; socket.create_connection(('192.0.2.1', 443), timeout=0.01)",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'a', ('192.0.2.1', 9))",
        "import ctypes.util; ctypes.util.find_library('portaudio')",
    ],
    ids=["look-up", "connection", "datagram", "compiler"],
)
def test_what_leaves_the_machine_is_seen(tmp_path: Path, program: str) -> None:
    assert offences(tmp_path, program)[1] != []


def test_synthesis_sends_nothing(synthesised: tuple[Path, int, list[str]]) -> None:
    assert synthesised[1:] == (0, [])


def test_replay_sends_nothing(synthesised: tuple[Path, int, list[str]], tmp_path: Path) -> None:
    arguments = [str(synthesised[0]), "--out", str(tmp_path / "results"), "--report"]
    assert offences(tmp_path, command("realtime.commands.replay"), arguments) == (0, [])


def test_a_batch_in_processes_sends_nothing(synthesised: tuple[Path, int, list[str]], tmp_path: Path) -> None:
    for name in ("a.avi", "b.avi"):
        shutil.copy(synthesised[0], tmp_path / name)
    arguments = [str(tmp_path / "a.avi"), str(tmp_path / "b.avi"), "--out", str(tmp_path / "results"), "--jobs", "2"]
    assert offences(tmp_path, command("realtime.commands.replay"), arguments) == (0, [])


def test_live_sends_nothing(synthesised: tuple[Path, int, list[str]], tmp_path: Path) -> None:
    arguments = ["--camera", str(synthesised[0]), "--events", str(tmp_path / "events.jsonl")]
    assert offences(tmp_path, command("realtime.commands.live"), arguments) == (0, [])


def test_the_doctor_sends_nothing(tmp_path: Path) -> None:
    assert offences(tmp_path, command("realtime.commands.doctor"), ["--json"]) == (0, [])


def test_training_sends_nothing(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    clips = write_toy(tmp_path / "toy.npz")
    arguments = ["--clips", str(clips), "--out", str(tmp_path / "run"), *TOY_TRAINING, *CPU]
    code, calls = offences(tmp_path, command("engines.train"), arguments)
    assert (code, [call for call in calls if "ldconfig" not in call]) == (0, [])  # torch starts it to find CUDA
