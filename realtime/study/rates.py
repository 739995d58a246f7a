"""Rates and their intervals: exact ones of a count, and a bootstrap over participants."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Takes (R, P) how often each of P participants was drawn in each of R resamples; returns (R,), not a number where
nothing can be said."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Events per minute.

    Attributes:
        events: How many.
        minutes: In how much time.
    """

    events: int
    minutes: float

    @property
    def value(self) -> float | None:
        """Events per minute, None without any time."""
        return self.events / self.minutes if self.minutes > 0.0 else None

    def poisson(self, level: float) -> tuple[float, float] | None:
        """Return the exact interval of the rate if events come independently (Garwood 1936), None without any time.

        Half the quantiles of chi squared with 2 k and 2 k + 2 degrees of freedom bound the mean of a Poisson count k.

        Args:
            level: Of confidence, 0 to 1.
        """
        if self.minutes <= 0.0:
            return None
        tail = (1.0 - level) / 2.0
        low = stats.chi2.ppf(tail, 2 * self.events) / 2.0 if self.events else 0.0
        high = stats.chi2.isf(tail, 2 * self.events + 2) / 2.0
        return float(low / self.minutes), float(high / self.minutes)


def total(rates: Sequence[Rate]) -> Rate:
    """Return the rate of several counts together."""
    return Rate(sum(rate.events for rate in rates), float(sum(rate.minutes for rate in rates)))


def bootstrap(
    statistic: Statistic,
    *,
    participants: int,
    resamples: int,
    level: float,
    seed: int,
) -> tuple[float, float] | None:
    """Return the percentile interval of a statistic when participants are drawn again (Efron & Tibshirani 1993).

    Args:
        statistic: Of what was drawn.
        participants: P; with fewer than two nothing is drawn.
        resamples: R.
        level: Of confidence, 0 to 1.
        seed: Of the draws.

    Returns:
        Both ends; None if it cannot be had.
    """
    if participants < 2:
        return None
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(participants, np.full(participants, 1.0 / participants), size=resamples)
    values = statistic(drawn.astype(np.float64))
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(values, (tail, 100.0 - tail))
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class PerPerson:
    """Events of each of P participants.

    Attributes:
        counts: (P,) events.
        minutes: (P,) in how much time.
    """

    counts: NDArray[np.float64]
    minutes: NDArray[np.float64]

    def of(self, chosen: NDArray[np.bool_]) -> "PerPerson":
        """Return those of some participants."""
        return PerPerson(self.counts[chosen], self.minutes[chosen])

    @property
    def rate(self) -> Rate:
        """Of all together."""
        return Rate(int(self.counts.sum()), float(self.minutes.sum()))

    def pooled(self, drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (R,) the rate of all together, given (R, P) how often each was drawn; not a number without time."""
        with np.errstate(invalid="ignore", divide="ignore"):
            rates: NDArray[np.float64] = (drawn @ self.counts) / (drawn @ self.minutes)
        return rates
