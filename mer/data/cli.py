"""`mer-data`: look at a dataset before trusting it."""

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from mer.data import backgrounds
from mer.data.datasets import READERS, check
from mer.errors import MerError
from mer.files import write_atomically


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments without the program's name; None takes those of the process.

    Returns:
        Exit status: 0 even with bad rows, which are listed; 1 if the layout is wrong; 2 for bad arguments.
    """
    parser = argparse.ArgumentParser(prog="mer-data", description="Look at a dataset before trusting it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "check",
        help="print what is there and name every bad row",
        description="Print subjects, clips, classes, rates and durations of a dataset, and every bad row with its "
        "reason. Ends with status 1 if a file, folder or column of the published layout is missing.",
    )
    command.add_argument("dataset", metavar="DATASET", choices=list(READERS), help=", ".join(READERS))
    command.add_argument("root", metavar="ROOT", type=Path, help="folder of the dataset; for manifest the CSV")
    command.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    command.set_defaults(run=_check)
    command = commands.add_parser(
        "backgrounds",
        help="cut clips of ordinary motion, for mer-train --backgrounds",
        description="Cut clips at random out of recordings in which nobody shows a micro-expression, for training on "
        "faces that move. The file holds pictures of faces. One recording should show one person.",
    )
    command.add_argument("recordings", metavar="RECORDING", nargs="+", type=Path, help="video or folder of frames")
    command.add_argument("--out", required=True, type=Path, metavar="NPZ", help="file to write")
    command.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    command.set_defaults(run=_backgrounds)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except MerError as error:
        print(f"mer-data: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _check(arguments: argparse.Namespace) -> None:
    report = check(arguments.dataset, arguments.root)
    if arguments.json:
        print(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
    else:
        report.print(Console())


def _backgrounds(arguments: argparse.Namespace) -> None:
    made = backgrounds.cut(arguments.recordings, seed=arguments.seed)
    packed = io.BytesIO()
    np.savez_compressed(packed, clips=made["clips"], labels=made["labels"], subjects=made["subjects"])
    write_atomically(arguments.out, packed.getvalue())
    people = len(set(made["subjects"].tolist()))
    print(f"{len(made['clips'])} clips of ordinary motion from {people} recordings in {arguments.out}")


if __name__ == "__main__":
    raise SystemExit(main())
