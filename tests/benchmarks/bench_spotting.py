"""How well micro-expressions are spotted, beside two classical spotters. Run: python tests/benchmarks/bench_spotting.py

Renders a synthetic set (see `mer.synth.series`), replays it and prints tables. Thresholds were tuned on TUNING_SEEDS
and portraits whose number is not a multiple of three; the table uses TABLE_SEEDS and the other portraits.
"""

import argparse
import multiprocessing
import re
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from classical_spotters import MIN_PERCENT, Curves, optical_strain, region_flow
from rich.box import HORIZONTALS
from rich.console import Console
from rich.table import Table

from engines.select import open_engine
from mer.evaluation.matching import Label, Truth, read_truth
from mer.evaluation.spotting import Spotted, spotted, summarise
from mer.evaluation.spotting_command import show
from mer.face.landmarker import Landmarker
from mer.face.tracker import FaceTracker
from mer.media.video import FrameReader
from mer.synth import series
from mer.synth.portrait import find_portraits
from realtime.output.compare import label_from_event
from realtime.pipeline import Pipeline
from realtime.session import replay
from realtime.spotting.sensitivity import spotter_config
from realtime.spotting.spotter import Spotter, Spotting

TUNING_SEEDS = (1, 2, 3)
TABLE_SEEDS = (101, 102)
SENSITIVITIES = (0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0)
"""Sensitivities of --curve."""
VIDEO_SUFFIXES = (".mp4", ".mpg", ".avi", ".mov", ".mkv")


@dataclass(frozen=True)
class Run:
    """What each spotter found in one recording."""

    path: Path
    found: dict[str, list[Label]]
    seconds: float
    fps: float


def run(path: Path, *, classical: bool = True) -> Run:
    """Replay one recording through our pipeline and both classical spotters."""
    events: list[Label] = []
    curves = Curves()
    with (
        open_engine("onnxruntime") as engine,
        FrameReader(path, grey=True) as frames,
        Pipeline(rate_hz=frames.rate_hz, engine=engine) as pipeline,
    ):
        for update in replay(frames, pipeline):
            events += [label_from_event(event, start_s=pipeline.totals.first_time_s) for event in update.events]
            if classical and update.crop.state == "tracked":
                since_s = update.crop.time_s - pipeline.totals.first_time_s
                curves.add(update.crop.image, since_s, update.crop.index, landmarks_px=update.crop.landmarks_px)
        seconds = pipeline.totals.last_time_s - pipeline.totals.first_time_s
        fps = frames.measured_fps
    found = {"ours": events}
    if classical and len(curves.times_s) > 3:
        found |= {f"region flow, {least:g} %": region_flow(curves, least=least) for least in MIN_PERCENT}
        found["optical strain"] = optical_strain(curves)
    return Run(path, found, seconds, fps)


def at_all_sensitivities(path: Path) -> Run:
    """Spot in one recording at every sensitivity of SENSITIVITIES; nothing is classified."""
    spotters = {f"{value:g}": Spotter(spotter_config(value)) for value in SENSITIVITIES}
    found: dict[str, list[Label]] = {name: [] for name in spotters}
    tracker = FaceTracker(Landmarker(None))
    with FrameReader(path, grey=True) as frames, closing(tracker):
        times_s = []
        for crop in map(tracker.crop, frames):
            times_s.append(crop.time_s)
            for name, spotter in spotters.items():
                found[name] += labels(spotter.step(crop), times_s)
        for name, spotter in spotters.items():
            found[name] += labels(spotter.finish(), times_s)
        return Run(path, found, times_s[-1] - times_s[0], frames.measured_fps)


def labels(spotting: Spotting, times_s: Sequence[float]) -> list[Label]:
    """Return what was accepted as micro-expressions, without a class, decided at the last of some times."""
    made = []
    for interval in spotting.intervals:
        if interval.verdict == "micro":
            onset, apex, offset = interval.onset, interval.apex, interval.offset
            when = (onset.time_s - times_s[0], apex.time_s - times_s[0], offset.time_s - times_s[0])
            decided_s = times_s[-1] - times_s[0]
            made.append(Label("micro", (onset.index, apex.index, offset.index), when, confirmed_s=decided_s))
    return made


def share(figures: Mapping[str, Any], band: str, figure: str) -> float | None:
    """Return a figure of an amplitude band; None where no true event belongs to it."""
    value: float | None = figures["by_amplitude"].get(band, {}).get(figure)
    return value


def written(value: float | None) -> str:
    """Return a share with two decimals."""
    return "-" if value is None else f"{value:.2f}"


def curve(runs: Sequence[Run]) -> Table:
    """Return precision and recall by sensitivity."""
    table = Table(title="by sensitivity; precision and F1 of nominal amplitudes count all false events")
    for heading in ("sensitivity", "recall", "recall weak", "precision", "F1", "false/min"):
        table.add_column(heading, justify="right")
    for name in runs[0].found:
        result = summarise(recordings(runs, name))
        shown = (("nominal", "recall"), ("weak", "recall"), ("nominal", "precision"), ("nominal", "f1"))
        cells = [written(share(result, band, figure)) for band, figure in shown]
        table.add_row(name, *cells, f"{result['all']['false_per_minute']:.2f}")
    return table


def portraits(folder: Path | None, *, tuning: bool) -> list[Path]:
    """Return the portraits for tuning or for the table: those whose number is a multiple of three are the table's."""
    if folder is None:
        return []
    numbered = [
        (int((re.findall(r"\d+", path.stem) or [str(k)])[-1]), path) for k, path in enumerate(find_portraits(folder))
    ]
    return [path for number, path in numbered if (number % 3 == 0) != tuning]


def recordings(runs: Sequence[Run], spotter: str) -> list[Spotted]:
    """Return the comparison of each run with its truth; without a truth file there is nothing to be found."""
    made = []
    for one in runs:
        file = one.path.with_suffix(".json")
        truth = read_truth(file) if file.is_file() else Truth((), (), False)
        fps = truth.fps or one.fps
        made.append(spotted(one.path.name, truth, one.found.get(spotter, []), seconds=one.seconds, fps=fps))
    return made


def compared(runs: Sequence[Run]) -> list[str]:
    """Return the spotters to show: of region flow only the threshold that is best on these runs, which flatters it."""
    flows = {name: summarise(recordings(runs, name)) for name in runs[0].found if "flow" in name}
    f1 = {name: share(result, "nominal", "f1") or 0.0 for name, result in flows.items()}
    return [name for name in runs[0].found if name not in f1 or name == max(f1, key=f1.__getitem__)]


def quiet_table(runs: Sequence[Run], names: Sequence[str]) -> Table:
    """Return how often each spotter was wrong on real recordings in which there is nothing to be found."""
    table = Table(title="real recordings, nothing to be found: false events")
    for heading in ("recording", "s", *names):
        table.add_column(heading, justify="left" if heading == "recording" else "right")
    for one in runs:
        table.add_row(one.path.name, f"{one.seconds:.0f}", *(str(len(one.found.get(name, ()))) for name in names))
    return table


def beside(runs: Sequence[Run], title: str) -> Table:
    """Return F1 at nominal amplitudes by rate, and false events a minute, of all spotters."""
    table = Table(title=title, box=HORIZONTALS, padding=(0, 1, 0, 0))
    results = {name: summarise(recordings(runs, name)) for name in compared(runs)}
    rates = list(results["ours"]["by_rate"])
    table.add_column("F1 at frames/s", no_wrap=True)
    for heading in (*rates, "all", "weak", "false/min", "apex ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, result in results.items():
        by_rate = [share(result["by_rate"][rate], "nominal", "f1") for rate in rates]
        bands = [share(result, band, "f1") for band in ("nominal", "weak")]
        apex = result["all"]["error_ms"]["apex"]
        false = f"{result['all']['false_per_minute']:.2f}"
        table.add_row(
            name, *(written(f1) for f1 in (*by_rate, *bands)), false, f"{apex['median']:.0f}" if apex else "-"
        )
    return table


def main() -> None:
    """Build the set, replay it, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, help="folder of numbered portraits (default: variations of one)")
    parser.add_argument("--out", type=Path, help="folder for the set, kept and gone on with (default: a temporary one)")
    parser.add_argument("--real", type=Path, nargs="*", default=[], help="real recordings without micro-expressions")
    parser.add_argument("--curve", action="store_true", help="precision and recall by sensitivity instead")
    parser.add_argument("--tuning", action="store_true", help="use the seeds and portraits of the tuning")
    parser.add_argument("--seconds", type=float, default=series.LIKE.seconds, help="length of each recording")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    seeds = TUNING_SEEDS if args.tuning else TABLE_SEEDS
    faces = portraits(args.faces, tuning=args.tuning)
    events = round(series.LIKE.events * args.seconds / series.LIKE.seconds)
    plans = series.plan(seeds, faces=faces, like=replace(series.LIKE, seconds=args.seconds, events=events))
    console = Console()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.out or Path(temporary)
        series.build(folder, plans, jobs=args.jobs)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(args.jobs, context) as pool:
            if args.curve:
                console.print(
                    curve(list(pool.map(at_all_sensitivities, [folder / f"{plan.name}.mp4" for plan in plans])))
                )
                return
            runs = list(pool.map(run, [folder / f"{plan.name}.mp4" for plan in plans]))
            real = [
                path
                for given in args.real
                for path in (sorted(given.iterdir()) if given.is_dir() else [given])
                if path.suffix.lower() in VIDEO_SUFFIXES
            ]
            quiet = list(pool.map(run, real))
        console.print(beside(runs, f"synthetic, seeds {', '.join(map(str, seeds))}, {len(runs)} recordings"))
        show(summarise(recordings(runs, "ours")), console)
        if quiet:
            console.print(quiet_table(quiet, compared(runs)))


if __name__ == "__main__":
    main()
