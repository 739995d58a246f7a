"""What a network's outputs must be before they are used: every runtime passes its outputs through here."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError

ROUNDING: Final = 1e-6
"""How far above 1 a probability of a softmax in single precision may come."""
SUM_TOLERANCE: Final = 1e-3
"""How far from 1 the probabilities of a clip may sum; those of an engine in half precision miss it by less."""


def checked_probabilities(probabilities: NDArray[Any], *, clips: int, classes: int, source: str) -> NDArray[Any]:
    """Return class probabilities as they are, if that is what they are.

    Args:
        probabilities: What the runtime returned.
        clips: How many clips were asked about.
        classes: How many classes there are.
        source: Name of the runtime or file they come from, for errors.

    Returns:
        (clips, classes), each row from 0 to 1 and summing to 1.

    Raises:
        MerError: If the shape is another one, or a row is not finite, not from 0 to 1 or does not sum to 1.
    """
    if probabilities.shape != (clips, classes):
        raise MerError(
            f"{source} returned an array of shape {probabilities.shape} for {clips} clips, expected "
            f"({clips}, {classes}); export or build the engine again"
        )
    with np.errstate(invalid="ignore"):
        # False for NaN and infinity, too.
        inside = ((probabilities >= 0.0) & (probabilities <= 1.0 + ROUNDING)).all(axis=1)
        wrong = ~inside | ~(np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1.0) <= SUM_TOLERANCE)
    if wrong.any():
        row = probabilities[int(np.argmax(wrong))]
        raise MerError(
            f"{source} returned {', '.join(f'{value:.4g}' for value in row[:8])}, which are not probabilities (0 to 1, "
            "summing to 1); export or build the engine again, or use another --engine"
        )
    return probabilities
