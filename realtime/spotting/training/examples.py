"""Peaks of the matched filter with what they are: what the network learns from."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.labels import CLASSES
from realtime.spotting import measures
from realtime.spotting.candidate import Peak, PeakFinder
from realtime.spotting.features import MOVING
from realtime.spotting.measures import N_FEATURES, WINDOW
from realtime.spotting.motion_track import RATE_HZ
from realtime.spotting.network import KINDS
from realtime.spotting.training.fit import Labels
from realtime.spotting.training.mixing import Example

NEAR_S: Final = 0.12
"""A peak so close to the middle of a micro-expression is it."""
_LID_PERCENT: Final = 0.8
_LARGE_PERCENT: Final = 2.5
_HEAD_RATIO: Final = 6.0
_RESTLESS: Final = 3.0
"""Speed of the mouth before and after, in percent of the inter-ocular distance a second, that belongs to speech."""


@dataclass(slots=True)
class Labelled:
    """Peaks with their kind.

    Attributes:
        features: (N_FEATURES,) of each.
        kinds: Index into KINDS of each.
        moments: Onset, apex and offset after the middle of each, seconds; zeros unless it is a micro-expression.
        windows: (MOVING, WINDOW) of each.
        classes: Index into `mer.labels.CLASSES` of each, -1 unless it is a micro-expression of known class.
    """

    features: list[NDArray[np.float32]] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    moments: list[tuple[float, float, float]] = field(default_factory=list)
    windows: list[NDArray[np.float32]] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)

    def add(self, example: Example, finder: PeakFinder) -> None:
        """Take the peaks that a fresh finder finds in an example."""
        for number, row in enumerate(example.rows):
            peak = finder.add(number / RATE_HZ, row)
            if peak is not None:
                self._label(peak, example)

    def arrays(self) -> Labels:
        """Return them as arrays."""
        return Labels(
            features=np.array(self.features, np.float32).reshape(-1, N_FEATURES),
            windows=np.array(self.windows, np.float32).reshape(-1, MOVING, WINDOW),
            kinds=np.array(self.kinds, np.int64),
            moments=np.array(self.moments, np.float32).reshape(-1, 3),
            classes=np.array(self.classes, np.int64),
        )

    def _label(self, peak: Peak, example: Example) -> None:
        kind, moments, expression = "", (0.0, 0.0, 0.0), -1
        at = peak.time_s
        for event in example.events:
            middle = 0.5 * (event.onset_s + event.offset_s)
            if event.onset_s < at < event.offset_s and abs(at - middle) < NEAR_S:
                kind, expression = "micro", CLASSES.index(event.label) if event.label in CLASSES else -1
                moments = (event.onset_s - at, event.apex_s - at, event.offset_s - at)
        for name, start_s, end_s in example.others:
            if not kind and start_s <= peak.time_s <= end_s:
                kind = name
        self.features.append(peak.features)
        self.windows.append(peak.window)
        self.kinds.append(KINDS.index(kind or by_rule(peak)))
        self.classes.append(expression)
        self.moments.append(moments)


def by_rule(peak: Peak) -> str:
    """Return what a movement that nobody put in most probably is, by simple rules."""
    named = measures.named(peak.features)
    eyes, head, regions = np.sinh(named["eyes"]), np.sinh(named["head"]), named["regions"]
    before, _, after = (np.exp(named["unrest"]) - 0.2).reshape(3, -1)[:, 2]
    if min(eyes[1], eyes[3]) > max(_LID_PERCENT, 0.5 * peak.amplitude):
        return "blink"
    if peak.amplitude > _LARGE_PERCENT:
        return "macro"
    if max(np.hypot(head[0], head[1]), abs(head[4]), abs(head[5])) > _HEAD_RATIO * peak.amplitude:
        return "head"
    lengths = np.hypot(regions[0::2], regions[1::2])
    if lengths.argmax() >= 8 and 0.5 * (before + after) > _RESTLESS:
        return "speech"
    return "none"
