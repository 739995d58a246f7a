"""Pictures of agreement: differences of the moments (Bland and Altman), and events by label."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from mer.evaluation.matching import MOMENTS
from mer.evaluation.pictures import save

_INCHES: Final = (9.6, 3.4)


def draw_differences(path: Path, pair: Mapping[str, Any]) -> None:
    """Draw the differences of onset, apex and offset over the duration of events, with limits of agreement.

    Args:
        path: A PNG file.
        pair: See `mer.evaluation.agreement.figures.agreement`.
    """
    first, second = pair["coders"]
    both = [(one["first"], one["second"]) for one in pair["matches"] if one["first"] and one["second"]]
    moments = np.array([[[side[f"{name}_s"] for name in MOMENTS] for side in one] for one in both], np.float64)
    moments = moments.reshape(-1, 2, 3)  # an apex that was not coded is NaN and is not drawn
    durations_ms = 1000.0 * (moments[:, :, 2] - moments[:, :, 0]).mean(axis=1)
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    for number, (name, axis) in enumerate(zip(MOMENTS, axes)):
        axis.plot(durations_ms, 1000.0 * (moments[:, 1, number] - moments[:, 0, number]), "o", ms=4, alpha=0.6)
        axis.set(title=name, xlabel="mean duration, ms")
        if spread := pair["differences_ms"][name]:
            axis.axhline(spread["bias"], color="C3", lw=1)
            for limit in (spread["low"], spread["high"]):
                axis.axhline(limit, color="C3", lw=1, ls="--")
    axes[0].set_ylabel(f"{second} minus {first}, ms", parse_math=False)
    save(figure, path)


def draw_events(path: Path, pair: Mapping[str, Any], labels: list[str]) -> None:
    """Draw how many events have which labels with both coders.

    Args:
        path: A PNG file.
        pair: See `mer.evaluation.agreement.figures.agreement`.
        labels: Of the rows and columns of its counts but the last.
    """
    counts, names = np.array(pair["events"]), [*labels, "not coded"]
    size = 2.0 + 0.7 * len(names)
    figure = Figure(figsize=(size, size - 0.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Blues", vmin=0)
    for (i, j), count in np.ndenumerate(counts):
        axes.text(j, i, str(count), ha="center", va="center", color="white" if count > counts.max() / 2 else "black")
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", parse_math=False)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_xlabel(pair["coders"][1], parse_math=False)
    axes.set_ylabel(pair["coders"][0], parse_math=False)
    save(figure, path)
