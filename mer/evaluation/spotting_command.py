"""`mer-evaluate spotting`: found events against the truth of recordings."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from mer import option_help
from mer.coding.messages import Recording as Coded
from mer.coding.read import Choice, read_coding
from mer.data import READERS, Recording, intervals
from mer.data.parts import parts_from
from mer.errors import MerError, UsageError
from mer.evaluation import coded_truth
from mer.evaluation.matching import HIT_IOU, MOMENTS, Label, Truth, read_truth
from mer.evaluation.spotting import WEAK_PERCENT, Spotted, spotted, summarise
from mer.files import from_json
from mer.messages import FIRST_PERSON
from mer.terminal import open_console

EVENTS_FILE: Final = "events.jsonl"
SUMMARY_FILE: Final = "summary.json"
SET_FILE: Final = "set.json"
FOUND_CSV: Final = "found.csv"
TRUE_CSV: Final = "true.csv"
"""What `mer-train spotter` found in the test sets, and what is true."""
RESULTS: Final = "results"
_KINDS: Final = ", ".join(READERS)
_ABOUT: Final = (
    f"Compare spotted events with the truth. An event is a hit if its interval and a true one have an intersection "
    f"over union of {HIT_IOU} or more in frames, both ends included, one to one. Figures are pooled over all "
    "recordings."
)


def add_spotting(commands: Any) -> None:
    """Add the subcommand `spotting` to an argparse group of subcommands."""
    options = commands.add_parser(
        "spotting",
        help="precision, recall and F1 of spotting",
        description=_ABOUT,
        examples=(
            "mer-evaluate spotting --dataset samm-lv --root SAMM-LV --results results --json",
            "mer-evaluate spotting --truth anna.eaf --tiers emotion --results results",
        ),
    )
    options.add_argument("--json", action="store_true", help=option_help.JSON)
    data = options.add_argument_group("data")
    data.add_argument("--truth", nargs="+", default=[], metavar="FILE", help=option_help.TRUTH)
    data.add_argument("--tiers", nargs="+", default=[], metavar="NAME", help=option_help.TIERS)
    data.add_argument("--set", type=Path, metavar="DIR", help="folder that mer-synth set has filled")
    data.add_argument(
        "--dataset", action="append", default=[], metavar="NAME[=PATH]", help=f"{option_help.DATASET}: {_KINDS}"
    )
    data.add_argument("--root", type=Path, metavar="PATH", help=option_help.ROOT)
    data.add_argument(
        "--results",
        nargs="+",
        default=[],
        type=Path,
        metavar="PATH",
        help=f"an {EVENTS_FILE} for each --truth, or for a coding the folder that mer-replay --out has filled; "
        f"otherwise that folder (default: {RESULTS} in the folder of --set)",
    )
    options.set_defaults(command=spotting)


def spotting(given: argparse.Namespace) -> None:
    """Do what the options of `mer-evaluate spotting` say.

    Raises:
        MerError: If something given cannot be used.
    """
    parts = parts_from(given.dataset, given.root)
    if sum((bool(given.truth), given.set is not None, bool(parts))) != 1:
        raise UsageError("give one of --truth FILE..., --set FOLDER, or --dataset NAME=PATH")
    if len(parts) > 1:
        raise UsageError(
            f"{len(parts)} datasets given; spotting is evaluated on one, give a single --dataset NAME=PATH"
        )
    if given.truth:
        if len(given.truth) != len(given.results):
            raise UsageError(
                f"{len(given.results)} --results for {len(given.truth)} --truth; give one for each, in order"
            )
        choice = tuple(given.tiers)
        each = [_against(truth, events, choice) for truth, events in zip(given.truth, given.results)]
        recordings = [one for some in each for one in some]
    elif len(given.results) > 1 or (parts and not given.results):
        raise UsageError("give one folder with --results: the --out of mer-replay")
    elif given.set is not None:
        recordings = read_set(given.set, given.results[0] if given.results else given.set / RESULTS)
    else:
        recordings = read_dataset(parts[0].kind, parts[0].root, given.results[0])
    result = summarise(recordings)
    if given.json:
        print(json.dumps(result, indent=1, allow_nan=False))
    else:
        show(result, open_console())


def read_set(folder: Path, results: Path) -> list[Spotted]:
    """Return what was found in a folder of recordings that each have a truth file beside them.

    Raises:
        MerError: If there are none, or a recording was not replayed.
    """
    truths = sorted(path for path in folder.glob("*.json") if path.name != SET_FILE) if folder.is_dir() else []
    if not truths:
        raise MerError(
            f"{folder} contains no truth files; give a folder that `mer-synth set --out {folder}` has filled"
        )
    missing = [path.stem for path in truths if not (results / path.stem / EVENTS_FILE).is_file()]
    if missing:
        raise MerError(
            f"{len(missing)} of {len(truths)} recordings have no results in {results}, the first is {missing[0]}; "
            f"run `mer-replay {folder}/*.mp4 --out {results}` first"
        )
    return [_one(path, results / path.stem / EVENTS_FILE) for path in truths]


def read_dataset(name: str, root: Path, results: Path) -> list[Spotted]:
    """Return what was found in the long videos of a dataset; macro-expressions count as distractors.

    Raises:
        MerError: If the layout is wrong, or none of its recordings was replayed.
    """
    recordings = intervals(name, root)
    folders = [_results_of(recording.path, root, results) for recording in recordings]
    missing = [str(recording.path) for recording, folder in zip(recordings, folders) if folder is None]
    if missing or not recordings:
        raise MerError(
            f"{len(missing)} of {len(recordings)} recordings of {name} have no results in {results}, the first is "
            f"{missing[0] if missing else root}; run `mer-replay` on them with --out {results} first"
        )
    return [_of_dataset(recording, folder) for recording, folder in zip(recordings, folders) if folder is not None]


def _results_of(recording: Path, root: Path, results: Path) -> Path | None:
    """Return where mer-replay left the results of a recording, whichever folder on the way to it was replayed."""
    path = recording.resolve()
    names = path.relative_to(root.resolve()).parts if path.is_relative_to(root.resolve()) else path.parts[-1:]
    for first in range(len(names)):
        inside = Path(*names[first:])
        for folder in (results / inside.with_suffix(""), results / inside):
            if (folder / EVENTS_FILE).is_file():
                return folder
    return None


def _of_dataset(recording: Recording, folder: Path) -> Spotted:
    summary = summary_of(folder)
    fps = recording.fps or _figure_of(summary, "measured_fps") or 0.0
    if fps <= 0:
        raise MerError(f"{folder / SUMMARY_FILE} names no frame rate; replay {recording.path} again")
    labels = {kind: tuple(_label(i, fps) for i in recording.intervals if i.kind == kind) for kind in ("micro", "macro")}
    macros = tuple(Label("macro", label.frames, label.times_s) for label in labels["macro"])
    found = read_events(folder / EVENTS_FILE)
    seconds = _seconds(None, folder)
    return spotted(recording.name, Truth(labels["micro"], macros, False), found, seconds=seconds, fps=fps)


def _label(interval: Any, fps: float) -> Label:
    apex = interval.apex if interval.apex is not None else (interval.onset + interval.offset) // 2
    frames = (interval.onset, apex, interval.offset)
    return Label(interval.label, frames, (frames[0] / fps, frames[1] / fps, frames[2] / fps))


def _against(truth: str, results: Path, tiers: Sequence[str]) -> list[Spotted]:
    """Return what was found in the recordings that a truth file or a coding (FILE, or CODER=FILE) is about."""
    _, equals, rest = truth.partition("=")
    path = Path(rest if equals and not Path(truth).exists() else truth)
    if not coded_truth.is_coding(path):
        return [_one(path, results)]
    folders = [results.parent] if results.is_file() else sorted(path.parent for path in results.rglob(EVENTS_FILE))
    if not folders:
        raise MerError(f"{results} contains no results; run mer-replay first and give its --out, or an {EVENTS_FILE}")
    named = {Path(str(summary_of(folder).get("source", folder.name))).stem: folder for folder in folders}
    rate = _figure_of(summary_of(folders[0]), "measured_fps")
    coding = read_coding(truth, Choice(tiers, rate))
    pairs = coded_truth.paired(coding, named)
    if left := sorted(named.keys() - pairs.keys()) if len(named) > 1 else []:
        open_console(stderr=True).print(f"{path} does not code {', '.join(left)}: left out", highlight=False)
    return [_of_coding(name, coding.recordings[name], folder) for name, folder in pairs.items()]


def _of_coding(name: str, recording: Coded, folder: Path) -> Spotted:
    fps = _figure_of(summary_of(folder), "measured_fps") or recording.fps
    if fps is None:
        raise MerError(f"{folder / SUMMARY_FILE} names no frame rate, nor does the coding; replay the recording")
    truth = coded_truth.truth_from(recording, fps=fps)
    found = read_events(folder / EVENTS_FILE)
    if not coded_truth.names_people(recording):
        found = [replace(event, person=FIRST_PERSON) for event in found]
    length = _figure_of(summary_of(folder), "seconds") or recording.seconds
    return spotted(name, truth, found, seconds=_seconds(length, folder), fps=fps)


def _one(truth_file: Path, events_file: Path) -> Spotted:
    truth = read_truth(truth_file)
    seconds = _seconds(truth.seconds, events_file.parent)
    fps = truth.fps or _figure_of(summary_of(events_file.parent), "measured_fps") or 0.0
    return spotted(truth_file.stem, truth, read_events(events_file), seconds=seconds, fps=fps)


def read_events(path: Path) -> list[Label]:
    """Read found events as `mer-replay` writes them to `events.jsonl`.

    Raises:
        MerError: If there is no such file, or a line of it is not an event.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise MerError(f"events {path} cannot be read ({reason}); give the {EVENTS_FILE} of mer-replay") from error
    found = [_event(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    return [label for label in found if label is not None]


def _event(path: Path, number: int, line: str) -> Label | None:
    """Return the event of a line, None for what somebody marked with the space bar."""
    try:
        record: Mapping[str, Any] = from_json(line)
        if "mark" in record:
            return None
        first, top, last = (int(record[f"{name}_frame"]) for name in MOMENTS)
        onset_s, apex_s, offset_s = (float(record[f"{name}_s"]) for name in MOMENTS)
        label = str(record["label"])
        probability = max(float(p) for p in record["probabilities"].values())
        confirmed_s = offset_s + float(record["latency"]["confirm_ms"]) / 1000.0
        person = int(record.get("person", FIRST_PERSON))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise MerError(
            f"{path}, line {number} is not an event ({type(error).__name__}: {error}); "
            f"give the {EVENTS_FILE} of mer-replay"
        ) from error
    moments = (first, top, last), (onset_s, apex_s, offset_s)
    return Label(label, *moments, probability, confirmed_s=confirmed_s, person=person)


def _seconds(known: float | None, folder: Path) -> float:
    seconds = known if known is not None else _figure_of(summary_of(folder), "seconds")
    if seconds is None:
        raise MerError(
            f"how long the recording is, stands neither in its truth nor in {folder / SUMMARY_FILE}; replay it"
        )
    return seconds


def _figure_of(summary: Mapping[str, Any], name: str) -> float | None:
    """Return a positive number of a summary, None if it has none: somebody may have edited it."""
    value = summary.get(name)
    return float(value) if isinstance(value, int | float) and 0 < value < float("inf") else None


def summary_of(folder: Path) -> Mapping[str, Any]:
    """Return the `summary.json` of a folder of results, empty if it cannot be read."""
    try:
        content = from_json((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print the figures as tables that fit 80 columns."""
    table = Table(
        title=f"Spotting: {result['recordings']} recordings, {result['minutes']:.1f} minutes",
        caption=f"Weak: below {WEAK_PERCENT} % of the eye distance. Errors in ms: median/95th percentile.",
        box=box.SIMPLE_HEAD,
        padding=0,
        show_edge=False,
    )
    for heading in ("", "true", "hits", "false", "P", "R", "F1", "false/min", *MOMENTS, "confirm"):
        table.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
    for name, row in _rows(result):
        errors = [_pair(row["error_ms"][moment]) for moment in MOMENTS]
        shares = [_figure(row[key]) for key in ("precision", "recall", "f1", "false_per_minute")]
        counts = [str(row[key]) for key in ("true", "hits", "false")]
        table.add_row(name, *counts, *shares, *errors, _pair(row["confirm_ms"]))
    console.print(table)
    whole = result["all"]
    if whole["strs"] is not None:
        console.print(
            f"STRS (spot-then-recognise score) {whole['strs']:.3f} = F1 of spotting {whole['f1']:.3f} x F1 of "
            f"recognition over the hits {whole['recognition_f1']:.3f}",
            highlight=False,
        )
    if whole["false_during"]:
        causes = ", ".join(f"{count} {name}" for name, count in whole["false_during"].items())
        console.print(f"False events during: {causes}")
    shares = [f"{name} {share['hits']}/{share['true']}" for name, share in result["by_class"].items()]
    if shares:
        console.print(f"Found of each class: {', '.join(shares)}")


def _rows(result: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    rows = [("all", result["all"]), *_bands(result)]
    for rate, figures in result["by_rate"].items():
        rows += [(f"{rate} fps", figures), *_bands(figures)]
    return rows


def _bands(figures: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(f" {name}", row) for name, row in figures["by_amplitude"].items() if name != "unknown"]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _pair(spread: Mapping[str, float] | None) -> str:
    return "-" if spread is None else f"{spread['median']:.0f}/{spread['p95']:.0f}"
