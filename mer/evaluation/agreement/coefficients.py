"""Coefficients of agreement, each as its authors define it; None where it is not defined.

References:
    Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 1960.
    Krippendorff, "Content analysis", 2004, chapter 11: alpha.
    Holle and Rein, "EasyDIAg: a tool for easy determination of interrater agreement", Behavior Research Methods 2015:
        kappa of coded events, whose cell of what neither coder saw is empty by design; chance is fitted without it
        (Bakeman and Robinson, "Understanding log-linear analysis with ILOG", 1994).
    Shrout and Fleiss, "Intraclass correlations", Psychological Bulletin 1979; McGraw and Wong 1996: ICC(A,1).
    Bland and Altman, "Statistical methods for assessing agreement between two methods of clinical measurement",
        Lancet 1986: limits of agreement.

Krippendorff's alpha is written out here because the package `krippendorff` is under the GPL; a test compares the two.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LIMIT: Final = 1.96
_ROUNDS: Final = 2000
_CLOSE: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Limits:
    """Differences between two coders.

    Attributes:
        n: Differences.
        bias: Their mean.
        sd: Their standard deviation (n - 1).
        low: Lower limit of agreement, bias - 1.96 sd.
        high: Upper limit of agreement.
        bias_error: Standard error of the bias.
        limit_error: Standard error of each limit.
    """

    n: int
    bias: float
    sd: float
    low: float
    high: float
    bias_error: float
    limit_error: float


def kappa(counts: NDArray[np.float64] | NDArray[np.int64], *, empty: int | None = None) -> float | None:
    """Return Cohen's kappa.

    Args:
        counts: (C, C), rows the first coder's category, columns the second's.
        empty: Category whose diagonal cell cannot be filled, such as an event that neither coder saw; chance is then
            that of quasi-independence.
    """
    table = np.asarray(counts, np.float64)
    total = float(table.sum())
    if total == 0:
        return None
    chance = _independent(table) if empty is None else _quasi_independent(table, empty)
    expected = float(np.trace(chance)) / total
    observed = float(np.trace(table)) / total
    return None if 1.0 - expected < 1e-12 else (observed - expected) / (1.0 - expected)


def _independent(table: Floats) -> Floats:
    expected: Floats = np.outer(table.sum(1), table.sum(0)) / table.sum()
    return expected


def _quasi_independent(table: Floats, empty: int) -> Floats:
    """Return the table with the same margins and no other structure than one empty cell, by proportional fitting."""
    expected = np.ones_like(table)
    expected[empty, empty] = 0.0
    for _ in range(_ROUNDS):
        before = expected.copy()
        for axis in (1, 0):
            sums = expected.sum(axis, keepdims=True)
            wanted = table.sum(axis, keepdims=True)
            expected = expected * np.divide(wanted, sums, out=np.zeros_like(sums), where=sums > 0)
        if np.abs(expected - before).max() < _CLOSE:
            break
    return expected


def coincidences(values: NDArray[np.int64], n_categories: int) -> Floats:
    """Return the coincidences of Krippendorff's alpha for nominal data.

    Args:
        values: (coders, units) categories from 0; -1 for a missing value.
        n_categories: Their number.

    Returns:
        (C, C), each unit weighted by one over its number of values minus 1.
    """
    counts = np.stack([(values == category).sum(0) for category in range(n_categories)]).astype(np.float64)  # (C, U)
    sizes = counts.sum(0)
    paired = sizes >= 2
    weights = np.divide(1.0, sizes - 1.0, out=np.zeros_like(sizes), where=paired)
    weighted = counts * weights
    table: Floats = weighted @ counts.T - np.diag(weighted.sum(1))
    return table


def alpha(table: Floats) -> float | None:
    """Return Krippendorff's alpha of nominal data.

    Args:
        table: See `coincidences`; those of several recordings may be added.
    """
    n = float(table.sum())
    margins = table.sum(0)
    expected = n * n - float((margins**2).sum())
    if n <= 1 or expected <= 0:
        return None
    disagreed = n - float(np.trace(table))
    return 1.0 - (n - 1.0) * disagreed / expected


def icc(values: Floats) -> float | None:
    """Return ICC(A,1): absolute agreement of single values, coders drawn from many (Shrout and Fleiss's ICC(2,1)).

    Args:
        values: (events, coders), at least 2 of each.
    """
    n, k = values.shape
    if n < 2 or k < 2:
        return None
    grand = values.mean()
    between_events = k * float(((values.mean(1) - grand) ** 2).sum()) / (n - 1)
    between_coders = n * float(((values.mean(0) - grand) ** 2).sum()) / (k - 1)
    total = float(((values - grand) ** 2).sum())
    rest = (total - between_events * (n - 1) - between_coders * (k - 1)) / ((n - 1) * (k - 1))
    below = between_events + (k - 1) * rest + k * (between_coders - rest) / n
    return None if abs(below) < 1e-12 else (between_events - rest) / below


def limits(differences: Floats) -> Limits | None:
    """Return bias and limits of agreement; None for fewer than 2 differences."""
    n = len(differences)
    if n < 2:
        return None
    bias, sd = float(differences.mean()), float(differences.std(ddof=1))
    return Limits(
        n, bias, sd, bias - _LIMIT * sd, bias + _LIMIT * sd, sd / float(np.sqrt(n)), sd * float(np.sqrt(3.0 / n))
    )
