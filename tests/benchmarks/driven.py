"""Commands in processes of their own, driven as a shell or a terminal drives them; events files; disks that fail."""

import fcntl
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
PATIENCE_S = 120.0
"""Longest wait for anything: a slow machine is no fault."""
FRAMES = re.compile(r"(\d+) frames, [\d.]+ s, face in \d+ % of them, (\d+) dropped")


def environment() -> dict[str, str]:
    """Return the environment of the commands: this checkout, and no proxy between us and the loopback."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "PYTHONUNBUFFERED": "1"}


def as_a_shell_starts_it() -> None:
    """Lead the own group of processes and take the signals that a parent may have ignored."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)


def in_our_session() -> None:
    """As a shell with job control starts a command, which can be suspended."""
    os.setpgrp()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)


def with_terminal() -> None:
    """As a terminal window starts a shell: the terminal on the standard input becomes the controlling one."""
    as_a_shell_starts_it()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Command:
    """A command in a process of its own, and what it has said so far.

    Args:
        command: With its arguments.
        terminal: The other end of a pseudo-terminal it gets for all three streams, else pipes.
        start: Runs in the new process before the command.
    """

    def __init__(
        self, *command: str | Path, terminal: int | None = None, start: Callable[[], None] = as_a_shell_starts_it
    ) -> None:
        self._said = bytearray()
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.STDOUT if terminal is None else terminal,
            cwd=ROOT,
            env=environment(),
            preexec_fn=start,
        )
        if self.process.stdout is not None:
            self.listen(self.process.stdout.fileno())

    def listen(self, descriptor: int) -> None:
        """Keep reading what it says, in a thread, until there is no more or the descriptor is closed."""

        def read() -> None:
            while True:
                try:
                    if not select.select([descriptor], [], [], 0.05)[0]:
                        continue
                    if not (piece := os.read(descriptor, 1 << 16)):
                        return
                except (OSError, ValueError):
                    return
                self._said.extend(piece)

        self._listener = threading.Thread(target=read, daemon=True)
        self._listener.start()

    @property
    def said(self) -> str:
        return bytes(self._said).decode("utf-8", "replace")

    @property
    def dropped(self) -> str:
        """Frames lost by its own account."""
        found = FRAMES.search(self.said)
        return f"{found[2]} of {int(found[1]) + int(found[2])}" if found else "?"

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait; everything ends if the condition does not come true."""
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end_s or self.process.poll() is not None:
                state = "it ended" if self.process.poll() is not None else f"not within {PATIENCE_S:g} s"
                self.process.kill()
                raise SystemExit(f"waited for {what}, but {state}; it said: {self.said[-3000:]}")
            time.sleep(0.01)

    def until_said(self, text: str) -> None:
        """Wait for the last words of a session that has ended, which may still be on their way."""
        end_s = time.monotonic() + PATIENCE_S
        while text not in self.said:
            if time.monotonic() > end_s:
                raise SystemExit(f"{text!r} was never said, but: {self.said[-3000:]}")
            time.sleep(0.01)

    def end(self) -> int:
        """Wait for its end; return the exit code, negative for a signal."""
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise SystemExit(f"{self.process.args} did not end; it said: {self.said[-3000:]}") from None
        if self.process.stdout is not None:
            self._listener.join()
        return code


class Events:
    """An events file, and what must still be in it after a fault."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._before = b""

    @property
    def lines(self) -> list[bytes]:
        """Whole lines of the file, which may have gone."""
        return self.path.read_bytes().split(b"\n")[:-1] if self.path.exists() else []

    def remember(self) -> None:
        """Call right before the fault."""
        self._before = self.path.read_bytes() if self.path.exists() else b""

    def lost(self, told: int = 0, earlier: int = 0) -> int:
        """Return how many events are gone.

        Args:
            told: Events that the session told on the screen.
            earlier: Lines that stood there before the session.
        """
        after = self.path.read_bytes() if self.path.exists() else b""
        whole = sum(is_json(line) for line in self.lines)
        before = self._before.count(b"\n")
        return max(0, before - whole, earlier + told - whole, 0 if after.startswith(self._before) else before)


def is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def state_of(process: int) -> str:
    """Return the state of a process as `ps` shows it."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def can_mount() -> bool:
    """Return whether file systems can be mounted here, which takes root."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True)
        if done.returncode:
            return False
        subprocess.run(["umount", folder], check=True)
        return True


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Yield a folder that takes `size` bytes, and what the process must do at its start for that."""
    folder.mkdir()
    mounted = can_mount()
    if mounted:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)

    def limited() -> None:
        as_a_shell_starts_it()
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    try:
        yield folder, as_a_shell_starts_it if mounted else limited
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)
        shutil.rmtree(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """Yield a folder that nothing can be written to, even by root."""
    folder.mkdir()
    mounted = can_mount()
    if mounted:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], check=True)
    else:
        folder.chmod(0o555)
    try:
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)
        else:
            folder.chmod(0o755)
