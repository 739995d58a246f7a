"""Rules by which recordings are left out, written down before anybody has seen the results: `face<80%`."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from realtime.quality.meter import FRAME_FLAGS

_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
SHARES: Final = ("face", "watchable", "lost", *FRAME_FLAGS)
"""Figures of a recording that are shares of its frames; `lost` is that of frames that never came."""
NUMBERS: Final = ("seconds", "rate", "eyes", "bits", "events")
"""Others: length, frames a second, median pixels between the eyes, bits a pixel, number of events."""
_RULE: Final = re.compile(rf"\s*([a-z-]+)\s*({'|'.join(_COMPARISONS)})\s*([0-9.]+)\s*(%?)\s*")


@dataclass(frozen=True, slots=True)
class Rule:
    """A recording is left out if its figure compares so.

    Attributes:
        text: As it was given.
        name: One of SHARES or NUMBERS.
        comparison: Key of the comparisons.
        value: What is compared with; of shares from 0 to 1.
    """

    text: str
    name: str
    comparison: str
    value: float

    def excludes(self, figures: Mapping[str, float | None]) -> bool:
        """Return whether a recording is left out; one that has no such figure is not."""
        figure = figures.get(self.name)
        return figure is not None and _COMPARISONS[self.comparison](figure, self.value)


def rule(text: str) -> Rule:
    """Return the rule that a text says.

    Raises:
        ValueError: If it says none; the message tells what was expected.
    """
    found = _RULE.fullmatch(text)
    expected = f"give one such as 'face<80%' or 'rate<50' with one of {', '.join((*SHARES, *NUMBERS))}"
    if not found or found[1] not in (*SHARES, *NUMBERS) or found[3].count(".") > 1 or found[3] == ".":
        raise ValueError(f"{text!r} is not a rule; {expected}")
    name, comparison, value = found[1], found[2], float(found[3])
    if bool(found[4]) != (name in SHARES):
        kind = "a share; write it in percent" if name in SHARES else "not a share; write it without %"
        raise ValueError(f"{text!r}: {name} is {kind}, such as 'face<80%' and 'rate<50'")
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a rule; {expected}")
    return Rule(text.strip(), name, comparison, value / 100.0 if found[4] else value)
