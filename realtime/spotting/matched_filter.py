"""Looks for brief movements in the shape of an expression, against what the face and the head do anyway.

Two filters in a row. In time, each channel of the motion is compared with a bump of a few durations, free of level and
trend. In space, the bumps' heights of all channels are compared with what expressions look like, after what usually
moves together has been taken out: the adaptive matched filter (Robey et al. 1992) on the covariance of the last
seconds. Head and eyes are channels, too, so that what leaks from them into the skin is cancelled as far as this face
has shown it. The covariance is a robust one (Maronna 1976): a blink, a word or a smile counts for little, so the height
is in standard deviations of what the face does most of the time. How loud it was meanwhile is told apart from that.
"""

from collections import deque
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from realtime.spotting.features import FACE, MOVING, N_EYES, N_HEAD, N_REGIONS, N_VALUES
from realtime.spotting.motion_track import RATE_HZ

DURATIONS_S: Final = (0.14, 0.22, 0.32, 0.44)
"""Of the bumps, from foot to foot."""
FLANK_S: Final = 0.1
"""What is looked at before and after a bump."""
LAG: Final = round((DURATIONS_S[-1] / 2 + FLANK_S) * RATE_HZ)
"""Samples after its middle at which a bump is measured."""
LENGTH: Final = 2 * LAG + 1
MEMORY_S: Final = 5.0
"""What usually moves is learnt over this time ..."""
PRIOR_S: Final = 1.0
"""... beginning with a guess that counts as much as this stretch and is forgotten like it."""
DELAY_S: Final = 0.5
"""A movement does not count as background of itself."""
RECENT_S: Final = 3.0
"""How long ago the loudness of single moments is remembered."""
_LOUD: Final = 2.0
"""Mean square of a moment, in variances, from which it counts for less in the covariance."""
_LOUDNESS_KEPT: Final = 0.995
_LOUDEST: Final = 1000.0
_EVERY: Final = 10
"""Samples between two looks at what usually moves."""
_GUESS: Final = np.repeat((0.3, 1.0, 3.0), (N_REGIONS, N_EYES, N_HEAD))
_FLOOR: Final = np.repeat((0.025, 0.1, 0.3), (N_REGIONS, N_EYES, N_HEAD))
"""Heights of bumps in percent of the inter-ocular distance: at first, and at least."""
_SHRINKAGE: Final = 0.15
"""Share of each channel's variance that is taken to be its own."""


def bumps() -> NDArray[np.float64]:
    """Return (durations, LENGTH) weights that give the height of a bump of each duration in the middle."""
    time_s = (np.arange(LENGTH) - LAG) / RATE_HZ
    rows = []
    for duration_s in DURATIONS_S:
        inside = np.abs(time_s) <= duration_s / 2 + FLANK_S + 1e-9
        bump = np.where(np.abs(time_s) < duration_s / 2, 0.5 + 0.5 * np.cos(2 * np.pi * time_s / duration_s), 0.0)
        straight = np.stack([np.ones(LENGTH), time_s], axis=1)[inside]
        rest = bump[inside] - straight @ np.linalg.lstsq(straight, bump[inside], rcond=None)[0]
        row = np.zeros(LENGTH)
        row[inside] = rest / (rest @ bump[inside])
        rows.append(row)
    return np.array(rows)


def bumps_if_still(ago: Sequence[int]) -> NDArray[np.float64]:
    """Return (len(ago), durations, LENGTH) weights of the last rows for bumps whose middle was so many samples ago.

    What a bump has not seen yet is taken to be as the last row.
    """
    whole, found = bumps(), np.zeros((len(ago), len(DURATIONS_S), LENGTH))
    for weights, samples in zip(found, ago):
        seen = LAG + 1 + samples
        weights[:, LENGTH - seen :] = whole[:, :seen]
        weights[:, -1] += whole[:, seen:].sum(axis=1)
    return found


@dataclass(frozen=True, slots=True)
class Response:
    """What the filters say about one moment.

    Attributes:
        time_s: The moment, LAG samples ago.
        heights: (durations, MOVING) height of a bump in each channel.
        match: (durations, K) height along each expression, in standard deviations of the background.
        energy: (durations,) squared size of the whole bump, in the same unit.
        background: (durations,) usual height of a bump in a region, percent of the inter-ocular distance.
        weights: (durations, K, MOVING) channel weights whose sum gives the amplitude along each expression.
    """

    time_s: float
    heights: NDArray[np.float64]
    match: NDArray[np.float64]
    energy: NDArray[np.float64]
    background: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def coherence(self) -> NDArray[np.float64]:
        """(durations, K) share of the whole movement that has the shape of the expression, 0 to 1."""
        share: NDArray[np.float64] = self.match**2 / np.maximum(self.energy, 1e-9)[:, np.newaxis]
        return share


class MatchedFilter:
    """The filters of one face; give it every sample in order of time.

    Args:
        expressions: (K, FACE) motion of regions and eyes in each expression, of unit length over the regions.

    Attributes:
        recent: (2 LENGTH, N_VALUES) rows of the last samples.
        loudness: (durations,) mean square of all channels over the last seconds, in variances of the background.
        moments: The same of each of the last moments, RECENT_S of them.
        count: Samples since the face was found.
    """

    def __init__(self, expressions: NDArray[np.float64]) -> None:
        self._shapes = np.zeros((len(expressions), MOVING))
        self._shapes[:, :FACE] = expressions
        self._bumps = bumps()
        self.recent = np.zeros((2 * LENGTH, N_VALUES))
        self.count = 0
        self._past: list[NDArray[np.float64]] = []
        self._keep = 1.0 - 1.0 / (MEMORY_S * RATE_HZ)
        self._sum = np.zeros((len(DURATIONS_S), MOVING, MOVING))
        self._weight = 0.0
        self._prior = PRIOR_S / MEMORY_S
        self.loudness = np.ones(len(DURATIONS_S))
        self.moments: deque[NDArray[np.float64]] = deque(maxlen=round(RECENT_S * RATE_HZ))
        self._learn()

    def add(self, time_s: float, row: NDArray[np.float64]) -> Response | None:
        """Take the row of one sample; return what it completes."""
        self.recent[:-1] = self.recent[1:]
        self.recent[-1] = row
        self.count += 1
        if self.count < LENGTH:
            return None
        heights = self._bumps @ self.recent[-LENGTH:, :MOVING]
        self._past.append(heights)
        if len(self._past) > round(DELAY_S * RATE_HZ):
            self._remember(self._past.pop(0))
        if self.count % _EVERY == 0:
            self._learn()
        match = np.einsum("dkc,dc->dk", self._whitened, heights)
        energy = self._energy(heights)
        self.moments.append(energy / MOVING)
        return Response(time_s - LAG / RATE_HZ, heights, match, energy, self.background, self._weights)

    def match_if_still(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n,) the largest match at each of some moments, should the face keep still from now on.

        Args:
            weights: (n, durations, LENGTH) from `bumps_if_still`.
        """
        heights = weights @ self.recent[-LENGTH:, :MOVING]
        match: NDArray[np.float64] = np.einsum("dkc,ndc->ndk", self._whitened, heights).max(axis=(1, 2))
        return match

    def twin(self) -> "MatchedFilter":
        """Return a copy for less than DELAY_S of further rows, which change nothing here."""
        twin = copy(self)
        twin.recent, twin.moments, twin._past = self.recent.copy(), self.moments.copy(), []
        return twin

    @property
    def seconds(self) -> float:
        """How long the face has been seen."""
        return self.count / RATE_HZ

    def _energy(self, heights: NDArray[np.float64]) -> NDArray[np.float64]:
        energy: NDArray[np.float64] = ((heights[:, np.newaxis] @ self._inverse)[:, 0] * heights).sum(axis=1)
        return energy

    def _remember(self, heights: NDArray[np.float64]) -> None:
        """Add a moment to what the face usually does."""
        loud = self._energy(heights) / MOVING
        self.loudness = _LOUDNESS_KEPT * self.loudness + (1.0 - _LOUDNESS_KEPT) * np.minimum(loud, _LOUDEST)
        share = (1.0 - self._keep) / np.maximum(1.0, loud / _LOUD)
        self._sum *= self._keep
        self._sum += (share[:, np.newaxis] * heights)[:, :, np.newaxis] * heights[:, np.newaxis, :]
        self._weight = self._keep * self._weight + 1.0 - self._keep
        self._prior *= self._keep

    def _learn(self) -> None:
        covariance = (self._sum + self._prior * np.diag(_GUESS**2)) / (self._weight + self._prior)
        own = np.einsum("dcc->dc", covariance)
        covariance = covariance + np.eye(MOVING) * (_SHRINKAGE * own + _FLOOR**2)[:, np.newaxis]
        self.background = np.sqrt(np.einsum("dcc->dc", covariance)[:, :N_REGIONS].mean(axis=1))
        self._inverse = np.linalg.inv(covariance)
        projected = self._shapes @ self._inverse
        squared = np.einsum("dkc,kc->dk", projected, self._shapes)[..., np.newaxis]
        self._whitened = projected / np.sqrt(squared)
        self._weights = projected / squared
