"""Numbers in the names of frames: columns that change, decimals, dates and times of day."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Final

import numpy as np

Number = int | Fraction

Split = tuple[str, str, str]
"""What is before the digits after a decimal point, those digits, and what follows."""

_FRACTION: Final = re.compile(r"(.*[0-9][.,])([0-9]+)([^0-9]*)")
_DECIMAL: Final = re.compile(r"[^0-9]*([0-9]+)(?:[.,]([0-9]+))?[^0-9]*")
_TIME: Final = re.compile(
    r"(?:.*?(?P<year>(?:19|20)[0-9]{2})[^0-9]?(?P<month>[01][0-9])[^0-9]?(?P<day>[0-3][0-9]))?[^0-9]*?"
    r"(?P<hour>[0-2][0-9])[^0-9]?(?P<minute>[0-5][0-9])[^0-9]?(?P<second>[0-5][0-9])"
    r"(?:[^0-9]?(?P<fraction>[0-9]{1,9}))?[^0-9]*"
)


def columns(stems: Sequence[str]) -> list[list[int]]:
    """Return the numbers of names that differ in nothing else, column by column; none if more differs."""
    texts = {re.sub(r"[0-9]+", "0", stem) for stem in stems}
    if len(texts) != 1:
        return []
    return [[int(digits) for digits in column] for column in zip(*(re.findall(r"[0-9]+", stem) for stem in stems))]


def decimals(stems: Sequence[str]) -> list[Fraction]:
    """Return the one number of each name with what is after its decimal point; none if names hold anything else."""
    found = [_DECIMAL.fullmatch(stem) for stem in stems]
    if not all(found) or not any(one[2] for one in found if one) or not are_decimal(stems):
        return []
    return [Fraction(f"{one[1]}.{one[2] or 0}") for one in found if one]


def time_stamps(stems: Sequence[str]) -> list[Fraction]:
    """Return the seconds that the dates and times of day in names stand for; none unless all names hold one."""
    found = [_TIME.fullmatch(stem) for stem in stems]
    if not all(found):
        return []
    parts = [one.groupdict() for one in found if one]
    fractions = [one["fraction"] or "" for one in parts]
    unit = None if are_decimal(stems) else 10 ** (3 * -(-max(map(len, fractions)) // 3))
    seconds = []
    for one, fraction in zip(parts, fractions):
        try:
            day = date(*(int(one[name]) for name in ("year", "month", "day"))).toordinal() if one["year"] else 0
        except ValueError:
            return []
        part = Fraction(f"0.{fraction or 0}") if unit is None else Fraction(int(fraction or 0), unit)
        seconds.append(day * 86400 + int(one["hour"]) * 3600 + int(one["minute"]) * 60 + int(one["second"]) + part)
    return seconds


def split_fractions(stems: Sequence[str]) -> list[Split | None]:
    """Return each name split at the digits after its last point; None where it has fewer numbers than others."""
    counts = [len(re.findall(r"[0-9]+", stem)) for stem in stems]
    most = max(counts, default=0)
    found = [_FRACTION.fullmatch(stem) if count == most else None for stem, count in zip(stems, counts)]
    return [(one[1], one[2], one[3]) if one else None for one in found]


def are_decimal(stems: Sequence[str]) -> bool:
    """Return whether the last digits of names are decimals: all of one length, or `are_fractions`."""
    lengths = {len(match[1]) for stem in stems if (match := re.search(r"([0-9]+)[^0-9]*$", stem))}
    return len(lengths) == 1 or are_fractions(stems)


def are_fractions(stems: Sequence[str]) -> bool:
    """Return whether digits after a point are decimals, so that .05 is before .5, and not a count of their own.

    A count is either padded with zeros to one length or not at all; where that does not decide, the reading with
    the more even steps is taken.
    """
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for split in split_fractions(stems):
        if split:
            groups[split[0]].append(split[1])
    digits = [one for group in groups.values() for one in group]
    if len(set(map(len, digits))) < 2:
        return False
    shortest = min(map(len, digits))
    if any(one.startswith("0") and len(one) > shortest for one in digits):
        return True
    counted = [_unevenness([float(one) for one in group]) for group in groups.values()]
    read = [_unevenness([float(f"0.{one}") for one in group]) for group in groups.values()]
    return sum(read) < sum(counted)


def _unevenness(values: list[float]) -> float:
    steps = np.diff(sorted(values))
    return float(np.std(steps) / np.mean(steps)) if len(steps) > 1 and np.any(steps) else 0.0
