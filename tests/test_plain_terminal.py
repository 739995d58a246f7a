"""A terminal that cannot move its cursor gets plain lines, as a file does."""

from pathlib import Path

import pytest
from test_terminal import session

from mer import terminal

ESCAPE = b"\x1b"


@pytest.mark.parametrize("name", ["dumb", "", "unknown"])
def test_a_terminal_without_a_cursor_gets_plain_lines(name: str, tmp_path: Path) -> None:
    with session(tmp_path, environment={"TERM": name, "COLORTERM": ""}) as screen:
        screen.until(b"event 1: happiness")
        screen.process.terminate()
        assert screen.wait() == 0
    assert ESCAPE not in screen.drawn


@pytest.mark.parametrize(("name", "draws"), [("xterm-256color", True), ("dumb", False), (None, False)])
def test_the_name_of_the_terminal_decides(name: str | None, draws: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.delenv("TERM", raising=False)
    if name is not None:
        monkeypatch.setenv("TERM", name)
    assert terminal.open_console().is_terminal is draws
