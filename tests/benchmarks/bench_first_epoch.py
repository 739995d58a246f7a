"""What training takes from recordings to weights: mer-train against the loop that a user of PyTorch would write.

    python tests/benchmarks/bench_first_epoch.py [--models convlstm conv3d] [--clips 32] [--rounds N]

The plain loop is a Dataset that decodes, follows the face, cuts and encodes one clip, by the functions of mer-train,
a DataLoader with two worker processes, the network as it stands in single precision, and Adam. mer-train cuts all clips
by two processes, encodes them by two threads and trains by its own way through the network; from the second epoch on
it has them in memory. Same synthetic clips, same network, same batch; both in turns, each in a process of its own.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT)]

from mer.augment import Copy  # noqa: E402
from mer.config import TrainSettings  # noqa: E402
from mer.data.clips import clip_of, load_clips  # noqa: E402
from mer.data.parts import Part, load_parts  # noqa: E402
from mer.data.sample import Sample  # noqa: E402
from mer.face.landmarker import Borrowed, Landmarker  # noqa: E402
from mer.face.tracker import FaceTracker  # noqa: E402
from mer.labels import CLASSES  # noqa: E402
from mer.media.video import FrameReader  # noqa: E402
from mer.models import networks  # noqa: E402
from mer.preprocess import encode  # noqa: E402
from mer.synthesise import main as synthesise  # noqa: E402
from mer.training.data import encode_all  # noqa: E402
from mer.training.forward import plan_forward  # noqa: E402
from mer.training.inputs import input_of  # noqa: E402
from mer.training.loop import Watch, one_epoch  # noqa: E402
from mer.training.steps import Examples  # noqa: E402

WORKERS: Final = 2
EPOCHS: Final = 2
MODELS: Final = ("convlstm", "conv2d", "conv3d", "dtscnn", "htnet", "shallow-convlstm")


class Clips(Dataset[tuple[NDArray[np.uint8], int]]):
    """Encoded clips, each made when it is asked for; a worker process keeps one landmarker."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = list(samples)
        self._landmarker: Landmarker | None = None

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, number: int) -> tuple[NDArray[np.uint8], int]:
        sample = self._samples[number]
        self._landmarker = self._landmarker or Landmarker()
        with (
            FrameReader(sample.path, fps=sample.fps, grey=True) as frames,
            closing(FaceTracker(Borrowed(self._landmarker))) as tracker,
        ):
            crops = []
            for frame in frames:
                crops.append(tracker.crop(frame))
                if frame.index >= sample.offset:
                    break
        return encode(clip_of(crops, sample).images, "flow"), CLASSES.index(sample.label)


def samples_of(manifest: Path) -> list[Sample]:
    """Return the clips of a corpus of mer-synth."""
    return [sample for sample in load_parts([Part("manifest", "manifest", manifest)]) if sample.label in CLASSES]


def plain(samples: Sequence[Sample], model: str, batch: int) -> list[float]:
    """Train as a user of PyTorch would; return the seconds of each epoch."""
    network = networks.create(model, mode="flow", n_classes=len(CLASSES))
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    loader = DataLoader(
        Clips(samples),
        batch,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=True,
        multiprocessing_context="spawn",  # libraries with threads do not survive a fork
    )
    seconds, started_s = [], time.perf_counter()
    for _ in range(EPOCHS):
        for clips, truth in loader:
            optimiser.zero_grad()
            functional.cross_entropy(network(clips), truth).backward()
            optimiser.step()
        seconds.append(time.perf_counter() - started_s)
        started_s = time.perf_counter()
    return seconds


def ours(samples: Sequence[Sample], model: str, batch: int) -> list[float]:
    """Train by the parts of mer-train; return the seconds of each epoch, the first with cutting and encoding."""
    settings = TrainSettings(model=model, input="flow", classes=CLASSES, batch=batch)
    started_s = time.perf_counter()
    made = load_clips(samples, jobs=WORKERS)
    own = [Copy(i, ()) for i in range(len(made.clips))]
    encoded = encode_all(made.clips, own, input_of(settings, cache=None), threads=WORKERS)
    train = Examples(encoded, np.array([CLASSES.index(label) for label in made.labels], np.int64))
    network = networks.create(model, mode="flow", n_classes=len(CLASSES))
    forward = plan_forward(network, torch.device("cpu"))
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)
    watch = Watch(batch=lambda done, total: None, epoch=lambda history: None)
    seconds = []
    for number in range(1, EPOCHS + 1):
        one_epoch(network, forward, optimiser, train, settings, 1e-4, [0, number], watch)
        seconds.append(time.perf_counter() - started_s)
        started_s = time.perf_counter()
    return seconds


WAYS: Final = {"plain loop": plain, "mer-train": ours}


def one(way: str, manifest: str, model: str, batch: str) -> None:
    """Run one way in this process and print the seconds of its epochs."""
    torch.set_num_threads(WORKERS)
    torch.manual_seed(0)
    print(json.dumps(WAYS[way](samples_of(Path(manifest)), model, int(batch))))


def measured(way: str, manifest: Path, model: str, batch: int) -> list[float]:
    """Run one way in a process of its own; return the seconds of its epochs."""
    # Imported, not run: the processes that mer-train starts would load all that is loaded here.
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import bench_first_epoch; bench_first_epoch.one(*sys.argv[2:])"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parent), way, str(manifest), model, str(batch)]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if answer.returncode:
        raise SystemExit(f"{way} with {model} failed: {answer.stderr[-2000:]}")
    found: list[float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def table(found: dict[str, dict[str, list[list[float]]]], title: str) -> Table:
    """Return median seconds of first and second epoch, and how much sooner mer-train is."""
    columns = [f"{way}: epoch {number}" for number in range(1, EPOCHS + 1) for way in WAYS]
    shown = Table("model", *columns, *(f"times sooner: {n}" for n in range(1, EPOCHS + 1)), title=title)
    for model, ways in found.items():
        middle = {
            (way, n): statistics.median(run[n] for run in runs) for way, runs in ways.items() for n in range(EPOCHS)
        }
        seconds = [f"{middle[way, n]:.1f}" for n in range(EPOCHS) for way in WAYS]
        ratios = [f"{middle['plain loop', n] / middle['mer-train', n]:.2f}" for n in range(EPOCHS)]
        shown.add_row(model, *seconds, *ratios)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="NAME")
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if synthesise(["corpus", "--out", folder, "--shape", str(given.clips), "--rates", "200"]):
            raise SystemExit("no synthetic clips could be rendered")
        found: dict[str, dict[str, list[list[float]]]] = {model: {way: [] for way in WAYS} for model in given.models}
        for _ in range(given.rounds):
            for model in given.models:
                for way in WAYS:
                    found[model][way].append(measured(way, Path(folder) / "manifest.csv", model, given.batch))
    title = f"Seconds an epoch: {given.clips} clips, batches of {given.batch}, {WORKERS} threads, {given.rounds} rounds"
    Console(width=None if sys.stdout.isatty() else 150).print(table(found, title))
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
