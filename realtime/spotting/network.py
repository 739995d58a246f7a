"""The small network that tells micro-expressions from what else a face does, by what was measured at a peak.

It is trained by `realtime.spotting.training` and described in `realtime/spotting/weights/README.md`.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.manifest import sha256
from engines.runtime.onnx import new_session
from mer.errors import MerError
from mer.files import from_json, read_at_most
from mer.labels import CLASSES
from realtime.spotting.candidate import Peak
from realtime.spotting.features import FACE, MOVING
from realtime.spotting.measures import N_FEATURES, WINDOW

WEIGHTS: Final = Path(__file__).with_name("weights") / "spotter.onnx"
KINDS: Final = ("micro", "macro", "blink", "speech", "head", "none")
"""What a movement may be; "none" is whatever else the face does anyway."""
WATCHABLE: Final = 0.8
"""What would be found with this probability could be seen."""
MIN_LOUD: Final = 0.03
SCHEMA: Final = 2
_MAX_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the network says about a peak.

    Attributes:
        probabilities: Of each of KINDS, summing to 1.
        onset_s: When the movement begins, ...
        apex_s: ... is strongest, ...
        offset_s: ... and ends.
        expressions: Probability of each class of expression if it is one, summing to 1.
    """

    probabilities: dict[str, float]
    onset_s: float
    apex_s: float
    offset_s: float
    expressions: dict[str, float]

    @property
    def micro(self) -> float:
        """The probability of a micro-expression."""
        return self.probabilities["micro"]

    @property
    def otherwise(self) -> str:
        """What it most probably is if it is no micro-expression."""
        return max(KINDS[1:], key=self.probabilities.__getitem__)


@dataclass(frozen=True, slots=True)
class Visibility:
    """How probably a micro-expression would have been found: a logistic regression on three logarithms.

    Attributes:
        constant: Its intercept.
        amplitude: Weight of the amplitude, percent of the inter-ocular distance.
        background: Weight of the usual motion of a region, same unit.
        loudness: Weight of the motion just before, in variances of what is usual.
    """

    constant: float
    amplitude: float
    background: float
    loudness: float

    def probability(self, amplitude: float, *, background: float, loudness: float) -> float:
        """Return how probably a micro-expression of this amplitude would be found."""
        logit = self.constant + self.amplitude * math.log(amplitude) + self._surroundings(background, loudness)
        return 1.0 / (1.0 + math.exp(-logit))

    def smallest(self, *, background: float, loudness: float) -> float:
        """Return the amplitude that would be found with probability WATCHABLE, percent of the inter-ocular distance."""
        wanted = math.log(WATCHABLE / (1.0 - WATCHABLE))
        return math.exp((wanted - self.constant - self._surroundings(background, loudness)) / self.amplitude)

    def _surroundings(self, background: float, loudness: float) -> float:
        return self.background * math.log(background) + self.loudness * math.log(loudness + MIN_LOUD)


@dataclass(frozen=True, slots=True)
class Network:
    """The shipped weights, loaded.

    Attributes:
        expressions: (K, FACE) what the measure shows of each expression, of unit length over the regions.
        classes: (K,) index of the class of each.
        threshold: Probability from which a movement counts as a micro-expression, at sensitivity 1.
        visibility: What it finds, at sensitivity 1.
        sha256: Hash of its file.
    """

    expressions: NDArray[np.float64]
    classes: NDArray[np.intp]
    threshold: float
    visibility: Visibility
    sha256: str
    _session: Any

    def threshold_at(self, odds: float) -> float:
        """Return the least probability of a micro-expression if the odds must be so many times those of `threshold`."""
        least = odds * self.threshold / (1.0 - self.threshold)
        return least / (1.0 + least)

    def judge(self, peak: Peak) -> Judgement:
        """Return what a peak is."""
        given = {"features": peak.features[np.newaxis], "window": peak.window[np.newaxis]}
        shares, moments, classes = self._session.run(None, given)
        onset, apex, offset = (peak.time_s + float(shift) for shift in moments[0])
        apex_s = min(max(apex, onset + 0.02), max(offset - 0.02, onset + 0.02))
        return Judgement(
            dict(zip(KINDS, map(float, shares[0]))),
            onset,
            apex_s,
            max(offset, apex_s + 0.02),
            dict(zip(CLASSES, map(float, classes[0]))),
        )


@lru_cache(maxsize=1)
def shipped() -> Network:
    """Return the shipped network.

    Raises:
        MerError: If its files are missing or do not belong together.
    """
    return loaded(WEIGHTS, advice="install mer-live again")


def loaded(path: Path, *, advice: str = "train it again with mer-train spotter") -> Network:
    """Return a network from its file and the manifest beside it.

    Args:
        path: An .onnx file.
        advice: What to do if it cannot be used.

    Raises:
        MerError: If its files are missing, do not belong together or are of another version.
    """
    manifest_file = path.with_name(path.name + ".json")
    try:
        content = read_at_most(path, _MAX_BYTES)
        manifest = from_json(manifest_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MerError(f"the spotter's network {path.name} cannot be read ({error}); {advice}") from error
    if not isinstance(manifest, dict):
        raise MerError(f"{manifest_file.name} is not a manifest; {advice}")
    expected = {
        "schema": SCHEMA,
        "features": N_FEATURES,
        "window": [MOVING, WINDOW],
        "kinds": list(KINDS),
        "classes": list(CLASSES),
        "sha256": sha256(content),
    }
    for key, value in expected.items():
        if manifest.get(key) != value:
            raise MerError(f"{manifest_file.name} says {key} {manifest.get(key)!r}, expected {value!r}; {advice}")
    try:
        names = sorted({str(row["class"]) for row in manifest["expressions"]})
        motion = np.array([row["motion"] for row in manifest["expressions"]], np.float64).reshape(-1, FACE)
        classes = np.array([names.index(row["class"]) for row in manifest["expressions"]])
        visibility = Visibility(**{name: float(value) for name, value in manifest["visibility"].items()})
        threshold = float(manifest["threshold"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MerError(f"{manifest_file.name} is damaged ({error!r}); {advice}") from error
    session = new_session(content, threads=1, source=str(path))
    return Network(motion, classes, threshold, visibility, str(manifest["sha256"]), session)
