"""Confusion matrix and reliability diagram as pictures."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mer.files import write_atomically


def draw_confusion(path: Path, figures: Mapping[str, Any], *, title: str) -> None:
    """Draw counts, shaded by their share of the true class.

    Args:
        path: A PNG file.
        figures: See `mer.evaluation.summary.summarise`.
        title: System, data and protocol.
    """
    counts, classes = np.array(figures["confusion"]), figures["classes"]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(1.6 + 0.9 * len(classes), 1.2 + 0.8 * len(classes)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(counts):
        colour = "white" if shares[i, j] > 0.55 else "black"
        axes.text(j, i, f"{count}\n{100 * shares[i, j]:.0f} %", ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(classes)), classes, rotation=30, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(
        f"{title}\naccuracy {100 * figures['accuracy']['value']:.1f} %, {figures['clips']} clips", fontsize=10
    )
    save(figure, path)


def draw_reliability(path: Path, figures: Mapping[str, Any], *, title: str) -> None:
    """Draw accuracy against confidence; the area of a dot is the number of its predictions.

    Args:
        path: A PNG file.
        figures: See `mer.evaluation.summary.summarise`.
        title: System, data and protocol.
    """
    bins = figures["reliability"]
    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", color="0.6", linewidth=1)
    areas = [10 + 600 * b["count"] / figures["clips"] for b in bins]
    axes.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], "C0", linewidth=1)
    axes.scatter([b["confidence"] for b in bins], [b["accuracy"] for b in bins], s=areas, alpha=0.6)
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title(f"{title}\nECE {100 * figures['ece']:.1f} %, {figures['clips']} clips", fontsize=10)
    axes.grid(alpha=0.3)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_atomically(path, picture.getvalue())
