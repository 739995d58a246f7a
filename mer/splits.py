"""Divides subjects into training, validation and test sets; no subject is in two of them.

The validation set is taken out of the training subjects, never out of the test set: choosing the epoch on the test set
would flatter the figures.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.files import from_json, write_atomically

Protocol = Literal["5fold", "loso", "lodo", "holdout", "all"]
PROTOCOLS: Final = get_args(Protocol)
_FORMAT: Final = 2
_FOLDS: Final = 5
_TRIES: Final = 24
"""Divisions tried, of which the most even is taken."""
_VALIDATION_SHARE: Final = 6
"""One sixth of the training subjects, at least one, is the validation set."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Training, validation and test set: groups of subjects without a common member.

    Attributes:
        name: Short name, unique within the run; a folder is called after it.
        train: Subjects whose clips change the weights.
        validation: Subjects on whom the learning rate, the best epoch and the calibration are decided.
        test: Subjects whose predictions are reported; empty when everybody is trained on.
    """

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def make_folds(
    subjects: Sequence[str],
    labels: Sequence[str],
    protocol: Protocol,
    *,
    seed: int,
    datasets: Sequence[str] | None = None,
    with_validation: bool = True,
) -> list[Fold]:
    """Divide subjects, classes as evenly spread as whole subjects allow.

    Args:
        subjects: (N,) participant of each clip.
        labels: (N,) class of each clip.
        protocol: "5fold": five folds, each the test set once. "loso": each subject is the test set once. "lodo": each
            dataset is. "holdout": the first of five folds is. "all": there is no test set.
        seed: Decides among equally good divisions.
        datasets: (N,) dataset of each clip; needed for "lodo". Who is in several belongs to the first.
        with_validation: Whether some of the training subjects decide when to stop; else all of them are trained on.

    Raises:
        MerError: If there are too few subjects, or a class would be missing from a training set.
    """
    tables = _counts_by_subject(subjects, labels)
    least = {"5fold": _FOLDS, "loso": 3, "lodo": 3, "holdout": 3, "all": 2}[protocol]
    if len(tables) < least:
        raise MerError(
            f"{len(tables)} subject(s) given; protocol {protocol!r} needs at least {least}, "
            "because folds are subject-exclusive; give more subjects or another protocol"
        )
    tests = _tests(tables, protocol, seed, _people_of(subjects, datasets or []))
    # One division serves all subjects of leave-one-subject-out, of which there may be hundreds.
    shared = _divide(tables, min(_VALIDATION_SHARE, len(tables)), seed) if protocol == "loso" else None
    folds = []
    for name, test in tests.items():
        rest = {person: counts for person, counts in tables.items() if person not in test}
        validation: tuple[str, ...] = ()
        if with_validation:
            validation = _validation_part(rest, shared or _divide(rest, min(_VALIDATION_SHARE, len(rest)), seed))
        folds.append(Fold(name, tuple(sorted(set(rest) - set(validation))), validation, test))
    check(folds, subjects, labels)
    return folds


def _tests(
    tables: dict[str, NDArray[np.float64]], protocol: Protocol, seed: int, people: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Return the test set of each fold, by the name of the fold.

    Raises:
        MerError: If "lodo" is wanted of a single dataset.
    """
    if protocol == "loso":
        return {f"subject-{name}": (name,) for name in sorted(tables)}
    if protocol == "all":
        return {"fold-1": ()}
    if protocol == "lodo":
        if len(people) < 2:
            raise MerError(
                f"protocol 'lodo' leaves one dataset out, and {len(people)} is given; "
                "give several, each as --dataset NAME=PATH"
            )
        return {f"dataset-{name}": inside for name, inside in people.items()}
    parts = _divide(tables, min(_FOLDS, len(tables)), seed)
    return {f"fold-{number}": part for number, part in enumerate(parts[: 1 if protocol == "holdout" else None], 1)}


def _people_of(subjects: Sequence[str], datasets: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the subjects of each dataset; who is in several belongs to the first."""
    home: dict[str, str] = {}
    for subject, name in zip(subjects, datasets):
        home.setdefault(str(subject), str(name))
    return {
        name: tuple(sorted(person for person, where in home.items() if where == name))
        for name in sorted(set(home.values()))
    }


def check(folds: Sequence[Fold], subjects: Sequence[str], labels: Sequence[str]) -> None:
    """Raise unless folds fit the data and leak nothing.

    Raises:
        MerError: If a subject is in two sets of a fold, is in two test sets, or is not in the data; if
            the data hold a subject that a fold leaves out; or if a training set lacks a class.
    """
    known = set(subjects)
    classes_of = {name: {label for s, label in zip(subjects, labels) if s == name} for name in known}
    tested = Counter(name for fold in folds for name in fold.test)
    if twice := sorted(name for name, times in tested.items() if times > 1):
        raise MerError(f"subject {twice[0]!r} is in the test set of {tested[twice[0]]} folds; expected one")
    for fold in folds:
        parts = Counter([*fold.train, *fold.validation, *fold.test])
        if shared := sorted(name for name, times in parts.items() if times > 1):
            raise MerError(f"{fold.name}: subject {shared[0]!r} is in two sets; folds are subject-exclusive")
        if strange := sorted(set(parts) - known):
            raise MerError(f"{fold.name}: subject {strange[0]!r} is not in the data; use the folds of the same data")
        if missing := sorted(known - set(parts)):
            raise MerError(f"{fold.name}: subject {missing[0]!r} is in no set; use the folds of the same data")
        trained = set().union(*(classes_of[name] for name in fold.train))
        if lacking := sorted(set(labels) - trained):
            raise MerError(
                f"{fold.name}: no subject of the training set shows {lacking[0]!r}; "
                "give clips of more subjects, or leave the class out with --classes"
            )


def save(path: Path, folds: Sequence[Fold], *, protocol: str, seed: int) -> None:
    """Write folds as JSON."""
    stored = {"format": _FORMAT, "protocol": protocol, "seed": seed, "folds": [asdict(fold) for fold in folds]}
    write_atomically(path, json.dumps(stored, indent=1, allow_nan=False) + "\n")


def load(path: Path) -> tuple[list[Fold], str]:
    """Read folds that `save` wrote, or that somebody wrote by hand.

    Returns:
        The folds and the name of their protocol.

    Raises:
        MerError: If the file is missing or is not what `save` writes.
    """
    try:
        stored: Any = from_json(path.read_text())
        folds = [_fold_from_json(entry) for entry in stored["folds"]]
        protocol = str(stored["protocol"])
    except OSError as error:
        raise MerError(f"{path} cannot be read: {error.strerror}; give a folds.json") from error
    except (KeyError, TypeError, ValueError) as error:
        raise MerError(
            f"{path} is not a folds.json ({error!r}); expected protocol, and folds with name, train, validation, test"
        ) from None
    if stored.get("format") != _FORMAT:
        raise MerError(f"{path} has format {stored.get('format')!r}; this program reads {_FORMAT}")
    if not folds or len({fold.name for fold in folds}) != len(folds):
        raise MerError(f"{path} holds {len(folds)} fold(s); expected at least one, each with a name of its own")
    return folds, protocol


def _fold_from_json(entry: Any) -> Fold:
    train, validation, test = (tuple(str(name) for name in entry[part]) for part in ("train", "validation", "test"))
    return Fold(str(entry["name"]), train, validation, test)


def _counts_by_subject(subjects: Sequence[str], labels: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    classes = sorted(set(labels))
    tables = {str(name): np.zeros(len(classes)) for name in sorted(set(subjects))}
    for subject, label in zip(subjects, labels):
        tables[str(subject)][classes.index(label)] += 1
    return tables


def _total(tables: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    total: NDArray[np.float64] = np.sum(list(tables.values()), axis=0)
    return total


def _divide(tables: dict[str, NDArray[np.float64]], parts: int, seed: int) -> list[tuple[str, ...]]:
    """Return the most even of several divisions."""
    rng = np.random.default_rng(seed)
    tries = [_deal(tables, parts, rng) for _ in range(_TRIES)]
    return min(tries, key=lambda division: division[0])[1]


def _deal(
    tables: dict[str, NDArray[np.float64]], parts: int, rng: np.random.Generator
) -> tuple[float, list[tuple[str, ...]]]:
    """Give each subject in turn, roughly the richest first, to the part where it evens out the classes best.

    The measure is the spread over the parts of each class's share, so rare classes count as much as
    common ones, and of the clips altogether.

    Returns:
        The measure, and the members of each part.
    """
    names = sorted(tables)
    counts = np.array([[*tables[name], tables[name].sum()] for name in names])
    shares = counts / np.maximum(counts.sum(0), 1.0)
    order = np.argsort(-counts[:, -1] * rng.uniform(0.5, 1.0, len(names)), kind="stable")
    filled = np.zeros((parts, counts.shape[1]))
    members: list[list[str]] = [[] for _ in range(parts)]
    for dealt, i in enumerate(order.tolist()):
        options = filled + np.eye(parts)[:, :, None] * shares[i]  # (part that gets it, parts, classes)
        spreads = options.std(1).sum(1)
        if len(names) - dealt <= sum(not part for part in members):  # the last ones go where nobody is yet
            spreads[[bool(part) for part in members]] = np.inf
        best = int(spreads.argmin())
        filled = options[best]
        members[best].append(names[i])
    return float(filled.std(0).sum()), [tuple(sorted(part)) for part in members]


def _validation_part(tables: dict[str, NDArray[np.float64]], parts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the part whose classes are most like the whole, if possible without a class's only subjects.

    Args:
        tables: Clips of each class, for those who may be taken.
        parts: A division of these, or of more people.
    """
    totals = _total(tables)
    wanted = totals / totals.sum()

    def badness(part: tuple[str, ...]) -> tuple[bool, float]:
        inside = _total({name: tables[name] for name in part})
        return bool(((totals - inside <= 0) & (totals > 0)).any()), float(np.abs(inside / inside.sum() - wanted).sum())

    own = [tuple(name for name in part if name in tables) for part in parts]
    return min((part for part in own if part), key=badness)
