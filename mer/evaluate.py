"""The subcommands of `mer-evaluate`: figures of training runs, of trained networks and of spotting."""

import argparse
import os
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from mer import class_map, option_help, plugins
from mer.data.parts import parts_from
from mer.errors import MerError, UsageError
from mer.evaluation import over_seeds, paired
from mer.evaluation.agreement.command import add_agreement
from mer.evaluation.megc_command import add_strs, add_submission
from mer.evaluation.network import OpenNetwork
from mer.evaluation.report import Row, predictions_of_run, row_of_run, show, to_json, write_files
from mer.evaluation.sensitivity_command import add_sensitivity
from mer.evaluation.spotting_command import add_spotting
from mer.evaluation.table1_command import add_table1
from mer.files import write_atomically
from mer.metrics import COMPOSITE_CLASSES
from mer.options import add_datasets, add_plugin
from mer.parser import Parser
from mer.process import settle
from mer.terminal import open_console

_RECOGNITION: Final = (
    "Report finished mer-train runs (RUN...), a trained model on any data (--weights), or both in one table. Accuracy, "
    "UF1 and UAR come from counts summed over the folds, with 95 % intervals from a bootstrap over subjects."
)


def parser(open_network: OpenNetwork) -> Parser:
    """Return the options of `mer-evaluate`; each subcommand sets `command` to a function of the options.

    Args:
        open_network: Opens what `--weights` names.
    """
    options = Parser(
        prog="mer-evaluate",
        description="Evaluate training runs, trained models, spotting and coders.",
        examples=("mer-evaluate recognition runs/mmew", "mer-evaluate spotting --set set"),
    )
    commands = options.add_subparsers(required=True, metavar="COMMAND")
    add_recognition(commands, open_network)
    add_spotting(commands)
    add_sensitivity(commands)
    add_agreement(commands)
    add_table1(commands)
    add_strs(commands)
    add_submission(commands)
    return options


def add_recognition(commands: Any, open_network: OpenNetwork) -> None:
    """Add the subcommand `recognition` to an argparse group of subcommands.

    Args:
        commands: The group.
        open_network: Opens what `--weights` names.
    """
    options = commands.add_parser(
        "recognition",
        help="accuracy, UF1 and UAR of classification",
        description=_RECOGNITION,
        examples=(
            "mer-evaluate recognition runs/mmew runs/mmew-conv2d --out tables",
            "mer-evaluate recognition --weights shipped --dataset manifest --root clips.csv --json",
        ),
    )
    options.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="folders written by mer-train")
    options.add_argument(
        "--paired", action="store_true", help="compare each two of the runs clip by clip: McNemar's test, differences"
    )
    options.add_argument("--json", action="store_true", help=option_help.JSON)
    add_plugin(options)
    model = options.add_argument_group("model")
    model.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="FILE",
        help="'shipped', or a .safetensors or .onnx file; may be repeated",
    )
    model.add_argument("--composite", action="store_true", help="evaluate --weights on the three classes of MEGC2019")
    data = options.add_argument_group("data")
    add_datasets(data)
    data.add_argument("--clips", type=Path, metavar="NPZ", help=option_help.CLIPS)
    data.add_argument("--truth", nargs="+", default=[], type=Path, metavar="JSON", help=option_help.TRUTH)
    data.add_argument("--cache", type=Path, metavar="NPZ", help=option_help.CACHE)
    output = options.add_argument_group("output")
    output.add_argument("--out", type=Path, metavar="DIR", help=option_help.OUT)
    processing = options.add_argument_group("processing")
    processing.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, metavar="N", help=f"{option_help.THREADS} (default: all)"
    )
    options.set_defaults(command=partial(recognition, open_network=open_network))


def recognition(given: argparse.Namespace, open_network: OpenNetwork) -> None:
    """Do what the options of `mer-evaluate recognition` say.

    Args:
        given: The options.
        open_network: Opens what `--weights` names.

    Raises:
        MerError: If something given cannot be used.
    """
    plugins.load(given.plugin or ())
    sources = sum((given.clips is not None, bool(given.dataset), bool(given.truth)))
    if not given.runs and not given.weights:
        raise UsageError("nothing to evaluate; give folders written by mer-train, or --weights and data")
    kinds = "--dataset NAME=PATH (once or more), --clips FILE.npz, or --truth JSON..."
    if bool(given.weights) != bool(sources):
        raise UsageError(f"--weights and data go together: give {kinds}")
    if sources > 1 or ((given.root or given.list) and not given.dataset):
        raise UsageError(f"give either {kinds}")
    if given.paired and len(given.runs) < 2:
        raise UsageError(f"--paired compares runs, and {len(given.runs)} are given; give two or more")
    if given.threads < 1:
        raise UsageError(f"--threads is {given.threads}; expected at least 1")
    of_runs = [(run, row_of_run(run)) for run in given.runs]
    repeated = over_seeds.grouped(of_runs)
    rows = [row for _, row in of_runs] + [
        _trial(weights, number, given, open_network) for number, weights in enumerate(given.weights, 1)
    ]
    compared = paired.compare([(str(run), predictions_of_run(run)) for run in given.runs]) if given.paired else []
    if given.out is not None:
        write_files(given.out, rows)
        if compared:
            write_atomically(given.out / "paired.csv", paired.to_csv(compared))
            write_atomically(given.out / "paired.tex", paired.to_latex(compared))
        if repeated:
            over_seeds.write(given.out, repeated)
    if given.json:
        print(to_json(rows), end="")
        return
    show(rows, wide_console())
    over_seeds.show(repeated, wide_console())
    if compared:
        paired.show(compared, wide_console())


def wide_console() -> Console:
    """Return the terminal, or 150 columns where the output goes to a file."""
    console = open_console()
    return console if console.is_terminal else open_console(width=150)


def _trial(weights: str, number: int, given: argparse.Namespace, open_network: OpenNetwork) -> Row:
    # Late: runs are evaluated without a video ever being opened.
    from mer.evaluation.trial import try_network
    from mer.evaluation.true_intervals import read_samples
    from mer.training import predictions
    from mer.training.counting import counted
    from mer.training.data import cut_clips, read_datasets, read_npz

    settle()  # now that OpenCV is loaded
    network = open_network(weights, threads=given.threads)
    classes = COMPOSITE_CLASSES if given.composite or given.list else network.classes
    try:
        mapping = class_map.parse(given.map or ())
    except MerError as error:
        raise UsageError(f"--map: {error}") from None
    if given.clips is not None:
        data = read_npz(given.clips)
    elif given.truth:
        samples = read_samples(given.truth)
        with counted(open_console(stderr=True), "cutting clips") as progress:
            name = f"true intervals in {len(given.truth)} recordings of mer-synth (synthetic)"
            data = cut_clips(samples, name, jobs=given.threads, colour=network.mode == "rgb", progress=progress)
    else:
        with counted(open_console(stderr=True), "cutting clips") as progress:
            data = read_datasets(
                parts_from(given.dataset, given.root),
                cache=given.cache,
                jobs=given.threads,
                classes=classes,
                listed=given.list is not None,
                labels=given.labels,
                mapping=mapping,
                colour=network.mode == "rgb",
                progress=progress,
                remark=open_console(stderr=True).print,
            )
    row, predicted = try_network(network, data, classes=classes, threads=given.threads, mapping=mapping)
    if given.out is not None:
        predictions.save(given.out / f"predictions-{number}.csv", predicted)
    return row
