"""Several datasets as one: parts with names, and people who are never taken for one another."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, get_args

from mer.data.datasets import READERS, load
from mer.data.sample import Sample
from mer.errors import MerError, UsageError

Labels = Literal["emotion", "objective", "action-units"]
LABELS: Final = get_args(Labels)
_SAME_PEOPLE: Final = {"samm-lv": "samm"}
"""SAMM Long Videos shows the people of SAMM under the same numbers."""


@dataclass(frozen=True, slots=True)
class Part:
    """One dataset, alone or among others.

    Attributes:
        name: What tables call it: that of the dataset; of several manifests that of each file. Letters, digits,
            underscores and hyphens.
        kind: A dataset of `mer.data.READERS`.
        root: Its folder, or a manifest CSV; full path.
    """

    name: str
    kind: str
    root: Path


def parts_from(given: Sequence[str], root: Path | None) -> tuple[Part, ...]:
    """Return the parts that options name.

    Args:
        given: `NAME=PATH` for each part, or a single `NAME` whose path is `root`.
        root: Path of that one; None otherwise.

    Raises:
        UsageError: If a dataset is not known, a path is missing or a part is given twice.
    """
    pairs = [(name, path) for name, _, path in (text.partition("=") for text in given)]
    if unknown := [name for name, _ in pairs if name not in READERS]:
        raise UsageError(f"--dataset {unknown[0]}: not a dataset; choose among {', '.join(READERS)}")
    bare = [name for name, path in pairs if not path]
    if root is not None and (len(pairs) != 1 or not bare):
        raise UsageError("--root goes with a single --dataset NAME; give several as --dataset NAME=PATH")
    if root is None and bare:
        raise UsageError(f"--dataset {bare[0]} has no path; give --dataset {bare[0]}=PATH")
    roots = [(name, (root or Path(path)).resolve()) for name, path in pairs]
    several_manifests = sum(name == "manifest" for name, _ in roots) > 1
    parts = tuple(
        Part(_name_of_file(path) if name == "manifest" and several_manifests else name, name, path)
        for name, path in roots
    )
    names = [part.name for part in parts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"dataset {twice[0]!r} is given twice; give each once, and manifests different file names")
    return parts


def load_parts(parts: Sequence[Part], *, labels: Labels = "emotion") -> list[Sample]:
    """Return all usable micro-expressions of all parts, each with the name of its part.

    Of several parts the subjects are called `casme2.01`, so that equal numbers stay different people. Parts that
    show the same people under the same numbers (SAMM and SAMM Long Videos) share their names.

    Args:
        parts: Datasets and where they are.
        labels: "emotion", or "objective" for the classes by action units alone, which are called "class 1" to
            "class 7", or "action-units" for their combinations, "AU4" or "AU6+AU12"; clips without one are left out.

    Raises:
        UsageError: If there is no such dataset.
        MerError: If the layout of one is wrong, no row of it can be used, or it has no such labels.
    """
    samples = []
    for part in parts:
        found = load(part.kind, part.root)
        if labels != "emotion":
            found = _relabelled(found, part, labels)
        for sample in found:
            subject = f"{_SAME_PEOPLE.get(part.name, part.name)}.{sample.subject}" if len(parts) > 1 else sample.subject
            samples.append(replace(sample, subject=subject, dataset=part.name))
    return samples


def _relabelled(samples: Sequence[Sample], part: Part, labels: Labels) -> list[Sample]:
    """Return the samples that have other labels than emotions, with these."""
    if labels == "objective":
        found = [replace(one, label=f"class {one.objective}") for one in samples if one.objective]
        missing = "objective classes; CASME II, SAMM and CAS(ME)^3 have"
    else:
        found = [replace(one, label="+".join(f"AU{n}" for n in one.units)) for one in samples if one.units]
        missing = "action units; give --labels emotion"
    if not found:
        raise MerError(f"{part.name} has no {missing}")
    return found


def _name_of_file(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", path.parent.name if path.name == "manifest.csv" else path.stem).strip("-")
