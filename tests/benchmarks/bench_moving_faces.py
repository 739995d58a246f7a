"""Micro-expressions on faces that move, rendered and real. Run: python tests/benchmarks/bench_moving_faces.py

Without options, only rendered rows, of variations of one portrait. With `--faces`, portraits of a folder; with
`--recordings`, real recordings into which micro-expressions are drawn: a CSV with the columns recording, part (tuning
or table) and kind (calm, moving or talking). With `--python`, other checkouts replay the same recordings; the last of
them says how large each event is over its background.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_spotting import portraits
from measured_faces import STRATA, Checkout, Motion, Replayed, figures, here, noise_floor, recognised, replay, strata
from moving_faces import KINDS, NOTHING, RENDERED, RIGID, TABLE, TUNING, Made, injected, make, rendered
from rich.box import HORIZONTALS
from rich.console import Console
from rich.table import Table

ROWS = (*RENDERED, *(f"injected, {kind}" for kind in KINDS), NOTHING)
ALL_INJECTED = "injected, all"
HEADINGS = ("min", "true", "found", "F1", "false/min", "class, true", "ECE", "class, hits", "ECE hits")


def main() -> None:
    """Make the recordings, replay them with each checkout, print the tables."""
    args = _options()
    part = TUNING if args.tuning else TABLE
    console = Console(width=150)
    with tempfile.TemporaryDirectory() as temporary:
        out = args.out or Path(temporary)
        wanted = [row for row in RENDERED if row in args.rows]
        faces = portraits(args.faces, tuning=args.tuning)
        tasks = rendered(out, wanted, faces, part=part, people=args.people, seconds=args.seconds)
        if args.recordings:
            tasks += injected(out, args.recordings, part=part, rows=args.rows, seeds=args.seeds)
        made = make(tasks, jobs=args.jobs, say=console.print)
        checkouts = [here(), *(Checkout.of(path, f"other{k or ''}") for k, path in enumerate(args.python))]
        results = {c.label: replay(c, made, out, jobs=args.jobs) for c in checkouts}
        found = {c.label: _rows(c, made, results[c.label], results[checkouts[-1].label], out) for c in checkouts}
    for label, rows in found.items():
        console.print(_table(rows, f"{label}: {part}, F1 and found at IoU >= .5"))
        console.print(
            _strata_table(rows, f"{label}: found by event over background, as {checkouts[-1].label} measures")
        )
        if RIGID in rows:
            console.print(_noise_table(rows[RIGID]["noise_floor"], f"{label}: rigid head, percent of the IOD"))
    if args.json:
        args.json.write_text(json.dumps({"part": part, "checkouts": found}, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, help="folder of numbered portraits (default: variations of one)")
    parser.add_argument("--recordings", type=Path, metavar="CSV", help="real recordings, their part and their kind")
    parser.add_argument("--out", type=Path, help="folder for everything, kept and gone on with")
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--python", type=Path, nargs="+", default=[], help="interpreters of other checkouts to compare")
    parser.add_argument("--tuning", action="store_true", help="the people, recordings, paths and seeds of the tuning")
    parser.add_argument("--people", type=int, default=2, help="recordings of each rendered row")
    parser.add_argument("--seconds", type=float, default=40.0, help="length of each rendered recording")
    parser.add_argument("--seeds", type=int, default=3, choices=(1, 2, 3), help="copies of each real recording")
    parser.add_argument("--jobs", type=int, default=2, help="recordings at a time")
    return parser.parse_args()


def _rows(
    checkout: Checkout, made: Sequence[Made], replayed: Sequence[Replayed], judge: Sequence[Replayed], out: Path
) -> dict[str, dict[str, Any]]:
    motion: dict[Path, Motion] = {one.made.path: one.curves for one in judge}
    names = [row for row in ROWS if any(one.row == row for one in made)]
    groups = {row: [row] for row in names}
    if drawn := [row for row in names if row.startswith("injected")]:
        groups[ALL_INJECTED] = drawn
    rows = {}
    for name, parts in groups.items():
        some = [one for one in replayed if one.made.row in parts]
        manifest = out / f"manifest-{checkout.label}.csv"
        rows[name] = {
            **figures(some),
            "true_intervals": recognised(checkout, [one.made for one in some], manifest),
            "strata": {stratum: [sum(hits), len(hits)] for stratum, hits in strata(some, motion, motion).items()},
        }
        if name == RIGID:
            rows[name]["noise_floor"] = noise_floor(some)
    return rows


def _table(rows: Mapping[str, Mapping[str, Any]], title: str) -> Table:
    table = Table(title=title, box=HORIZONTALS, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, row in rows.items():
        true = row["true_intervals"]
        shares = (row["f1"], row["false_per_minute"], true.get("accuracy"), true.get("ece"))
        hits = (row["right_of_hits"], row["calibration_of_hits"])
        counts = (f"{row['minutes']:.1f}", str(row["events"]), str(row["found"]))
        table.add_row(name, *counts, *map(_share, (*shares, *hits)))
    return table


def _strata_table(rows: Mapping[str, Mapping[str, Any]], title: str) -> Table:
    table = Table(title=title, box=HORIZONTALS, padding=(0, 1, 0, 0))
    for heading in ("", *STRATA):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, row in rows.items():
        if any(total for _, total in row["strata"].values()):
            table.add_row(name, *(f"{hits} of {total}" for hits, total in row["strata"].values()))
    return table


def _noise_table(floor: Mapping[str, tuple[float, float, int, int]], title: str) -> Table:
    table = Table(title=title, box=HORIZONTALS, padding=(0, 1, 0, 0))
    for heading in ("head, IOD/s", "median", "95th percentile", "measured"):
        table.add_column(heading, justify="right")
    for name, (median, most, measured, moments) in floor.items():
        table.add_row(name, f"{median:.3f}", f"{most:.3f}", f"{measured} of {moments}")
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
