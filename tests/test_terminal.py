"""The overlay and its keys on a real pseudo-terminal, in a program of its own."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from recordings import pictures, write_video

ROOT = Path(__file__).parent.parent
PROGRAM = (
    "import sys; sys.path.insert(0, 'tests')\n"
    "import realtime.commands.live; from fakes import *\n"
    "realtime.commands.live.Pipeline = lambda **_: FakePipeline(event_frames=(5,))\n"
    "realtime.commands.live.open_engine = lambda choice: FakeEngine()\n"
    "sys.exit(realtime.commands.live.main(sys.argv[1:]))\n"
)
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


def _as_a_shell_starts_it() -> None:
    """Take a process group of its own, or nothing can be suspended, and the signals that `nohup` leaves ignored."""
    os.setpgrp()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)


class Pty:
    """`mer-live` with stand-ins for face and classifier, its terminal, and what it has drawn so far."""

    def __init__(self, arguments: list[str], *, program: str = PROGRAM, environment: dict[str, str]) -> None:
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.modes = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.drawn = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            preexec_fn=_as_a_shell_starts_it,
            env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | environment,
        )

    def press(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def until(self, wanted: bytes, *, after: int = 0) -> None:
        """Read until something was drawn; as long as the program runs, only pytest's own limit ends the wait."""
        while wanted not in self.drawn[after:]:
            has_ended = self.process.poll() is not None
            if select.select([self.ours], [], [], 0.0 if has_ended else 0.2)[0]:
                self.drawn += os.read(self.ours, 65536)
            else:
                assert not has_ended, f"{wanted!r} was not drawn: {self.drawn[-2000:]!r}"

    def wait(self) -> int:
        while self.process.poll() is None:
            if select.select([self.ours], [], [], 0.2)[0]:
                self.drawn += os.read(self.ours, 65536)
        while select.select([self.ours], [], [], 0)[0]:
            self.drawn += os.read(self.ours, 65536)
        return self.process.returncode

    def is_raw(self) -> bool:
        return not termios.tcgetattr(self.theirs)[3] & termios.ICANON

    def was_given_back(self) -> bool:
        restored = termios.tcgetattr(self.theirs)[3] == self.modes[3]
        return restored and self.drawn.rindex(LEAVE) > self.drawn.rindex(ENTER)


def long_recording(folder: Path) -> Path:
    """Return five minutes at 100 frames/s, made once: on a busy machine a session must not end before its test."""
    path = folder / "long.mp4"
    if not path.exists():
        whole = write_video(folder / "long-part.mp4", pictures(3000) * 10, fps=100.0)
        whole.rename(path)
    return path


@contextmanager
def session(tmp_path: Path, *, program: str = PROGRAM, environment: Any = None) -> Iterator[Pty]:
    recording = long_recording(tmp_path.parent)
    arguments = [
        "--camera",
        str(recording),
        "--events",
        str(tmp_path / "e.jsonl"),
        "--save-dir",
        str(tmp_path / "kept"),
    ]
    terminal = Pty(arguments, program=program, environment=environment or {})
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.ours)
        os.close(terminal.theirs)


def test_keys_mark_save_change_and_quit(tmp_path: Path) -> None:
    with session(tmp_path) as terminal:
        terminal.until(b"happiness")
        assert terminal.is_raw()
        answers = {" ": b"mark 1 at", "+": b"sensitivity 1.25", "-": b"sensitivity 1.00", "s": b"saved"}
        for key, answer in answers.items():
            terminal.press(key)
            terminal.until(answer)
        terminal.press("h")
        terminal.until(b"this help")
        terminal.press("p")
        terminal.until(b"the screen is paused")
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.was_given_back()
    lines = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert [line.get("label", line.get("mark")) for line in lines] == ["happiness", 1]
    assert lines[1]["utc"].endswith("+00:00")
    assert json.loads((tmp_path / "kept/event-1-at-0.12s.json").read_text())["label"] == "happiness"
    assert (tmp_path / "kept/event-1-at-0.12s.png").read_bytes().startswith(b"\x89PNG")


def test_only_changes_are_drawn_and_nothing_scrolls(tmp_path: Path) -> None:
    with session(tmp_path) as terminal:
        terminal.until(b"happiness")
        terminal.press("q")
        terminal.wait()
    screen = terminal.drawn[terminal.drawn.index(ENTER) : terminal.drawn.rindex(LEAVE)]
    assert screen.count(b"\x1b[2J") == 1
    assert b"\n" not in screen
    assert screen.count(b"\x1b[?2026h") == screen.count(b"\x1b[?2026l") > 1
    assert screen.count(b"no micro-expression yet") <= 1


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(tmp_path: Path) -> None:
    with session(tmp_path) as terminal:
        terminal.until(b"happiness")
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.until(LEAVE)
        os.waitpid(terminal.process.pid, os.WUNTRACED)
        assert not terminal.is_raw()
        seen = len(terminal.drawn)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.until(b"happiness", after=seen)
        assert terminal.is_raw()
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.was_given_back()


def test_a_crash_gives_the_terminal_back(tmp_path: Path) -> None:
    broken = "import realtime.output.records\nrealtime.output.records.record_from_event = lambda *_, **__: 1 / 0\n"
    crash = PROGRAM.replace("sys.exit", f"{broken}sys.exit")
    with session(tmp_path, program=crash, environment={"TMPDIR": str(tmp_path)}) as terminal:
        assert terminal.wait() == 70
        assert terminal.was_given_back()
        assert b"ZeroDivisionError" in terminal.drawn[terminal.drawn.rindex(LEAVE) :]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_gives_the_terminal_back(tmp_path: Path, number: int) -> None:
    with session(tmp_path) as terminal:
        terminal.until(b"happiness")
        terminal.process.send_signal(number)
        assert terminal.wait() == (130 if number == signal.SIGINT else 0)
        assert terminal.was_given_back()


def test_no_color_is_obeyed(tmp_path: Path) -> None:
    with session(tmp_path, environment={"NO_COLOR": "1"}) as terminal:
        terminal.until(b"happiness")
        terminal.press("q")
        terminal.wait()
    assert b"38;2;" not in terminal.drawn
    assert "▀".encode() not in terminal.drawn
