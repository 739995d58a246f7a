"""Shared fixtures, and `--strict-skips`: a skipped test fails the run unless `allowed_skips.txt` explains it."""

import signal
from collections.abc import Iterator
from pathlib import Path

import fake_cuda
import pytest

from engines.runtime import cuda
from mer.face.landmarker import Landmarker

ALLOWED = Path(__file__).with_name("allowed_skips.txt")
FIRST = ("test_documentation", "test_cluster", "test_train", "test_network", "test_pipeline", "test_signals")
"""Files that take longest, begun first: with `--dist loadfile` a worker takes a whole file, so that what tests share is
made once, and none should be left with one of these at the end."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of what a shell starts in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that tests start inherit it


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--strict-skips", action="store_true", help="fail if a test is skipped for no listed reason")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FIRST.index(item.path.stem) if item.path.stem in FIRST else len(FIRST))


def allowed_reasons(text: str) -> list[str]:
    """Return the reasons of a list: the part of each line before `#`, which says why it is there."""
    return [line.partition("#")[0].strip() for line in text.splitlines() if line.partition("#")[0].strip()]


def pytest_sessionfinish(session: pytest.Session) -> None:
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if not session.config.getoption("--strict-skips") or terminal is None:  # a worker of pytest-xdist has none
        return
    allowed = allowed_reasons(ALLOWED.read_text(encoding="utf-8"))
    refused = {}
    for report in terminal.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(part in reason for part in allowed):
            refused[report.nodeid] = reason
    if refused:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        terminal.section(f"skipped without a reason listed in {ALLOWED.name}")
        for name, reason in refused.items():
            terminal.write_line(f"{name}: {reason}")


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a GPU."""
    monkeypatch.setattr(cuda, "unavailable", lambda: "no CUDA driver on this machine")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> fake_cuda.FakeRuntime:
    """A machine with a GPU, of which the driver is a stand-in."""
    return fake_cuda.install(monkeypatch, fake_cuda.FakeRuntime())


@pytest.fixture(scope="session")
def landmarker() -> Iterator[Landmarker]:
    """mediapipe's process, which takes a second to start: to be borrowed by one test after the other."""
    with Landmarker() as landmarker:
        yield landmarker


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file of a network with random weights."""
    from engine_models import export_random  # loads torch, which most files do without

    path = tmp_path_factory.mktemp("model") / "conv3d.onnx"
    export_random(path, model="conv3d")
    return path
