"""The one dial of the spotter: more findings, or fewer false ones."""

import argparse
from dataclasses import replace
from typing import Final

from realtime.spotting.spotter import SpotterConfig

LEVELS: Final[dict[str, float]] = {"low": 0.6, "normal": 1.0, "high": 1.5}
LEAST: Final = 0.2
MOST: Final = 5.0


def sensitivity(text: str) -> float:
    """Return the sensitivity that `low`, `normal`, `high` or a number stands for; for argparse."""
    if text in LEVELS:
        return LEVELS[text]
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not LEAST <= number <= MOST:
        raise argparse.ArgumentTypeError(
            f"{text} is not a sensitivity; give one of {', '.join(LEVELS)}, "
            f"or a number from {LEAST:g} to {MOST:g} (normal is 1)"
        )
    return number


def spotter_config(value: float, normal: SpotterConfig | None = None) -> SpotterConfig:
    """Return the thresholds for a sensitivity.

    Twice the sensitivity halves the motion that starts a candidate, and doubles the unrest around it and the loss of
    focus during it that are put up with. What a micro-expression is (its duration, blinks, head motion) stays.

    Args:
        value: 1 for the thresholds of `normal`.
        normal: Where the dial stands at 1; None for the thresholds that were tuned.
    """
    normal = normal or SpotterConfig()
    limits = replace(
        normal.limits,
        restless_before=value * normal.limits.restless_before,
        restless_after=value * normal.limits.restless_after,
        blur_step=value * normal.limits.blur_step,
    )
    return replace(normal, floor=normal.floor / value, noise_factor=normal.noise_factor / value, limits=limits)
