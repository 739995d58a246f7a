"""What holds for all folds of a run: made once, and handed to whoever does a part of it."""

from dataclasses import dataclass
from pathlib import Path

from mer.config import TrainSettings
from mer.training.source import Source


@dataclass(frozen=True, slots=True)
class RunContext:
    """What holds for all folds of a run. Can be sent to another process.

    Attributes:
        settings: See `TrainSettings`.
        out: Folder of the run.
        features: Folder that keeps inputs that take time to make.
        device: Where networks are trained, as torch names it.
        threads: Processor cores that a fold uses.
        source: Where other processes read the clips; None if all is done in this one.
        keep_weights: Whether every fold keeps its weights, not only the best.
    """

    settings: TrainSettings
    out: Path
    features: Path
    device: str = "cpu"
    threads: int = 1
    source: Source | None = None
    keep_weights: bool = False


def folder_of(out: Path, seed: int) -> Path:
    """Return the folder of the run with a seed, of several below one folder."""
    return out / f"seed-{seed}"
