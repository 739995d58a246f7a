"""What is left after sessions of the whole program: no thread, no open file. In a process where nothing else runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mjpeg_server import serve
from recordings import pictures, write_video

ROOT = Path(__file__).parent.parent
SESSIONS = 3
PROGRAM = """
import gc, json, os, sys, threading
from pathlib import Path
import realtime
from realtime.commands.live import main as live
from realtime.commands.replay import main as replay
url, recording, out = sys.argv[1], sys.argv[2], Path(sys.argv[3])

def session(number):
    events = ["--events", str(out / "events.jsonl")]
    record = ["--record", str(out / f"recorded-{number}")]
    assert live(["--camera", url, "--reconnect", "0", "--fps", "100", *events, *record]) == 0
    assert live(["--camera", recording, *events, "--duration", "0.1"]) == 0
    assert live(["--camera", "http://127.0.0.1:9/nobody"]) == 1
    assert live(["--camera", recording, "--events", "/nowhere/events.jsonl"]) == 1
    assert replay([recording, "--out", str(out / "results"), "--overwrite"]) == 0
    for update in realtime.updates(recording):
        break

def left():
    gc.collect()
    files = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    files = sorted(os.readlink(file) for file in files if file.is_symlink())  # the listing itself is gone again
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "native threads": len(os.listdir("/proc/self/task")),
        "files": files,
    }

found = []
for number in range(int(sys.argv[4])):
    session(number)
    found.append(left())
print(json.dumps(found))
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc, which tells what is open")
def test_no_thread_and_no_file_is_left_after_sessions(tmp_path: Path) -> None:
    recording = write_video(tmp_path / "a.mp4", pictures(60, size_wh=(160, 120)), fps=200.0)
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with serve(pictures(60, size_wh=(160, 120))) as url:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, url, str(recording), str(tmp_path), str(SESSIONS)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    warm, *later = json.loads(done.stdout.splitlines()[-1])  # the first session loads what stays loaded
    assert warm["threads"] == ["MainThread"]
    for found in later:
        assert found == warm
