"""`mer-evaluate strs` and `mer-evaluate submission`: the spot-then-recognise challenge, before and after submitting."""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.table import Table

from mer import option_help
from mer.data.tables import Columns, Row, cell_frame, read_csv, rows_with_header
from mer.errors import MerError
from mer.evaluation.megc import SCORES, Entry, as_in_kit, one_to_one, read_entries
from mer.evaluation.spotting_command import EVENTS_FILE, FOUND_CSV, SUMMARY_FILE, TRUE_CSV, read_events, summary_of
from mer.files import from_json, write_atomically
from mer.metrics import COMPOSITE_CLASSES, composite_label
from mer.terminal import open_console
from mer.text import csv_text, printable

_HIGH_SPEED_FPS: Final = 100.0
"""The test set has SAMM at 200 and CAS(ME)3 at 30 frames/s: each goes to a file of its own."""
_SPOTTING: Final = ("vid", "pred_onset", "pred_offset", "type")
_STR: Final = ("subject", "video", "onset", "offset", "emotion")
_COLUMNS: Final[Columns] = {name: (name,) for name in ("subject", "recording", "fps", "onset", "offset", "label")}
Entries = dict[str, list[Entry]]
"""Of each of the challenge's datasets, "cas" and "samm"."""


def add_strs(commands: Any) -> None:
    """Add the subcommand `strs` to an argparse group of subcommands."""
    options = commands.add_parser(
        "strs",
        help="spot-then-recognise score of a MEGC submission, as the challenge counts and one to one",
        description="Score a table of predictions against a table of true intervals; both are CSV files with the "
        "columns subject, video, onset, offset and emotion. The figures are printed as the challenge's kit counts them "
        "and as the other commands do.",
        examples=("mer-evaluate strs pred.csv gt.csv", "mer-evaluate strs submission/cas_str.csv gt.csv --json"),
    )
    options.add_argument("predictions", type=Path, metavar="PREDICTIONS", help="CSV file to be submitted")
    options.add_argument("true", type=Path, metavar="TRUE", help="CSV file of the true intervals")
    options.add_argument("--json", action="store_true", help=option_help.JSON)
    options.set_defaults(command=strs)


def strs(given: argparse.Namespace) -> None:
    """Do what the options of `mer-evaluate strs` say.

    Raises:
        MerError: If a table cannot be used.
    """
    predicted, true = read_entries(given.predictions), read_entries(given.true)
    figures = {"as in the kit": as_in_kit(predicted, true), "one to one": one_to_one(predicted, true)}
    if given.json:
        print(json.dumps(figures, indent=1, allow_nan=False))
        return
    table = Table(title="Spot-then-recognise", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("counted", "task", "TP", "FP", "FN", *SCORES, "UF1", "STRS"):
        table.add_column(heading, justify="left" if heading in ("counted", "task") else "right")
    for name, row in figures.items():
        for task in ("spotting", "recognition"):
            last = ("", "") if task == "spotting" else (f"{row['uf1']:.4f}", f"{row['strs']:.4f}")
            counts = [str(row[task][key]) for key in ("tp", "fp", "fn")]
            scores = [f"{row[task][key]:.4f}" for key in SCORES]
            table.add_row(name if task == "spotting" else "", task, *counts, *scores, *last)
    open_console().print(table)


def add_submission(commands: Any) -> None:
    """Add the subcommand `submission` to an argparse group of subcommands."""
    options = commands.add_parser(
        "submission",
        help="write the files of the MEGC challenges from replayed recordings or a trained spotter's test sets",
        description="Write what was found in the recordings of the test set as the challenges want it: cas_pred.csv "
        "and samm_pred.csv (cross-cultural spotting), cas_str.csv and samm_str.csv (spot-then-recognise, with the "
        "classes negative, positive and surprise). Recordings of 100 frames/s or more are taken for SAMM. From a run "
        "of mer-train spotter, whose truth is known, also cas_gt.csv and samm_gt.csv, for mer-evaluate strs.",
        examples=(
            "mer-evaluate submission results --out submission",
            "mer-evaluate submission runs/spotter --out submission --first-frame 0",
        ),
    )
    options.add_argument(
        "folder",
        type=Path,
        metavar="RESULTS",
        help="folder that mer-replay --out or mer-train spotter --out has filled",
    )
    options.add_argument("--out", type=Path, required=True, metavar="DIR", help=option_help.OUT)
    options.add_argument(
        "--first-frame", type=int, default=1, metavar="N", help="number of the first frame, as the challenge counts"
    )
    options.set_defaults(command=submission)


def submission(given: argparse.Namespace) -> None:
    """Do what the options of `mer-evaluate submission` say.

    Raises:
        MerError: If there are no results or they cannot be read.
    """
    trained = (given.folder / FOUND_CSV).is_file()
    entries = (_of_run if trained else _of_replays)(given.folder, first=given.first_frame)
    for kind, found in entries.items():
        spotted = [dict(zip(_SPOTTING, (e.video, e.onset, e.offset, "me"))) for e in found]
        write_atomically(given.out / f"{kind}_pred.csv", csv_text(_SPOTTING, spotted))
        write_atomically(given.out / f"{kind}_str.csv", _named(found))
    for kind, true in (_of_table(given.folder / TRUE_CSV, first=given.first_frame) if trained else {}).items():
        write_atomically(given.out / f"{kind}_gt.csv", _named(true))
    counts = ", ".join(f"{len(found)} intervals of {kind}" for kind, found in entries.items())
    print(printable(f"{counts} in {given.out}; the first frame of a recording is {given.first_frame}"))


def _named(entries: Sequence[Entry]) -> str:
    rows = [dict(zip(_STR, (e.subject, e.video, e.onset, e.offset, e.emotion))) for e in entries]
    return csv_text(_STR, rows)


def _of_replays(root: Path, *, first: int) -> Entries:
    folders = sorted(path.parent for path in root.rglob(SUMMARY_FILE)) if root.is_dir() else []
    if not folders:
        raise MerError(f"{root} contains no results; run `mer-replay TEST-SET --out {root}` first")
    entries: Entries = {}
    for folder in folders:
        kind = _kind(float(summary_of(folder).get("measured_fps", 0.0)))
        entries.setdefault(kind, []).extend(_entries(folder, first=first))
    return entries


def _kind(fps: float) -> str:
    return "samm" if fps >= _HIGH_SPEED_FPS else "cas"


def _of_run(root: Path, *, first: int) -> Entries:
    """Return what a spotter found in the subjects that it was not trained on; each dataset of the truth has a list."""
    found = _of_table(root / FOUND_CSV, first=first)
    return {kind: found.get(kind, []) for kind in _of_table(root / TRUE_CSV, first=first)} | found


def _of_table(path: Path, *, first: int) -> Entries:
    entries: Entries = {}
    for row in rows_with_header(path, {"": read_csv(path)}, _COLUMNS):
        try:
            fps, onset, offset = float(row.text("fps")), cell_frame(row.cells["onset"]), cell_frame(row.cells["offset"])
        except ValueError as error:
            raise MerError(f"{row.where}: {error}; train the spotter again") from None
        entries.setdefault(_kind(fps), []).append(_entry(row, (onset or 0) + first, (offset or 0) + first))
    return entries


def _entry(row: Row, onset: int, offset: int) -> Entry:
    """Return a row of a run, without the dataset in front of the names; a class that is none of the three stays."""
    subject, video = (row.text("subject"), *row.text("recording").split("/"))[-2:]
    label = row.text("label")
    return Entry(subject, video, onset, offset, composite_label(label) or label)


def _entries(folder: Path, *, first: int) -> list[Entry]:
    """Return the events of a recording; its subject is what comes before the first underscore of its name."""
    video = Path(str(summary_of(folder).get("source", folder.name))).stem
    emotions = _emotions(folder / EVENTS_FILE)
    return [
        Entry(video.split("_")[0], video, event.frames[0] + first, event.frames[2] + first, emotion)
        for event, emotion in zip(read_events(folder / EVENTS_FILE), emotions)
    ]


def _emotions(path: Path) -> list[str]:
    """Return the most probable of the three classes of each event; what belongs to none of them is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record = from_json(line) if line.strip() else {}
        if "probabilities" not in record:
            continue
        shares = Counter[str]()
        for name, probability in record["probabilities"].items():
            if (composite := composite_label(name)) is not None:
                shares[composite] += probability
        found.append(max(COMPOSITE_CLASSES, key=lambda name: shares[name]))
    return found
