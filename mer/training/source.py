"""Where the clips of a run come from, so that any process can read the same ones."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mer import class_map
from mer.config import TrainSettings
from mer.data.parts import Labels, Part, parts_from
from mer.errors import UsageError
from mer.training.counting import counted
from mer.training.data import ClipData, read_datasets, read_npz, say_left_out


@dataclass(frozen=True, slots=True)
class Source:
    """Either a file of clips or datasets.

    Attributes:
        clips: An .npz file; see `mer.training.data.read_npz`.
        parts: Datasets, each with its folder.
        listed: Keep only the clips of the list of MEGC2019.
        labels: What clips are labelled with; see `mer.data.parts.load_parts`.
        cache: An .npz file that keeps the clips cut out of the datasets.
    """

    clips: Path | None
    parts: tuple[Part, ...]
    listed: bool
    labels: Labels
    cache: Path


def source_from(given: argparse.Namespace) -> Source:
    """Return what the options --clips, --dataset, --root, --list, --cache and --out name.

    Raises:
        UsageError: If they do not go together.
    """
    if given.list and given.labels != "emotion":
        raise UsageError("--list megc2019 is of emotions; leave --labels out")
    if (given.clips is None) == (not given.dataset) or (given.clips and (given.root or given.list)):
        raise UsageError(
            "expected either --clips FILE.npz, or --dataset NAME=PATH (once or more; --list goes with it), "
            "or --dataset NAME and --root DIR"
        )
    return Source(
        given.clips and given.clips.resolve(),
        parts_from(given.dataset, given.root),
        given.list is not None,
        given.labels,
        (given.cache or given.out / "clips.npz").resolve(),
    )


def features_folder(given: argparse.Namespace) -> Path | None:
    """Return the folder of features that goes with --cache; None for that of the run."""
    return given.cache.with_name(f"{given.cache.stem}-features").resolve() if given.cache else None


def read(source: Source, settings: TrainSettings, *, jobs: int, console: Console) -> ClipData:
    """Read the clips.

    Args:
        source: Where they are.
        settings: For classes, their mapping and colour.
        jobs: Processes that cut clips side by side.
        console: Where progress goes.

    Raises:
        MerError: If they cannot be read.
    """

    def remark(text: str) -> None:
        console.print(text, soft_wrap=True, highlight=False)

    mapping = class_map.parse(settings.map)
    if source.clips is not None:
        data = read_npz(source.clips)
        say_left_out(data.labels.tolist(), settings.classes, mapping, remark)
        return data
    with counted(console, "cutting clips") as progress:
        return read_datasets(
            source.parts,
            cache=source.cache,
            jobs=jobs,
            classes=settings.classes,
            listed=source.listed,
            labels=source.labels,
            mapping=mapping,
            colour=settings.input == "rgb",
            progress=progress,
            remark=remark,
        )
