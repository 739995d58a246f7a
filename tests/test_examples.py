"""Every script of `examples/`, run as its first lines say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from data_minis import write_frames
from toy_clips import toy_clips, write_toy

from mer.data.cli import main as mer_data
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
    assert len(names) == 8
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


@pytest.mark.parametrize("name", ["own_model.py", "own_backbone.py", "own_dataset.py", "own_loss.py"])
def test_what_can_be_ones_own_takes_less_than_30_lines(name: str) -> None:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    assert len(text.split('"""', 2)[2].strip().splitlines()) < 30


@pytest.mark.parametrize(("name", "model"), [("own_model.py", "tiny"), ("own_backbone.py", "resnet18")])
def test_own_model(name: str, model: str, tmp_path: Path) -> None:
    if name == "own_backbone.py":
        pytest.importorskip("timm", reason="timm is not installed")
    clips = write_toy(tmp_path / "toy.npz", **toy_clips(4))
    options = ("--epochs", "1", "--protocol", "holdout", "--classes", "happiness,surprise", "--device", "cpu")
    own = ("--plugin", str(EXAMPLES / name), "--model", model, "--input", "residual")
    command = [sys.executable, "-m", "engines.train", *own, "--clips", str(clips), "--out", "run", *options]
    answer = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "run" / "best.onnx").is_file()


def test_own_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_frames(tmp_path / "films" / "p01_a", (f"{n:04d}.jpg" for n in range(500, 560)))
    (tmp_path / "codes.csv").write_text("person,film,code,onset,apex,offset\np01,p01_a,h,11,20,41\n")
    check = ["check", "--plugin", str(EXAMPLES / "own_dataset.py"), "--dataset", f"lab={tmp_path}", "--json"]
    assert mer_data(check) == 0
    (found,) = json.loads(capsys.readouterr().out)["datasets"]
    assert (found["clips"], found["classes"], found["duration_s"]["max"]) == (1, {"happiness": 1}, 0.15)


def test_lsl_receiver(tmp_path: Path) -> None:
    pytest.importorskip("pylsl", reason="pylsl is not installed")
    answer = run("lsl_receiver.py", "0.5", cwd=tmp_path)
    assert answer.returncode == 1
    assert "start mer-live with --lsl" in answer.stderr
