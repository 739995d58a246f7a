"""Signals at random moments during `mer-replay --jobs 2` and `mer-train`, and what is left of the work then.

Run: python tests/benchmarks/bench_signals.py [--signals 30] [--seed 0] [--only replay|train]. SIGINT, SIGTERM and
SIGHUP come at a moment drawn from the whole length of an undisturbed run, to the command alone, as `kill` does, or to
its group, as a terminal does. Half of the trainings are done with `--jobs 2`. Each time, nothing finished may be lost
or changed, no file half written, no process left; the exit code must be 130 or the signal, and the same command given
again must end with 0 and the results of an undisturbed run. Recordings are synthetic, clips are toys.

Ends with exit code 1 if anything of that is not so.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from signalled import BIN, Work, faults, moment, replay_work, run, train_work  # noqa: E402
from toy_clips import CLASSES, toy_clips, write_toy  # noqa: E402

RECORDINGS = 4


def main() -> int:
    """Send all signals and print a table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signals", type=int, default=10, help="for each of the two")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("replay", "train"))
    given = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        for kind in ("replay", "train"):
            if given.only in (None, kind):
                folder = Path(temporary) / kind
                folder.mkdir()
                works = recordings(folder) if kind == "replay" else trainings(folder)
                wrong += disturbed(kind, works, folder, signals=given.signals, drawn=random.Random(given.seed))
    return int(wrong > 0)


def recordings(folder: Path) -> list[Work]:
    """Render a recording with an event and return a batch over copies of it."""
    study = folder / "study"
    study.mkdir()
    made = ["recording", study / "1.mp4", "--fps", "60", "--seconds", "4", "--n-events", "1", "--distractors", "none"]
    subprocess.run([BIN / "mer-synth", *made], check=True, cwd=ROOT, capture_output=True)
    for number in range(2, RECORDINGS + 1):
        shutil.copy(study / "1.mp4", study / f"{number}.mp4")
    return [replay_work(study)]


def trainings(folder: Path) -> list[Work]:
    """Write toy clips and return a training one fold after the other, and one of two at a time."""
    clips = write_toy(folder / "toy.npz", **toy_clips(3, 3))
    return [train_work(clips, CLASSES, "--epochs", "2", "--jobs", jobs) for jobs in ("1", "2")]


def disturbed(kind: str, works: list[Work], folder: Path, *, signals: int, drawn: random.Random) -> int:
    """Send signals to one kind of work; return after how many something was wrong."""
    whole = []
    for number, work in enumerate(works):
        ended, _ = run(work, folder / f"whole-{number}")
        if ended.code or ended.orphans:
            raise SystemExit(f"undisturbed, it ended with {ended.code} and {ended.orphans}: {ended.said}")
        whole.append((ended.seconds, work.outcome(folder / f"whole-{number}")))
    sent: Counter[str] = Counter()
    wrong = late = 0
    while sent.total() < signals:
        place = sent.total() % len(works)
        number, after_s, group = moment(drawn, whole[place][0])
        out = folder / f"{sent.total()}-{late}"
        found = faults(works[place], out, whole[place][1], number=number, after_s=after_s, group=group)
        if found is None:
            late += 1
            continue
        sent[number.name] += 1
        wrong += bool(found)
        where = "to all of the group" if group else "to it alone"
        print(
            f"{kind} {sent.total()}: {number.name} after {after_s:.1f} s {where}: {'; '.join(found) or 'fine'}",
            flush=True,
        )
        if not found:
            shutil.rmtree(out)
    shares = ", ".join(f"{sent[name]} {name}" for name in (number.name for number in signal.Signals) if sent[name])
    print(f"{kind}: {shares}; {wrong} with something wrong; {late} more came after the end", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
