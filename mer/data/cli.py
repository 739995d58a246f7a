"""`mer-data`: look at a dataset before trusting it."""

import json
from collections.abc import Sequence
from pathlib import Path

from mer.cli import Parser, command
from mer.data.datasets import READERS, check
from mer.terminal import open_console


@command("mer-data")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments without the program's name; None takes those of the process.

    Returns:
        Exit status: 0 even with bad rows, which are listed; 1 if the layout is wrong; 2 for bad arguments.
    """
    parser = Parser(prog="mer-data", description="Look at a dataset before trusting it.")
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
    arguments = parser.parse_args(argv)
    report = check(arguments.dataset, arguments.root)
    if arguments.json:
        print(json.dumps(report.to_json(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        report.print(open_console())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
