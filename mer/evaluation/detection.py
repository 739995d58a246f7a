"""How large a micro-expression has to be to be found: detection curves with intervals, and which sensitivity to choose.

A logistic curve on the logarithm of the size, with lapses (Wichmann and Hill, "The psychometric function: I",
Perception & Psychophysics 2001), whose posterior is worked out on a grid: its intervals are right for few events, too,
and where all or none were found. Shares have Wilson's intervals (JASA 1927).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MAX_PERCENT: Final = 10.0
"""Largest amplitude that a statement is made about, percent of the inter-ocular distance."""
SHARES: Final = (0.5, 0.8)
"""Probabilities of being found for which the amplitude is given."""
MAX_FALSE_PER_MINUTE: Final = 1.0
ENOUGH_MINUTES: Final = 3.0
"""Less than this without an event says little about how many false ones there are a minute."""
_CURVE_POINTS: Final = 41
_CENTRES: Final = np.geomspace(0.1, 30.0, 96)
_SLOPES: Final = np.geomspace(0.7, 20.0, 14)
_LAPSES: Final = 1.0 / (1.0 + np.exp(-np.linspace(-5.0, 4.0, 14)))
_PRIORS: Final = ((np.log(2.0), 2.0), (np.log(4.0), 1.0), (-2.0, 1.5))
"""Mean and standard deviation of weak normal priors on log centre, log slope and logit of the lapses: they decide only
where there are next to no data, as when nothing or everything was found."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Probability of being found by amplitude: (1 - lapse) / (1 + (centre / amplitude) ** slope).

    Attributes:
        centre_percent: Amplitude with half of the largest probability, percent of the IOD.
        slope: Steepness on a logarithmic axis.
        lapse: Share that is not found however large: the face was moving, talking or being cut out anew.
    """

    centre_percent: float
    slope: float
    lapse: float

    def at(self, amplitude_percent: Floats) -> Floats:
        """Return the probability at some amplitudes."""
        grid = np.array([[self.centre_percent, self.slope, self.lapse]])
        probability: Floats = _probability(amplitude_percent, grid)[0]
        return probability

    def amplitude(self, share: float) -> float | None:
        """Return the amplitude that is found with a probability; None if none up to MAX_PERCENT is."""
        if share >= 1.0 - self.lapse:
            return None
        amplitude = self.centre_percent * float((share / (1.0 - self.lapse - share)) ** (1.0 / self.slope))
        return amplitude if amplitude <= MAX_PERCENT else None


@dataclass(frozen=True, slots=True)
class Posterior:
    """What events say about the curve.

    Attributes:
        grid: (G, 3) centre, slope and lapse of possible curves.
        weight: (G,) probability of each, summing to 1.
    """

    grid: Floats
    weight: Floats

    @property
    def best(self) -> Curve:
        """The most probable curve."""
        centre, slope, lapse = (float(value) for value in self.grid[int(np.argmax(self.weight))])
        return Curve(centre, slope, lapse)

    def interval(self, values: Floats) -> tuple[float, float]:
        """Return the 95 % interval of (G,) values, one for each curve; values may be infinite."""
        order = np.argsort(values)
        total = np.cumsum(self.weight[order])
        low, high = (order[min(int(np.searchsorted(total, q)), len(order) - 1)] for q in (0.025, 0.975))
        return float(values[low]), float(values[high])


def fit(amplitudes_percent: Floats, found: NDArray[np.bool_]) -> Posterior:
    """Return what events say about the detection curve.

    Args:
        amplitudes_percent: (n,) peak displacements over 0.
        found: (n,) whether each was found.
    """
    grid = np.stack(np.meshgrid(_CENTRES, _SLOPES, _LAPSES, indexing="ij"), axis=-1).reshape(-1, 3)
    unusual = [np.log(grid[:, 0]), np.log(grid[:, 1]), np.log(grid[:, 2] / (1.0 - grid[:, 2]))]
    log = -0.5 * sum(((value - mean) / spread) ** 2 for value, (mean, spread) in zip(unusual, _PRIORS))
    for amplitude, hit in zip(amplitudes_percent, found):
        p = np.clip(_probability(np.array([amplitude]), grid)[:, 0], 1e-9, 1.0 - 1e-9)
        log = log + (np.log(p) if hit else np.log1p(-p))
    weight = np.exp(log - log.max())
    return Posterior(grid, weight / weight.sum())


def figures(amplitudes_percent: Floats, found: NDArray[np.bool_], *, false: int, minutes: float) -> dict[str, Any]:
    """Return everything about one sensitivity as JSON values; intervals hold 95 %.

    Args:
        amplitudes_percent: (n,) peak displacements of the events, n >= 1.
        found: (n,) whether each was found.
        false: Events found where nothing was drawn.
        minutes: Length of what was searched for these.
    """
    posterior = fit(amplitudes_percent, found)
    curve = posterior.best
    at = np.geomspace(min(0.3, float(amplitudes_percent.min())), MAX_PERCENT, _CURVE_POINTS)
    band = np.array([posterior.interval(values) for values in _probability(at, posterior.grid).T]).T
    low, high = poisson(false)
    return {
        "events": len(found),
        "found": int(found.sum()),
        "found_with_probability": {f"{share:g}": _amplitude(posterior, share) for share in SHARES},
        "logistic": {"centre_percent": curve.centre_percent, "slope": curve.slope, "lapse": curve.lapse},
        "curve": [
            {"amplitude_percent": float(a), "probability": float(p), "low": float(b), "high": float(c)}
            for a, p, b, c in zip(at, curve.at(at), *band)
        ],
        "by_amplitude": by_amplitude(amplitudes_percent, found),
        "false": false,
        "minutes": minutes,
        "false_per_minute": {"value": false / minutes, "low": low / minutes, "high": high / minutes},
    }


def by_amplitude(amplitudes_percent: Floats, found: NDArray[np.bool_], *, bins: int = 5) -> list[dict[str, Any]]:
    """Return the share found in bins of equally many events, each with its Wilson interval."""
    order = np.argsort(amplitudes_percent, kind="stable")
    rows = []
    for part in np.array_split(order, min(bins, len(order))):
        hits = int(found[part].sum())
        low, high = wilson(hits, len(part))
        inside = amplitudes_percent[part]
        rows.append(
            {
                "amplitude_percent": [float(inside.min()), float(inside.max())],
                "events": len(part),
                "found": hits,
                "share": hits / len(part),
                "low": low,
                "high": high,
            }
        )
    return rows


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share."""
    z = 1.959964
    share, spread = hits / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z * float(np.sqrt(share * (1 - share) / total + spread / (4 * total))) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def poisson(count: int) -> tuple[float, float]:
    """Return the exact 95 % interval of an expected count."""
    from scipy.stats import chi2

    return float(chi2.ppf(0.025, 2 * count) / 2) if count else 0.0, float(chi2.ppf(0.975, 2 * count + 2) / 2)


def advise(rows: Mapping[float, Mapping[str, Any]]) -> dict[str, Any]:
    """Return which sensitivity finds most with at most MAX_FALSE_PER_MINUTE false events, and what to say about it."""
    quiet = {k: row for k, row in rows.items() if row["false_per_minute"]["value"] <= MAX_FALSE_PER_MINUTE}
    if not quiet:
        best = min(rows, key=lambda k: float(rows[k]["false_per_minute"]["value"]))
        rate = rows[best]["false_per_minute"]["value"]
        text = (
            f"no sensitivity tried keeps below {MAX_FALSE_PER_MINUTE:g} event a minute where nothing was drawn; "
            f"{best:g} has fewest, {rate:.1f}: check its events by hand, or try lower ones"
        )
        return {"sensitivity": best, "text": text + _caution(rows)}
    best = max(quiet, key=lambda k: (int(quiet[k]["found"]), -k))
    row = quiet[best]
    sees = row["found_with_probability"]["0.8"]["value"]
    size = f"{sees:.1f} % of the eye distance" if sees is not None else None
    reach = f"micro-expressions from {size} are found with probability .8" if size else "no size is found reliably"
    rate = row["false_per_minute"]["value"]
    text = f"--sensitivity {best:g}: {reach}; {rate:.1f} events a minute where nothing was drawn"
    if size is None:
        text += ". What moves beside them hides them: ask for less head motion and speech, or a camera with more frames"
    return {"sensitivity": best, "text": text + _caution(rows)}


def _caution(rows: Mapping[float, Mapping[str, Any]]) -> str:
    minutes = float(next(iter(rows.values()))["minutes"])
    if minutes >= ENOUGH_MINUTES:
        return ""
    return f". This rests on {minutes:.1f} minutes: give more recordings, at least {ENOUGH_MINUTES:g} minutes in all"


def _amplitude(posterior: Posterior, share: float) -> dict[str, float | None]:
    """Return the amplitude that is found with a probability, and its interval; None stands for over MAX_PERCENT."""
    centre, slope, lapse = posterior.grid.T
    reached = 1.0 - lapse - share
    with np.errstate(over="ignore"):
        sizes = np.where(reached > 0.0, centre * (share / np.maximum(reached, 1e-12)) ** (1.0 / slope), np.inf)
    low, high = posterior.interval(sizes)
    return {
        "value": posterior.best.amplitude(share),
        "low": low if low <= MAX_PERCENT else None,
        "high": high if high <= MAX_PERCENT else None,
    }


def _probability(amplitudes_percent: Floats, grid: Floats) -> Floats:
    """Return the (G, n) probabilities of (G, 3) curves at (n,) amplitudes."""
    centre, slope, lapse = grid.T[:, :, np.newaxis]
    exponent = np.clip(slope * (np.log(centre) - np.log(amplitudes_percent)), -60.0, 60.0)
    seen: Floats = (1.0 - lapse) / (1.0 + np.exp(exponent))
    return seen
