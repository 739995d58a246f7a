"""Faults of the processes themselves, for bench_faults.py: signals, terminals, kills, and two on one output."""

import fcntl
import os
import pty
import random
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator

from driven import BIN, PATIENCE_S, Command, Events, in_our_session, is_json, state_of, with_terminal
from fault_bench import EVENTS, Row, Workbench, row, told

SEED = 0


def signals(bench: Workbench) -> Iterator[Row]:
    for number, expected in ((signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)):
        events = bench.events()
        session = bench.live(events, source=bench.recording)
        bench.until_event(session, events)
        session.process.send_signal(number)
        code = session.end()
        outcome = "what was captured is processed and written, closing lines"
        fine = code == expected and "from frame to decision" in session.said
        yield row(f"{number.name}, mer-live", session, events, outcome, code, fine)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        yield _replay_stopped(bench, number)


def _replay_stopped(bench: Workbench, number: signal.Signals) -> Row:
    """Stop a replay after its first event and do it again: the result is that of one never stopped."""
    undisturbed, out = bench.folder / "undisturbed", bench.folder / f"stopped-{number.name}"
    if not undisturbed.exists():
        Command(BIN / "mer-replay", bench.recording, "--out", undisturbed).end()
    session = Command(BIN / "mer-replay", bench.recording, "--out", out)
    part = Events(out / "recording" / "events.jsonl.part")
    session.until(lambda: bool(part.lines), "the first event")
    session.process.send_signal(number)
    code = session.end()
    again = Command(BIN / "mer-replay", bench.recording, "--out", out)
    fine = again.end() == 0
    tables = [folder / "recording" / "events.csv" for folder in (undisturbed, out)]
    fine &= tables[0].read_bytes() == tables[1].read_bytes()
    fine &= not list(out.rglob("*.part"))
    fine &= code == (130 if number == signal.SIGINT else -number)
    kept = "keeps what it has; " if number == signal.SIGINT else ""
    outcome = f"{kept}the same command does it again, events.csv equals that of an undisturbed replay"
    return row(f"{number.name}, mer-replay", session, None, outcome, code, fine, frames="-")


def terminal_closed(bench: Workbench) -> Iterator[Row]:
    for overlay in (True, False):
        for deaf in (False, True):
            yield _terminal_closed(bench, overlay=overlay, deaf=deaf)


def _terminal_closed(bench: Workbench, *, overlay: bool, deaf: bool) -> Row:
    """Close the window; `deaf` is as after `nohup`: nobody tells the session, its terminal is gone all the same."""

    def start() -> None:
        with_terminal()
        if deaf:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    events = bench.events()
    errors = events.path.with_name("stderr")
    given = f"{BIN / 'mer-live'} --camera {bench.recording} --events {events.path}"
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


def terminal_resized_and_suspended(bench: Workbench) -> Iterator[Row]:
    yield _on_a_terminal(bench, "terminal resized 40 times, down to 1 x 1", resize)
    yield _on_a_terminal(bench, "SIGTSTP (Ctrl-Z) and SIGCONT (fg) after 2 s", suspend, start=in_our_session)


def _on_a_terminal(
    bench: Workbench, fault: str, cause: Callable[[Command, int], None], *, start: Callable[[], None] = with_terminal
) -> Row:
    events = bench.events()
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    given = ["--camera", bench.recording, "--events", events.path]
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


def suspended_and_resumed(bench: Workbench) -> Iterator[Row]:
    events = bench.events()
    session = bench.live(events, source=bench.recording)
    bench.until_event(session, events)
    session.process.send_signal(signal.SIGSTOP)
    time.sleep(3.0)
    session.process.send_signal(signal.SIGCONT)
    seen = told(session)
    session.until(lambda: told(session) > seen, "an event afterwards")
    session.process.terminate()
    code = session.end()
    yield row("SIGSTOP for 3 s, then SIGCONT", session, events, "goes on, finds events afterwards", code, code == 0)


def killed_again_and_again(bench: Workbench) -> Iterator[Row]:
    """Odd rounds die at a random moment, even ones as soon as an event has been told."""
    events = bench.events()
    drawn = random.Random(SEED)
    lost, told_count, fine = 0, 0, True
    for number in range(bench.kills):
        after_s = drawn.uniform(2.5, 5.5) if number % 2 else None
        count, kept, whole = _killed_once(bench, events, after_s)
        told_count += count
        lost += not kept
        fine &= whole
    session = bench.live(events, source=bench.recording)
    code = session.end()
    fine &= code == 0 and len(events.lines) >= told_count + EVENTS
    outcome = f"{len(events.lines)} lines, all whole, none overwritten; {told_count} events told before the kills"
    yield row(
        f"kill -9, {bench.kills} times, started again each time",
        session,
        None,
        outcome,
        -signal.SIGKILL,
        fine,
        frames="those not yet decided",
        lost=lost,
    )


def _killed_once(bench: Workbench, events: Events, after_s: float | None) -> tuple[int, bool, bool]:
    """Kill a session so long after it has found the face, or at its first event; return what the file says.

    Returns:
        Events told, whether each is in the file behind all that was there before, whether all lines are whole.
    """
    earlier = events.path.read_bytes() if events.path.exists() else b""
    session = bench.live(events, source=bench.recording)
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


def two_processes_on_one_output(bench: Workbench) -> Iterator[Row]:
    events = bench.events()
    first = bench.live(events, source=bench.recording)
    bench.until_event(first, events)
    first.process.send_signal(signal.SIGSTOP)  # or it might be at its end before the second has started
    second = bench.live(events, source=bench.recording)
    code = second.end()
    first.process.send_signal(signal.SIGCONT)
    fine = code == 1 and "another process" in second.said and first.end() == 0 and told(first) == EVENTS
    yield row("second mer-live on the same --events", first, events, "second refused, first goes on", code, fine)
    out = bench.folder / "shared"
    one = Command(BIN / "mer-replay", bench.recording, "--out", out)
    part = Events(out / "recording" / "events.jsonl.part")
    one.until(lambda: bool(part.lines), "the first event")
    one.process.send_signal(signal.SIGSTOP)
    two = Command(BIN / "mer-replay", bench.recording, "--out", out)
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


FAULTS = (
    signals,
    terminal_closed,
    terminal_resized_and_suspended,
    suspended_and_resumed,
    killed_again_and_again,
    two_processes_on_one_output,
)
