"""Annotations as a spotter would have made them: near the true moments, not on them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

ERROR_SHARES: Final = {"onset": 0.06, "apex": 0.05, "offset": 0.08}
"""Standard deviation of each moment's error, as a share of the duration; the spotter's own errors on
synthetic recordings are of this size."""
LAST_FRAMES: Final = 2
"""The offset is moved back at most by so many frames, for a clip ends soon after it."""


def with_shifted_copies(rows: Sequence[Mapping[str, Any]], generator: np.random.Generator) -> list[dict[str, Any]]:
    """Return every row of a manifest and, after it, the same clip with its moments moved.

    The augmented samples belong to the training set only: they carry the name of their clip with a "j" behind.

    Args:
        rows: With whole numbers at onset, apex and offset.
        generator: Source of the errors.
    """
    return [out for row in rows for out in (dict(row), _shifted(row, generator))]


def _shifted(row: Mapping[str, Any], generator: np.random.Generator) -> dict[str, Any]:
    onset, apex, offset = (int(row[name]) for name in ERROR_SHARES)
    errors = generator.normal(0.0, list(ERROR_SHARES.values())) * (offset - onset)
    first = max(0, round(onset + errors[0]))
    last = min(round(offset + errors[2]), offset + LAST_FRAMES)
    top = min(max(round(apex + errors[1]), first + 1), last - 1)
    moments = (first, top, last) if first < top < last else (onset, apex, offset)
    return {**row, "clip": f"{row['clip']}j", **dict(zip(ERROR_SHARES, moments))}
