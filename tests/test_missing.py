"""A core installation, and a broken one: each says in a sentence what is missing, and does what needs no extra."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_clips import CENTRES, write_toy

from mer import missing
from mer.errors import MerError

ROOT = Path(__file__).parent.parent
EXTRAS = ("torch", "onnx", "onnxscript", "safetensors", "sklearn", "openpyxl", "ray", "pylsl", "pympi")
CORE = (
    f"import sys; sys.modules.update(dict.fromkeys({EXTRAS}))\n"
    "import importlib; start = importlib.import_module('realtime.start')\n"
    "sys.exit(getattr(start, sys.argv[1])(sys.argv[2:]))"
)
"""A program in which the modules of the extras cannot be imported."""


def core(command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a core installation runs it."""
    return subprocess.run(
        [sys.executable, "-c", CORE, command, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


@pytest.mark.parametrize("arguments", [("--help",), ("pipeline", "--help"), ("engine", "--help")])
def test_mer_bench_needs_no_extra(arguments: tuple[str, ...]) -> None:
    answer = core("bench", *arguments)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    ("command", "arguments", "extra"),
    [
        ("train", ("--clips", "c.npz", "--out", "o"), "mer-live[train]"),
        ("evaluate", ("table1", "--clips", "c.npz", "--out", "o"), "mer-live[train]"),
        ("bench", ("engine",), "mer-live[train]"),
        ("build_trt", (), "mer-live[trt]"),
    ],
)
def test_what_needs_an_extra_names_it_in_one_sentence(command: str, arguments: tuple[str, ...], extra: str) -> None:
    answer = core(command, *arguments)
    assert answer.returncode == 1
    assert extra in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_the_shipped_weights_are_evaluated_without_pytorch(tmp_path: Path) -> None:
    clips = write_toy(tmp_path / "toy.npz", labels=np.array(["happiness", "surprise"] * (6 * len(CENTRES))))
    answer = core("evaluate", "recognition", "--weights", "shipped", "--clips", clips, "--json")
    assert answer.returncode == 0, answer.stderr
    assert '"accuracy"' in answer.stdout


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("libGL.so.1: cannot open shared object file: No such file or directory"), "libgl1"),
        (OSError("libEGL.so.1: cannot open shared object file: No such file or directory"), "libegl1"),
        (ImportError("/usr/lib/x86_64-linux-gnu/libGL.so.1: file too short"), "libgl1"),
        (OSError("libfoo.so.3: cannot open shared object file: No such file or directory"), "libfoo.so.3"),
        (ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"), "PyTorch: pip install 'mer-live[train]'"),
        (ModuleNotFoundError("No module named 'rich'", name="rich"), "the Python module rich"),
        (AttributeError("partially\ninitialized module"), "partially initialized module"),
    ],
)
def test_a_sentence_says_what_is_missing(error: Exception, said: str) -> None:
    sentence = missing.sentence(error)
    assert said in sentence
    assert "\n" not in sentence


def test_needed_names_who_needs_it() -> None:
    with pytest.raises(MerError, match=r"^model\.safetensors needs PyTorch"), missing.needed("model.safetensors"):
        raise ModuleNotFoundError(name="torch")


@pytest.mark.parametrize("command", ["live", "replay", "bench", "synth", "data"])
def test_a_broken_opencv_ends_a_command_with_one_sentence(command: str, tmp_path: Path) -> None:
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2/__init__.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file: No')\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + CORE
    answer = subprocess.run(
        [sys.executable, "-c", program, command, "x"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert "libgl1" in answer.stderr
