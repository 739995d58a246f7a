"""`mer-evaluate agreement`: how far coders agree with one another and with the program."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.table import Table

from mer import option_help
from mer.coding.messages import Coding
from mer.coding.read import FORMATS, Choice, read_coding
from mer.errors import UsageError
from mer.evaluation.agreement.figures import DRAWS, agreement
from mer.evaluation.agreement.report import matches_csv, methods, pair_names, shown_rows, to_csv, to_markdown
from mer.files import write_atomically
from mer.missing import needed
from mer.terminal import open_console
from mer.text import PlainConsole

_ABOUT: Final = (
    "Compare what coders coded in the same recordings, each with each, and what mer-replay found with both: events "
    "matched one to one, F1, Cohen's kappa of labels, events and frames, Krippendorff's alpha, differences of onset, "
    f"apex and offset with limits of agreement and ICC. Formats: {FORMATS}."
)


def add_agreement(commands: Any) -> None:
    """Add the subcommand `agreement` to an argparse group of subcommands."""
    options = commands.add_parser(
        "agreement",
        help="agreement of coders with one another and with the program",
        description=_ABOUT,
        examples=(
            "mer-evaluate agreement anna.eaf ben.eaf --tiers emotion --out agreement",
            "mer-evaluate agreement anna=results ben=results program=results --json",
        ),
    )
    options.add_argument(
        "codings", nargs="+", metavar="CODING", help="file or folder of one coder, or NAME=PATH; two or more"
    )
    options.add_argument("--json", action="store_true", help=option_help.JSON)
    reading = options.add_argument_group("reading")
    reading.add_argument("--tiers", nargs="+", default=[], metavar="NAME", help=option_help.TIERS)
    reading.add_argument(
        "--fps", type=float, help=f"{option_help.FPS} (default: the highest that a coding names, or 25)"
    )
    reading.add_argument(
        "--seconds",
        type=float,
        metavar="N",
        help=f"{option_help.SECONDS} (default: what a coding names, or the end of its last event)",
    )
    output = options.add_argument_group("output")
    output.add_argument("--out", type=Path, metavar="DIR", help=option_help.OUT)
    figures = options.add_argument_group("intervals")
    figures.add_argument(
        "--draws", type=int, default=DRAWS, metavar="N", help="bootstrap samples of recordings, for 95 %% intervals"
    )
    figures.add_argument("--seed", type=int, default=0, metavar="N", help=option_help.SEED)
    options.set_defaults(command=compare_coders)


def compare_coders(given: argparse.Namespace) -> None:
    """Do what the options of `mer-evaluate agreement` say.

    Raises:
        MerError: If something given cannot be used.
    """
    _check(given)
    codings = _named([read_coding(one, Choice(tuple(given.tiers), given.fps)) for one in given.codings])
    result = agreement(codings, fps=given.fps, seconds=given.seconds, draws=given.draws, seed=given.seed)
    if given.out is not None:
        write_files(given.out, result)
    if given.json:
        print(json.dumps(result, indent=1, allow_nan=False))
    else:
        show(result, open_console())


def _check(given: argparse.Namespace) -> None:
    if len(given.codings) < 2:
        raise UsageError("one coding given; expected two or more to compare")
    for name in ("fps", "seconds"):
        value = getattr(given, name)
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"--{name} {value:g} given; expected a number over 0")
    if given.draws < 1 or given.seed < 0:
        raise UsageError(f"--draws {given.draws} --seed {given.seed} given; expected at least 1 and 0")


def _named(codings: list[Coding]) -> list[Coding]:
    """Return the codings under names that differ."""
    names = [coding.coder for coding in codings]
    if len(set(names)) == len(names):
        return codings
    return [
        replace(one, coder=f"{one.coder} {names[: k + 1].count(one.coder)}") if names.count(one.coder) > 1 else one
        for k, one in enumerate(codings)
    ]


def write_files(folder: Path, result: Mapping[str, Any]) -> None:
    """Write agreement.json, agreement.md, agreement.csv, matches.csv and two pictures of each pair.

    Raises:
        MerError: If Matplotlib is missing or a file cannot be written.
    """
    with needed("--out"):
        from mer.evaluation.agreement.pictures import draw_differences, draw_events  # late: needs matplotlib

    write_atomically(folder / "agreement.json", json.dumps(result, indent=1, allow_nan=False) + "\n")
    write_atomically(folder / "agreement.md", to_markdown(result))
    write_atomically(folder / "agreement.csv", to_csv(result))
    write_atomically(folder / "matches.csv", matches_csv(result))
    for number, pair in enumerate(result["pairs"], start=1):
        suffix = f"-{number}" if len(result["pairs"]) > 1 else ""
        draw_differences(folder / f"differences{suffix}.png", pair)
        draw_events(folder / f"events{suffix}.png", pair, result["labels"])


def show(result: Mapping[str, Any], console: PlainConsole) -> None:
    """Print the figures of all pairs and the paragraph for a methods section."""
    count = len({one["recording"] for one in result["recordings"]})
    table = Table(title=f"Agreement over {count} recordings", box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("", *pair_names(result)):
        table.add_column(name, justify="left" if not name else "right")
    for key in ("events_first", "events_second", "matched"):
        cells = [f"{pair['figures'][key]['value']:.0f}" for pair in result["pairs"]]
        table.add_row(key.replace("_", " of the ") if key != "matched" else key, *cells)
    for text, cells in shown_rows(result):
        table.add_row(text, *cells)
    console.print(table)
    for one in result["recordings"]:
        for text in one["assumed"]:
            console.print(f"{one['name']}: assumed {text}", soft_wrap=True)
    console.print(methods(result), soft_wrap=True, highlight=False)
