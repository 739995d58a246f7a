"""Which action units moved in an event, on which side and how far: a network of its own beside the spotter's.

It sees the motion of the 13 regions, the eyes and the head from 0.8 s before the middle of the movement to 0.32 s after
it, as the spotter's network does, and how large it is. `realtime.spotting.training.units` trains it, and
`realtime/spotting/weights/units.md` describes it.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.manifest import sha256
from engines.runtime.onnx import new_session
from mer.errors import MerError
from mer.facs import CENTRAL, NAMES, ActionUnit, Side
from mer.files import from_json
from realtime.spotting.candidate import Peak
from realtime.spotting.features import MOVING
from realtime.spotting.measures import WINDOW

WEIGHTS: Final = Path(__file__).with_name("weights") / "units.onnx"
UNITS: Final = tuple(NAMES)
SIDES: Final[tuple[Side, ...]] = ("right", "left")
"""Sides of the person, in the order of the network: what is on the left of a picture comes first."""
SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Units:
    """The shipped weights, loaded.

    Attributes:
        thresholds: (len(UNITS),) probability from which each unit counts as there.
    """

    thresholds: NDArray[np.float64]
    _session: Any

    def measure(self, peak: Peak) -> tuple[ActionUnit, ...]:
        """Return the units of a movement in the order of their numbers; none if none is probable enough."""
        probabilities, shares = self.outputs(peak.window[np.newaxis], np.array([peak.amplitude]))
        return self.decide(probabilities[0], shares[0] * peak.amplitude)

    def outputs(
        self, windows: NDArray[np.float32], amplitudes: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return (N, len(UNITS), 2) probability of each unit on each side, and its size in multiples of the amplitude.

        Args:
            windows: (N, MOVING, WINDOW) from `realtime.spotting.measures.window`.
            amplitudes: (N,) largest motion of a region, percent of the inter-ocular distance.
        """
        given = {"window": windows, "size": np.log(np.maximum(amplitudes, 1e-3))[:, np.newaxis].astype(np.float32)}
        probabilities, shares = self._session.run(None, given)
        return probabilities, shares

    def decide(self, probabilities: NDArray[np.floating], percents: NDArray[np.floating]) -> tuple[ActionUnit, ...]:
        """Return the units that (len(UNITS), 2) probabilities and sizes in percent of each side tell."""
        found = []
        for unit, threshold, probable, percent in zip(UNITS, self.thresholds, probabilities, percents):
            there = probable >= threshold
            if not there.any():
                continue
            both = unit in CENTRAL or there.all()
            side = "both" if both else SIDES[int(np.argmax(probable))]
            size = float(percent[there].max())
            found.append(ActionUnit(unit, side, size, float(probable.max())))
        return tuple(found)


@lru_cache(maxsize=1)
def shipped() -> Units:
    """Return the shipped network.

    Raises:
        MerError: If its files are missing or do not belong together.
    """
    return load(WEIGHTS)


def load(path: Path) -> Units:
    """Return the network of a file that `realtime.spotting.training.units` wrote.

    Raises:
        MerError: If it or its manifest is missing, or they do not belong together.
    """
    manifest_file = path.with_name(path.name + ".json")
    try:
        content = path.read_bytes()
        manifest = from_json(manifest_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MerError(f"the weights for action units cannot be read ({error}); install mer-live again") from error
    expected = {"schema": SCHEMA, "window": [MOVING, WINDOW], "units": list(UNITS), "sha256": sha256(content)}
    for key, value in expected.items():
        if manifest.get(key) != value:
            raise MerError(
                f"{manifest_file.name} says {key} {manifest.get(key)!r}, expected {value!r}; install mer-live again"
            )
    session = new_session(content, threads=1, source=str(path))
    return Units(np.array(manifest["thresholds"], np.float64), session)
