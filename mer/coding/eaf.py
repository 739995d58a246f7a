"""Documents of ELAN (.eaf), as https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf describes them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from mer.coding.grids import MAX_BYTES, safe_xml
from mer.coding.messages import Coded, person_of
from mer.errors import MerError, UsageError
from mer.files import read_at_most

_OURS: Final = re.compile(r"(event|apex)( person \d+)?")
"""Tiers of `mer-replay --export eaf` that hold events; each person has their own where several were followed."""
_ASIDE: Final = ("apex", "rejected")
_SHARE: Final = re.compile(r" \d+ %$")
"""What `mer-replay --export eaf` writes behind a class."""


def read_eaf(path: Path, *, tiers: Sequence[str]) -> list[Coded]:
    """Return the annotations of some tiers that have times of their own.

    Args:
        path: The document.
        tiers: Their names; none for the tier "event", or the only one that holds anything.

    Raises:
        MerError: If it is not such a document, or has not those tiers.
    """
    try:
        root = safe_xml(read_at_most(path, MAX_BYTES))
        found = {tier.attrib["TIER_ID"]: _annotations(tier, _slots(root)) for tier in root.iter("TIER")}
    except OSError as error:
        raise MerError(f"{path} cannot be read ({error.strerror}); give an ELAN document") from error
    except (ValueError, KeyError) as error:
        raise MerError(f"{path} is not an ELAN document ({error}); expected the .eaf that ELAN saves") from error
    names = _chosen(path, {name: len(annotations) for name, annotations in found.items()}, tiers)
    return [one for name in names for one in found[name]]


def _slots(root: ElementTree.Element) -> dict[str, float]:
    """Return the seconds of the time slots that have any."""
    order = root.find("TIME_ORDER")
    slots = [] if order is None else order.findall("TIME_SLOT")
    return {
        slot.attrib["TIME_SLOT_ID"]: int(slot.attrib["TIME_VALUE"]) / 1000
        for slot in slots
        if "TIME_VALUE" in slot.attrib
    }


def _annotations(tier: ElementTree.Element, slots: dict[str, float]) -> list[Coded]:
    made, name = [], tier.attrib["TIER_ID"]
    for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
        onset_s, offset_s = (slots.get(annotation.attrib[f"TIME_SLOT_REF{end}"]) for end in (1, 2))
        if onset_s is None or offset_s is None:  # within a subdivision, ELAN leaves the times between its ends open
            continue
        value = _SHARE.sub("", (annotation.findtext("ANNOTATION_VALUE") or "").strip())
        made.append(Coded(value, onset_s, offset_s, tier=name, person=person_of(name)))
    return made


def _chosen(path: Path, counts: dict[str, int], tiers: Sequence[str]) -> list[str]:
    if missing := [name for name in tiers if name not in counts]:
        raise UsageError(f"{path} has no tier {missing[0]!r}; its tiers are {', '.join(counts) or 'none'}")
    if tiers:
        return [*tiers, *(name for name in counts if name.casefold() == "apex" and name not in tiers)]
    ours = [name for name in counts if _OURS.fullmatch(name)]
    if any(name.startswith("event") for name in ours):
        return ours
    filled = [name for name, count in counts.items() if count and name.casefold() not in _ASIDE]
    if len(filled) > 1:
        raise UsageError(f"{path} has several tiers with annotations ({', '.join(filled)}); choose with --tiers")
    return [*filled, *(name for name in counts if name.casefold() == "apex")]
