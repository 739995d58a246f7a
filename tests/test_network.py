"""Nothing leaves the machine: what the commands connect to, look up and start, with a network and without one."""

import shutil
from pathlib import Path

import pytest
from toy_clips import CLASSES, toy_clips, write_toy
from watched import Watch, by_strace, can_be_alone, can_trace, in_namespace

TOY_TRAINING = ("--model", "conv3d", "--input", "residual", "--classes", ",".join(CLASSES), "--epochs", "1")
CPU = ("--protocol", "holdout", "--batch", "4", "--warmup", "0", "--threads", "1", "--device", "cpu")
LEAVING = {
    "look-up": "import socket; socket.getaddrinfo('play.googleapis.com', 443)",
    "connection": "import socket; socket.create_connection(('192.0.2.1', 443), timeout=0.01)",
    "datagram": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'a', ('192.0.2.1', 9))",
    "connection over IPv6": "import socket; socket.socket(socket.AF_INET6).connect(('2001:db8::1', 443))",
}
COMPILER = "import ctypes.util; ctypes.util.find_library('portaudio')"


@pytest.fixture(scope="module", params=[by_strace, in_namespace])
def watch(request: pytest.FixtureRequest) -> Watch:
    """Run programs under strace, and in a network namespace of their own."""
    if request.param is by_strace and not can_trace():
        pytest.skip("needs strace 5.3 or newer and the right to trace")
    if request.param is in_namespace and not can_be_alone():
        pytest.skip("no network namespace can be made: unshare is missing, or the kernel refuses it")
    chosen: Watch = request.param
    return chosen


def command(module: str) -> str:
    return f"import sys; from {module} import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def synthesised(watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, list[str]]:
    """A recording of four seconds, and how making it went."""
    folder = tmp_path_factory.mktemp("synth")
    options = ("--fps", "30", "--seconds", "4", "--n-events", "1")
    return folder / "r.mp4", *watch(folder, command("mer.synthesise"), ["recording", str(folder / "r.mp4"), *options])


@pytest.mark.parametrize("kind", LEAVING)
def test_what_leaves_the_machine_is_seen(watch: Watch, tmp_path: Path, kind: str) -> None:
    assert watch(tmp_path, LEAVING[kind], ())[1] != []


@pytest.mark.skipif(not can_trace(), reason="needs strace 5.3 or newer and the right to trace")
def test_a_compiler_is_seen(tmp_path: Path) -> None:
    assert by_strace(tmp_path, COMPILER)[1] != []


def test_loopback_does_not_count(watch: Watch, tmp_path: Path) -> None:
    program = (
        "import socket; server = socket.create_server(('127.0.0.1', 0)); socket.create_connection(server.getsockname())"
    )
    assert watch(tmp_path, program, ()) == (0, [])


def test_synthesis_sends_nothing(synthesised: tuple[Path, int, list[str]]) -> None:
    assert synthesised[1:] == (0, [])


def test_replay_sends_nothing(watch: Watch, synthesised: tuple[Path, int, list[str]], tmp_path: Path) -> None:
    arguments = [str(synthesised[0]), "--out", str(tmp_path / "results"), "--report"]
    assert watch(tmp_path, command("realtime.commands.replay"), arguments) == (0, [])


def test_a_batch_in_processes_sends_nothing(
    watch: Watch, synthesised: tuple[Path, int, list[str]], tmp_path: Path
) -> None:
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(synthesised[0], tmp_path / name)
    arguments = [str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4"), "--out", str(tmp_path / "results"), "--jobs", "2"]
    assert watch(tmp_path, command("realtime.commands.replay"), arguments) == (0, [])


def test_live_sends_nothing(watch: Watch, synthesised: tuple[Path, int, list[str]], tmp_path: Path) -> None:
    arguments = ["--camera", str(synthesised[0]), "--events", str(tmp_path / "events.jsonl")]
    assert watch(tmp_path, command("realtime.commands.live"), arguments) == (0, [])


def test_the_doctor_sends_nothing(watch: Watch, tmp_path: Path) -> None:
    assert watch(tmp_path, command("realtime.commands.doctor"), ["--json"]) == (0, [])


def test_training_sends_nothing(watch: Watch, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs torch")
    clips = write_toy(tmp_path / "toy.npz", **toy_clips(4, 3))
    arguments = ["--clips", str(clips), "--out", str(tmp_path / "run"), *TOY_TRAINING, *CPU]
    code, calls = watch(tmp_path, command("engines.train"), arguments)
    assert (code, [call for call in calls if "ldconfig" not in call]) == (0, [])  # torch starts it to find CUDA
