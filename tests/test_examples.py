"""Every script of `examples/`, run as its first lines say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from toy_clips import toy_clips, write_toy

from mer.synthesise import main as mer_synth

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


def run(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=200, check=False, env=environment)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    recording = str(folder / "a.mp4")
    assert mer_synth(["recording", recording, "--fps", "100", "--seconds", "4", "--n-events", "1", "--seed", "5"]) == 0
    return folder


def test_every_script_is_listed_and_tried() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    tried = Path(__file__).read_text(encoding="utf-8")
    names = [path.name for path in EXAMPLES.glob("*.py")]
    assert len(names) == 5
    assert [name for name in names if f"]({name})" not in listed or f'"{name}"' not in tried] == []


def test_live_to_csv(study: Path, tmp_path: Path) -> None:
    assert run("live_to_csv.py", str(study / "a.mp4"), "events.csv", cwd=tmp_path).returncode == 0
    lines = (tmp_path / "events.csv").read_text().splitlines()
    assert lines[0] == "onset_s,apex_s,offset_s,label,probability"
    assert len(lines) == 2


def test_replay_folder(study: Path, tmp_path: Path) -> None:
    (tmp_path / "b.mp4").write_text("not a video\n" * 50)
    (tmp_path / "a.mp4").symlink_to(study / "a.mp4")
    answer = run("replay_folder.py", str(tmp_path), cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert [line.split(":")[0] for line in answer.stdout.splitlines()] == ["a.mp4", "b.mp4"]
    assert "{" in answer.stdout.splitlines()[0]


def test_own_spotter_settings(study: Path, tmp_path: Path) -> None:
    answer = run("own_spotter_settings.py", str(study / "a.mp4"), cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert [line for line in answer.stdout.splitlines() if "rejected" not in line] != []


def test_own_model(tmp_path: Path) -> None:
    clips = write_toy(tmp_path / "toy.npz", **toy_clips(4))
    options = ("--epochs", "1", "--protocol", "holdout", "--classes", "happiness,surprise", "--device", "cpu")
    answer = run("own_model.py", "--clips", str(clips), "--out", "run", *options, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "run" / "best.safetensors").is_file()


def test_lsl_receiver(tmp_path: Path) -> None:
    pytest.importorskip("pylsl", reason="pylsl is not installed")
    answer = run("lsl_receiver.py", "0.5", cwd=tmp_path)
    assert answer.returncode == 1
    assert "start mer-live with --lsl" in answer.stderr
