"""Which class a label of a dataset counts as: names merged or mapped, and the three classes of MEGC2019."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from mer.errors import MerError
from mer.labels import CLASSES
from mer.metrics import COMPOSITE_CLASSES, composite_label

_ORDER: Final = {name: place for place, name in enumerate((*CLASSES, *COMPOSITE_CLASSES))}


def in_order(classes: Iterable[str]) -> tuple[str, ...]:
    """Return class names in the one order in which they are used, whatever the order they were given in.

    The three of MEGC2019 keep theirs; others follow `mer.labels.CLASSES`, then the alphabet.
    """
    names = tuple(classes)
    if set(names) == set(COMPOSITE_CLASSES) and len(names) == len(COMPOSITE_CLASSES):
        return COMPOSITE_CLASSES
    return tuple(sorted(names, key=lambda name: (_ORDER.get(name, len(_ORDER)), name)))


def parse(pairs: Sequence[str]) -> dict[str, str]:
    """Return a mapping that was given as `repression=negative`.

    Raises:
        MerError: If a pair is not of that form, or a label is mapped twice.
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        label, found, name = (part.strip() for part in pair.partition("="))
        if not (label and found and name):
            raise MerError(f"{pair!r} is not of the form LABEL=CLASS; give for example repression=disgust")
        if mapping.setdefault(label, name) != name:
            raise MerError(f"{label!r} is mapped to {mapping[label]!r} and to {name!r}; give one class")
    return mapping


def class_of(label: str, classes: Sequence[str], mapping: Mapping[str, str]) -> str | None:
    """Return the class that a label counts as, None if it is left out.

    Args:
        label: As the dataset has it, after `mer.data.annotation.plain_label`.
        classes: Class names. If they are the three of MEGC2019, emotions count as the class they belong to.
        mapping: Classes of labels that are mapped; it comes first.
    """
    name: str | None = mapping.get(label, label)
    if name is not None and set(classes) == set(COMPOSITE_CLASSES):
        name = composite_label(name)
    return name if name in classes else None


def left_out(labels: Iterable[str], classes: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int]:
    """Return how many clips of which labels a choice of classes leaves out, most first.

    Raises:
        MerError: If a label is mapped that no clip has.
    """
    counts = Counter(labels)
    if strange := [label for label in mapping if label not in counts]:
        raise MerError(
            f"--map {strange[0]}={mapping[strange[0]]}: no clip is labelled {strange[0]!r}; "
            f"labels found: {', '.join(sorted(counts)) or 'none'}"
        )
    return {label: count for label, count in counts.most_common() if class_of(label, classes, mapping) is None}
