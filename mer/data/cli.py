"""`mer-data`: look at a dataset before trusting it, and cut clips of ordinary motion."""

import argparse
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mer import option_help
from mer.cli import command
from mer.data import backgrounds
from mer.data.datasets import READERS, check
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
    parser = Parser(
        prog="mer-data",
        description="Check annotated datasets, and cut clips of ordinary motion for training.",
        examples=("mer-data check mmew /data/MMEW", "mer-data backgrounds interview.mp4 --out ordinary.npz"),
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    looking = commands.add_parser(
        "check",
        help="summarise a dataset and list its invalid rows",
        description="Print subjects, clips, classes, frame rates and durations of a dataset, and every invalid row "
        "with its reason.",
        notes="Exit codes: 0 success, also with invalid rows; 1 a file, folder or column of the published layout is "
        "missing; 2 invalid options.",
        examples=("mer-data check casme2 /data/CASME2", "mer-data check manifest clips.csv --json"),
    )
    looking.add_argument(
        "dataset", metavar="DATASET", choices=list(READERS), help=f"kind of dataset: {', '.join(READERS)}"
    )
    looking.add_argument("root", metavar="ROOT", type=Path, help=option_help.ROOT)
    looking.add_argument("--json", action="store_true", help=option_help.JSON)
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
