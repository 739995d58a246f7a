"""The frames of a folder: which files they are, their order, and what their names say about gaps."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from mer.errors import MerError
from mer.media.kinds import PICTURE_SUFFIXES
from mer.media.stamps import Number, are_fractions, columns, decimals, split_fractions, time_stamps

_MIN_COUNTED: Final = 1 / 3
"""Share of the most frequent step from which numbers whose steps are all multiples of it count frames."""
_MIN_EVEN: Final = 0.9
"""Share of steps within half the usual one from which numbers are time stamps of an even recording."""
_MAX_STRAYS: Final = 0.1
"""Share of pictures without a number among numbered ones up to which they are not frames."""
_MAX_POSITION: Final = 10**9
_UNCOUNTED: Final = "the names do not number frames evenly: the frames were taken as consecutive"

_Part = tuple[int, int, str]
_Fit = tuple[float, str, list[int]]


@dataclass(frozen=True, slots=True)
class FrameFiles:
    """The pictures of a folder that are its frames.

    Attributes:
        files: Paths in playing order.
        notes: Which pictures were left out, and why.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Numbering:
    """Where frames lie on an even grid in time.

    Attributes:
        positions: Strictly increasing position of each frame, from 0; those that are skipped are gaps.
        counts: Whether the names count frames; if not, the positions are consecutive.
        note: What was assumed; empty if the names count frames one by one.
    """

    positions: tuple[int, ...]
    counts: bool
    note: str

    @property
    def missing(self) -> int:
        """Number of frames that are missing between the first and the last."""
        return self.positions[-1] + 1 - len(self.positions) if self.positions else 0


def natural_key(name: str) -> tuple[tuple[_Part, ...], str]:
    """Return a sort key that puts `img9` before `img10`, ignores case, and never ties for two names."""
    return _parts(name), name


def frame_number(name: str) -> int | None:
    """Return the last number in a file name (`006_05562.jpg` is 5562), or None."""
    runs = re.findall(r"[0-9]+", Path(name).stem)
    return int(runs[-1]) if runs else None


def list_frames(folder: Path) -> list[Path]:
    """Return the frames of a folder in the order that `mer.media.video.FrameReader` plays them.

    This order defines the positions of `mer.data.Sample`.

    Raises:
        MerError: If the folder cannot be read.
    """
    return list(frame_files(folder).files)


def frame_files(folder: Path) -> FrameFiles:
    """Find the frames of a folder without opening them.

    Frames are pictures that are not hidden: `._img1.jpg`, which archives from some systems hold, is not a picture.
    Of `a.jpg` beside `a.png` one is taken, and pictures without a number among numbered ones are left out.

    Raises:
        MerError: If the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if is_picture_name(entry.name) and _may_be_file(entry)]
    except OSError as error:
        raise MerError(f"folder {folder} cannot be read ({error.strerror}); may you open it?") from error
    names, doubled = _one_of_each_stem(names)
    strays = [name for name in names if not re.search(r"[0-9]", Path(name).stem)]
    strays = strays if 0 < len(strays) <= _MAX_STRAYS * len(names) else []
    notes = []
    if doubled:
        notes.append(f"{listed(doubled)} left out: same name as another frame, in another format")
    if strays:
        notes.append(f"{listed(strays)} left out: without a number among frames that have one")
    left_out = set(strays)
    return FrameFiles(
        tuple(folder / name for name in in_playing_order(name for name in names if name not in left_out)), tuple(notes)
    )


def is_picture_name(name: str) -> bool:
    """Return whether a file of this name is taken for a picture: its suffix is known, and it is not hidden."""
    return not name.startswith(".") and name.lower().endswith(PICTURE_SUFFIXES)


def in_playing_order(names: Iterable[str]) -> list[str]:
    """Return file names in the order of their numbers, decimals in that of their values (`1.05`, `1.5`, `1.50`)."""
    names = list(names)
    stems = [name.rpartition(".")[0] for name in names]
    splits = split_fractions(stems) if are_fractions(stems) else [None] * len(stems)
    keys = {}
    for name, stem, split in zip(names, stems, splits):
        whole, digits, rest = split or (stem, "", "")
        fraction = ((0, 0, digits.rstrip("0")),) if digits else ()
        keys[name] = (*_parts(whole), *fraction, *_parts(rest)), name
    return sorted(names, key=keys.__getitem__)


def number_frames(names: Sequence[str]) -> Numbering:
    """Find out from file names where frames are missing.

    Numbers whose usual step is 1 count frames, and so does any other step that all steps are multiples of. Time
    stamps and other numbers with nearly equal steps tell gaps, too. Everything else says nothing about gaps.

    Args:
        names: File names in playing order.
    """
    stems = [name.rpartition(".")[0] for name in names]
    consecutive = tuple(range(len(names)))
    if len(names) < 2:
        return Numbering(consecutive, False, "")
    fits = [fit for values in _candidates(stems) if (fit := _fit(values)) is not None]
    if not fits:
        return Numbering(consecutive, False, _UNCOUNTED)
    _, note, positions = max(fits, key=lambda fit: (fit[0], -fit[2][-1]))
    return Numbering(tuple(positions), True, note)


def listed(names: Sequence[str], *, shown: int = 3) -> str:
    """Return how many files there are and the names of the first, as the beginning of a sentence."""
    some = ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")
    return f"{len(names)} picture{'s' if len(names) > 1 else ''} ({some})"


def _parts(text: str) -> tuple[_Part, ...]:
    parts = re.split(r"([0-9]+)", text.casefold())
    return tuple((0, int(part), "") if i % 2 else (1, 0, part) for i, part in enumerate(parts) if part)


def _may_be_file(entry: "os.DirEntry[str]") -> bool:
    """Return whether an entry is a file, or a link whose target is missing: that is a frame that is missing."""
    if entry.is_symlink():
        return os.path.isfile(entry.path) or not os.path.exists(entry.path)  # noqa: PTH110, PTH113 - fast, never raise
    return entry.is_file()


def _one_of_each_stem(names: list[str]) -> tuple[list[str], list[str]]:
    """Return names without doubled stems, of which the most frequent suffix stays, and the names left out."""
    suffixes = Counter(name.rpartition(".")[2].lower() for name in names)
    if len(suffixes) < 2:
        return names, []
    stems: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        stems[name.rpartition(".")[0]].append(name)
    kept = {max(same, key=lambda name: (suffixes[name.rpartition(".")[2].lower()], name)) for same in stems.values()}
    return [name for name in names if name in kept], sorted((n for n in names if n not in kept), key=natural_key)


def _candidates(stems: list[str]) -> Iterable[Sequence[Number]]:
    """Yield what may count frames: columns of numbers, decimals, times of day, or the last number of each name."""
    alike = columns(stems)
    yield from alike
    for read in (decimals, time_stamps):
        if values := read(stems):
            yield values
    if not alike:
        numbers = [number for stem in stems if (number := frame_number(f"{stem}.")) is not None]
        yield numbers if len(numbers) == len(stems) else []


def _fit(values: Sequence[Number]) -> _Fit | None:
    """Return how well values count frames, what to say about it, and the positions; None if they do not."""
    steps = [after - before for before, after in pairwise(values)]
    if not steps or min(steps) <= 0:
        return None
    step, count = Counter(steps).most_common(1)[0]
    if count >= _MIN_COUNTED * len(steps) and all(one % step == 0 for one in steps):
        note = "" if step == 1 else f"the numbers in the names go up by {float(step):.4g}: one frame each was assumed"
        return _placed(1.0, note, [int((value - values[0]) / step) for value in values])
    lengths = [float(one) for one in steps]
    middle = sorted(lengths)[len(lengths) // 2]
    even = [one for one in lengths if abs(one - middle) <= middle / 2]
    share = len(even) / len(lengths)
    if share < _MIN_EVEN:
        return None
    usual = sum(even) / len(even)
    positions = [0]
    for one in lengths:
        positions.append(positions[-1] + max(1, round(one / usual)))
    note = f"the numbers in the names are about {usual:.4g} apart: one frame each was assumed"
    return _placed(_MIN_EVEN * share, note, positions)


def _placed(quality: float, note: str, positions: list[int]) -> _Fit | None:
    return (quality, note, positions) if positions[-1] <= _MAX_POSITION else None
