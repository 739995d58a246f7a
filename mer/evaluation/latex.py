"""Tables for papers: LaTeX with booktabs, to be taken in with \\input."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mer.evaluation import by_dataset

_FIGURES: Final = {"accuracy": "accuracy", "UF1": "uf1", "UAR": "uar"}
_SPECIAL: Final = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
}
_HEAD: Final = "% written by mer-live; the preamble needs \\usepackage{booktabs}\n"
INTERVALS: Final = (
    "Percent, with 95 % intervals of a bootstrap over subjects; UF1 and UAR from counts summed over folds."
)


def escaped(text: object) -> str:
    """Return text that LaTeX prints as it stands."""
    return "".join(_SPECIAL.get(sign, sign) for sign in str(text))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str, left: int = 1) -> str:
    """Return a table environment.

    Args:
        columns: Headings.
        rows: Cells, as many as columns.
        caption: What the reader has to know.
        left: How many columns from the left are text; the others are numbers, to the right.
    """
    lines = [" & ".join(escaped(cell) for cell in row) + r" \\" for row in rows]
    aligned = "l" * left + "r" * (len(columns) - left)
    parts = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{escaped(caption)}}}",
        rf"\begin{{tabular}}{{{aligned}}}",
        r"\toprule",
        " & ".join(escaped(name) for name in columns) + r" \\",
        r"\midrule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(parts) + "\n"


def of_systems(systems: Sequence[by_dataset.Named], *, data: str, protocol: str) -> str:
    """Return the tables of systems under one protocol, one line each, then by dataset where there are several.

    Args:
        systems: Names and figures (`mer.evaluation.summary.summarise`).
        data: What the data are called.
        protocol: How people were divided.
    """
    rows = [
        [name, figures["clips"], figures["subjects"], *(interval(figures[key]) for key in _FIGURES.values())]
        for name, figures in systems
    ]
    about = f"{data}, protocol {protocol}. {INTERVALS}"
    text = _HEAD + table(("system", "clips", "subjects", *_FIGURES), rows, caption=about)
    if parts := by_dataset.rows(systems):
        text += "\n" + table(by_dataset.COLUMNS, parts, caption=f"By dataset. {about}", left=2)
    return text


def headed(text: str) -> str:
    """Return tables with the line that names what the preamble needs."""
    return _HEAD + text


def interval(figure: Mapping[str, Any]) -> str:
    """Return a figure with its interval, in percent."""
    return f"{100 * figure['value']:.1f} [{100 * figure['low']:.0f}, {100 * figure['high']:.0f}]"
