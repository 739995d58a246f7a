"""The folder of a run belongs to one run: the same settings and data go on, others are refused."""

import json
import platform
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from mer import splits
from mer.config import TrainSettings, to_json
from mer.errors import MerError
from mer.files import from_json, remove_half_files, write_atomically
from mer.splits import Fold
from mer.training.data import ClipData

_FIT_TO_RESUME: Final = ("settings", "data")


def claim(out: Path, data: ClipData, settings: TrainSettings) -> None:
    """Write run.json, or check that the run in the folder is this one.

    What was half written when it was killed is removed: a state may have a gigabyte.

    Raises:
        MerError: If the folder holds another run; names what differs.
    """
    path = out / "run.json"
    described = {
        "settings": to_json(settings),
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint(),
            "clips": len(data.labels),
            "subjects": len(set(data.subjects.tolist())),
            "datasets": dict(Counter(data.datasets.tolist())),
        },
        "software": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
    }
    if not path.exists():
        write_atomically(path, json.dumps(described, indent=1, allow_nan=False) + "\n")
        return
    try:
        before = from_json(path.read_text())
        known = {(part, name): before[part][name] for part in _FIT_TO_RESUME for name in before[part]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MerError(f"{path} cannot be used ({error!r}); give another --out folder") from error
    now: dict[str, Any] = described
    for part, name in known:
        if now[part].get(name) != known[part, name]:
            raise MerError(
                f"{out} holds a run whose {name} is {known[part, name]}, now it is {now[part].get(name)}; "
                "give the same settings and data to continue it, or another --out folder"
            )
    remove_half_files(out)


def claim_folds(out: Path, data: ClipData, settings: TrainSettings, given: Path | None) -> list[Fold]:
    """Return the folds of the run and keep them; see `folds_of`.

    Raises:
        MerError: If the folds do not fit the data or the protocol.
    """
    folds = folds_of(out, data, settings, given)
    path = out / "folds.json"
    if not path.exists():
        splits.save(path, folds, protocol=settings.protocol, seed=settings.seed)
    return folds


def folds_of(out: Path, data: ClipData, settings: TrainSettings, given: Path | None) -> list[Fold]:
    """Return the folds of the run: those it has, those of another run's file, or new ones.

    Raises:
        MerError: If the folds do not fit the data or the protocol.
    """
    subjects, labels = data.subjects.tolist(), data.labels.tolist()
    path = out / "folds.json"
    source = path if path.exists() else given
    if source is None:
        protocol: Any = settings.protocol
        return splits.make_folds(
            subjects,
            labels,
            protocol,
            seed=settings.seed,
            datasets=data.datasets.tolist(),
            with_validation=settings.validation,
        )
    folds, protocol = splits.load(source)
    if not settings.validation:
        folds = [replace(fold, train=tuple(sorted((*fold.train, *fold.validation))), validation=()) for fold in folds]
    elif not all(fold.validation for fold in folds):
        raise MerError(f"{source} holds folds without a validation set; give --no-validation, or other folds")
    if protocol != settings.protocol:
        raise MerError(f"{source} holds folds of protocol {protocol!r}, but {settings.protocol!r} is wanted")
    splits.check(folds, subjects, labels)
    return folds
