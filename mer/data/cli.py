"""`mer-data`: look at a dataset before trusting it, and cut clips of ordinary motion."""

import argparse
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mer.cli import Parser, command
from mer.data import backgrounds
from mer.data.datasets import READERS, check
from mer.errors import UsageError
from mer.files import write_atomically
from mer.terminal import open_console


@command("mer-data")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments without the program's name; None takes those of the process.

    Returns:
        Exit status: 0 even with bad rows, which are listed; 1 if the layout is wrong; 2 for bad arguments.
    """
    parser = Parser(prog="mer-data", description="Look at a dataset before trusting it; cut clips of ordinary motion.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    looking = commands.add_parser(
        "check",
        help="print what is there and name every bad row",
        description="Print subjects, clips, classes, rates and durations of a dataset, and every bad row with its "
        "reason. Ends with status 1 if a file, folder or column of the published layout is missing.",
    )
    looking.add_argument("dataset", metavar="DATASET", choices=list(READERS), help=", ".join(READERS))
    looking.add_argument("root", metavar="ROOT", type=Path, help="folder of the dataset; for manifest the CSV")
    looking.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    looking.set_defaults(run=_check)
    cutting = commands.add_parser(
        "backgrounds",
        help="cut clips of ordinary motion, for mer-train --backgrounds",
        description="Cut clips at random out of recordings in which nobody shows a micro-expression, for training on "
        "faces that move. One recording should show one person. The file holds pictures of faces.",
    )
    cutting.add_argument("recordings", metavar="RECORDING", nargs="+", type=Path, help="video or folder of frames")
    cutting.add_argument("--out", required=True, type=Path, metavar="NPZ", help="file to write")
    cutting.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    cutting.set_defaults(run=_backgrounds)
    arguments = parser.parse_args(argv)
    arguments.run(arguments)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    report = check(arguments.dataset, arguments.root)
    if arguments.json:
        print(json.dumps(report.to_json(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        report.print(open_console())


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
