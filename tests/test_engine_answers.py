"""What an engine answers is checked before anything is made of it, and an engine that never answers is ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_cuda
import fake_tensorrt
import numpy as np
import psutil
import pytest
from engine_models import random_network
from onnx_files import write_answering, write_endless
from recordings import pictures, write_video

from engines import onnx_runs, trial
from engines.manifest import Target, load_pair, sha256, write_pair
from engines.probabilities import checked_probabilities
from engines.runtime.onnx import OnnxRuntimeEngine
from engines.runtime.tensorrt import TensorRtEngine
from engines.select import SHIPPED_MODEL, open_engine
from mer import checkpoint
from mer.errors import MerError

ROOT = Path(__file__).parent.parent
NAN = float("nan")
WRONG = [
    [NAN, 0.2, 0.2, 0.2, 0.2],
    [float("inf"), 0.0, 0.0, 0.0, 0.0],
    [7.0, 0.0, 0.0, 0.0, 0.0],
    [1.5, -0.5, 0.0, 0.0, 0.0],
    [0.1, 0.1, 0.1, 0.1, 0.1],
]


@pytest.mark.parametrize("row", WRONG)
def test_what_is_no_probability_is_refused(row: list[float]) -> None:
    good = [0.2] * 5
    with pytest.raises(MerError, match=r"m\.onnx returned .*not probabilities"):
        checked_probabilities(np.array([good, row], np.float32), clips=2, classes=5, source="engine m.onnx")


def test_another_number_of_answers_is_refused() -> None:
    with pytest.raises(MerError, match=r"shape \(1, 5\) for 2 clips, expected \(2, 5\)"):
        checked_probabilities(np.full((1, 5), 0.2), clips=2, classes=5, source="x")


def test_the_rounding_of_half_precision_is_let_pass() -> None:
    rows = np.full((1, 3), np.float32(np.float16(1 / 3)))
    assert checked_probabilities(rows, clips=1, classes=3, source="x") is rows


@pytest.mark.parametrize("row", WRONG)
def test_an_onnx_file_with_wrong_answers_is_not_opened(tmp_path: Path, row: list[float]) -> None:
    with pytest.raises(MerError, match=r"engine m\.onnx returned .*not probabilities"):
        OnnxRuntimeEngine(write_answering(tmp_path / "m.onnx", row))


def test_a_plan_with_wrong_answers_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against stand-ins for library and GPU."""
    fake_cuda.install(monkeypatch, fake_cuda.FakeRuntime(name="NVIDIA Test 1", capability=(9, 0)))
    fake_tensorrt.install(monkeypatch, "10.3.0")
    manifest, model = load_pair(write_answering(tmp_path / "m.onnx", WRONG[0]))
    content = fake_tensorrt.HEADER + model
    target = Target("10.3.0", "NVIDIA Test 1", ("9.0",), manifest.sha256, 4)
    from dataclasses import replace

    described = replace(manifest, file="m.plan", sha256=sha256(content), backend="tensorrt", target=target)
    write_pair(tmp_path / "m.plan", content, described)
    with pytest.raises(MerError, match="not probabilities"):
        TensorRtEngine(tmp_path / "m.plan")


def test_a_checkpoint_with_wrong_answers_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    network, configuration = random_network()
    checkpoint.save(tmp_path / "m.safetensors", network, configuration)
    monkeypatch.setattr(torch, "softmax", lambda logits, dim: logits * NAN)
    with pytest.raises(MerError, match="not probabilities"):
        open_engine(tmp_path / "m.safetensors")


def test_the_program_says_so_and_writes_nothing(tmp_path: Path) -> None:
    model, video = write_answering(tmp_path / "m.onnx", WRONG[0]), write_video(tmp_path / "a.mp4", pictures(20))
    done = replay(video, model, tmp_path / "out")
    assert done.returncode == 1
    assert "mer-replay: error: engine m.onnx returned nan" in done.stderr
    assert not (tmp_path / "out").exists()


def replay(video: Path, engine: Path, out: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(video, engine, out), capture_output=True, text=True, cwd=ROOT, check=False)


def command(video: Path, engine: Path, out: Path) -> list[str]:
    program = [sys.executable, "-m", "realtime.commands.replay"]
    return [*program, str(video), "--engine", str(engine), "--out", str(out)]


def test_a_run_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_runs, "RUN_LIMIT_S", 0.2)
    with pytest.raises(MerError, match=r"engine m\.onnx did not return within 0\.2 s"):
        OnnxRuntimeEngine(write_endless(tmp_path / "m.onnx"))


def test_a_file_that_cannot_be_opened_in_time_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "LIMIT_S", 1.0)
    before = set(psutil.Process().children())
    with pytest.raises(MerError, match="was not opened within 1 s"):
        open_engine(write_endless(tmp_path / "m.onnx"))
    assert set(psutil.Process().children()) <= before


def test_a_file_that_ends_its_process_leaves_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text("#!/bin/sh\nkill -SEGV $$\n")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(MerError, match=r"ended the process that opened it \(-11"):
        open_engine(write_answering(tmp_path / "m.onnx", [0.2] * 5))


def test_ctrl_c_ends_a_program_that_opens_an_endless_engine(tmp_path: Path) -> None:
    model, video = write_endless(tmp_path / "m.onnx"), write_video(tmp_path / "a.mp4", pictures(20))
    given = command(video, model, tmp_path / "out")
    with subprocess.Popen(
        given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    ) as process:
        while not any("engines.trial" in child.cmdline() for child in psutil.Process(process.pid).children()):
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_the_shipped_weights_are_opened_without_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "LIMIT_S", 0.0)
    open_engine(SHIPPED_MODEL).close()


def test_a_checkpoint_is_labelled_with_what_it_was_trained_on(tmp_path: Path) -> None:
    network, configuration = random_network()
    checkpoint.save(tmp_path / "m.safetensors", network, configuration)
    with open_engine(tmp_path / "m.safetensors") as engine:
        assert engine.manifest.training_data == "none: random weights"
