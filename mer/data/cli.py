"""`mer-data`: look at a dataset before trusting it, cut clips of ordinary motion, train on what was reviewed."""

import argparse
import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mer import option_help, plugins
from mer.cli import command
from mer.data import backgrounds, check_faces, faults, from_reviews, megc2019
from mer.data.datasets import READERS, check
from mer.data.parts import Part, parts_from
from mer.data.report import Report
from mer.data.xdf_command import add_xdf
from mer.errors import UsageError
from mer.files import write_atomically
from mer.parser import Parser
from mer.terminal import open_console


@command("mer-data")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments without the program's name; None takes those of the process.

    Returns:
        Exit status: 0 even with bad rows, which are listed; 1 if the layout is wrong; 2 for bad arguments.
    """
    arguments = parser()[0].parse_args(argv)
    arguments.run(arguments)
    return 0


def parser() -> tuple[Parser, Any]:
    """Return the options of `mer-data`, and the group of its subcommands for programs that add their own."""
    parser = Parser(
        prog="mer-data",
        description="Check annotated datasets, cut clips out of recordings, make a dataset of reviewed events, and read "
        "XDF recordings.",
        examples=("mer-data check mmew /data/MMEW", "mer-data backgrounds interview.mp4 --out ordinary.npz"),
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    looking = commands.add_parser(
        "check",
        help="summarise a dataset and list its invalid rows",
        description="Print subjects, clips, classes, frame rates and durations of one or several datasets, and every "
        "invalid row with its reason.",
        notes="Exit codes: 0 success, also with invalid rows; 1 a file, folder or column of the published layout is "
        "missing; 2 invalid options.",
        examples=(
            "mer-data check casme2 /data/CASME2",
            "mer-data check --dataset casme2=/data/CASME2 --dataset samm=/data/SAMM --list megc2019",
        ),
    )
    looking.add_argument("kind", metavar="DATASET", nargs="?", help=f"kind of dataset: {', '.join(READERS)}")
    looking.add_argument("root", metavar="ROOT", nargs="?", type=Path, help=option_help.ROOT)
    looking.add_argument(
        "--dataset",
        action="append",
        default=[],
        metavar="NAME[=PATH]",
        help=f"{option_help.DATASET}: {', '.join(READERS)}",
    )
    looking.add_argument("--list", choices=(megc2019.NAME,), help=option_help.LIST)
    looking.add_argument("--find-faces", action="store_true", help=option_help.FIND_FACES)
    looking.add_argument("--plugin", action="append", metavar="FILE", help=option_help.PLUGIN)
    output = looking.add_argument_group("output")
    output.add_argument("--json", action="store_true", help=option_help.JSON)
    output.add_argument("--csv", type=Path, metavar="FILE", help="also write every invalid row to a CSV file")
    looking.set_defaults(run=_check)
    cutting = commands.add_parser(
        "backgrounds",
        help="cut clips of ordinary motion, for mer-train --backgrounds",
        description="Cut random clips from recordings in which nobody shows a micro-expression, for training on faces "
        "that move. Each recording should show one person. The file holds pictures of faces.",
        examples=(
            "mer-data backgrounds interview.mp4 --out ordinary.npz",
            "mer-data backgrounds day1.mp4 day2.mp4 --seed 3 --out ordinary.npz",
        ),
    )
    cutting.add_argument("recordings", metavar="RECORDING", nargs="+", type=Path, help="video or folder of frames")
    cutting.add_argument("--out", required=True, type=Path, metavar="NPZ", help=option_help.OUT)
    cutting.add_argument("--seed", type=int, default=0, metavar="N", help=option_help.SEED)
    cutting.set_defaults(run=_backgrounds)
    _add_from_reviews(commands)
    add_xdf(commands)
    return parser, commands


def _add_from_reviews(commands: Any) -> None:
    making = commands.add_parser(
        "from-reviews",
        help="write a training manifest of reviewed events",
        description="Write a manifest of the events that a coder accepted on the review pages and gave a class, for "
        "`mer-train --dataset manifest=CSV`. Rejected candidates and events without a class are counted and left out.",
        examples=(
            "mer-data from-reviews results --out reviewed.csv",
            "mer-data from-reviews day1 day2 --coder anna --participants study.csv --out reviewed.csv",
        ),
    )
    making.add_argument("folders", metavar="FOLDER", nargs="+", type=Path, help="folder of results with review-*.json")
    making.add_argument("--out", required=True, type=Path, metavar="CSV", help=option_help.OUT)
    making.add_argument("--coder", metavar="NAME", help=option_help.CODER)
    making.add_argument(
        "--participants",
        type=Path,
        metavar="CSV",
        help="table with the columns recording and participant (default: each recording shows another person)",
    )
    making.set_defaults(run=_from_reviews)


def _from_reviews(arguments: argparse.Namespace) -> None:
    made = from_reviews.manifest_from(
        arguments.folders,
        beside=arguments.out.absolute().parent,
        coder=arguments.coder,
        participants=arguments.participants,
    )
    write_atomically(arguments.out, made.text)
    open_console().print(
        f"{made.clips} clips in {arguments.out}; left out: {made.rejected} rejected candidates, "
        f"{made.unlabelled} events without a class",
        soft_wrap=True,
        highlight=False,
    )


def _check(arguments: argparse.Namespace) -> None:
    if bool(arguments.kind) == bool(arguments.dataset) or (arguments.kind and not arguments.root):
        raise UsageError("give either DATASET ROOT, or --dataset NAME=PATH for each dataset")
    plugins.load(arguments.plugin or ())
    parts = parts_from([arguments.kind] if arguments.kind else arguments.dataset, arguments.root)
    reports = [check(part.kind, part.root) for part in parts]
    remarks = _compared(parts, reports) if arguments.list else []
    seen = [check_faces.look(report.samples) for report in reports] if arguments.find_faces else []
    if arguments.csv:
        rows = {part.name: report.findings for part, report in zip(parts, reports)}
        write_atomically(arguments.csv, faults.to_csv(rows))
    if arguments.json:
        found: list[dict[str, Any]] = [report.to_json() for report in reports]
        for about, faces in zip(found, seen):
            about["faces"] = check_faces.to_json(faces)
        several = {"datasets": found, **({arguments.list: remarks} if arguments.list else {})}
        stated = several if arguments.dataset or arguments.list else found[0]
        print(json.dumps(stated, indent=2, ensure_ascii=False, allow_nan=False))
        return
    console = open_console()
    for report, faces in itertools.zip_longest(reports, seen):
        report.print(console)
        if faces is not None:
            check_faces.show(faces, console)
    for text in remarks:
        console.print(text, soft_wrap=True, highlight=False)


def _compared(parts: Sequence[Part], reports: Sequence[Report]) -> list[str]:
    """Return how the clips of a published list differ from those that are there."""
    samples = [replace(sample, dataset=part.name) for part, report in zip(parts, reports) for sample in report.samples]
    _, remarks = megc2019.select(samples)
    return remarks


def _backgrounds(arguments: argparse.Namespace) -> None:
    if arguments.seed < 0:
        raise UsageError(f"--seed {arguments.seed} given; expected a whole number from 0")
    made = backgrounds.cut(arguments.recordings, seed=arguments.seed)
    packed = io.BytesIO()
    np.savez_compressed(packed, clips=made["clips"], labels=made["labels"], subjects=made["subjects"])
    write_atomically(arguments.out, packed.getvalue(), private=True)
    people = len(set(made["subjects"].tolist()))
    open_console().print(f"{len(made['clips'])} clips of ordinary motion from {people} recordings in {arguments.out}")


if __name__ == "__main__":
    raise SystemExit(main())
