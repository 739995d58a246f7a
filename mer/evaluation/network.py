"""Weights that are evaluated, whatever runs them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mer.preprocess import InputMode


@dataclass(frozen=True, slots=True)
class Network:
    """Weights ready to predict; `engines.evaluate` opens them.

    Attributes:
        name: What it is called in tables.
        mode: Input mode.
        classes: In the order of the probabilities.
        none_threshold: Probability below which "none" would be predicted.
        parameters: Numbers that training adjusted.
        trained_on: Name of the training data.
        probabilities: From encoded clips (N, 13, 90, 90[, 3]) uint8 to (N, C) float32, calibrated.
        fingerprint: Of the clips trained on, see `mer.training.data.ClipData.fingerprint`; empty if not known.
    """

    name: str
    mode: InputMode
    classes: tuple[str, ...]
    none_threshold: float
    parameters: int
    trained_on: str
    probabilities: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    fingerprint: str = ""


class OpenNetwork(Protocol):
    """Opens a checkpoint or an engine."""

    def __call__(self, weights: str, *, threads: int) -> Network:
        """Return it, ready to predict."""
