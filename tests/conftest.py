"""`--strict-skips`: a skipped test fails the run unless its reason is one that `allowed_skips.txt` explains."""

from pathlib import Path

import pytest

ALLOWED = Path(__file__).with_name("allowed_skips.txt")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--strict-skips", action="store_true", help="fail if a test is skipped for no listed reason")


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
