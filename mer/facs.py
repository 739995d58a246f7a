"""Action units by their FACS numbers and names, and whether they speak for a class of expression.

Numbers, names and codes: Ekman, Friesen & Hager, "Facial Action Coding System" (2002). A code has `L` or `R` before the
number of a unit that moves on one side only, the left and right of the person: `1+2+L12`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from mer.labels import ACTION_UNITS

Side = Literal["left", "right", "both"]

NAMES: Final[Mapping[int, str]] = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    10: "upper lip raiser",
    12: "lip corner puller",
    15: "lip corner depressor",
    16: "lower lip depressor",
    17: "chin raiser",
    18: "lip pucker",
    20: "lip stretcher",
    25: "lips part",
    26: "jaw drop",
}
"""Units that can be told, by FACS number."""
CENTRAL: Final = frozenset({16, 17, 18, 25, 26})
"""Units of the midline, which are always those of both sides."""
_PREFIX: Final[Mapping[str, str]] = {"left": "L", "right": "R", "both": ""}


@dataclass(frozen=True, slots=True)
class ActionUnit:
    """A unit that moved.

    Attributes:
        number: FACS number.
        side: Of the person, not of the picture: a face that is filmed without a mirror has its left on the right.
        percent: Largest displacement of the skin by it, percent of the inter-ocular distance.
        probability: Of the side that is surer.
    """

    number: int
    side: Side
    percent: float
    probability: float

    @property
    def name(self) -> str:
        """Its name in FACS."""
        return NAMES[self.number]

    @property
    def words(self) -> str:
        """What moved, in words: "AU12 lip corner puller, left, 1.2 %"."""
        side = "" if self.number in CENTRAL else f", {self.side}" + (" sides" if self.side == "both" else "")
        return f"AU{self.number} {self.name}{side}, {self.percent:.1f} %"

    @property
    def code(self) -> str:
        """Its FACS code, such as "12" or "L12"."""
        return f"{_PREFIX[self.side]}{self.number}"


def codes(units: Iterable[ActionUnit]) -> str:
    """Return the FACS code of units together, such as "1+2+L12"; empty for none."""
    return "+".join(unit.code for unit in units)


CONTRADICTION: Final = "none of these units belongs to the class"
"""What is said of an event whose units contradict its class."""


def contradicts(label: str, units: Iterable[ActionUnit]) -> bool:
    """Return whether units moved and none of them is one of a class's, as with "happiness" without 6 and 12.

    Args:
        label: Of the event; "none" and classes that are not in `mer.labels.ACTION_UNITS` contradict nothing.
        units: Those that moved; none contradict nothing.
    """
    numbers = {unit.number for unit in units}
    expected = ACTION_UNITS.get(label)
    return bool(numbers) and expected is not None and numbers.isdisjoint(expected)
