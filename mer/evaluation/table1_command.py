"""`mer-evaluate table1`: every system of the paper's Table 1, and those it cites, under the same folds."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from mer import class_map, missing, option_help, options
from mer.config import TrainSettings, load_each, load_plugins
from mer.errors import MerError, UsageError
from mer.evaluation import by_dataset
from mer.evaluation.report import all_done, row_of_run
from mer.evaluation.table1 import COLUMNS, Line, Setting, cells_shown, named, to_json
from mer.evaluation.table1_files import write_table
from mer.jobs import cluster
from mer.jobs.clock import Clock, duration
from mer.models.registry import EPOCHS_ONLY, SYSTEMS
from mer.terminal import open_console

EXIT_PARTIAL: Final = 3
"""Some systems failed, the others are in the table."""
ORDER: Final = tuple(SYSTEMS)
_ABOUT: Final = (
    "Train and report all models of the paper's Table 1 over the same folds, each in a folder below DIR, and write "
    "table1.md, .csv, .json, .png and table2.png beside the paper's figures."
)
_NOTES: Final = (
    "Each model has the learning rate and the input of its source (mer.models.registry). The file of --config may have "
    "a table for each model that differs, such as [convlstm] with epochs = 20. --input reaches the models without an "
    "input of their own, --init only elrcn. An interrupted run continues when the command is repeated. Exit codes: 0 "
    "success; 1 nothing could be trained; 2 invalid options; 3 some models failed, with the reason in the table; 130 "
    "interrupted."
)


def add_table1(commands: Any) -> None:
    """Add the subcommand `table1` to an argparse group of subcommands."""
    parser = commands.add_parser(
        "table1",
        help="train and compare all models of the paper's Table 1",
        description=_ABOUT,
        notes=_NOTES,
        examples=(
            "mer-evaluate table1 --dataset mmew --root /data/MMEW --out runs/table1 --jobs 4",
            "mer-evaluate table1 --dataset manifest --root clips.csv --models mdmo,conv3d --out runs/two",
        ),
    )
    parser.add_argument("--json", action="store_true", help=option_help.JSON)
    options.add_data(parser)
    training = parser.add_argument_group("training")
    training.add_argument(
        "--models",
        type=options.names,
        default=ORDER,
        metavar="A,B,...",
        help=f"models, separated by commas (default: {', '.join(ORDER)})",
    )
    training.add_argument("--input", choices=("gray", "residual", "flow"), help=option_help.INPUT)
    training.add_argument("--config", type=Path, metavar="TOML", help=option_help.CONFIG)
    training.add_argument("--init", metavar="FILE", help=option_help.INIT)
    options.add_training(training, without=("lr", "elastic"), protocols=("5fold", "loso", "lodo", "holdout"))
    output = parser.add_argument_group("output")
    output.add_argument("--out", type=Path, required=True, metavar="DIR", help=option_help.OUT)
    options.add_machine(parser)
    parser.set_defaults(command=table1)


def table1(given: argparse.Namespace) -> int:
    """Do what the options of `mer-evaluate table1` say.

    Returns:
        The exit code.

    Raises:
        MerError: If nothing can be done.
    """
    missing.check("training", *missing.TRAINING)
    settings = _settings(given)
    options.cores_for(given)
    if given.repeats == 1:
        return _one_table(given, settings)
    from mer.evaluation import over_seeds  # late: needs torch
    from mer.training.context import folder_of

    out, seed = given.out, next(iter(settings.values())).seed
    given.cache = given.cache or out / "clips.npz"
    codes, rows = [], []
    for number in range(given.repeats):
        given.out, given.seed = folder_of(out, seed + number), seed + number
        codes.append(_one_table(given, _settings(given)))
        given.folds = given.folds or given.out / "folds.json"
        runs = [given.out / name for name in settings]
        rows += [(run, row_of_run(run)) for run in runs if all_done(run)]
    console = open_console(stderr=given.json, width=None if sys.stdout.isatty() else 160)
    if repeated := over_seeds.grouped(rows):
        over_seeds.write(out, repeated)
        over_seeds.show(repeated, console)
    return max(codes)


def _one_table(given: argparse.Namespace, settings: dict[str, TrainSettings]) -> int:
    """Train and report all models with one seed; return the exit code."""
    names = list(settings)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    # Late: torch takes seconds to import, and wrong options need not wait for it.
    from mer.training.claim import claim_folds
    from mer.training.context import RunContext
    from mer.training.data import select
    from mer.training.source import features_folder, read, source_from

    source, threads = source_from(given), options.cores_for(given)
    if given.cluster:
        cluster.check(given.cluster)
    device = options.device_for(given)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # inherited by the processes
    console = open_console(stderr=given.json, width=None if sys.stdout.isatty() else 160)
    first = settings[names[0]]
    clips = read(source, first, jobs=os.cpu_count() or 1, console=console)
    data, truth = select(clips, first.classes, class_map.parse(first.map))
    folds = claim_folds(given.out, data, first, given.folds)
    about = Setting(
        first.protocol,
        data.name,
        first.classes,
        len(truth),
        len(set(data.subjects.tolist())),
        sum(subject in {name for fold in folds for name in fold.test} for subject in data.subjects.tolist()),
        given.jobs if given.cluster in (None, cluster.LOCAL) else 0,
    )
    features = features_folder(given) or (given.out / "features").resolve()
    shared = [
        RunContext(settings[name], (given.out / name).resolve(), features, device, threads, source, given.keep_weights)
        for name in names
    ]
    console.print(
        f"{about.data}: {about.clips} clips of {about.subjects} people; {len(names)} systems, {len(folds)} folds"
    )
    reasons = _train(shared, data, folds, given, console)
    lines = []
    for name, run in zip(names, shared):
        row = None if name in reasons else row_of_run(run.out)
        lines.append(Line(name, row, reasons.get(name, ""), run.settings.input, _changed(run.settings)))
    write_table(given.out, lines, about)
    if given.json:
        print(to_json(lines, about), end="")
    else:
        _show(lines, about, console)
        console.print(f"tables and pictures: {given.out}", highlight=False)
    return 0 if not reasons else 1 if len(reasons) == len(names) else EXIT_PARTIAL


def _settings(given: argparse.Namespace) -> dict[str, TrainSettings]:
    """Return the settings of each model that was asked for, in the order of the table.

    Raises:
        MerError: If they cannot be compared, or a model is not known.
    """
    load_plugins(given.config, {"plugin": given.plugin})
    if unknown := [name for name in given.models if name not in SYSTEMS]:
        raise UsageError(f"--models: {unknown[0]!r} is not a model; choose among {', '.join(SYSTEMS)}")
    names = sorted(dict.fromkeys(given.models), key=list(SYSTEMS).index)
    chosen = {field.name: getattr(given, field.name, None) for field in fields(TrainSettings)}
    loaded = load_each(given.config, chosen, names, preset=options.preset_of(given))
    if rgb := [name for name in names if loaded[name].input == "rgb"]:
        raise MerError(f"[{rgb[0]}] input is 'rgb', but all systems see the same grey clips; choose another input")
    if loaded[names[0]].protocol == "all":
        raise MerError("protocol 'all' has no test set; choose 5fold, loso, lodo or holdout")
    return {name: loaded[name] for name in names}


def _train(
    shared: Sequence[Any], data: Any, folds: Sequence[Any], given: argparse.Namespace, console: Console
) -> dict[str, str]:
    """Train what is left; return why systems failed, by name."""
    from mer.training.claim import claim, claim_folds
    from mer.training.tasks import FoldTask, each_fold

    reasons: dict[str, str] = {}
    tasks = []
    for run in shared:
        try:
            claim(run.out, data, run.settings)
            claim_folds(run.out, data, run.settings, given.out / "folds.json")
        except MerError as error:
            reasons[run.settings.model] = str(error)
            continue
        left = [FoldTask(run, fold, i) for i, fold in enumerate(folds) if not _done(run.out, fold.name)]
        if len(left) < len(folds):
            console.print(f"{run.settings.model}: {len(folds) - len(left)} of {len(folds)} folds done before")
        tasks += left
    if len(reasons) == len(shared):  # nothing to show, and the table of the earlier run stays
        raise MerError(next(iter(reasons.values())))
    clock = Clock([task.context.settings.model for task in tasks], workers=given.jobs)
    with _bar(console) as bar, closing(each_fold(tasks, where=given.cluster, jobs=given.jobs)) as all_:
        line = bar.add_task("folds", total=len(tasks), left="")
        for done, (number, ended) in enumerate(all_, 1):
            task = tasks[number]
            name = task.context.settings.model
            if ended.reason:
                reasons.setdefault(name, f"{task.fold.name}: {ended.reason}")
            left_s = clock.ended(number, name, counts=ended.result is not None)
            remaining = f"about {duration(left_s)} left" if done < len(tasks) else "all ended"
            outcome = f"failed: {ended.reason}" if ended.reason else "done" if ended.result else "left out"
            console.print(f"{done}/{len(tasks)} {name} {task.fold.name}: {outcome}; {remaining}", highlight=False)
            bar.update(line, completed=done, left=remaining)
    return reasons


def _changed(settings: TrainSettings) -> str:
    """Return the settings that are not the defaults of a system, without those that are shown elsewhere."""
    usual = TrainSettings(model=settings.model)
    names = [
        field.name
        for field in fields(TrainSettings)
        if field.name not in ("model", "protocol", "classes", "map", "input", "plugin")
    ]
    if SYSTEMS[settings.model].kind == "svm":
        names = [name for name in names if name not in EPOCHS_ONLY]
    return ", ".join(
        f"{name} {getattr(settings, name)}" for name in names if getattr(settings, name) != getattr(usual, name)
    )


def _done(out: Path, fold: str) -> bool:
    return (out / fold / "result.json").is_file()


def _bar(console: Console) -> Progress:
    name, left = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[left]}"))
    columns = (name, BarColumn(), MofNCompleteColumn(), left)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _show(lines: Sequence[Line], about: Setting, console: Console) -> None:
    table = Table(title=f"{about.data}, {about.protocol}: percent with 95 % intervals over subjects")
    for name in COLUMNS[:-2]:
        table.add_column(
            name, justify="left" if name in ("system", "input") else "right", no_wrap=name not in COLUMNS[2:3]
        )
    for line in lines:
        table.add_row(*cells_shown(line, about), style="" if line.row else "red")
    console.print(table)
    by_dataset.show(named(lines), console)
