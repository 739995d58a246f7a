"""`mer-train spotter` on a look-alike of a dataset with long videos: time, memory, interruption, figures, submission.

    python tests/benchmarks/bench_train_spotter.py FACES --out DIR --dataset casme-sq --seconds 150 --events 10

FACES is a folder of portraits, of which the first three are taken; each has two recordings. Everything is synthetic.
The run is interrupted after its first recording and repeated.
"""

import argparse
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from long_look_alikes import casme3, casme_sq, render, samm_lv

WRITERS = {"casme-sq": casme_sq, "casme3": casme3, "samm-lv": samm_lv}
RATES = {"casme-sq": 30, "casme3": 30, "samm-lv": 200}
PEOPLE = 3


def main() -> None:
    """Render, lay out, train with an interruption, score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dataset", choices=WRITERS, default="casme-sq")
    parser.add_argument("--seconds", type=int, default=150)
    parser.add_argument("--events", type=int, default=10)
    given = parser.parse_args()
    faces = sorted(given.faces.glob("*.jpg"))[:PEOPLE]
    fps, root = RATES[given.dataset], given.out / given.dataset
    videos = given.out / f"videos-{fps}"
    WRITERS[given.dataset](root, render(videos, faces, fps=fps, seconds=given.seconds, events=given.events))
    run = given.out / f"run-{given.dataset}"
    command = ["realtime.spotting.training.command", "--dataset", f"{given.dataset}={root}", "--protocol", "loso"]
    command += ["--out", str(run)]
    interrupt(command)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    print(output(*command))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    minutes = 2 * PEOPLE * given.seconds / 60
    kept = sum(file.stat().st_size for file in (run / "motion").glob("*.npz")) / 1e6
    print(f"{minutes:.1f} minutes of video: {time.monotonic() - started:.0f} s, processor time {cpu_s:.0f} s")
    print(f"peak {used.ru_maxrss / 1024:.0f} MB; motion kept {kept:.1f} MB, {kept / minutes:.2f} MB a minute of video")
    started = time.monotonic()
    output(*command)
    print(f"the same command again: {time.monotonic() - started:.0f} s")
    submission = run / "submission"
    print(output("engines.evaluate", "submission", str(run), "--out", str(submission)))
    for file in sorted(submission.glob("*_str.csv")):
        print(output("engines.evaluate", "strs", str(file), str(file.with_name(file.name.replace("_str", "_gt")))))


def interrupt(command: list[str]) -> None:
    """Begin a run and press Ctrl-C once its first recording is measured."""
    with subprocess.Popen([sys.executable, "-u", "-m", *command], stdout=subprocess.PIPE, text=True) as begun:
        assert begun.stdout is not None
        for line in begun.stdout:
            if line.startswith("1/"):
                begun.send_signal(signal.SIGINT)
        print(f"interrupted, exit code {begun.wait()}")


def output(module: str, *arguments: str) -> str:
    """Run a command of ours and return what it printed."""
    ended = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(ended.stdout + ended.stderr)
    return ended.stdout


if __name__ == "__main__":
    main()
