"""Probabilities that mean what they say, and when to predict "none".

References: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017, section 4.2; Platt,
"Probabilistic outputs for support vector machines", 1999, section 2.2 (targets that N clips can support).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KEPT_SHARE: Final = 0.95
"""Share of the correct predictions that the threshold for "none" lets pass."""
_COLDEST: Final = 0.05
_HOTTEST: Final = 20.0
_STEPS: Final = 60
_GOLDEN: Final = (5**0.5 - 1) / 2


def softmax(logits: Floats, *, temperature: float = 1.0) -> Floats:
    """Return (N, C) probabilities of (N, C) logits divided by a temperature."""
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def cross_entropy(logits: Floats, truth: NDArray[np.int64], *, temperature: float = 1.0) -> float:
    """Return the mean negative logarithm of the true class's probability."""
    return -float(_log_softmax(logits, temperature)[np.arange(len(truth)), truth].mean())


def fit_temperature(logits: Floats, truth: NDArray[np.int64]) -> float:
    """Return the temperature with the least cross-entropy, 0.05 to 20, by golden-section search.

    The true class's target is not 1 but (N + 1) / (N + 2), the others share the rest: N clips that are all
    classified correctly do not show that no prediction will ever be wrong.

    Args:
        logits: (N, C) of clips that changed no weight; N at least 1.
        truth: (N,) class indices.
    """
    doubt = 1.0 / (len(truth) + 2.0)
    others = logits.shape[1] - 1
    targets = np.full(logits.shape, doubt / max(others, 1))
    targets[np.arange(len(truth)), truth] = 1.0 - doubt if others else 1.0

    def loss(log_temperature: float) -> float:
        return -float((targets * _log_softmax(logits, float(np.exp(log_temperature)))).sum(axis=-1).mean())

    low, high = np.log(_COLDEST), np.log(_HOTTEST)
    for _ in range(_STEPS):  # the loss has one minimum in 1 / T, so in log T as well
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if loss(left) <= loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def none_threshold(probabilities: Floats, truth: NDArray[np.int64]) -> float:
    """Return the probability that 95 % of the correct predictions reach; 0 without any.

    Args:
        probabilities: (N, C), calibrated, of clips that changed no weight.
        truth: (N,) class indices.
    """
    right = probabilities.argmax(axis=1) == truth
    if not right.any():
        return 0.0
    return float(np.quantile(probabilities.max(axis=1)[right], 1.0 - KEPT_SHARE, method="lower"))


def _log_softmax(logits: Floats, temperature: float) -> Floats:
    scaled = logits / temperature
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    logs: Floats = scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True))
    return logs
