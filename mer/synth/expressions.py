"""Micro-expressions of the five classes: which units, how strong, when; and the truth about what was rendered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.synth.fields import Field, UnitSide
from mer.synth.profiles import EDGE, Profile, draw_profile

MAX_RISE_S: Final = 0.260
MIN_TOTAL_S: Final = 0.080
MAX_TOTAL_S: Final = 0.500

# The units of `mer.labels.ACTION_UNITS`, with AU17 and AU25 as companions, in the combinations that EMFACS-7
# (Friesen & Ekman, 1983) and the objective classes of CASME II and SAMM (Davison et al. 2018) give to one emotion only:
# fear differs from surprise by AU4 or AU20, sadness from both by AU15 or by AU1 with AU4 and no AU2.
COMBINATIONS: Final[dict[str, tuple[tuple[int, ...], ...]]] = {
    "happiness": ((12,), (6, 12), (6, 12), (12, 25), (6, 12, 25)),
    "disgust": ((9,), (10,), (9, 10), (9, 10), (4, 9), (9, 16), (10, 16), (9, 17), (9, 10, 15, 16), (9, 10, 16)),
    "fear": (
        (1, 2, 4, 20),
        (5, 20),
        (4, 5, 20),
        (1, 2, 4, 5),
        (1, 2, 4, 5, 20),
        (20,),
        (20, 25),
        (1, 2, 4, 5, 7, 20, 26),
        (1, 2, 4, 5, 20, 26),
    ),
    "surprise": (
        (1, 2),
        (1, 2),
        (1, 2, 5),
        (1, 2, 5),
        (1, 2, 26),
        (1, 2, 5, 26),
        (1, 2, 5, 26),
        (1, 2, 25, 26),
        (2, 5),
    ),
    "sadness": ((15,), (1, 15), (1, 4), (1, 4, 15), (1, 4, 15), (15, 17), (1, 4, 15, 17), (4, 15)),
}
"""Unit combinations of each class; one drawn more often is listed more often."""
COMPANIONS: Final = frozenset({7, 16, 17, 25})
"""Units that are shown weaker, because other classes share them."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One coordinated movement of some units.

    Attributes:
        units: Peak displacement of each unit and side, in IOD.
        profiles: Course of each unit over time; both sides share it.
    """

    units: Mapping[UnitSide, float]
    profiles: Mapping[int, Profile]

    def weights(self, times_s: NDArray[np.float64]) -> dict[UnitSide, NDArray[np.float64]]:
        """Return the displacement in IOD of each unit and side at each time."""
        courses = {unit: profile(times_s) for unit, profile in self.profiles.items()}
        return {key: peak * courses[key[0]] for key, peak in self.units.items()}


@dataclass(frozen=True, slots=True)
class Truth:
    """What a movement shows, measured on its displacement fields.

    Attributes:
        onset_s: When the largest displacement anywhere on the face first passes EDGE of its peak.
        apex_s: When it peaks.
        offset_s: When it was last above EDGE of its peak.
        peak_iod: The peak, in IOD.
    """

    onset_s: float
    apex_s: float
    offset_s: float
    peak_iod: float


@dataclass(frozen=True, slots=True)
class Expression:
    """A micro-expression as rendered: class, movement and truth."""

    label: str
    movement: Movement
    truth: Truth


def draw_expression(
    generator: np.random.Generator,
    *,
    label: str,
    start_s: float,
    peak_iod: float,
    fields: Mapping[UnitSide, Field],
    duration_s: tuple[float, float] = (0.1, 0.48),
) -> Expression:
    """Return a random micro-expression of one class.

    Onset to apex takes at most 260 ms and the whole 80 to 500 ms; units start up to 5 % of the duration apart.

    Args:
        generator: Source of all random choices.
        label: One of the classes.
        start_s: Time of the onset.
        peak_iod: Largest displacement over face and time, in IOD.
        fields: From `fields.build`, at least the units that the class may show.
        duration_s: Shortest and longest time from onset to offset.

    Raises:
        MerError: If the class has no combinations.
    """
    if label not in COMBINATIONS:
        raise MerError(f"class {label!r} is not known; choose one of {', '.join(COMBINATIONS)}")
    while True:
        combinations = COMBINATIONS[label]
        units = combinations[int(generator.integers(len(combinations)))]
        total = generator.uniform(*duration_s)
        rise = min(total * generator.uniform(0.3, 0.6), 0.25)
        lag = 0.05 * total
        peaks: dict[UnitSide, float] = {}
        profiles: dict[int, Profile] = {}
        one_sided = generator.random() < 0.1 and label != "fear"
        weak_side = int(generator.choice((-1, 1)))
        for unit in units:
            strength = generator.uniform(0.3, 0.6) if unit in COMPANIONS else generator.uniform(0.65, 1.0)
            balance = generator.uniform(0.1, 0.4) if one_sided else generator.uniform(0.65, 1.0)
            for side in (-1, 1):
                peaks[unit, side] = strength * (balance if side == weak_side else 1.0)
            begin = start_s + (generator.uniform(0.0, lag) if len(units) > 1 else 0.0)
            profiles[unit] = draw_profile(generator, apex_s=begin + rise, rise_s=rise, fall_s=total - rise - lag)
        movement = Movement(peaks, profiles)
        truth = measure(movement, fields)
        movement = Movement({key: peak * peak_iod / truth.peak_iod for key, peak in peaks.items()}, profiles)
        truth = Truth(truth.onset_s, truth.apex_s, truth.offset_s, peak_iod)
        total_s = truth.offset_s - truth.onset_s
        if truth.apex_s - truth.onset_s <= MAX_RISE_S and MIN_TOTAL_S <= total_s <= MAX_TOTAL_S:
            return Expression(label, movement, truth)


def measure(movement: Movement, fields: Mapping[UnitSide, Field], *, step_s: float = 0.001) -> Truth:
    """Return the truth about a movement: the largest displacement on the face, followed over time."""
    starts = [profile.apex_s - 2.0 * profile.rise_s for profile in movement.profiles.values()]
    ends = [profile.apex_s + profile.hold_s + 2.0 * profile.fall_s for profile in movement.profiles.values()]
    times_s = np.arange(min(starts), max(ends), step_s)
    weights = movement.weights(times_s)
    stack = np.stack([fields[key].reshape(-1, 2) for key in weights])
    amounts = np.stack(list(weights.values()), axis=1).astype(np.float32)
    # Follow only nodes that can come near the peak: those whose units, all in one direction, would move far enough.
    bound = (np.linalg.norm(stack, axis=-1) * amounts.max(axis=0)[:, None]).sum(axis=0)
    some = np.tensordot(amounts[:: max(1, len(times_s) // 20)], stack[:, ::4], axes=1)
    stack = stack[:, bound > 0.3 * np.linalg.norm(some, axis=-1).max()]
    moved = (amounts @ stack.reshape(len(stack), -1)).reshape(len(times_s), -1, 2)
    size = np.sqrt((moved**2).sum(axis=-1).max(axis=1))
    above = np.flatnonzero(size >= EDGE * size.max())
    return Truth(float(times_s[above[0]]), float(times_s[size.argmax()]), float(times_s[above[-1]]), float(size.max()))


def units_of(labels: Iterable[str]) -> set[int]:
    """Return every unit that one of the classes may show."""
    return {unit for label in labels for combination in COMBINATIONS[label] for unit in combination}
