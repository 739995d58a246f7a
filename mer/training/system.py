"""One face for all systems: what they see of a clip, how they learn from a fold, what they predict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from mer.checkpoint import Configuration
from mer.training.context import RunContext
from mer.training.steps import Examples

STATE_FILE: Final = "state.safetensors"
"""Where a system may keep what it needs to go on, in the folder of a fold until the fold is done."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a system learns from, and where.

    Attributes:
        train: What changes it, augmented samples included.
        validation: What decides when it has learnt enough; never part of the test set.
        context: The run that the fold belongs to.
        seed: Of everything drawn at random.
        fold: Name of the fold.
        console: Where progress goes.
    """

    train: Examples
    validation: Examples
    context: RunContext
    seed: tuple[int, int]
    fold: str
    console: Console


@dataclass(frozen=True, slots=True)
class Fitted:
    """A system that has learnt from a fold.

    Attributes:
        logits: From encoded clips (N, ...) to (N, C), not calibrated.
        parameters: Numbers that training adjusted; None for a support vector machine.
        save: Writes its weights; None if it keeps none.
        course: How it came about, for result.json: always validation_loss and validation_accuracy (on the validation
            subjects; of training where there are none) and train_seconds; best_epoch, epochs, ended_by and
            seconds_per_epoch of a network; C and support_vectors of a support vector machine.
    """

    logits: Callable[[NDArray[Any]], NDArray[np.float64]]
    parameters: int | None
    save: Callable[[Path, Configuration], None] | None
    course: Mapping[str, Any]


class System(Protocol):
    """A way to tell micro-expressions apart."""

    def fit(self, task: Task) -> Fitted:
        """Learn from a fold; what was interrupted goes on."""
