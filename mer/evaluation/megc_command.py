"""`mer-evaluate strs` and `mer-evaluate submission`: the spot-then-recognise challenge, before and after submitting."""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.table import Table

from mer import option_help
from mer.errors import MerError
from mer.evaluation.megc import SCORES, Entry, as_in_kit, one_to_one, read_entries
from mer.evaluation.spotting_command import EVENTS_FILE, SUMMARY_FILE, read_events, summary_of
from mer.files import from_json, write_atomically
from mer.metrics import COMPOSITE_CLASSES, composite_label
from mer.terminal import open_console
from mer.text import csv_text, printable

_HIGH_SPEED_FPS: Final = 100.0
"""The test set has SAMM at 200 and CAS(ME)3 at 30 frames/s: each goes to a file of its own."""
_SPOTTING: Final = ("vid", "pred_onset", "pred_offset", "type")
_STR: Final = ("subject", "video", "onset", "offset", "emotion")


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
        help="write the files of the MEGC challenges from replayed recordings",
        description="Write what was found in the recordings of the test set as the challenges want it: cas_pred.csv "
        "and samm_pred.csv (cross-cultural spotting), cas_str.csv and samm_str.csv (spot-then-recognise, with the "
        "classes negative, positive and surprise). Recordings of 100 frames/s or more are taken for SAMM.",
        examples=(
            "mer-evaluate submission results --out submission",
            "mer-evaluate submission results --out submission --first-frame 0",
        ),
    )
    options.add_argument("folder", type=Path, metavar="RESULTS", help="folder that mer-replay --out has filled")
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
    folders = sorted(path.parent for path in given.folder.rglob(SUMMARY_FILE)) if given.folder.is_dir() else []
    if not folders:
        raise MerError(f"{given.folder} contains no results; run `mer-replay TEST-SET --out {given.folder}` first")
    entries: dict[str, list[Entry]] = {}
    for folder in folders:
        fps = float(summary_of(folder).get("measured_fps", 0.0))
        kind = "samm" if fps >= _HIGH_SPEED_FPS else "cas"
        entries.setdefault(kind, []).extend(_entries(folder, first=given.first_frame))
    for kind, found in entries.items():
        spotted = [dict(zip(_SPOTTING, (e.video, e.onset, e.offset, "me"))) for e in found]
        named = [dict(zip(_STR, (e.subject, e.video, e.onset, e.offset, e.emotion))) for e in found]
        write_atomically(given.out / f"{kind}_pred.csv", csv_text(_SPOTTING, spotted))
        write_atomically(given.out / f"{kind}_str.csv", csv_text(_STR, named))
    told = ", ".join(f"{len(found)} intervals of {kind}" for kind, found in entries.items())
    print(printable(f"{told}, from {len(folders)} recordings, in {given.out}"))


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
