"""What happens to `mer-live` and `mer-replay` when things go wrong: each fault is brought about on the real commands.

Run: python tests/benchmarks/bench_faults.py [--kills 50] [--only WORD ...]. A synthetic recording (100 frames/s, three
events in 8 s) is made first, and served as Motion JPEG over loopback by a process of its own. Every command is a
process of its own, too; the two rows with a failing engine start the same `main` with one method replaced. Prints a
table with the columns

- frames lost: those `mer-live` counted as dropped, or those that lie behind a gap of the source;
- events lost: lines that stood in the events file, or events that had been told on the screen, before the fault and
  are not whole lines of the file after it.

Ends with exit code 1 if an event was lost, a traceback was printed, or the outcome is not the one expected.
"""

import argparse
import fcntl
import json
import os
import pty
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driven import (
    BIN,
    PATIENCE_S,
    ROOT,
    Command,
    Events,
    can_mount,
    environment,
    free_port,
    in_our_session,
    is_json,
    read_only,
    small_disk,
    state_of,
    with_terminal,
)
from rich.console import Console
from rich.table import Table

SEED = 0
EVENTS = 3
"""In the recording, all of which are found when nothing goes wrong."""
EVENT = re.compile(r"^\s*[\d.]+ s  event \d+: ", re.MULTILINE)
SERVER = (
    "import sys, time; sys.path[:0] = ['tests']\n"
    "import cv2; from mjpeg_server import serve\n"
    "video, pictures = cv2.VideoCapture(sys.argv[1]), []\n"
    "while (read := video.read())[0]: pictures.append(read[1])\n"
    "with serve(pictures, fps=100.0, rounds=1000, port=int(sys.argv[2])) as url:\n"
    "    print(url, flush=True)\n"
    "    time.sleep(36000)\n"
)
FAILING_ENGINE = (
    "import sys; from pathlib import Path\n"
    "import engines.runtime.onnx as onnx; from realtime.commands.live import main\n"
    "works, events, failures = onnx.OnnxRuntimeEngine.classify, Path(sys.argv[1]), []\n"
    "class Broken:\n"
    "    def run(self, *_):\n"
    "        raise RuntimeError('the device was lost')\n"
    "def classify(engine, clips):\n"
    "    if events.exists() and events.stat().st_size and not failures:\n"
    "        failures.append(1)\n"
    "        engine._session = Broken()\n"
    "    return works(engine, clips)\n"
    "onnx.OnnxRuntimeEngine.classify = classify\n"
    "sys.exit(main(sys.argv[2:]))\n"
)
"""Once an event is in the file, ONNX Runtime fails; an engine that is opened after that works."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        fault: What was done.
        frames_lost: Of the frames that reached the computer, in words.
        events_lost: Confirmed events that are gone.
        outcome: What the command did.
        code: Its exit code or signal.
        fine: Whether this is the outcome that is documented.
    """

    fault: str
    frames_lost: str
    events_lost: int
    outcome: str
    code: str
    fine: bool


class Faults:
    """The faults, each as a method that returns rows, and what they share.

    Args:
        folder: For everything that is written.
        kills: Rounds of kill -9.
    """

    def __init__(self, folder: Path, *, kills: int) -> None:
        self.folder = folder
        self.kills = kills
        self.recording = folder / "recording.mp4"
        made = ["recording", self.recording, "--fps", "100", "--seconds", "8", "--n-events", str(EVENTS), "--seed", "3"]
        subprocess.run(
            [BIN / "mer-synth", *made, "--distractors", "none"], check=True, env=environment(), capture_output=True
        )
        self.port = free_port()
        self._server = self._serve()
        self.url = self._server.said.strip()
        self._sessions = 0

    def close(self) -> None:
        self._server.process.kill()
        self._server.end()

    def _serve(self) -> Command:
        server = Command(sys.executable, "-c", SERVER, self.recording, str(self.port))
        server.until(lambda: "http" in server.said, "the stream server")
        return server

    def _events(self) -> Events:
        self._sessions += 1
        path = self.folder / f"session-{self._sessions}" / "events.jsonl"
        path.parent.mkdir()
        return Events(path)

    def _live(self, events: Events, *more: str | Path, source: str | Path = "") -> Command:
        given = ["--camera", source or self.url, "--events", events.path, "--no-overlay", *more]
        return Command(BIN / "mer-live", *given)

    def _until_event(self, session: Command, events: Events, count: int = 1) -> None:
        session.until(lambda: len(events.lines) >= count and told(session) >= count, f"event {count}")
        events.remember()

    def stream_server_killed_and_restarted(self) -> Iterator[Row]:
        events = self._events()
        session = self._live(events)
        # An event if there is time for one: a busy machine sends too few frames.
        session.until(lambda: told(session) > 0 or " frames, face" in session.said, "an event, or ten seconds")
        events.remember()
        self._server.process.kill()
        self._server.end()
        session.until(lambda: "source lost" in session.said, "the loss")
        self._server = self._serve()
        session.until(lambda: "source is back" in session.said, "the return")

        def followed() -> bool:
            since = session.said.partition("source is back")[2]
            counts = [int(count) for count in re.findall(r"(\d+) frames, face tracked", since)]
            return len(EVENT.findall(since)) > 0 or (len(counts) > 1 and counts[-1] > counts[0])

        session.until(followed, "frames after the return")
        session.process.terminate()
        code = session.end()
        away = re.search(r"was away for ([\d.]+) s", session.said)
        outcome = f"goes on; away for {away[1] if away else '?'} s, told at the end; warms up again"
        yield row("stream server killed and restarted", session, events, outcome, code, code == 0 and away is not None)

    def engine_fails_in_the_middle(self) -> Iterator[Row]:
        for own in (False, True):
            events = self._events()
            model = ROOT / "engines" / "weights" / "convlstm.onnx"
            options = ["--engine", model] if own else ["--engine", "onnxruntime"]
            given = ["--camera", self.recording, "--events", events.path, "--no-overlay", *options]
            session = Command(sys.executable, "-c", FAILING_ENGINE, events.path, *given)
            self._until_event(session, events)
            code = session.end()
            replaced = "going on with" in session.said and told(session) > 1
            failed = "mer-live: error:" in session.said and "device was lost" in session.said
            yield row(
                f"engine fails in the middle ({'one of the user' if own else 'shipped weights'})",
                session,
                events,
                "ends with a message" if own else "ONNX Runtime on the CPU takes over, told at once and at the end",
                code,
                (code == 1 and failed) if own else (code == 0 and replaced),
                frames="-" if own else None,
            )

    def file_system_full(self) -> Iterator[Row]:
        how = "tmpfs of 4 kB" if can_mount() else "RLIMIT_FSIZE"
        with small_disk(self.folder / "small", 4096) as (disk, limit):
            events = Events(disk / "events.jsonl")
            line = json.dumps({"earlier": "x" * 460}).encode() + b"\n"
            events.path.write_bytes(line * ((4096 - 700) // len(line)))
            earlier = len(events.lines)
            given = ["--camera", self.recording, "--events", events.path, "--no-overlay"]
            session = Command(BIN / "mer-live", *given, start=limit)
            session.until(lambda: len(events.lines) > earlier, "the first event")
            events.remember()
            code = session.end()
            # What is told after the disk is full is not in the file, and the session says so.
            fine = code == 1 and "could not be written any more" in session.said and told(session) == EVENTS
            fine &= all(is_json(line) for line in events.path.read_bytes().split(b"\n") if line)
            outcome = "goes on without the file, says so at the end; no half line stays"
            yield row(f"file system full, events ({how})", session, events, outcome, code, fine, told_count=0)
        how = "tmpfs of 400 kB" if can_mount() else "RLIMIT_FSIZE"
        with small_disk(self.folder / "small", 400_000) as (disk, limit):
            events = self._events()
            given = ["--camera", self.recording, "--events", events.path, "--no-overlay", "--record", disk / "video"]
            session = Command(BIN / "mer-live", *given, start=limit)
            self._until_event(session, events)
            code = session.end()
            fine = code == 1 and "the session continues without" in session.said and told(session) == EVENTS
            outcome = "the recording stops, the session goes on; told at the end"
            yield row(f"file system full, --record ({how})", session, events, outcome, code, fine)
        how = "tmpfs of 4 kB" if can_mount() else "RLIMIT_FSIZE"
        with small_disk(self.folder / "small", 4096) as (disk, limit):
            session = Command(BIN / "mer-replay", self.recording, "--out", disk, start=limit)
            code = session.end()
            fine = code == 1 and "mer-replay: error: writing to" in session.said
            outcome = "ends with a message; the same command does it again"
            yield row(f"file system full, mer-replay ({how})", session, None, outcome, code, fine, frames="-")

    def output_folder_removed(self) -> Iterator[Row]:
        events = self._events()
        session = self._live(events, source=self.recording)
        self._until_event(session, events)
        shutil.rmtree(events.path.parent)
        code = session.end()
        fine = code == 1 and "could not be written any more" in session.said and told(session) == EVENTS
        outcome = "goes on without the file, says so at the end (what was in it went with it)"
        yield row("folder of --events removed", session, None, outcome, code, fine)
        out = self.folder / "removed"
        session = Command(BIN / "mer-replay", self.recording, "--out", out)
        part = Events(out / "recording" / "events.jsonl.part")
        session.until(lambda: bool(part.lines), "the first event")
        shutil.rmtree(out)
        code = session.end()
        fine = code == 1 and "mer-replay: error: writing to" in session.said
        outcome = "ends with a message; the same command does it again"
        yield row("--out removed, mer-replay", session, None, outcome, code, fine, frames="-")

    def output_read_only(self) -> Iterator[Row]:
        how = "tmpfs mounted read-only" if can_mount() else "mode 555"
        with read_only(self.folder / "sealed") as disk:
            for program, given in {
                "mer-live": ["--camera", self.recording, "--events", disk / "e.jsonl", "--no-overlay"],
                "mer-replay": [self.recording, "--out", disk / "out"],
            }.items():
                session = Command(BIN / program, *given)
                code = session.end()
                fine = code == 1 and "cannot be written" in session.said
                outcome = "refused before it starts"
                yield row(f"output read-only, {program} ({how})", session, None, outcome, code, fine, frames="-")

    def signals(self) -> Iterator[Row]:
        for number, expected in ((signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)):
            events = self._events()
            session = self._live(events, source=self.recording)
            self._until_event(session, events)
            session.process.send_signal(number)
            code = session.end()
            outcome = "what was captured is processed and written, closing lines"
            fine = code == expected and "from frame to decision" in session.said
            yield row(f"{number.name}, mer-live", session, events, outcome, code, fine)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            yield self._replay_stopped(number)

    def _replay_stopped(self, number: signal.Signals) -> Row:
        """Stop a replay after its first event and do it again: the result is that of one never stopped."""
        undisturbed, out = self.folder / "undisturbed", self.folder / f"stopped-{number.name}"
        if not undisturbed.exists():
            Command(BIN / "mer-replay", self.recording, "--out", undisturbed).end()
        session = Command(BIN / "mer-replay", self.recording, "--out", out)
        part = Events(out / "recording" / "events.jsonl.part")
        session.until(lambda: bool(part.lines), "the first event")
        session.process.send_signal(number)
        code = session.end()
        again = Command(BIN / "mer-replay", self.recording, "--out", out)
        fine = again.end() == 0
        tables = [folder / "recording" / "events.csv" for folder in (undisturbed, out)]
        fine &= tables[0].read_bytes() == tables[1].read_bytes()
        fine &= not list(out.rglob("*.part"))
        fine &= code == (130 if number == signal.SIGINT else -number)
        kept = "keeps what it has; " if number == signal.SIGINT else ""
        outcome = f"{kept}the same command does it again, events.csv equals that of an undisturbed replay"
        return row(f"{number.name}, mer-replay", session, None, outcome, code, fine, frames="-")

    def terminal_closed(self) -> Iterator[Row]:
        for overlay in (True, False):
            for deaf in (False, True):
                yield self._terminal_closed(overlay=overlay, deaf=deaf)

    def _terminal_closed(self, *, overlay: bool, deaf: bool) -> Row:
        """Close the window; `deaf` is as after `nohup`: nobody tells the session, its terminal is gone all the same."""

        def start() -> None:
            with_terminal()
            if deaf:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        events = self._events()
        errors = events.path.with_name("stderr")
        given = f"{BIN / 'mer-live'} --camera {self.recording} --events {events.path}"
        shell = f"exec {given} {'' if overlay else '--no-overlay'} 2>{errors}"
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        session = Command("/bin/sh", "-c", shell, terminal=theirs, start=start)
        os.close(theirs)
        session.listen(ours)
        session.until(lambda: bool(events.lines), "the first event")
        events.remember()
        os.close(ours)
        code = session.end()
        said = errors.read_text()
        fine = code == 0 and "Traceback" not in said and "Error" not in said
        fine &= not deaf or len(events.lines) == EVENTS
        where = "overlay" if overlay else "plain lines"
        ends = "goes on to the end of the source" if deaf else "ends in order, as by SIGHUP"
        fault = f"terminal closed{', SIGHUP ignored' if deaf else ''} ({where})"
        return row(fault, session, events, ends, code, fine, frames="not told", errors=said)

    def terminal_resized_and_suspended(self) -> Iterator[Row]:
        yield self._on_a_terminal("terminal resized 40 times, down to 1 x 1", resize)
        yield self._on_a_terminal("SIGTSTP (Ctrl-Z) and SIGCONT (fg) after 2 s", suspend, start=in_our_session)

    def _on_a_terminal(
        self, fault: str, cause: Callable[[Command, int], None], *, start: Callable[[], None] = with_terminal
    ) -> Row:
        events = self._events()
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        given = ["--camera", self.recording, "--events", events.path]
        session = Command(BIN / "mer-live", *given, terminal=theirs, start=start)
        os.close(theirs)
        session.listen(ours)
        session.until(lambda: bool(events.lines), "the first event")
        events.remember()
        seen = len(events.lines)
        cause(session, ours)
        session.until(lambda: len(events.lines) > seen, "an event afterwards")
        os.write(ours, b"q")
        code = session.end()
        session.until_said("from frame to decision")
        os.close(ours)
        return row(fault, session, events, "goes on, finds events afterwards", code, code == 0)

    def suspended_and_resumed(self) -> Iterator[Row]:
        events = self._events()
        session = self._live(events, source=self.recording)
        self._until_event(session, events)
        session.process.send_signal(signal.SIGSTOP)
        time.sleep(3.0)
        session.process.send_signal(signal.SIGCONT)
        seen = told(session)
        session.until(lambda: told(session) > seen, "an event afterwards")
        session.process.terminate()
        code = session.end()
        yield row("SIGSTOP for 3 s, then SIGCONT", session, events, "goes on, finds events afterwards", code, code == 0)

    def killed_again_and_again(self) -> Iterator[Row]:
        """Odd rounds die at a random moment, even ones as soon as an event has been told."""
        events = self._events()
        drawn = random.Random(SEED)
        lost, told_count, fine = 0, 0, True
        for number in range(self.kills):
            after_s = drawn.uniform(2.5, 5.5) if number % 2 else None
            count, kept, whole = self._killed_once(events, after_s)
            told_count += count
            lost += not kept
            fine &= whole
        session = self._live(events, source=self.recording)
        code = session.end()
        fine &= code == 0 and len(events.lines) >= told_count + EVENTS
        outcome = f"{len(events.lines)} lines, all whole, none overwritten; {told_count} events told before the kills"
        yield row(
            f"kill -9, {self.kills} times, started again each time",
            session,
            None,
            outcome,
            -signal.SIGKILL,
            fine,
            frames="those not yet decided",
            lost=lost,
        )

    def _killed_once(self, events: Events, after_s: float | None) -> tuple[int, bool, bool]:
        """Kill a session so long after it has found the face, or at its first event; return what the file says.

        Returns:
            Events told, whether each is in the file behind all that was there before, whether all lines are whole.
        """
        earlier = events.path.read_bytes() if events.path.exists() else b""
        session = self._live(events, source=self.recording)
        session.until(lambda: "face found" in session.said, "the face")
        if after_s is None:
            session.until(lambda: told(session) > 0, "an event")
        else:
            time.sleep(after_s)
        before = events.path.read_bytes()
        session.process.kill()
        killed = session.end() == -signal.SIGKILL
        after = events.path.read_bytes()
        count = told(session)
        kept = before.startswith(earlier) and after.startswith(before)
        kept &= after.count(b"\n") >= earlier.count(b"\n") + count
        whole = (after.endswith(b"\n") or not after) and all(is_json(line) for line in events.lines)
        return count, kept, whole and killed and "Traceback" not in session.said

    def two_processes_on_one_output(self) -> Iterator[Row]:
        events = self._events()
        first = self._live(events, source=self.recording)
        self._until_event(first, events)
        first.process.send_signal(signal.SIGSTOP)  # or it might be at its end before the second has started
        second = self._live(events, source=self.recording)
        code = second.end()
        first.process.send_signal(signal.SIGCONT)
        fine = code == 1 and "another process" in second.said and first.end() == 0 and told(first) == EVENTS
        yield row("second mer-live on the same --events", first, events, "second refused, first goes on", code, fine)
        out = self.folder / "shared"
        one = Command(BIN / "mer-replay", self.recording, "--out", out)
        part = Events(out / "recording" / "events.jsonl.part")
        one.until(lambda: bool(part.lines), "the first event")
        one.process.send_signal(signal.SIGSTOP)
        two = Command(BIN / "mer-replay", self.recording, "--out", out)
        code = two.end()
        one.process.send_signal(signal.SIGCONT)
        fine = code == 1 and "another process" in two.said and one.end() == 0
        lost = max(0, EVENTS - len(Events(out / "recording" / "events.jsonl").lines))
        outcome = "second refused, first ends in order"
        yield row("second mer-replay on the same --out", one, None, outcome, code, fine, lost=lost)


def resize(_session: Command, terminal: int) -> None:
    """Give a terminal 40 sizes, as when a window is dragged, and then a usual one."""
    drawn = random.Random(SEED)
    for rows, columns in [(drawn.randint(1, 70), drawn.randint(1, 220)) for _ in range(39)] + [(1, 1), (30, 100)]:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        time.sleep(0.05)


def suspend(session: Command, _terminal: int) -> None:
    """Let its own handler give the terminal back, stop, and go on; a stop must be seen."""
    session.process.send_signal(signal.SIGTSTP)
    end_s = time.monotonic() + PATIENCE_S
    while state_of(session.process.pid) != "T":
        if time.monotonic() > end_s:
            raise SystemExit("Ctrl-Z did not stop the session")
        time.sleep(0.01)
    time.sleep(2.0)
    session.process.send_signal(signal.SIGCONT)


def told(session: Command) -> int:
    """Return how many events a session has told in plain lines."""
    return len(EVENT.findall(session.said))


def row(
    fault: str,
    session: Command,
    events: Events | None,
    outcome: str,
    code: int,
    fine: bool,
    *,
    frames: str | None = None,
    lost: int | None = None,
    told_count: int | None = None,
    errors: str = "",
) -> Row:
    """Return the line of a fault; a traceback is never fine."""
    if lost is None:
        lost = events.lost(told(session) if told_count is None else told_count) if events else 0
    fine = fine and not lost and "Traceback" not in session.said + errors
    if not fine:
        print(f"--- {fault}: exit code {code}; it said:\n{session.said[-3000:]}{errors[-3000:]}", file=sys.stderr)
    shown = signal.Signals(-code).name if code < 0 else str(code)
    return Row(fault, session.dropped if frames is None else frames, lost, outcome, shown, fine)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5, help="rounds of kill -9")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="only faults whose method has a WORD in its name")
    given = parser.parse_args(argv)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        faults = Faults(Path(folder), kills=given.kills)
        trials: list[Any] = [
            faults.stream_server_killed_and_restarted,
            faults.engine_fails_in_the_middle,
            faults.file_system_full,
            faults.output_folder_removed,
            faults.output_read_only,
            faults.signals,
            faults.terminal_closed,
            faults.terminal_resized_and_suspended,
            faults.suspended_and_resumed,
            faults.killed_again_and_again,
            faults.two_processes_on_one_output,
        ]
        try:
            for trial in trials:
                if given.only is None or any(word in trial.__name__ for word in given.only):
                    for found in trial():
                        rows.append(found)
                        print(f"{'ok' if found.fine else 'WRONG'}: {found.fault}", file=sys.stderr)
        finally:
            faults.close()
    table = Table(
        "fault", "frames lost", "events lost", "outcome", "exit code", "", title="Faults (synthetic recording)"
    )
    for one in rows:
        verdict = "" if one.fine else "WRONG"
        table.add_row(one.fault, one.frames_lost, str(one.events_lost), one.outcome, one.code, verdict)
    Console(width=None if sys.stdout.isatty() else 170).print(table)
    return int(not all(one.fine for one in rows))


if __name__ == "__main__":
    sys.exit(main())
