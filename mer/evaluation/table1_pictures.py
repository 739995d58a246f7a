"""Table 1 and Table 2 as pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from mer.evaluation import paper
from mer.evaluation.pictures import save
from mer.evaluation.table1 import Line, Setting, paper_accuracy, shares

_OURS: Final = "#2166ac"
_PAPERS: Final = "#b2182b"


def draw_table_1(path: Path, lines: Sequence[Line], setting: Setting) -> None:
    """Draw each system's accuracy with its interval beside the paper's figure.

    Args:
        path: A PNG file.
        lines: Systems, from above.
        setting: What they have in common.
    """
    figure = Figure(figsize=(8.6, 1.9 + 0.42 * len(lines)), layout="constrained", dpi=120)
    axes = figure.subplots()
    for place, line in enumerate(lines):
        if line.row is None:
            axes.text(1, place, "failed, see table1.md", va="center", color="0.45", fontsize=9)
        else:
            found = line.row.figures["accuracy"]
            value, low, high = (100 * found[name] for name in ("value", "low", "high"))
            axes.barh(place, value, height=0.62, color=_OURS, alpha=0.35, label="here" if place == 0 else None)
            axes.plot([low, high], [place, place], color=_OURS, linewidth=1.6)
            axes.plot([value], [place], "o", color=_OURS, markersize=4.5)
            axes.text(101, place, f"{value:.0f}", va="center", color=_OURS, fontsize=9)
        if (theirs := paper_accuracy(line.name)) is not None:
            axes.plot([theirs], [place], "D", color=_PAPERS, markersize=6, markerfacecolor="none")
            axes.text(106, place, f"{theirs}", va="center", color=_PAPERS, fontsize=9)
    chance = 100.0 / len(setting.classes)
    axes.axvline(chance, color="0.5", linestyle=":", linewidth=1)
    axes.text(chance + 0.6, -0.75, "chance of equal classes", color="0.4", fontsize=8)
    axes.set_yticks(range(len(lines)), [f"{line.name} ({line.input})" for line in lines])
    axes.set(xlim=(0, 111), ylim=(len(lines) - 0.4, -1.1), xlabel="accuracy, percent")
    axes.set_xticks(range(0, 101, 20))
    axes.grid(axis="x", alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(
        f"{setting.data}: {setting.reported} clips reported, {setting.subjects} people, {setting.protocol}\n"
        "blue: here, with 95 % intervals over subjects; "
        f"red: the paper, on {paper.DATA}",
        fontsize=9.5,
        loc="left",
    )
    save(figure, path)


def draw_table_2(path: Path, lines: Sequence[Line], setting: Setting) -> None:
    """Draw every system's confusions in percent of the true class, and the paper's beside those it prints.

    Args:
        path: A PNG file.
        lines: Systems; those that failed are left out.
        setting: What they have in common.
    """
    shown: list[tuple[str, str, Sequence[str], Any]] = []
    for line in lines:
        if line.row is not None:
            figures = line.row.figures
            shown.append((line.name, _OURS, figures["classes"], shares(figures["confusion"])))
        if line.name in paper.TABLE_2:
            name = f"{line.name}, the paper ({paper.DATA})"
            shown.append((name, _PAPERS, paper.TABLE_2_CLASSES, paper.TABLE_2[line.name]))
    columns = min(4, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    figure = Figure(figsize=(3.1 * columns, 3.1 * rows + 0.5), layout="constrained", dpi=110)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, colour, classes, percents) in zip(every, shown):
        values = np.array([[np.nan if cell is None else cell for cell in row] for row in percents], float)
        axes.imshow(values, cmap="Blues" if colour == _OURS else "Reds", vmin=0, vmax=100)
        for (i, j), value in np.ndenumerate(values):
            if not np.isnan(value):
                axes.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=8, color="w" if value > 55 else "k")
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right", fontsize=7)
        axes.set_yticks(range(len(classes)), classes, fontsize=7)
        axes.set_title(name, fontsize=9, color=colour)
    for axes in every[len(shown) :]:
        axes.set_axis_off()
    figure.suptitle(
        f"percent of the true class (rows) predicted as each class; {setting.data}, {setting.protocol}", fontsize=9
    )
    save(figure, path)
