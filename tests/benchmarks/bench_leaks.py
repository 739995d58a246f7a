"""Whether a corpus or the training gives an answer away: true labels against labels and pictures that must not help.

Run: python tests/benchmarks/bench_leaks.py [--root CORPUS/manifest.csv]. Without --root a small synthetic corpus is
rendered first. Conv2d under five folds by subject, each time with the same folds:

- the clips as they are;
- their labels shuffled: above chance means that a fold sees what it reports;
- their onset picture alone, thirteen times: above chance means that the corpus tells the class by who is seen, or how.

Chance is the share of the most frequent class. Ends with exit code 1 if a control is answered better than that.
"""

import argparse
import math
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from mer.config import TrainSettings
from mer.data.parts import Part
from mer.evaluation.report import row_of_run
from mer.labels import CLASSES
from mer.synth import corpus
from mer.training.context import RunContext
from mer.training.data import ClipData, read_datasets
from mer.training.run import run

SEED = 0


def controls(clips: ClipData) -> dict[str, tuple[ClipData, str]]:
    """Return what is trained on, by name, each with its input mode; the first is the real thing."""
    shuffled = np.random.default_rng(SEED).permutation(clips.labels)
    still = np.repeat(clips.clips[:, :1], clips.clips.shape[1], axis=1)
    return {
        "as they are": (clips, "flow"),
        "labels shuffled": (ClipData(clips.clips, shuffled, clips.subjects, clips.name), "flow"),
        "onset picture alone": (ClipData(still, clips.labels, clips.subjects, clips.name), "gray"),
    }


def main() -> int:
    """Print a table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="manifest CSV of a corpus")
    parser.add_argument("--clips", type=int, default=150, help="clips of the corpus that is rendered without --root")
    parser.add_argument("--cache", type=Path, help="where the clips of --root are kept between calls")
    parser.add_argument("--epochs", type=int, default=12)
    given = parser.parse_args()
    jobs = os.cpu_count() or 1
    torch.set_num_threads(jobs)
    console = Console(width=120)
    table = Table("clips", "accuracy, 95 % interval", "chance", "verdict", title="Answers on people never trained on")
    leaks = False
    with tempfile.TemporaryDirectory() as folder:
        root = given.root or corpus.build(Path(folder, "corpus"), shape=given.clips, seed=SEED, jobs=jobs).manifest
        clips = read_datasets([Part("manifest", "manifest", root)], cache=given.cache, jobs=jobs, classes=CLASSES)
        for number, (name, (data, mode)) in enumerate(controls(clips).items()):
            settings = TrainSettings(model="conv2d", input=mode, epochs=given.epochs, patience=given.epochs, seed=SEED)
            out = Path(folder, str(number))
            context = RunContext(settings, out, out / "features", threads=jobs)
            run(data, context, console=Console(file=sys.stderr))
            figure = row_of_run(out).figures["accuracy"]
            chance = max(np.unique(data.labels, return_counts=True)[1]) / len(data.labels)
            # Two standard errors above what the most frequent class alone would give.
            above = figure["value"] > chance + 2.0 * math.sqrt(chance * (1.0 - chance) / len(data.labels))
            fine = above if number == 0 else not above
            leaks |= not fine
            interval = f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
            table.add_row(name, interval, f"{chance:.3f}", "as it should be" if fine else "WRONG")
    console.print(table)
    return int(leaks)


if __name__ == "__main__":
    sys.exit(main())
