"""Faults around the commands, for bench_faults.py: streams, engines, disks and folders that fail."""

import json
import re
import shutil
import sys
from collections.abc import Iterator

from driven import BIN, ROOT, Command, Events, can_mount, is_json, read_only, small_disk
from fault_bench import EVENT, EVENTS, Row, Workbench, row, told

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


def stream_server_killed_and_restarted(bench: Workbench) -> Iterator[Row]:
    events = bench.events()
    session = bench.live(events)
    # An event if there is time for one: a busy machine sends too few frames.
    session.until(lambda: told(session) > 0 or " frames, face" in session.said, "an event, or ten seconds")
    events.remember()
    bench.stop_server()
    session.until(lambda: "source lost" in session.said, "the loss")
    bench.start_server()
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


def engine_fails_in_the_middle(bench: Workbench) -> Iterator[Row]:
    for own in (False, True):
        events = bench.events()
        model = ROOT / "engines" / "weights" / "convlstm.onnx"
        options = ["--engine", model] if own else ["--engine", "onnxruntime"]
        given = ["--camera", bench.recording, "--events", events.path, "--no-overlay", *options]
        session = Command(sys.executable, "-c", FAILING_ENGINE, events.path, *given)
        bench.until_event(session, events)
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


def file_system_full(bench: Workbench) -> Iterator[Row]:
    how = "tmpfs of 4 kB" if can_mount() else "RLIMIT_FSIZE"
    with small_disk(bench.folder / "small", 4096) as (disk, limit):
        events = Events(disk / "events.jsonl")
        line = json.dumps({"earlier": "x" * 460}).encode() + b"\n"
        events.path.write_bytes(line * ((4096 - 700) // len(line)))
        earlier = len(events.lines)
        given = ["--camera", bench.recording, "--events", events.path, "--no-overlay"]
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
    with small_disk(bench.folder / "small", 400_000) as (disk, limit):
        events = bench.events()
        given = ["--camera", bench.recording, "--events", events.path, "--no-overlay", "--record", disk / "video"]
        session = Command(BIN / "mer-live", *given, start=limit)
        bench.until_event(session, events)
        code = session.end()
        fine = code == 1 and "the session continues without" in session.said and told(session) == EVENTS
        outcome = "the recording stops, the session goes on; told at the end"
        yield row(f"file system full, --record ({how})", session, events, outcome, code, fine)
    how = "tmpfs of 4 kB" if can_mount() else "RLIMIT_FSIZE"
    with small_disk(bench.folder / "small", 4096) as (disk, limit):
        session = Command(BIN / "mer-replay", bench.recording, "--out", disk, start=limit)
        code = session.end()
        fine = code == 1 and "mer-replay: error: writing to" in session.said
        outcome = "ends with a message; the same command does it again"
        yield row(f"file system full, mer-replay ({how})", session, None, outcome, code, fine, frames="-")


def output_folder_removed(bench: Workbench) -> Iterator[Row]:
    events = bench.events()
    session = bench.live(events, source=bench.recording)
    bench.until_event(session, events)
    shutil.rmtree(events.path.parent)
    code = session.end()
    fine = code == 1 and "could not be written any more" in session.said and told(session) == EVENTS
    outcome = "goes on without the file, says so at the end (what was in it went with it)"
    yield row("folder of --events removed", session, None, outcome, code, fine)
    out = bench.folder / "removed"
    session = Command(BIN / "mer-replay", bench.recording, "--out", out)
    part = Events(out / "recording" / "events.jsonl.part")
    session.until(lambda: bool(part.lines), "the first event")
    shutil.rmtree(out)
    code = session.end()
    fine = code == 1 and "mer-replay: error: writing to" in session.said
    outcome = "ends with a message; the same command does it again"
    yield row("--out removed, mer-replay", session, None, outcome, code, fine, frames="-")


def output_read_only(bench: Workbench) -> Iterator[Row]:
    how = "tmpfs mounted read-only" if can_mount() else "mode 555"
    with read_only(bench.folder / "sealed") as disk:
        for program, given in {
            "mer-live": ["--camera", bench.recording, "--events", disk / "e.jsonl", "--no-overlay"],
            "mer-replay": [bench.recording, "--out", disk / "out"],
        }.items():
            session = Command(BIN / program, *given)
            code = session.end()
            fine = code == 1 and "cannot be written" in session.said
            outcome = "refused before it starts"
            yield row(f"output read-only, {program} ({how})", session, None, outcome, code, fine, frames="-")


FAULTS = (
    stream_server_killed_and_restarted,
    engine_fails_in_the_middle,
    file_system_full,
    output_folder_removed,
    output_read_only,
)
