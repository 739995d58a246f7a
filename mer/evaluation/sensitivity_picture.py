"""The picture of `mer-evaluate sensitivity`: detection curves by amplitude."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mer.files import write_atomically


def draw(path: Path, result: Mapping[str, Any]) -> None:
    """Draw the probability of being found by amplitude, one curve for each sensitivity, and write a PNG.

    Args:
        path: Of the picture.
        result: What `mer-evaluate sensitivity` writes as JSON.

    Raises:
        MerError: If the file cannot be written.
    """
    figure = Figure(figsize=(7.0, 4.4), dpi=150, layout="constrained")
    axes = figure.subplots()
    for k, (value, row) in enumerate(result["sensitivities"].items()):
        colour = f"C{k}"
        at, p, low, high = (
            [point[name] for point in row["curve"]] for name in ("amplitude_percent", "probability", "low", "high")
        )
        rate = row["false_per_minute"]["value"]
        axes.plot(at, p, color=colour, label=f"sensitivity {value}: {rate:.1f} false a minute")
        axes.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
        for found in row["by_amplitude"]:
            middle = float(np.sqrt(np.prod(found["amplitude_percent"]))) * 1.02**k
            share = found["share"]
            spread = [[share - found["low"]], [found["high"] - share]]
            axes.errorbar(middle, share, yerr=np.maximum(spread, 0.0), color=colour, fmt="o", ms=4, lw=1)
    if result["predicted"] is not None:
        at, p = (
            [point[name] for point in result["predicted"]["curve"]] for name in ("amplitude_percent", "probability")
        )
        axes.plot(at, p, color="black", ls="--", label="predicted at sensitivity 1 from the motion around")
    axes.axhline(0.8, color="0.6", lw=0.8, ls=":")
    axes.set(xscale="log", ylim=(-0.02, 1.02), ylabel="found with probability")
    axes.set_xlabel("peak displacement, percent of the distance between the eyes")
    ticks = [0.5, 1, 2, 3, 5, 10]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.legend(fontsize=8, loc="upper left")
    names = ", ".join(str(one["recording"]) for one in result["recordings"])
    axes.set_title(f"Synthetic micro-expressions drawn into {names}"[:90], fontsize=9)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_atomically(path, picture.getvalue())
