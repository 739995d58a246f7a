"""A network on data it was given as it stands: no fold, no training."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mer.augment import Copy
from mer.errors import MerError
from mer.evaluation.network import Network
from mer.evaluation.report import Row
from mer.evaluation.summary import summarise
from mer.metrics import COMPOSITE_CLASSES, composite_label
from mer.preprocess import encode
from mer.training.data import ClipData, encode_all, keep
from mer.training.predictions import Predictions

_PART = 64


def try_network(
    network: Network,
    data: ClipData,
    *,
    classes: tuple[str, ...],
    threads: int,
    mapping: Mapping[str, str] | None = None,
) -> tuple[Row, Predictions]:
    """Predict all clips of some classes and sum up.

    Args:
        network: What predicts.
        data: Clips, not encoded; those of other classes are left out.
        classes: The network's own, or the three of MEGC2019: then its probabilities are added up
            within each, and the data's labels are mapped.
        threads: Clips encoded side by side.
        mapping: Classes of labels that are mapped.

    Returns:
        The figures, and the predictions they come from.

    Raises:
        MerError: If no clip is left, or the clips do not fit the network's input.
    """
    kept, truth = keep(data, classes, mapping)
    if not len(truth):
        raise MerError(
            f"{data.name}: no clip of {', '.join(classes)}; found: {', '.join(sorted(set(data.labels.tolist())))}"
        )
    encoded = partial(encode, mode=network.mode)
    parts = []
    for i in range(0, len(truth), _PART):
        own = [Copy(k, ()) for k in range(i, min(i + _PART, len(truth)))]
        parts.append(network.probabilities(encode_all(kept.clips, own, encoded, threads=threads)))
    probabilities = np.concatenate(parts).astype(np.float64)
    if classes != network.classes:
        probabilities = probabilities @ _composition(network.classes)
    n = len(truth)
    predicted = Predictions(
        classes,
        truth,
        probabilities,
        kept.datasets,
        kept.subjects,
        kept.names,
        np.full(n, "all"),
        np.arange(n, dtype=np.int64),
        np.full(n, network.none_threshold),
    )
    system = {
        "system": network.name,
        "input": network.mode,
        "protocol": f"fixed weights, trained on {network.trained_on}{_warning(network, kept)}",
        "data": data.name,
        "parameters": network.parameters,
        "seconds_per_epoch": None,
        "left_out": len(data.labels) - n,
    }
    return Row(system, summarise(predicted)), predicted


def _warning(network: Network, data: ClipData) -> str:
    """Return what has to be said of weights that were trained on the very clips."""
    return " (these very clips: figures say nothing)" if network.fingerprint == data.fingerprint() else ""


def _composition(classes: tuple[str, ...]) -> NDArray[np.float64]:
    """Return (C, 3): which class counts as which of MEGC2019; a class of none of them never wins."""
    shares = np.zeros((len(classes), len(COMPOSITE_CLASSES)))
    for i, name in enumerate(classes):
        if (composite := composite_label(name)) is not None:
            shares[i, COMPOSITE_CLASSES.index(composite)] = 1.0
    return shares
