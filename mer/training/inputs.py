"""What each system sees of a clip, and a cache for what takes time to work out."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer.baselines.lbp_top import lbp_top
from mer.baselines.mdmo import features_from_flow
from mer.config import TrainSettings
from mer.preprocess import FLOW_STEPS_PER_PX, check_mode, encode
from mer.training.feature_cache import FeatureCache

Encode = Callable[[NDArray[np.uint8]], NDArray[Any]]
"""From one clip, (13, 90, 90[, 3]) uint8, to what a system sees of it; an array of one shape and type."""

_FLOW_KEY: Final = "flow-dis-1"
"""Names `mer.preprocess.encode_flow`; the number is raised when its outcome changes."""
_LBP_KEY: Final = "lbp-top-r3-p8-1"


def input_of(settings: TrainSettings, *, cache: Path | None) -> Encode:
    """Return what the system of some settings sees of a clip.

    Flow and histograms of patterns are kept in the cache; whatever else is quicker made than read.

    Args:
        settings: Model and input.
        cache: Folder of the cache; None for none.
    """
    plain = partial(encode, mode=check_mode(settings.input))
    kept = FeatureCache(cache) if cache is not None else None
    if settings.model == "lbp-top":
        return _cached(lbp_top_of_clip, _LBP_KEY, kept)
    if settings.input != "flow":
        return plain
    flow = _cached(plain, _FLOW_KEY, kept)
    return partial(_mdmo, flow) if settings.model == "mdmo" else flow


def lbp_top_of_clip(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the features of one clip; refuses what is no grey clip."""
    return lbp_top(encode(images, "gray"))


def _mdmo(flow: Encode, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return features_from_flow((flow(images)[1:, ..., :2] - 128.0) / FLOW_STEPS_PER_PX)


def _cached(make: Encode, key: str, cache: FeatureCache | None) -> Encode:
    return make if cache is None else partial(cache.get, make, key)
