"""Durations of named stages as percentiles, in constant memory."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np

_SHORTEST_S: Final = 1e-6
_BINS_PER_DECADE: Final = 100
_DECADES: Final = 9
"""1 microsecond to 1000 s in steps of 2.3 %, which is the error of a percentile."""


class Timing:
    """Collects durations by stage; a stage may be fed by one thread, different stages by different ones."""

    def __init__(self) -> None:
        self._counts: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
        self._longest_s: dict[str, float] = {}

    def add(self, stage: str, seconds: float) -> None:
        """Record one duration of `stage` in seconds."""
        counts = self._counts.get(stage)
        if counts is None:
            counts = self._counts.setdefault(stage, np.zeros(_DECADES * _BINS_PER_DECADE, np.int64))
        place = int(math.log10(max(seconds, _SHORTEST_S) / _SHORTEST_S) * _BINS_PER_DECADE)
        counts[min(place, len(counts) - 1)] += 1
        self._longest_s[stage] = max(seconds, self._longest_s.get(stage, 0.0))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the body of a `with` statement as one duration of the stage `name`."""
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start_s)

    def percentile_ms(self, stage: str, percent: float) -> float:
        """Return a percentile of the durations of `stage` in milliseconds, 0 if there are none."""
        counts = self._counts.get(stage)
        if counts is None:
            return 0.0
        cumulative = np.cumsum(counts)
        place = int(np.searchsorted(cumulative, max(1.0, percent / 100.0 * cumulative[-1])))
        middle_s = _SHORTEST_S * 10 ** ((place + 0.5) / _BINS_PER_DECADE)
        return 1000.0 * float(min(middle_s, self._longest_s[stage]))

    def summary(self) -> dict[str, dict[str, float]]:
        """Return count, p50, p95, p99 and maximum of each stage in milliseconds, in order of first use."""
        return {
            stage: {
                "count": int(counts.sum()),
                **{f"p{percent}_ms": round(self.percentile_ms(stage, percent), 4) for percent in (50, 95, 99)},
                "max_ms": round(1000.0 * self._longest_s[stage], 4),
            }
            for stage, counts in list(self._counts.items())
        }
