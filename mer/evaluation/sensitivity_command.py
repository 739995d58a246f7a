"""`mer-evaluate sensitivity`: what could have been seen in somebody's own recordings."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from mer import option_help
from mer.errors import MerError, UsageError
from mer.evaluation import detection, visibility
from mer.evaluation.matching import compare, read_truth
from mer.evaluation.spotting_command import EVENTS_FILE, read_events
from mer.files import from_json, write_atomically
from mer.synth.injection.inject import DISCLAIMER, Settings, inject
from mer.synth.injection.measure import followed
from mer.synth.reporting import progress
from mer.terminal import open_console

AMPLITUDE_PERCENT: Final = (0.5, 6.0)
COPIES: Final = 4
SENSITIVITIES: Final = (0.6, 1.0, 1.5)
"""Sensitivities tried: low, normal and high."""
RESULT: Final = "sensitivity.json"
PICTURE: Final = "sensitivity.png"
_ABOUT: Final = (
    "Estimate from which size on micro-expressions would be detected in your own recordings: synthetic ones of many "
    "sizes are drawn into copies of each recording, which are then replayed. Reports the recall by size, the false "
    "alarms where nothing was drawn, and which --sensitivity to choose. Takes about as long as (copies + 1) x "
    "sensitivities replays."
)


@dataclass(frozen=True, slots=True)
class _Copies:
    """The copies of one recording: with events, and one without."""

    name: str
    drawn: tuple[Path, ...]
    none: Path


def add_sensitivity(commands: Any) -> None:
    """Add the subcommand `sensitivity` to an argparse group of subcommands."""
    options = commands.add_parser(
        "sensitivity",
        help="detectable size of micro-expressions in your own recordings",
        description=_ABOUT,
        examples=(
            "mer-evaluate sensitivity interview.mp4 --out sensitivity",
            "mer-evaluate sensitivity day1.mp4 day2.mp4 --copies 8 --sensitivities 0.6 1 --json",
        ),
    )
    options.add_argument("recordings", nargs="+", type=Path, metavar="RECORDING", help="video files of a face")
    options.add_argument("--json", action="store_true", help=option_help.JSON)
    drawing = options.add_argument_group("drawing")
    drawing.add_argument(
        "--amplitude",
        nargs=2,
        type=float,
        default=AMPLITUDE_PERCENT,
        metavar=("LOW", "HIGH"),
        help=option_help.AMPLITUDE,
    )
    drawing.add_argument(
        "--copies", type=int, default=COPIES, metavar="N", help="copies of each recording with micro-expressions"
    )
    drawing.add_argument("--seed", type=int, default=0, metavar="N", help=option_help.SEED)
    recognition = options.add_argument_group("recognition")
    recognition.add_argument(
        "--sensitivities",
        nargs="+",
        type=float,
        default=SENSITIVITIES,
        metavar="LEVEL",
        help="values of --sensitivity to try",
    )
    recognition.add_argument("--engine", default="auto", metavar="NAME|PATH", help=option_help.ENGINE)
    output = options.add_argument_group("output")
    output.add_argument("--out", type=Path, metavar="DIR", help=option_help.OUT)
    processing = options.add_argument_group("processing")
    processing.add_argument("--jobs", type=int, default=1, metavar="N", help=option_help.JOBS)
    options.set_defaults(command=sensitivity)


def sensitivity(given: argparse.Namespace) -> None:
    """Do what the options of `mer-evaluate sensitivity` say.

    Raises:
        MerError: If something given cannot be used.
    """
    if given.copies < 1 or given.jobs < 1:
        raise UsageError(f"{given.copies} copies, {given.jobs} jobs given; expected at least 1 of each")
    if len({path.stem for path in given.recordings}) < len(given.recordings):
        raise UsageError("two recordings have the same name; rename one, or measure them one after the other")
    settings = Settings(amplitude_percent=tuple(given.amplitude), seed=given.seed)
    settings.check()
    if settings.amplitude_percent[0] == 0.0:
        raise UsageError("--amplitude 0 given; events of no size cannot be found")
    with tempfile.TemporaryDirectory(prefix="mer-sensitivity-") as temporary:
        folder = Path(temporary)
        copies, left_out = _copied(given.recordings, folder, settings, given.copies)
        rows = {value: _measured(copies, folder, value, given) for value in sorted(set(given.sensitivities))}
        predicted = _predicted(copies, folder / f"results-{min(rows):g}")
        about = [_about(one) for one in copies]
    result = {
        "schema": 1,
        "note": DISCLAIMER,
        "generator": f"mer-live {version('mer-live')}",
        "amplitude_percent": list(settings.amplitude_percent),
        "copies": given.copies,
        "seed": given.seed,
        "recordings": about,
        "left_out": left_out,
        "sensitivities": {f"{value:g}": row for value, row in rows.items()},
        "advice": detection.advise(rows),
        "predicted": predicted,
    }
    if given.out is not None:
        write_atomically(given.out / RESULT, json.dumps(result, indent=1, allow_nan=False) + "\n")
        _draw(given.out / PICTURE, result)
    if given.json:
        print(json.dumps(result, indent=1, allow_nan=False))
    else:
        show(result, open_console())


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print the figures as a table that fits 80 columns, and the advice."""
    names = ", ".join(str(one["recording"]) for one in result["recordings"])
    table = Table(
        title=f"Micro-expressions drawn into {names}",
        caption="Sizes in percent of the distance between the eyes; in brackets, 95 % intervals.",
        box=box.SIMPLE_HEAD,
        padding=0,
        show_edge=False,
    )
    for heading in ("sensitivity", "found", "half found from", ".8 found from", "false/min"):
        table.add_column(heading, justify="right")
    for value, row in result["sensitivities"].items():
        sizes = [_size(row["found_with_probability"][f"{share:g}"]) for share in detection.SHARES]
        false = row["false_per_minute"]
        rate = f"{false['value']:.1f} ({false['low']:.1f}-{false['high']:.1f})"
        table.add_row(value, f"{row['found']} of {row['events']}", *sizes, rate)
    console.print(table)
    if result["predicted"] is not None:
        sizes = [_number(result["predicted"]["found_with_probability"][f"{share:g}"]) for share in detection.SHARES]
        console.print(
            f"Predicted at sensitivity 1, by the motion around alone: half found from {sizes[0]}, .8 from {sizes[1]}.",
            highlight=False,
        )
    for one in result["left_out"]:
        console.print(f"left out: {one['recording']}: {one['reason']}")
    console.print(f"Advice: {result['advice']['text']}", highlight=False)


def _size(amplitude: Mapping[str, float | None]) -> str:
    return f"{_number(amplitude['value'])} ({_number(amplitude['low'])}-{_number(amplitude['high'])})"


def _number(amplitude: float | None) -> str:
    return f"over {detection.MAX_PERCENT:g}" if amplitude is None else f"{amplitude:.1f}"


def _copied(
    recordings: Sequence[Path], folder: Path, settings: Settings, copies: int
) -> tuple[list[_Copies], list[dict[str, str]]]:
    """Draw into copies of each recording; those without room for an event are named with the reason."""
    made, left_out = [], []
    with progress("copies") as report:
        for k, source in enumerate(recordings):
            try:
                face = followed(source)
                drawn = []
                for number in range(copies):
                    path = folder / "drawn" / f"{source.stem}-{number}.mp4"
                    inject(source, path, replace(settings, seed=_own(settings.seed, k, number)), face=face)
                    drawn.append(path)
                    report(k * copies + number + 1, len(recordings) * copies)
                none = folder / "none" / f"{source.stem}.mp4"
                inject(source, none, replace(settings, none=True), face=face)
                made.append(_Copies(source.name, tuple(drawn), none))
            except MerError as error:
                left_out.append({"recording": source.name, "reason": str(error)})
    if not made:
        raise MerError(f"nothing could be drawn into any recording; the first: {left_out[0]['reason']}")
    return made, left_out


def _own(seed: int, recording: int, copy: int) -> int:
    """Return a seed for one copy, so that recordings do not share their times and sizes."""
    return int(np.random.SeedSequence([seed, recording, copy]).generate_state(1)[0])


def _measured(copies: Sequence[_Copies], folder: Path, value: float, given: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one sensitivity."""
    results = folder / f"results-{value:g}"
    files = [path for one in copies for path in (*one.drawn, one.none)]
    options = ["--sensitivity", f"{value:g}", "--engine", given.engine, "--jobs", str(given.jobs)]
    if value == min(given.sensitivities):  # `watchable` is the same at all of them: read once
        options.append("--explain")
    _replay([*map(str, files), "--out", str(results), *options])
    sizes: list[float] = []
    hits: list[bool] = []
    for path in (path for one in copies for path in one.drawn):
        for pair in compare(read_truth(path.with_suffix(".json")), read_events(_events(results, path))):
            if pair.truth is not None:
                sizes.append(float(pair.truth.amplitude_percent or 0.0))
                hits.append(pair.hit)
    false = sum(len(read_events(_events(results, one.none))) for one in copies)
    minutes = sum(read_truth(one.none.with_suffix(".json")).seconds or 0.0 for one in copies) / 60.0
    return detection.figures(np.array(sizes), np.array(hits), false=false, minutes=minutes)


def _predicted(copies: Sequence[_Copies], results: Path) -> dict[str, Any] | None:
    """Return what the spotter says it would find in the copies without events, at normal sensitivity."""
    prediction = visibility.read([_events(results, one.none).parent for one in copies])
    return prediction.figures() if prediction else None


def _replay(arguments: Sequence[str]) -> None:
    """Run mer-replay in a process of its own: what is measured is the very command that users run."""
    command = shutil.which("mer-replay", path=str(Path(sys.executable).parent)) or shutil.which("mer-replay")
    if command is None:
        raise MerError("mer-replay is not installed beside mer-evaluate; install mer-live in this environment")
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise MerError(said[-1] if said else f"mer-replay ended with exit code {done.returncode}")


def _events(results: Path, recording: Path) -> Path:
    found = [results / name / EVENTS_FILE for name in (recording.stem, recording.name)]
    return next((file for file in found if file.is_file()), found[0])


def _about(copies: _Copies) -> dict[str, Any]:
    truth = from_json(copies.none.with_suffix(".json").read_text(encoding="utf-8"))
    names = ("seconds", "fps", "frames", "frames_with_face", "iod_px")
    return {"recording": copies.name, **{name: truth[name] for name in names}}


def _draw(path: Path, result: Mapping[str, Any]) -> None:
    """Draw the detection curves, if matplotlib is installed."""
    try:
        from mer.evaluation.sensitivity_picture import draw
    except ImportError:
        print(f"{path.name} was not drawn: it needs matplotlib (pip install 'mer-live[train]')", file=sys.stderr)
        return
    draw(path, result)
