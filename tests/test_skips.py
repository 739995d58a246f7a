"""`--strict-skips`, with which continuous integration runs: no test is left out unnoticed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
REASON = "this machine has a GPU"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    for name in ("conftest.py", "allowed_skips.txt"):
        shutil.copy(TESTS / name, tmp_path)
    return tmp_path


def run(suite: Path, reason: str, *options: str) -> subprocess.CompletedProcess[str]:
    text = f"import pytest\n@pytest.mark.skip(reason={reason!r})\ndef test_a(): pass\ndef test_b(): pass\n"
    (suite / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}  # of conftest.py
    return subprocess.run(command, capture_output=True, text=True, cwd=suite, env=environment, check=False)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_reason_that_is_not_listed_fails_the_run_and_is_named(suite: Path, options: tuple[str, ...]) -> None:
    answer = run(suite, "Chromium is not installed", "--strict-skips", *options)
    assert answer.returncode == 1
    assert "test_it.py::test_a: Skipped: Chromium is not installed" in answer.stdout


def test_a_listed_reason_does_not(suite: Path) -> None:
    assert run(suite, REASON, "--strict-skips").returncode == 0


def test_without_the_option_every_reason_is_allowed(suite: Path) -> None:
    assert run(suite, "Chromium is not installed").returncode == 0


def test_every_listed_reason_says_why_it_is_there() -> None:
    lines = (TESTS / "allowed_skips.txt").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if line.strip() and not line.startswith("#")]
    assert [line for line in listed if not line.partition("#")[2].strip()] == []
