"""Two runs on the same clips: is one better, or may it be chance?

References:
    McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12, 1947; here
    the exact test on the clips that one run classifies correctly and the other wrong.
    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6, 1979: correction for
    several comparisons.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mer import metrics
from mer.errors import MerError
from mer.evaluation import latex
from mer.text import csv_text
from mer.training.predictions import Predictions

_DRAWS: Final = 2000
_NAMES: Final = ("first", "second", "clips", "only_first", "only_second", "p", "p_corrected")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The first of two runs against the second.

    Attributes:
        first: Name of the first.
        second: Name of the second.
        clips: Clips that both report.
        only_first: Clips that only the first classifies correctly.
        only_second: Clips that only the second classifies correctly.
        p: Of McNemar's exact test, two-sided; how often chance alone parts two equal runs at least as far.
        p_corrected: The same after Holm's correction for all comparisons made together.
        differences: accuracy, uf1 and uar of the first less those of the second, with 95 % intervals of a bootstrap in
            which both runs are reported on the same drawn subjects.
    """

    first: str
    second: str
    clips: int
    only_first: int
    only_second: int
    p: float
    p_corrected: float
    differences: dict[str, metrics.Figure]


def compare(runs: Sequence[tuple[str, Predictions]]) -> list[Comparison]:
    """Compare each pair of runs.

    Args:
        runs: Names and predictions, of the same classes.

    Raises:
        MerError: If two runs do not report the same clips with the same truth.
    """
    pairs = [(a, b, *_matched(a, b)) for a, b in itertools.combinations(runs, 2)]
    right = [(one.predicted == one.truth, two.predicted == two.truth) for _, _, one, two in pairs]
    counts = [(int((a & ~b).sum()), int((b & ~a).sum())) for a, b in right]
    corrected = holm([mcnemar(*count) for count in counts])
    return [
        Comparison(a[0], b[0], len(one.truth), *count, mcnemar(*count), p, _differences(one, two))
        for (a, b, one, two), count, p in zip(pairs, counts, corrected)
    ]


def to_csv(comparisons: Sequence[Comparison]) -> str:
    """Return a line for each pair; differences as fractions."""
    rows = []
    for one in comparisons:
        values = {
            f"{name}{end}": getattr(figure, key)
            for name, figure in one.differences.items()
            for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))
        }
        rows.append({name: getattr(one, name) for name in _NAMES} | values)
    return csv_text([*_NAMES, *(f"{name}{end}" for name in metrics.FIGURES for end in ("", "_low", "_high"))], rows)


def to_latex(comparisons: Sequence[Comparison]) -> str:
    """Return a line for each pair, for a paper; differences in points."""
    columns = ("first", "second", "clips", "only first", "only second", "p", "p, Holm", *metrics.FIGURES)
    caption = (
        "First less second, points with 95 % intervals of a bootstrap over the same subjects; McNemar's exact test, "
        "corrected after Holm."
    )
    return latex.headed(latex.table(columns, [_cells(one) for one in comparisons], caption=caption, left=2))


def show(comparisons: Sequence[Comparison], console: Console) -> None:
    """Print a line for each pair."""
    table = Table(title="First less second, points with 95 % intervals over the same subjects; McNemar's exact test")
    for name in ("first", "second", "clips", "only first", "only second", "p", "p, Holm", *metrics.FIGURES):
        table.add_column(name, justify="left" if name in ("first", "second") else "right")
    for one in comparisons:
        table.add_row(*_cells(one))
    console.print(table)


def _cells(one: Comparison) -> list[str]:
    differences = [f"{100 * d.value:+.1f} [{100 * d.low:+.0f}, {100 * d.high:+.0f}]" for d in one.differences.values()]
    counts = map(str, (one.clips, one.only_first, one.only_second))
    return [one.first, one.second, *counts, f"{one.p:.2g}", f"{one.p_corrected:.2g}", *differences]


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p of McNemar's test from the two counts of clips that part two runs."""
    n = only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    return float(min(1.0, 2 * tail / 2**n))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for being several, in the order given."""
    order = np.argsort(p_values, kind="stable")
    corrected = np.zeros(len(order))
    largest = 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * p_values[i]))
        corrected[i] = largest
    return [float(p) for p in corrected]


def _matched(first: tuple[str, Predictions], second: tuple[str, Predictions]) -> tuple[Predictions, Predictions]:
    """Return both predictions in the order of their clips."""
    (name, one), (other, two) = first, second
    if one.classes != two.classes:
        raise MerError(
            f"{name} knows {', '.join(one.classes)}, {other} {', '.join(two.classes)}; compare equal classes"
        )
    ordered = []
    for given in (one, two):
        keys = list(zip(given.datasets, given.subjects, given.clips, given.positions, given.truth))
        order = sorted(range(len(keys)), key=lambda i: keys[i])
        ordered.append((_taken(given, np.array(order)), [keys[i] for i in order]))
    if ordered[0][1] != ordered[1][1]:
        raise MerError(f"{name} and {other} do not report the same clips; compare runs over the same data and folds")
    return ordered[0][0], ordered[1][0]


def _taken(given: Predictions, places: NDArray[np.int64]) -> Predictions:
    arrays: dict[str, Any] = {
        name: getattr(given, name)[places] for name in given.__dataclass_fields__ if name != "classes"
    }
    return Predictions(given.classes, **arrays)


def _differences(one: Predictions, two: Predictions) -> dict[str, metrics.Figure]:
    names, owner = np.unique(one.subjects, return_inverse=True)
    n_classes = len(one.classes)
    per_subject = [
        np.stack(
            [metrics.confusion(p.truth[owner == s], p.predicted[owner == s], n_classes) for s in range(len(names))]
        )
        for p in (one, two)
    ]
    rng = np.random.default_rng(0)
    weights = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=_DRAWS)
    drawn = [np.einsum("ds,sij->dij", weights, counts) for counts in per_subject]
    found = {}
    for name, figure in metrics.FIGURES.items():
        value = float(figure(per_subject[0].sum(0)) - figure(per_subject[1].sum(0)))
        low, high = np.nanquantile(figure(drawn[0]) - figure(drawn[1]), (0.025, 0.975))
        found[name] = metrics.Figure(value, float(low), float(high))
    return found
