"""The clips of the composite of MEGC2019: which of a user's clips are in it, and what differs.

The list is the challenge's `combined_3class_gt.csv`: 442 clips of 68 people in CASME II, SAMM and SMIC-HS (See, Yap,
Li, Hong, Wang, "MEGC 2019: the second facial micro-expressions grand challenge", FG 2019), as the public repository of
HTNet (Wang et al., 2023) repeats it. `megc2019.txt` holds a hash of each clip's name and neither names nor labels:
those belong to the datasets, and the labels are the user's own.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mer.data.sample import Sample
from mer.errors import UsageError
from mer.metrics import COMPOSITE_CLASSES, composite_label

NAME: Final = "megc2019"
_NAMED: Final = 5
"""Clips named in a remark; the others are counted."""


@dataclass(frozen=True, slots=True)
class Published:
    """What the challenge counts in a part.

    Attributes:
        clips: Number of clips.
        people: Number of participants.
        classes: Clips of each class of `COMPOSITE_CLASSES`.
    """

    clips: int
    people: int
    classes: tuple[int, int, int]


PUBLISHED: Final[Mapping[str, Published]] = {
    "casme2": Published(145, 24, (88, 32, 25)),
    "samm": Published(133, 28, (92, 26, 15)),
    "smic-hs": Published(164, 16, (70, 51, 43)),
}


def select(samples: Sequence[Sample]) -> tuple[list[Sample], list[str]]:
    """Keep the clips of the list.

    Args:
        samples: Clips of the parts casme2, samm and smic-hs, with the name of their part.

    Returns:
        The clips that are in the list and have a class of the composite, and remarks for the user: counts of each
        part beside the published ones, and whatever differs.

    Raises:
        UsageError: If a part is not one of the challenge.
    """
    parts = list(dict.fromkeys(sample.dataset for sample in samples))
    if strange := [name for name in parts if name not in PUBLISHED]:
        raise UsageError(f"--list {NAME} has no part {strange[0]!r}; its parts are {', '.join(PUBLISHED)}")
    listed = _listed()
    kept: list[Sample] = []
    remarks = []
    for name in parts:
        own = [sample for sample in samples if sample.dataset == name]
        inside = [sample for sample in own if _key(sample) in listed[name]]
        usable = [sample for sample in inside if composite_label(sample.label) is not None]
        kept += usable
        remarks += [_counts(name, usable), *_differences(name, own, inside, usable)]
    if missing := [name for name in PUBLISHED if name not in parts]:
        remarks.append(f"{NAME}: {', '.join(missing)} not given; figures are not those of the whole composite")
    return kept, remarks


def _counts(name: str, usable: Sequence[Sample]) -> str:
    there = PUBLISHED[name]
    classes = Counter(composite_label(sample.label) for sample in usable)
    shown = ", ".join(f"{label} {classes[label]} of {n}" for label, n in zip(COMPOSITE_CLASSES, there.classes))
    people = len({sample.subject for sample in usable})
    return f"{NAME}, {name}: {len(usable)} of {there.clips} clips, {people} of {there.people} people; {shown}"


def _differences(name: str, own: Sequence[Sample], inside: Sequence[Sample], usable: Sequence[Sample]) -> list[str]:
    """Return what differs from the list, in sentences."""
    remarks = []
    emotional = [sample for sample in own if sample not in inside and composite_label(sample.label) is not None]
    if emotional:
        remarks.append(
            f"{name}: {len(emotional)} clips of the composite's emotions are not in the list: {_shown(emotional)}"
        )
    if missing := PUBLISHED[name].clips - len(inside):
        remarks.append(
            f"{name}: {missing} clips of the list are not among the usable rows; mer-data check {name} names rows "
            "that cannot be used"
        )
    if others := [sample for sample in inside if sample not in usable]:
        remarks.append(
            f"{name}: {len(others)} clips of the list have a label outside of the composite here: {_shown(others)}"
        )
    return remarks


def _shown(samples: Sequence[Sample]) -> str:
    names = [f"{sample.subject}/{sample.clip} ({sample.label})" for sample in samples[:_NAMED]]
    return ", ".join(names) + (f" and {len(samples) - _NAMED} more" if len(samples) > _NAMED else "")


def _listed() -> dict[str, frozenset[str]]:
    lines = Path(__file__).with_suffix(".txt").read_text(encoding="ascii").split("\n")
    pairs = [line.split() for line in lines if line]
    return {name: frozenset(key for part, key in pairs if part == name) for name in PUBLISHED}


def _key(sample: Sample) -> str:
    """Return the hash of a clip's name; leading zeros and case differ between releases and do not count."""
    person = re.sub(r"^\D*0*", "", sample.subject.rpartition(".")[2].casefold())
    clip = re.sub(r"(?<!\d)0+(?=\d)", "", sample.clip.casefold())
    return hashlib.sha256(f"{sample.dataset}/{person}/{clip}".encode()).hexdigest()[:12]
