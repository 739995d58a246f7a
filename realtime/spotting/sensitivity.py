"""The sensitivity of the spotter: more findings, or fewer false ones."""

import argparse
from dataclasses import replace
from typing import Final

from realtime.spotting.spotter import SpotterConfig

LEVELS: Final[dict[str, float]] = {"low": 0.6, "normal": 1.0, "high": 1.5}
MIN_SENSITIVITY: Final = 0.2
MAX_SENSITIVITY: Final = 5.0


def sensitivity(text: str) -> float:
    """Return the sensitivity that `low`, `normal`, `high` or a number stands for; for argparse."""
    if text in LEVELS:
        return LEVELS[text]
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not MIN_SENSITIVITY <= number <= MAX_SENSITIVITY:
        raise argparse.ArgumentTypeError(
            f"{text} is not a sensitivity; give one of {', '.join(LEVELS)}, "
            f"or a number from {MIN_SENSITIVITY:g} to {MAX_SENSITIVITY:g} (normal is 1)"
        )
    return number


def spotter_config(value: float, normal: SpotterConfig | None = None) -> SpotterConfig:
    """Return the thresholds for a sensitivity.

    Twice the sensitivity asks for an eighth of the odds that a movement is a micro-expression, and halves the least
    motion. What a micro-expression is (its duration and largest motion) stays.

    Args:
        value: 1 for the thresholds of `normal`.
        normal: Thresholds at sensitivity 1; None for the thresholds that were tuned.
    """
    normal = normal or SpotterConfig()
    return replace(normal, odds=normal.odds / value**3, floor=normal.floor / value)
