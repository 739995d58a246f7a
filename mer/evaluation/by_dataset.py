"""Figures of each dataset of a run over several, beside those of all together."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from mer.text import csv_text

_FIGURES: Final = {"accuracy": "accuracy", "UF1": "uf1", "UAR": "uar"}
COLUMNS: Final = ("system", "dataset", "clips", "subjects", *_FIGURES)
CSV_COLUMNS: Final = (
    *("system", "dataset", "clips", "subjects"),
    *(f"{figure}{end}" for figure in _FIGURES.values() for end in ("", "_low", "_high")),
)
Named = tuple[str, Mapping[str, Any]]
"""What a system is called, and its figures; see `mer.evaluation.summary.summarise`."""


def to_csv(systems: Sequence[Named]) -> str:
    """Return a line for each system and dataset and one for all together; shares as fractions."""
    lines = []
    for system, part in _parts(systems):
        values = {
            f"{figure}{end}": part[figure][key]
            for figure in _FIGURES.values()
            for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))
        }
        lines.append({"system": system, **{name: part[name] for name in ("dataset", "clips", "subjects")}, **values})
    return csv_text(CSV_COLUMNS, lines)


def rows(systems: Sequence[Named]) -> list[list[str]]:
    """Return the cells of a line for each system and dataset and one for all together, in percent."""
    return [_cells(system, part) for system, part in _parts(systems)]


def to_markdown(systems: Sequence[Named]) -> list[str]:
    """Return the lines of a table, none if no system has several datasets."""
    lines = rows(systems)
    if not lines:
        return []
    head = ["", "### By dataset", "", "Counts summed over all folds, then divided by dataset.", ""]
    return head + ["| " + " | ".join(cells) + " |" for cells in (COLUMNS, ["---"] * len(COLUMNS), *lines)]


def show(systems: Sequence[Named], console: Console) -> None:
    """Print the table, if any system has several datasets."""
    lines = rows(systems)
    if not lines:
        return
    table = Table(title="By dataset, percent with 95 % intervals over subjects")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in COLUMNS[:2] else "right", no_wrap=name in _FIGURES)
    for cells in lines:
        table.add_row(*cells)
    console.print(table)


def _parts(systems: Sequence[Named]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for system, figures in systems:
        if parts := figures.get("datasets"):
            yield from ((system, part) for part in parts)
            yield system, {**figures, "dataset": "all"}


def _cells(system: str, part: Mapping[str, Any]) -> list[str]:
    figures = [
        f"{100 * part[name]['value']:.1f} [{100 * part[name]['low']:.0f}, {100 * part[name]['high']:.0f}]"
        for name in _FIGURES.values()
    ]
    return [system, str(part["dataset"]).replace("|", "/"), str(part["clips"]), str(part["subjects"]), *figures]
