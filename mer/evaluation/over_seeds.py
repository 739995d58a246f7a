"""The same training with several seeds: mean and spread of the figures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from mer.evaluation import latex
from mer.evaluation.report import Row, row_of_run, settings_of_run
from mer.files import write_atomically
from mer.text import csv_text
from mer.training.context import folder_of

_FIGURES: Final = {"accuracy": "accuracy", "UF1": "uf1", "UAR": "uar"}
COLUMNS: Final = ("system", "input", "protocol", "data", "seeds", *_FIGURES)
CAPTION: Final = (
    "Percent, mean ± standard deviation over seeds [lowest, highest]. The spread is that of training, not of the "
    "subjects chosen: for that, see the intervals of each run."
)


@dataclass(frozen=True, slots=True)
class OverSeeds:
    """Runs that differ in nothing but their seed.

    Attributes:
        system: As of `mer.evaluation.report.Row`.
        seeds: Of each run, in order.
        figures: accuracy, uf1 and uar of each run, as fractions.
    """

    system: dict[str, Any]
    seeds: tuple[int, ...]
    figures: dict[str, tuple[float, ...]]


def rows_of(out: Path, times: int, seed: int) -> list[tuple[Path, Row]]:
    """Return the finished runs of `mer-train --repeats`, or the only one, with their figures.

    Args:
        out: Folder of --out.
        times: How many runs.
        seed: Of the first.
    """
    folders = [folder_of(out, seed + number) for number in range(times)] if times > 1 else [out]
    return [(folder, row_of_run(folder)) for folder in folders]


def grouped(runs: Sequence[tuple[Path, Row]]) -> list[OverSeeds]:
    """Return the groups of two or more runs that differ in nothing but their seed, in the order of their first."""
    groups: dict[str, list[tuple[int, Row]]] = {}
    for run, row in runs:
        described = settings_of_run(run)
        settings = dict(described["settings"])
        if "seed" not in settings:  # a run of somebody else's making
            continue
        seed = int(settings.pop("seed"))
        key = json.dumps([settings, described["data"]], sort_keys=True, allow_nan=False)
        groups.setdefault(key, []).append((seed, row))
    return [_of(sorted(group, key=lambda one: one[0])) for group in groups.values() if len(group) > 1]


def _of(group: Sequence[tuple[int, Row]]) -> OverSeeds:
    return OverSeeds(
        dict(group[0][1].system),
        tuple(seed for seed, _ in group),
        {key: tuple(float(row.figures[key]["value"]) for _, row in group) for key in _FIGURES.values()},
    )


def to_csv(groups: Sequence[OverSeeds]) -> str:
    """Return a line for each group; shares as fractions."""
    ends = ("mean", "sd", "min", "max")
    columns = (*COLUMNS[:5], *(f"{key}_{end}" for key in _FIGURES.values() for end in ends))
    lines = []
    for one in groups:
        cells: dict[str, Any] = {name: one.system[name] for name in COLUMNS[:4]}
        cells["seeds"] = " ".join(map(str, one.seeds))
        for key, values in one.figures.items():
            found = [float(np.mean(values)), float(np.std(values, ddof=1)), min(values), max(values)]
            cells |= {f"{key}_{end}": value for end, value in zip(ends, found)}
        lines.append(cells)
    return csv_text(columns, lines)


def to_markdown(groups: Sequence[OverSeeds]) -> str:
    """Return the table with what one has to know to read it."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *(_cells(one) for one in groups)]
    return "\n".join(["| " + " | ".join(cells) + " |" for cells in lines]) + f"\n\n{CAPTION}\n"


def to_latex(groups: Sequence[OverSeeds]) -> str:
    """Return the table for a paper."""
    return latex.headed(latex.table(COLUMNS, [_cells(one) for one in groups], caption=CAPTION, left=4))


def write(folder: Path, groups: Sequence[OverSeeds]) -> None:
    """Write seeds.csv, seeds.md and seeds.tex."""
    write_atomically(folder / "seeds.csv", to_csv(groups))
    write_atomically(folder / "seeds.md", to_markdown(groups))
    write_atomically(folder / "seeds.tex", to_latex(groups))


def show(groups: Sequence[OverSeeds], console: Console) -> None:
    """Print the table, if there is any group."""
    if not groups:
        return
    table = Table(title="Over seeds, percent: mean ± standard deviation [lowest, highest]")
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in _FIGURES else "left", no_wrap=name in _FIGURES)
    for one in groups:
        table.add_row(*_cells(one))
    console.print(table)


def _cells(one: OverSeeds) -> list[str]:
    figures = [_spread(one.figures[key]) for key in _FIGURES.values()]
    return [*(str(one.system[name]) for name in COLUMNS[:4]), ", ".join(map(str, one.seeds)), *figures]


def _spread(values: Sequence[float]) -> str:
    shares = 100 * np.array(values)
    return f"{shares.mean():.1f} ± {shares.std(ddof=1):.1f} [{shares.min():.1f}, {shares.max():.1f}]"
