"""`mer-review`: check events and rejected candidates in a browser; decisions are written beside the results."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mer import option_help
from mer.cli import command
from mer.data.reviews import REVIEWS, Results, chosen, reviews_of
from mer.errors import MerError, UsageError
from mer.files import write_atomically
from mer.parser import Parser
from mer.terminal import open_console
from realtime.output.review.reviewed import REVIEWED_CSV, reviewed_exports, reviewed_table
from realtime.output.review.server import ReviewServer, reviewable
from realtime.recordings.extras import EXPORT_HELP, check_exports, formats

_MAX_PORT = 65_535


@command("mer-review")
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments without the program's name; None takes those of the process.

    Returns:
        Exit status: 0 once it was ended with Ctrl-C, 1 for results that cannot be used, 2 for invalid options.
    """
    given = _parser().parse_args(argv)
    if not 0 <= given.port <= _MAX_PORT:
        raise UsageError(f"--port {given.port} given; expected 0 to {_MAX_PORT}")
    if (given.export and not given.apply) or (given.coder and not given.export):
        raise UsageError("--coder is an option of --export, and that one of --apply; give all three")
    check_exports(given.export)
    results = reviewable(given.folder)
    if given.apply:
        reviewed = [one for one in results if any(one.folder.glob(REVIEWS))]
        if not reviewed:
            raise MerError(
                f"{given.folder} holds no decisions ({REVIEWS}); review it, and put saved files beside results"
            )
        for one in reviewed:
            apply(one, coder=given.coder, exports=given.export)
        return 0
    return _serve(results, given.port)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="mer-review",
        description="Serve the review pages of `mer-replay --review` to this computer: accept, reject and relabel "
        "events and rejected candidates, and move their onset, apex and offset. Decisions are written beside the "
        "results as they are made. The pages work without this command, too; it then takes the files they save.",
        examples=("mer-review results", "mer-review results --apply --coder anna --export eaf,srt"),
        notes="Exit codes: 0 success, also when ended with Ctrl-C; 1 no results or decisions that can be used; "
        "2 invalid options.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the --out of mer-replay, or one result in it")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port on loopback; 0 takes any that is free")
    parser.add_argument(
        "--apply",
        action="store_true",
        help=f"serve nothing: write {REVIEWED_CSV} and --export from the review-*.json beside the results",
    )
    parser.add_argument("--coder", metavar="NAME", help=option_help.CODER)
    parser.add_argument("--export", type=formats, default=(), metavar="FORMATS", help=EXPORT_HELP)
    return parser


def apply(results: Results, *, coder: str | None, exports: Sequence[str]) -> None:
    """Write what coders decided about one recording.

    Args:
        results: What they looked at.
        coder: Whose decisions are exported; None if there is only one coder.
        exports: Keys of EXPORTS.

    Raises:
        MerError: If there are no decisions, or the disk refuses it.
    """
    reviews = reviews_of(results)
    files: dict[str, str | bytes] = {REVIEWED_CSV: reviewed_table(results, reviews)}
    if exports:
        files |= reviewed_exports(results, chosen(results, reviews, coder), exports)
    for name, content in files.items():
        write_atomically(results.folder / name, content)
    counts = ", ".join(f"{one.coder} {len(one.decisions)}" for one in reviews)
    line = f"{results.source.name}: {counts} decisions; {', '.join(files)} in {results.folder}"
    open_console().print(line, soft_wrap=True, highlight=False)


def _serve(results: Sequence[Results], port: int) -> int:
    try:
        server = ReviewServer(results, port=port)
    except OSError as error:
        raise MerError(f"port {port} cannot be used ({error.strerror}); give another --port, or 0") from error
    with server:
        console = open_console()
        console.print(f"Review {len(results)} recordings at {server.address}", soft_wrap=True)
        console.print("This computer only; Ctrl-C ends it.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("Ended; all decisions are written.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
