"""Answers to clips, as they are kept on disk and summed up."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.files import write_atomically
from mer.text import cell_value, csv_text

_FIXED = ("fold", "clip", "subject", "truth", "none_threshold")


@dataclass(frozen=True, slots=True)
class Predictions:
    """What was answered to each reported clip.

    Attributes:
        classes: Class names in the order of the probabilities.
        truth: (N,) class indices.
        probabilities: (N, C) calibrated.
        subjects: (N,) participants.
        folds: (N,) name of the fold that reported the clip.
        clips: (N,) position of the clip in the data.
        none_thresholds: (N,) probability below which the answer would be "none".
    """

    classes: tuple[str, ...]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    subjects: NDArray[np.str_]
    folds: NDArray[np.str_]
    clips: NDArray[np.int64]
    none_thresholds: NDArray[np.float64]

    @property
    def answers(self) -> NDArray[np.int64]:
        """(N,) most probable classes."""
        best: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best


def join(parts: Sequence[Predictions]) -> Predictions:
    """Return the answers of several folds as one; at least one part, all of the same classes."""
    return Predictions(
        parts[0].classes,
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.subjects for part in parts]),
        np.concatenate([part.folds for part in parts]),
        np.concatenate([part.clips for part in parts]),
        np.concatenate([part.none_thresholds for part in parts]),
    )


def save(path: Path, predictions: Predictions) -> None:
    """Write a CSV: fold, clip, subject, truth, none_threshold, then the probability of each class."""
    columns = [*_FIXED, *predictions.classes]
    rows = []
    for i, truth in enumerate(predictions.truth.tolist()):
        fixed = [predictions.folds[i], predictions.clips[i], predictions.subjects[i], predictions.classes[truth]]
        shares = [f"{p:.9g}" for p in [predictions.none_thresholds[i], *predictions.probabilities[i]]]
        rows.append(dict(zip(columns, [*map(str, fixed), *shares])))
    write_atomically(path, csv_text(columns, rows))


def load(path: Path) -> Predictions:
    """Read what `save` wrote.

    Raises:
        MerError: If the file is missing or is something else.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = [[cell_value(text) for text in row] for row in csv.reader(file)]
        if tuple(header[: len(_FIXED)]) != _FIXED or not rows:
            raise ValueError(f"header {header}, {len(rows)} rows")
        classes = tuple(header[len(_FIXED) :])
        return Predictions(
            classes,
            np.array([classes.index(row[3]) for row in rows], np.int64),
            np.array([[float(p) for p in row[len(_FIXED) :]] for row in rows]).reshape(len(rows), len(classes)),
            np.array([row[2] for row in rows]),
            np.array([row[0] for row in rows]),
            np.array([int(row[1]) for row in rows], np.int64),
            np.array([float(row[4]) for row in rows]),
        )
    except OSError as error:
        raise MerError(f"{path} cannot be read: {error.strerror}; give the folder of a finished run") from error
    except (ValueError, IndexError, csv.Error) as error:
        raise MerError(f"{path} is not a table of predictions ({error}); train again") from error
