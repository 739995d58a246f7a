"""The datasets by name: loading and checking."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mer.data import casme2, casme3, casme_sq, dfme, fourdme, manifest, mmew, samm, samm_lv, smic_hs
from mer.data.annotation import Annotations
from mer.data.layout import require_root
from mer.data.report import Report
from mer.data.resolve import resolve
from mer.data.sample import Sample
from mer.errors import MerError, UsageError
from mer.labels import CLASSES

_READERS: Final[dict[str, Callable[[Path], Annotations]]] = {
    "mmew": mmew.read,
    "casme2": casme2.read,
    "samm": samm.read,
    "smic-hs": smic_hs.read,
    "casme-sq": casme_sq.read,
    "casme3": casme3.read,
    "4dme": fourdme.read,
    "dfme": dfme.read,
    "samm-lv": samm_lv.read,
    "manifest": manifest.read,
}
READERS: Final[Mapping[str, Callable[[Path], Annotations]]] = MappingProxyType(_READERS)
"""What reads the annotations of each dataset."""

_log: Final = logging.getLogger(__name__)


def register(name: str, read: Callable[[Path], Annotations]) -> None:
    """Add a dataset of your own, under which all commands know it from then on.

    Args:
        name: As `--dataset` takes it.
        read: From the dataset's folder to its annotations; see `mer.data.annotation`.

    Raises:
        ValueError: If the name is taken or would be hard to type.
    """
    if READERS.get(name, read) is not read:
        raise ValueError(f"another dataset named {name!r} exists; choose another name")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise ValueError(f"{name!r} cannot be a name; expected lower-case letters, digits and hyphens")
    _READERS[name] = read


def check(name: str, root: Path) -> Report:
    """Read a dataset's annotations, look up every row on disk, and report what is there and what is wrong.

    Args:
        name: One of `READERS`.
        root: The folder the dataset was unpacked into; for `manifest` the CSV.

    Returns:
        What was found. Bad rows are in its findings, not an error.

    Raises:
        UsageError: If there is no such dataset.
        MerError: If the layout is wrong; the message names the file or column that was missed.
    """
    annotations = read_annotations(name, root)
    located, findings, counting = resolve(annotations)
    notes = list(annotations.notes)
    if not annotations.has_apex and any(found.sample.apex is None for found in located):
        notes.append("clips without an annotated apex: it is taken where the motion is strongest when the clip is cut")
    return Report(
        name=name,
        root=root,
        tables=tuple(annotations.tables),
        rows=len(annotations.rows),
        samples=tuple(found.sample for found in located if found.kind == "micro"),
        macro=sum(row.kind == "macro" for row in annotations.rows),
        counting=counting,
        findings=tuple(findings),
        notes=tuple(notes),
    )


def load(name: str, root: Path) -> list[Sample]:
    """Return all usable micro-expressions of a dataset with all their labels; see `only`.

    Bad rows are left out; how many is logged as a warning, and `mer-data check` names them.

    Args:
        name: One of `READERS`.
        root: The folder the dataset was unpacked into; for `manifest` the CSV.

    Raises:
        UsageError: If there is no such dataset.
        MerError: If the layout is wrong, or no row can be used.
    """
    report = check(name, root)
    if not report.samples:
        raise MerError(
            f"{root}: not one of {report.rows} rows can be used; the first: {report.findings[0].where}: "
            f"{report.findings[0].reason}; `mer-data check {name} {root}` names all"
            if report.findings
            else f"{root}: none of {report.rows} rows is a micro-expression; expected at least one"
        )
    if report.left_out:
        counts = f"{report.left_out} of {report.rows} rows left out"
        _log.warning("%s: %s; `mer-data check %s %s` names them", name, counts, name, root)
    return list(report.samples)


def only(samples: Iterable[Sample], classes: Sequence[str] = CLASSES) -> list[Sample]:
    """Return the samples of some classes, by default the five of MMEW that the networks predict.

    Raises:
        MerError: If a class has no sample.
    """
    samples = list(samples)
    if empty := [name for name in classes if not any(s.label == name for s in samples)]:
        found = ", ".join(sorted({s.label for s in samples})) or "none"
        raise MerError(f"no clip of class {', '.join(map(repr, empty))}; classes found: {found}; choose among these")
    return [s for s in samples if s.label in classes]


def read_annotations(name: str, root: Path) -> Annotations:
    """Return a dataset's annotations as its tables have them.

    Raises:
        UsageError: If there is no such dataset.
        MerError: If the layout is wrong; the message names the file or column that was missed.
    """
    if name not in READERS:
        raise UsageError(f"{name!r} is not a dataset; choose one of {', '.join(READERS)}")
    return READERS[name](root if name == "manifest" else require_root(root))
