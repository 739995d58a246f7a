"""How large a micro-expression has to be to be found: detection curves with intervals, and what the dial should say.

References: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927; Wichmann and
Hill, "The psychometric function: I", Perception & Psychophysics 2001 (logistic curve with lapses, bootstrap).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST_PERCENT: Final = 10.0
"""Largest amplitude that a statement is made about, percent of the inter-ocular distance."""
SHARES: Final = (0.5, 0.8)
"""Probabilities of being found for which the amplitude is given."""
MAX_FALSE_PER_MINUTE: Final = 1.0
ENOUGH_MINUTES: Final = 3.0
"""Less than this without an event says little about how many false ones there are a minute."""
DRAWS: Final = 300
_CURVE_POINTS: Final = 41
_SLOPE: Final = (np.log(4.0), 1.0)
_LAPSE: Final = (-2.0, 1.5)
_CENTRE: Final = (np.log(2.0), 2.0)
"""Mean and standard deviation of weak normal priors on log slope, logit of the lapses and log amplitude: they decide
only where there are next to no data, as when nothing or everything was found."""
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
        return _probability(np.log(amplitude_percent), self._parameters)

    def amplitude(self, share: float) -> float | None:
        """Return the amplitude that is found with a probability; None if none up to MOST_PERCENT is."""
        if share >= 1.0 - self.lapse:
            return None
        amplitude = self.centre_percent * float((share / (1.0 - self.lapse - share)) ** (1.0 / self.slope))
        return amplitude if amplitude <= MOST_PERCENT else None

    @property
    def _parameters(self) -> Floats:
        return np.array([np.log(self.centre_percent), np.log(self.slope), np.log(self.lapse / (1.0 - self.lapse))])


def fit(amplitudes_percent: Floats, found: NDArray[np.bool_]) -> Curve:
    """Return the detection curve of events: maximum a posteriori under weak priors.

    Args:
        amplitudes_percent: (n,) peak displacements over 0.
        found: (n,) whether each was found.
    """
    from scipy.optimize import minimize

    logs = np.log(amplitudes_percent)

    def cost(parameters: Floats) -> float:
        p = np.clip(_probability(logs, parameters), 1e-9, 1.0 - 1e-9)
        likelihood = np.where(found, np.log(p), np.log1p(-p)).sum()
        means, spreads = np.array([_CENTRE, _SLOPE, _LAPSE]).T
        return float(0.5 * (((parameters - means) / spreads) ** 2).sum() - likelihood)

    start = np.array([_CENTRE[0], _SLOPE[0], _LAPSE[0]])
    centre, slope, lapse = minimize(cost, start, method="L-BFGS-B").x
    return Curve(float(np.exp(centre)), float(np.exp(slope)), float(1.0 / (1.0 + np.exp(-lapse))))


def figures(
    amplitudes_percent: Floats, found: NDArray[np.bool_], *, false: int, minutes: float, seed: int
) -> dict[str, Any]:
    """Return everything about one position of the dial as JSON values; intervals hold 95 %.

    Args:
        amplitudes_percent: (n,) peak displacements of the events, n >= 1.
        found: (n,) whether each was found.
        false: Events found where nothing was drawn.
        minutes: Length of what was searched for these.
        seed: Of the bootstrap over events.
    """
    curve = fit(amplitudes_percent, found)
    draws = np.random.default_rng(seed).integers(0, len(found), (DRAWS, len(found)))
    others = [fit(amplitudes_percent[draw], found[draw]) for draw in draws]
    at = np.geomspace(min(0.3, float(amplitudes_percent.min())), MOST_PERCENT, _CURVE_POINTS)
    band = np.percentile([other.at(at) for other in others], (2.5, 97.5), axis=0)
    low, high = poisson(false)
    return {
        "events": len(found),
        "found": int(found.sum()),
        "found_with_probability": {f"{share:g}": _amplitude(curve, others, share) for share in SHARES},
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


def advise(dial: Mapping[float, Mapping[str, Any]]) -> dict[str, Any]:
    """Return which sensitivity finds most with at most MAX_FALSE_PER_MINUTE false events, and what to say about it."""
    quiet = {k: row for k, row in dial.items() if row["false_per_minute"]["value"] <= MAX_FALSE_PER_MINUTE}
    if not quiet:
        best = min(dial, key=lambda k: float(dial[k]["false_per_minute"]["value"]))
        rate = dial[best]["false_per_minute"]["value"]
        text = (
            f"no sensitivity tried keeps below {MAX_FALSE_PER_MINUTE:g} event a minute where nothing was drawn; "
            f"{best:g} has fewest, {rate:.1f}: check its events by hand, or try lower ones"
        )
        return {"sensitivity": best, "text": text + _caution(dial)}
    best = max(quiet, key=lambda k: (int(quiet[k]["found"]), -k))
    row = quiet[best]
    sees = row["found_with_probability"]["0.8"]["value"]
    size = f"{sees:.1f} % of the eye distance" if sees is not None else None
    reach = f"micro-expressions from {size} are found with probability .8" if size else "no size is found reliably"
    rate = row["false_per_minute"]["value"]
    text = f"--sensitivity {best:g}: {reach}; {rate:.1f} events a minute where nothing was drawn"
    if size is None:
        text += ". What moves beside them hides them: ask for less head motion and speech, or a camera with more frames"
    return {"sensitivity": best, "text": text + _caution(dial)}


def _caution(dial: Mapping[float, Mapping[str, Any]]) -> str:
    minutes = float(next(iter(dial.values()))["minutes"])
    if minutes >= ENOUGH_MINUTES:
        return ""
    return f". This rests on {minutes:.1f} minutes: give more recordings, at least {ENOUGH_MINUTES:g} minutes in all"


def _amplitude(curve: Curve, others: Sequence[Curve], share: float) -> dict[str, float | None]:
    sizes = np.array([np.inf if size is None else size for size in (other.amplitude(share) for other in others)])
    low, high = (float(np.quantile(sizes, q, method="nearest")) for q in (0.025, 0.975))
    return {
        "value": curve.amplitude(share),
        "low": low if np.isfinite(low) else None,
        "high": high if np.isfinite(high) else None,
    }


def _probability(logs: Floats, parameters: Floats) -> Floats:
    centre, log_slope, lapse = parameters
    exponent = np.clip(np.exp(np.clip(log_slope, -5.0, 5.0)) * (centre - logs), -60.0, 60.0)
    seen: Floats = 1.0 / (1.0 + np.exp(exponent)) / (1.0 + np.exp(np.clip(lapse, -60.0, 60.0)))
    return seen
