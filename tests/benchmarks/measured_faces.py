"""What a checkout finds in the recordings of `bench_moving_faces.py`: its own mer-replay and mer-evaluate are run."""

import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from moving_faces import Made

from mer import metrics
from mer.evaluation.matching import Pair, Truth, compare, read_truth
from mer.evaluation.spotting_command import EVENTS_FILE, SUMMARY_FILE, read_events

STRATA = ("over 2", "1 to 2", "below 1", "face cut anew")
SPEEDS_IOD_S = (0.0, 0.1, 0.3, 1.0, np.inf)
RISE_S = 0.17
"""A typical rise of a micro-expression: the noise floor is what seems to move meanwhile."""
_CUT = ("warming-up", "no-face")


@dataclass(frozen=True)
class Checkout:
    """An environment with mer-live.

    Attributes:
        label: What it is called in the table.
        bin: Folder of its commands.
    """

    label: str
    bin: Path

    @staticmethod
    def of(python: Path, label: str) -> "Checkout":
        """Return the checkout of a Python interpreter (or of the folder that holds it)."""
        return Checkout(label, python if python.is_dir() else python.parent)

    def run(self, command: str, *arguments: str) -> str:
        """Run one of its commands and return what it prints."""
        done = subprocess.run([self.bin / command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 3):
            raise SystemExit(f"{self.label}: {command} failed: {done.stderr[-2000:]}")
        return done.stdout


@dataclass(frozen=True)
class Replayed:
    """One recording after its replay by one checkout."""

    made: Made
    truth: Truth
    pairs: tuple[Pair, ...]
    seconds: float
    curves: "Motion"


@dataclass(frozen=True)
class Motion:
    """What `--explain` writes by frame: motion of the regions since the last rest in percent of the IOD, and watchable.

    `watchable` is in the same unit, NaN where it is not known or was not told by that version.
    """

    times_s: np.ndarray
    regions: np.ndarray
    cut: np.ndarray
    watchable: np.ndarray

    @staticmethod
    def read(file: Path) -> "Motion":
        """Read an `explain.csv`."""
        with file.open(newline="", encoding="utf-8") as text:
            rows = list(csv.DictReader(text))
        names = [name for name in rows[0] if name.endswith(("_x", "_y"))]
        regions = np.array([[float(row[name] or "nan") for name in names] for row in rows])
        times_s = np.array([float(row["time_s"]) for row in rows])
        watchable = np.array([float(row.get("watchable") or "nan") for row in rows])
        return Motion(times_s, regions, np.array([row["state"] in _CUT for row in rows]), watchable)

    def change(self, begin_s: float, end_s: float) -> np.ndarray | None:
        """Return how far the regions moved between two times; None if the face was cut anew or lost between them."""
        delay = 1.5 * float(np.median(np.diff(self.times_s)))  # the measure smooths, and so is a frame late
        first, last = np.searchsorted(self.times_s, (begin_s + delay, end_s + delay))
        last = min(int(last), len(self.times_s) - 1)
        inside = slice(int(first), last + 1)
        if self.cut[inside].any() or not np.isfinite(self.regions[inside]).all():
            return None
        return np.asarray(self.regions[last] - self.regions[first])


def replay(checkout: Checkout, made: Sequence[Made], out: Path, *, jobs: int) -> list[Replayed]:
    """Replay recordings, unless that was done, and compare with their truth."""
    results = out / f"results-{checkout.label}"
    for folder in sorted({one.path.parent for one in made}):
        files = [str(one.path) for one in made if one.path.parent == folder]
        target = results / folder.name
        checkout.run("mer-replay", *files, "--out", str(target), "--explain", "--jobs", str(jobs))
    return [_replayed(one, _result(results / one.path.parent.name, one.path)) for one in made]


def _result(results: Path, path: Path) -> Path:
    """Return the folder of one recording: named after it, whether others are beside it or not."""
    found = [folder for folder in (results / path.stem, results / path.name) if (folder / EVENTS_FILE).is_file()]
    if not found:
        raise SystemExit(f"{path} left no results in {results}")
    return found[0]


def _replayed(made: Made, folder: Path) -> Replayed:
    truth = read_truth(made.path.with_suffix(".json"))
    pairs = tuple(compare(truth, read_events(folder / EVENTS_FILE)))
    summary = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    return Replayed(made, truth, pairs, float(truth.seconds or summary["seconds"]), Motion.read(folder / "explain.csv"))


def recognised(checkout: Checkout, made: Sequence[Made], file: Path) -> dict[str, float]:
    """Return accuracy and calibration error of the shipped classifier on the true intervals."""
    rows = []
    for one in made:
        truth = json.loads(one.path.with_suffix(".json").read_text(encoding="utf-8"))
        for number, event in enumerate(truth["events"]):
            moments = [str(event[name]["index"]) for name in ("onset", "apex", "offset")]
            rows.append(
                [one.person, f"{one.path.stem}-{number}", str(one.path.resolve()), "", *moments, event["label"]]
            )
    if not rows:
        return {}
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([["subject", "clip", "path", "fps", "onset", "apex", "offset", "label"], *rows])
    options = ("--weights", "shipped", "--dataset", "manifest", "--root", str(file), "--json")
    figures = json.loads(checkout.run("mer-evaluate", "recognition", *options))[0]["figures"]
    return {"accuracy": figures["accuracy"]["value"], "ece": figures["ece"], "clips": figures["clips"]}


def strata(drawn: Sequence[Replayed], bare: dict[Path, Motion], seen_by: dict[Path, Motion]) -> dict[str, list[bool]]:
    """Return, by event over background, whether each true event was found.

    Args:
        drawn: Recordings with events.
        bare: Motion in the copies with nothing drawn, by path; measured by the checkout that sets the strata.
        seen_by: Motion in `drawn` by the same checkout.
    """
    found: dict[str, list[bool]] = {name: [] for name in STRATA}
    for one in drawn:
        if one.made.bare is None:
            continue
        for pair in one.pairs:
            if pair.truth is not None:
                times = pair.truth.times_s[:2]
                name = _stratum(seen_by[one.made.path].change(*times), bare[one.made.bare].change(*times))
                found[name].append(pair.hit)
    return found


def _stratum(with_event: np.ndarray | None, without: np.ndarray | None) -> str:
    if with_event is None or without is None:
        return "face cut anew"
    ratio = np.linalg.norm(with_event - without) / max(float(np.linalg.norm(without)), 1e-6)
    return "over 2" if ratio > 2 else "1 to 2" if ratio > 1 else "below 1"


def calibration(replayed: Sequence[Replayed]) -> float | None:
    """Return the expected calibration error of the hits, None without any; an answer "none" counts as wrong."""
    hits = [pair for one in replayed for pair in one.pairs if pair.truth and pair.found]
    if not hits:
        return None
    sure = np.array([pair.found.probability for pair in hits if pair.found])
    right = np.array([pair.label_right for pair in hits])
    # Two classes stand for the one that was named and all others.
    return metrics.ece(np.column_stack([sure, np.minimum(1.0 - sure, sure - 1e-9)]), np.where(right, 0, 1))


def noise_floor(rigid: Sequence[Replayed]) -> dict[str, tuple[float, float, int, int]]:
    """Return median and 95th percentile of what seems to move on a rigid head, by its speed: percent of the IOD.

    Then follow the moments that were measured, and all: in the others the face was being cut out anew.
    """
    moved: dict[str, list[float]] = {}
    for one in rigid:
        truth = json.loads(one.made.path.with_suffix(".json").read_text(encoding="utf-8"))
        speeds, step_s = truth["head_speeds_iod_s"], 0.5
        for k, speed in enumerate(speeds):
            change = one.curves.change(k * step_s + 0.1, k * step_s + 0.1 + RISE_S)
            band = int(np.searchsorted(SPEEDS_IOD_S, speed, side="right")) - 1
            low, high = SPEEDS_IOD_S[band], SPEEDS_IOD_S[band + 1]
            name = f"{low:g} to {high:g}" if np.isfinite(high) else f"over {low:g}"
            lengths = np.sort(np.hypot(*change.reshape(-1, 2).T)) if change is not None else [np.nan, np.nan]
            moved.setdefault(name, []).append(float(np.mean(lengths[-2:])))
    return {
        name: (float(np.nanmedian(v)), float(np.nanpercentile(v, 95)), int(np.isfinite(v).sum()), len(v))
        for name, v in sorted(moved.items())
        if np.isfinite(v).any()
    }


def figures(replayed: Sequence[Replayed]) -> dict[str, Any]:
    """Return counts and shares of one row."""
    pairs = [pair for one in replayed for pair in one.pairs]
    hits, true = sum(pair.hit for pair in pairs), sum(pair.truth is not None for pair in pairs)
    false = sum(pair.truth is None for pair in pairs)
    minutes = sum(one.seconds for one in replayed) / 60.0
    right = sum(pair.label_right for pair in pairs)
    return {
        "recordings": len(replayed),
        "minutes": round(minutes, 2),
        "events": true,
        "found": hits,
        "f1": 2 * hits / (true + hits + false) if true else None,
        "false_per_minute": false / minutes if minutes else None,
        "right_of_hits": right / hits if hits else None,
        "calibration_of_hits": calibration(replayed),
    }


def here() -> Checkout:
    """Return the checkout that this runs in."""
    return Checkout.of(Path(sys.executable), "now")
