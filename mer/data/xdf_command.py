"""`mer-data xdf`: events of a session on the clock of a recording of LabRecorder."""

import argparse
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.table import Table

from mer import option_help
from mer.data.xdf import MOMENTS, align, read_xdf, rows_from_events, rows_from_markers
from mer.files import write_atomically
from mer.terminal import open_console
from mer.text import csv_text, printable

COLUMNS: Final = (
    *("stream", "kind", "number", "label", "probability"),
    *(f"{moment}_xdf_s" for moment in MOMENTS),
    *(f"{moment}_s" for moment in MOMENTS),
)


def add_xdf(commands: Any) -> None:
    """Add the subcommand `xdf` to an argparse group of subcommands."""
    options = commands.add_parser(
        "xdf",
        help="write the events in an XDF recording as CSV, on the clock of its streams",
        description="Read what mer-live --lsl sent from an XDF recording of LabRecorder, and write its events and "
        "marks as CSV on the clock that all streams of the recording share. With --align the events of another look "
        "at the same session follow, such as a replay of its video.",
        examples=(
            "mer-data xdf session.xdf --out events.csv",
            "mer-data xdf session.xdf --align results/recording/events.jsonl --out events.csv",
        ),
    )
    options.add_argument("recording", type=Path, metavar="XDF", help="recording of LabRecorder")
    options.add_argument("--out", required=True, type=Path, metavar="CSV", help=option_help.OUT)
    options.add_argument(
        "--align",
        nargs="+",
        default=[],
        type=Path,
        metavar="PATH",
        help="events.jsonl with times of the same session, to be moved to the recording's clock as well",
    )
    options.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Do what the options of `mer-data xdf` say.

    Raises:
        MerError: If something given cannot be used.
    """
    streams, markers = read_xdf(given.recording)
    rows, console = rows_from_markers(markers), open_console()
    table = Table(title=given.recording.name, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("stream", "type", "samples", "from s", "to s"):
        table.add_column(heading, justify="left" if heading in ("stream", "type") else "right")
    for stream in streams:
        ends = ["-" if end is None else f"{end:.3f}" for end in (stream.first_s, stream.last_s)]
        table.add_row(stream.name, stream.type, str(stream.samples), *ends)
    console.print(table)
    if given.align:
        alignment = align(markers)
        for path in given.align:
            rows += rows_from_events(path, alignment, stream=path.parent.name or path.name)
        console.print(
            f"aligned by {alignment.pairs} events: time 0 of the session is {alignment.offset_s:.6f} s, "
            f"drift {1e6 * (alignment.rate - 1):.1f} ppm, median residual {1000 * alignment.residual_s:.2f} ms",
            highlight=False,
            soft_wrap=True,
        )
    rows.sort(key=lambda row: (row["apex_xdf_s"] is None, row["apex_xdf_s"] or 0.0))
    write_atomically(given.out, csv_text(COLUMNS, rows))
    print(printable(f"{len(rows)} events and marks in {given.out}"))
