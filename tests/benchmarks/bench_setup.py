"""What each part of a set-up is worth: light, distance, frame rate, compression, a chin rest.

Run: python tests/benchmarks/bench_setup.py. Everybody is rendered as an ordinary webcam would film them, and again with
one thing changed: the same people, head paths, micro-expressions and moments, so that only this thing differs. The
table says from which size on micro-expressions are found, and the ratio to the webcam's.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from bench_spotting import portraits
from measured_faces import Replayed, here, replay
from moving_faces import PATHS, TABLE, Made, Task, make
from rich.box import HORIZONTALS
from rich.console import Console
from rich.table import Table

from mer.evaluation import detection
from mer.synth.head_path import COLUMNS, HeadPath, find_path, write_path
from mer.synth.script import Settings

WEBCAM = Settings(
    fps=30.0, seconds=40.0, events=9, size_wh=(640, 480), amplitude_percent=(0.3, 5.0), iod_px=60.0, noise=1.5
)
"""The basis: H.264 of quality 60, a head that moves freely."""
CODEC, QUALITY = "h264", 60
FREE, CALM, REST = 1.0, 0.3, 0.0
"""How much of a measured head path is left: all, that of somebody asked to keep still, and none, as in a chin rest."""
LABORATORY = replace(WEBCAM, fps=200.0, iod_px=130.0, noise=0.5)
Changed = tuple[Settings, str, int, float]
SETUPS: dict[str, Changed] = {
    "webcam": (WEBCAM, CODEC, QUALITY, FREE),
    "30 px between the eyes": (replace(WEBCAM, iod_px=30.0), CODEC, QUALITY, FREE),
    "90 px": (replace(WEBCAM, iod_px=90.0), CODEC, QUALITY, FREE),
    "130 px": (replace(WEBCAM, iod_px=130.0), CODEC, QUALITY, FREE),
    "60 frames/s": (replace(WEBCAM, fps=60.0), CODEC, QUALITY, FREE),
    "120 frames/s": (replace(WEBCAM, fps=120.0), CODEC, QUALITY, FREE),
    "200 frames/s": (replace(WEBCAM, fps=200.0), CODEC, QUALITY, FREE),
    "a quarter of the light": (replace(WEBCAM, noise=3.0), CODEC, QUALITY, FREE),
    "a sixteenth of the light": (replace(WEBCAM, noise=6.0), CODEC, QUALITY, FREE),
    "nine times the light": (replace(WEBCAM, noise=0.5), CODEC, QUALITY, FREE),
    "strong compression (H.264 quality 30)": (WEBCAM, CODEC, 30, FREE),
    "weak compression (H.264 quality 85)": (WEBCAM, CODEC, 85, FREE),
    "every fourth frame a copy": (replace(WEBCAM, duplicates=0.25), CODEC, QUALITY, FREE),
    "asked to keep still": (WEBCAM, CODEC, QUALITY, CALM),
    "chin rest": (WEBCAM, CODEC, QUALITY, REST),
    "laboratory, free head": (LABORATORY, "mjpeg", 85, FREE),
    "laboratory, chin rest": (LABORATORY, "mjpeg", 85, REST),
}
"""Settings, codec, quality and how much of the head's path is left."""
SEEDS = {TABLE: 9000, "tuning": 1000}


def main() -> None:
    """Render, replay, print the table."""
    args = _options()
    part = "tuning" if args.tuning else TABLE
    with tempfile.TemporaryDirectory() as temporary:
        out = args.out or Path(temporary)
        faces = portraits(args.faces, tuning=args.tuning)
        tasks = [task for name in args.setups for task in _tasks(out, name, faces, part=part, people=args.people)]
        console = Console(width=130)
        made = make(tasks, jobs=args.jobs, say=console.print)
        replayed = replay(here(), made, out, jobs=args.jobs)
    rows = {name: _figures([one for one in replayed if one.made.row == name]) for name in args.setups}
    console.print(_table(rows))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, help="folder of numbered portraits (default: variations of one)")
    parser.add_argument("--out", type=Path, help="folder for everything, kept and gone on with")
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--setups", nargs="+", choices=tuple(SETUPS), default=list(SETUPS), metavar="NAME")
    parser.add_argument("--people", type=int, default=6, help="recordings of each set-up")
    parser.add_argument("--tuning", action="store_true", help="the people, paths and seeds of the tuning")
    parser.add_argument("--jobs", type=int, default=2, help="recordings at a time")
    return parser.parse_args()


def _tasks(out: Path, name: str, faces: Sequence[Path], *, part: str, people: int) -> list[Task]:
    like, codec, quality, freedom = SETUPS[name]
    folder = out / "".join(c if c.isalnum() else "-" for c in name)
    tasks = []
    for k in range(people):
        face = faces[k % len(faces)] if faces else None
        path = _head_path(out, PATHS[part][k % len(PATHS[part])], freedom)
        settings = replace(like, seed=SEEDS[part] + k, head_path=path)
        made = Made(name, folder / f"{k:02d}.mp4", face.stem if face else f"variation {k}")
        tasks.append(Task(made, face, settings, codec, quality))
    return tasks


def _head_path(out: Path, name: str, freedom: float) -> str | None:
    """Return a head path of the package with a share of its motion, or None for a head held still."""
    if freedom in (FREE, REST):
        return name if freedom else None
    path = find_path(name, np.random.default_rng(0))
    middle = np.median(path.poses, axis=0)
    less = HeadPath(path.times_s, middle + freedom * (path.poses - middle), f"{name}-{freedom:g}")
    file = out / f"{less.name}.csv"
    if not file.is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_path(file, less, about=[f"{freedom:g} of the motion of {name}", ", ".join(COLUMNS)])
    return str(file)


def _figures(replayed: Sequence[Replayed]) -> dict[str, Any]:
    pairs = [pair for one in replayed for pair in one.pairs]
    sizes = np.array([pair.truth.amplitude_percent or 0.0 for pair in pairs if pair.truth])
    hits = np.array([pair.hit for pair in pairs if pair.truth])
    false = sum(pair.truth is None for pair in pairs)
    minutes = sum(one.seconds for one in replayed) / 60.0
    return {**detection.figures(sizes, hits, false=false, minutes=minutes), "watchable": _watchable(replayed)}


def _watchable(replayed: Sequence[Replayed]) -> float:
    """Return the median of `watchable` over all frames, percent of the IOD."""
    return float(np.nanmedian(np.concatenate([one.curves.watchable for one in replayed])))


def _table(rows: dict[str, dict[str, Any]]) -> Table:
    table = Table(title="Synthetic micro-expressions of 0.3 to 5 % of the IOD", box=HORIZONTALS, padding=(0, 1, 0, 0))
    headings = ("", "found", "half of them from", "most of them (.8) from", "predicted", "to the webcam's", "false/min")
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    basis = next(iter(rows.values()))["found_with_probability"]["0.5"]["value"]
    for name, row in rows.items():
        half, most = row["found_with_probability"]["0.5"], row["found_with_probability"]["0.8"]
        ratio = f"{half['value'] / basis:.2f}" if half["value"] and basis else "-"
        counts = f"{row['found']} of {row['events']}"
        false = f"{row['false_per_minute']['value']:.2f}"
        table.add_row(name, counts, _size(half), _size(most), f"{row['watchable']:.2f}", ratio, false)
    return table


def _size(amplitude: dict[str, float | None]) -> str:
    low, value, high = (amplitude[name] for name in ("low", "value", "high"))
    limits = f" ({low or 0.0:.2f} to {f'{high:.2f}' if high else 'over 10'})"
    return (f"{value:.2f}" if value else "over 10") + limits


if __name__ == "__main__":
    main()
