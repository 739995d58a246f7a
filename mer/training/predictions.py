"""Predictions for clips, as they are kept on disk and summed up."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.files import write_atomically
from mer.text import cell_value, csv_text

_COLUMNS = ("fold", "dataset", "subject", "clip", "position", "truth", "prediction", "none_threshold")
_FIRST_VERSION = ("fold", "clip", "subject", "truth", "none_threshold")
"""Of files that call a clip's position `clip` and know no names."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """The prediction for each clip of the test sets.

    Attributes:
        classes: Class names in the order of the probabilities.
        truth: (N,) class indices.
        probabilities: (N, C) calibrated.
        datasets: (N,) name of the dataset.
        subjects: (N,) participants.
        clips: (N,) name of the clip within its subject.
        folds: (N,) name of the fold whose test set has the clip.
        positions: (N,) position of the clip in the data.
        none_thresholds: (N,) probability below which the prediction would be "none".
    """

    classes: tuple[str, ...]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    datasets: NDArray[np.str_]
    subjects: NDArray[np.str_]
    clips: NDArray[np.str_]
    folds: NDArray[np.str_]
    positions: NDArray[np.int64]
    none_thresholds: NDArray[np.float64]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) most probable classes."""
        best: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best


def join(parts: Sequence[Predictions]) -> Predictions:
    """Return the predictions of several folds as one; at least one part, all of the same classes."""
    arrays = [field.name for field in fields(Predictions) if field.name != "classes"]
    return Predictions(
        parts[0].classes, **{name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
    )


def save(path: Path, predictions: Predictions) -> None:
    """Write a CSV: fold, dataset, subject, clip and its position, truth, prediction, none_threshold, probabilities."""
    columns = [*_COLUMNS, *predictions.classes]
    rows = []
    for i, (truth, predicted) in enumerate(zip(predictions.truth.tolist(), predictions.predicted.tolist())):
        who = [getattr(predictions, name)[i] for name in ("folds", "datasets", "subjects", "clips", "positions")]
        classes = [predictions.classes[truth], predictions.classes[predicted]]
        shares = [f"{p:.9g}" for p in [predictions.none_thresholds[i], *predictions.probabilities[i]]]
        rows.append(dict(zip(columns, [*map(str, who), *classes, *shares])))
    write_atomically(path, csv_text(columns, rows))


def load(path: Path) -> Predictions:
    """Read what `save` wrote.

    Raises:
        MerError: If the file is missing or is something else.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = [[cell_value(text) for text in row] for row in csv.reader(file)]
        fixed = next((names for names in (_COLUMNS, _FIRST_VERSION) if tuple(header[: len(names)]) == names), None)
        if fixed is None or not rows:
            raise ValueError(f"header {header}, {len(rows)} rows")
        classes = tuple(header[len(fixed) :])
        cells = {name: np.array([row[i] for row in rows], np.str_) for i, name in enumerate(fixed)}
        return Predictions(
            classes,
            np.array([classes.index(name) for name in cells["truth"]], np.int64),
            np.array([[float(p) for p in row[len(fixed) :]] for row in rows]).reshape(len(rows), len(classes)),
            cells.get("dataset", np.full(len(rows), "")),
            cells["subject"],
            cells["clip"],
            cells["fold"],
            cells.get("position", cells["clip"]).astype(np.int64),
            cells["none_threshold"].astype(np.float64),
        )
    except OSError as error:
        raise MerError(f"{path} cannot be read: {error.strerror}; give the folder of a finished run") from error
    except (ValueError, IndexError, csv.Error) as error:
        raise MerError(f"{path} is not a table of predictions ({error}); train again") from error
