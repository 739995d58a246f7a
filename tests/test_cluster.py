"""Work as tasks of a real Ray on this machine."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from recordings import pictures, write_video
from toy_clips import CLASSES, toy_clips, write_toy

from engines import evaluate
from mer import train
from mer.errors import MerError, UsageError
from mer.jobs import cluster
from mer.training import run, tasks

ROOT = Path(__file__).parent.parent
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # Ray reads it once, when it is imported: here, not by `each`
ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'mer-live[cluster]'")


@pytest.fixture(autouse=True)
def workers_find_this_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(Path(__file__).parent)]))


def scaled(base: NDArray[np.int64], flags: Path, item: int) -> int:
    """Answer; the first attempt at 2 and every one at 4 is killed, and 9 is refused."""
    tries = len(list(flags.glob(f"{item}-*")))
    (flags / f"{item}-{tries}").touch()
    if item == 4 or (item == 2 and tries == 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if item == 9:
        raise MerError("9 is too many; give less")
    return item * int(base.sum())


def test_each_item_is_answered_although_workers_are_killed(tmp_path: Path) -> None:
    found = cluster.each(scaled, [1, 2, 3, 4], cluster="local", workers=2, common=(np.arange(5), tmp_path))
    assert dict(found) == {0: 10, 1: 20, 2: 30, 3: None}
    assert len(list(tmp_path.glob("2-*"))) == 2
    assert len(list(tmp_path.glob("4-*"))) == 1 + cluster.RETRIES
    assert not ray.is_initialized()


@dataclass(frozen=True)
class Seen:
    """What others could see of a cluster while it ran."""

    listening: set[str]
    tokens: set[str]
    folders: set[Path]
    open_to_others: list[Path]
    proxies: set[str]
    in_home: list[Path]
    left: dict[str, str]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    home = tmp_path_factory.mktemp("home")
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(Path(__file__).parent)]))
    listening, tokens, folders, proxies = set(), set(), set(), set()
    open_to_others = []
    for _ in cluster.each(rest, [0], cluster="local", workers=1):
        processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
        for process in processes:
            places = process.net_connections("inet")
            listening |= {place.laddr.ip for place in places if place.status == psutil.CONN_LISTEN}
            found = re.search(r"--(?:session-dir|session_dir|temp_dir|temp-dir)=(\S+)", " ".join(process.cmdline()))
            if found and process.pid != os.getpid():
                folders.add(Path(found[1]))
                environment = process.environ()
                proxies.add(environment.get("http_proxy", ""))
                tokens.add(environment["RAY_AUTH_TOKEN"] if environment["RAY_AUTH_MODE"] == "token" else "none")
        open_to_others = [path for path in folders if not any(p.stat().st_mode & 0o077 == 0 for p in path.parents)]
    left = {name: os.environ.get(name, "") for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}
    monkeypatch.undo()
    in_home = [path for path in home.rglob("*") if path.is_file()]
    return Seen(listening, tokens, folders, open_to_others, proxies, in_home, left)


def test_a_cluster_of_this_machine_listens_on_loopback_only(seen: Seen) -> None:
    assert seen.listening
    assert {ip for ip in seen.listening if not ip.removeprefix("::ffff:").startswith("127.")} == set()


def test_a_cluster_of_this_machine_has_a_token_that_is_in_no_file(seen: Seen) -> None:
    (token,) = seen.tokens
    assert len(token) == 64
    assert seen.in_home == []


def test_a_cluster_of_this_machine_keeps_its_files_private_and_removes_them(seen: Seen) -> None:
    assert seen.folders
    assert seen.open_to_others == []
    assert [path for path in seen.folders if path.exists()] == []


def test_a_cluster_of_this_machine_asks_no_cloud_where_it_runs(seen: Seen) -> None:
    assert seen.proxies == {"http://127.0.0.1:9"}


def test_an_environment_is_left_as_it_was(seen: Seen) -> None:
    assert seen.left == {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": ""}


def test_an_error_of_a_task_arrives_as_it_was_raised(tmp_path: Path) -> None:
    with pytest.raises(MerError, match=r"^9 is too many; give less$"):
        list(cluster.each(scaled, [9], cluster="local", workers=1, common=(np.arange(5), tmp_path)))
    assert not ray.is_initialized()


def test_a_worker_that_lacks_the_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with pytest.raises(MerError, match=r"No module named 'test_cluster'.*install the same mer-live on all machines"):
        list(cluster.each(scaled, [1], cluster="local", workers=1, common=(np.arange(5), tmp_path)))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short recordings of moving bars (no faces) and a file that is none."""
    folder = tmp_path_factory.mktemp("cluster") / "study"
    folder.mkdir()
    for number in range(3):
        write_video(folder / f"{number}.mp4", pictures(12 + number))
    (folder / "bad.mp4").write_text("this is no video\n" * 50)
    return folder


def replayed(study: Path, out: str, *options: str) -> Path:
    folder = study.parent / out
    command = [sys.executable, "-m", "realtime.commands.replay", str(study), "--engine", "onnxruntime", "--out", out]
    where: dict[str, Any] = {"cwd": study.parent, "env": os.environ | {"PYTHONPATH": str(ROOT)}}
    answer = subprocess.run([*command, *options], capture_output=True, text=True, timeout=600, check=False, **where)
    assert answer.returncode == 3, answer.stderr
    assert "3 done, 1 failed" in answer.stdout
    return folder


@pytest.fixture(scope="module")
def alone(study: Path) -> Path:
    return replayed(study, "alone")


def test_recordings_on_a_cluster_give_what_they_give_without(study: Path, alone: Path) -> None:
    spread = replayed(study, "spread", "--cluster", "local", "--jobs", "2")
    with (spread / "recordings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(Path(row["recording"]).name, row["status"]) for row in rows] == [
        *((f"{number}.mp4", "done") for number in range(3)),
        ("bad.mp4", "failed"),
    ]
    names = [sorted(path.relative_to(top) for path in top.rglob("*") if path.is_file()) for top in (alone, spread)]
    assert names[0] == names[1]
    for number in range(3):
        for name in ("events.csv", "rejected.csv"):
            assert (alone / f"{number}/{name}").read_bytes() == (spread / f"{number}/{name}").read_bytes()


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a cluster that somebody else started, and that wants its token."""
    (tmp_path / "token").write_text("0123456789abcdef" * 4)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ours = [sys.executable, "-c", "from ray.scripts.scripts import main; main()"]
    start = ["start", "--head", f"--port={port}", "--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats"]
    head = subprocess.Popen(
        [*ours, *start, "--block"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    with head:
        assert head.stdout is not None
        said = []
        for line in head.stdout:
            said.append(line)
            if "Ray runtime started" in line:
                break
        else:
            pytest.fail("".join(said))
        threading.Thread(target=head.stdout.read, daemon=True).start()
        yield f"127.0.0.1:{port}"
        head.terminate()
        head.wait(600)
    for process in psutil.process_iter(["cmdline"]):  # what its head left behind
        words = " ".join(process.info["cmdline"] or ())
        if "/ray/" in words and re.search(rf"[:=]{port}\b", words):
            process.kill()


def test_a_cluster_that_runs_already_is_used_with_its_token_and_left_running(
    study: Path, alone: Path, running: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The commands are processes of their own: Ray looks for its token once in the life of a process.
    for number, address in enumerate((running, "auto")):
        spread = replayed(study, f"running-{number}", "--cluster", address)
        assert (spread / "2/events.csv").read_bytes() == (alone / "2/events.csv").read_bytes()
    (tmp_path / "token").write_text("f" * 64)
    with pytest.raises(UsageError, match=r"cannot be used .*RAY_AUTH_TOKEN_PATH"):
        cluster.check(running)


def rest(seconds: float) -> None:
    time.sleep(seconds)


def test_ctrl_c_ends_ray_too() -> None:
    program = (
        "from mer.jobs import cluster\nfrom test_cluster import rest\n"
        "print('go', flush=True)\n"
        "for _ in cluster.each(rest, [0, 600], cluster='local', workers=1): print('one', flush=True)\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    with running:
        assert running.stdout is not None
        assert [running.stdout.readline() for _ in range(2)] == ["go\n", "one\n"]
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        _, errors = running.communicate(timeout=600)
    assert "KeyboardInterrupt" in errors
    until = time.monotonic() + 300
    while time.monotonic() < until:
        try:
            os.killpg(running.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)  # there is no event for the end of somebody else's children
    pytest.fail("processes of Ray are left")


QUICK = ("--model", "conv3d", "--input", "residual", "--epochs", "2", "--batch", "4", "--warmup", "0")
COMMON = ("--classes", ",".join(CLASSES), "--threads", "1", "--device", "cpu")


def predictions(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.glob("**/predictions.csv")}


def test_folds_on_a_cluster_give_the_same_predictions_although_a_worker_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--clips", str(write_toy(tmp_path / "toy.npz")), *QUICK, *COMMON]
    assert train.main([*options, "--out", str(tmp_path / "alone")]) == 0
    killed = kill_one_worker(run, monkeypatch)
    assert train.main([*options, "--out", str(tmp_path / "spread"), "--cluster", "local", "--jobs", "2"]) == 0
    assert len(killed) == 1
    assert len(predictions(tmp_path / "alone")) == 5
    assert predictions(tmp_path / "spread") == predictions(tmp_path / "alone")
    assert (tmp_path / "spread/best.safetensors").is_file()


def test_a_table_on_a_cluster_is_the_same_although_a_worker_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = str(write_toy(tmp_path / "toy.npz", **toy_clips(3)))
    quick = ("--models", "mdmo,conv3d", "--protocol", "loso", "--epochs", "1", "--batch", "4", *COMMON)
    table, folders = ["table1", "--clips", clips, *quick], [tmp_path / "alone", tmp_path / "spread"]
    assert evaluate.main([*table, "--out", str(folders[0])]) == 0
    killed = kill_one_worker(tasks, monkeypatch)
    assert evaluate.main([*table, "--out", str(folders[1]), "--cluster", "local", "--jobs", "2"]) == 0
    assert len(killed) == 1
    assert [len(predictions(folder)) for folder in folders] == [6, 6]
    assert predictions(folders[1]) == predictions(folders[0])
    alone, together = (json.loads((folder / "table1.json").read_text())["systems"] for folder in folders)
    assert [system["figures"] for system in together] == [system["figures"] for system in alone]


def kill_one_worker(module: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have the first worker that trains a fold killed; return what was killed by then."""
    killed: list[int] = []
    each_fold = module.each_fold

    def kill_one(*given: Any, **options: Any) -> Iterator[Any]:
        for ended in each_fold(*given, **options):
            while not killed and (found := workers_at("ray::do_fold")):
                os.kill(found[0], signal.SIGKILL)
                killed.append(found[0])
            yield ended

    # A generator of this process stands between Ray and the run, so the kill comes while folds are trained.
    monkeypatch.setattr(module, "each_fold", kill_one)
    return killed


def workers_at(title: str) -> list[int]:
    """Return the processes of Ray below this one that do something."""
    return [child.pid for child in psutil.Process().children(recursive=True) if child.cmdline()[:1] == [title]]
