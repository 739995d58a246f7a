"""Where the clips of a run come from, so that any process can read the same ones."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mer.config import TrainSettings
from mer.errors import UsageError
from mer.training.counting import counted
from mer.training.data import ClipData, read_dataset, read_npz


@dataclass(frozen=True, slots=True)
class Source:
    """Either a file of clips or a dataset.

    Attributes:
        clips: An .npz file; see `mer.training.data.read_npz`.
        dataset: A dataset of `mer.data`.
        root: Its folder, or a manifest CSV.
        cache: An .npz file that keeps the clips cut out of the dataset.
    """

    clips: Path | None
    dataset: str
    root: Path | None
    cache: Path


def source_from(given: argparse.Namespace) -> Source:
    """Return what the options --clips, --dataset, --root, --cache and --out name.

    Raises:
        UsageError: If they do not go together.
    """
    if (given.clips is None) == (given.dataset is None) or (given.dataset is None) != (given.root is None):
        raise UsageError("expected either --clips FILE.npz, or --dataset NAME and --root DIR")
    return Source(
        given.clips and given.clips.resolve(),
        given.dataset or "",
        given.root and given.root.resolve(),
        (given.cache or given.out / "clips.npz").resolve(),
    )


def features_folder(given: argparse.Namespace) -> Path | None:
    """Return the folder of features that goes with --cache; None for that of the run."""
    return given.cache.with_name(f"{given.cache.stem}-features").resolve() if given.cache else None


def read(source: Source, settings: TrainSettings, *, jobs: int, console: Console) -> ClipData:
    """Read the clips.

    Args:
        source: Where they are.
        settings: For classes and colour.
        jobs: Processes that cut clips side by side.
        console: Where progress goes.

    Raises:
        MerError: If they cannot be read.
    """
    if source.clips is not None or source.root is None:
        return read_npz(source.clips or Path())
    with counted(console, "cutting clips") as progress:
        return read_dataset(
            source.dataset,
            source.root,
            cache=source.cache,
            jobs=jobs,
            classes=settings.classes,
            colour=settings.input == "rgb",
            progress=progress,
        )
