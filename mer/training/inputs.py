"""What each system sees of a clip, and a cache for what takes time to work out."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer.config import TrainSettings
from mer.models.registry import SYSTEMS
from mer.preprocess import FLOW_STEPS_PER_PX, check_mode, encode
from mer.training.feature_cache import FeatureCache

Encode = Callable[[NDArray[np.uint8]], NDArray[Any]]
"""From one clip, (13, 90, 90[, 3]) uint8, to what a system sees of it; an array of one shape and type."""

_FLOW_KEY: Final = "flow-dis-1"
"""Names `mer.preprocess.encode_flow`; the number is raised when its outcome changes."""
_FEATURES_KEYS: Final = {"lbp-top": "lbp-top-r3-p8-1", "mdmo": "mdmo-1"}
"""Names features that are worth keeping; the number is raised when their outcome changes."""


def input_of(settings: TrainSettings, *, cache: Path | None) -> Encode:
    """Return what the system of some settings sees of a clip.

    Flow, and the features that support vector machines see, are kept in the cache; all else is quicker made than read.

    Args:
        settings: Model and input.
        cache: Folder of the cache; None for none.
    """
    plain = partial(encode, mode=check_mode(settings.input))
    kept = FeatureCache(cache) if cache is not None else None
    see = _cached(plain, _FLOW_KEY, kept) if settings.input == "flow" else plain
    system = SYSTEMS[settings.model]
    if system.kind == "network":
        return see
    seen = _features_of_flow if system.own_input == "flow" else _features_of_frames
    features = partial(seen, system.load(), see)
    return _cached(features, _FEATURES_KEYS[settings.model], kept) if settings.model in _FEATURES_KEYS else features


def _features_of_frames(features: Encode, see: Encode, images: NDArray[np.uint8]) -> NDArray[Any]:
    return features(see(images))


def _features_of_flow(
    features: Callable[[NDArray[Any]], NDArray[Any]], see: Encode, images: NDArray[np.uint8]
) -> NDArray[Any]:
    return features((see(images)[1:, ..., :2] - 128.0) / FLOW_STEPS_PER_PX)


def _cached(make: Encode, key: str, cache: FeatureCache | None) -> Encode:
    return make if cache is None else partial(cache.get, make, key)
