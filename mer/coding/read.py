"""Codings by what their files are: the one table of formats."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mer.coding import boris, interact, observer, plain
from mer.coding.eaf import read_eaf
from mer.coding.grids import read_grids
from mer.coding.mer_live import from_results, from_review, is_results
from mer.coding.messages import Coding, Recording, with_apexes
from mer.coding.subrip import read_srt
from mer.data.tables import Columns, Row, rows_with_header
from mer.errors import MerError, UsageError

SUFFIXES: Final = (".eaf", ".boris", ".srt", ".csv", ".tsv", ".txt", ".xlsx", ".ods", ".json")
FORMATS: Final = (
    "ELAN .eaf, BORIS .boris and its tables, The Observer XT and INTERACT tables, SubRip .srt, a plain table with "
    "onset, offset and label, review-*.json, a folder of such files, or results of mer-replay"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is read of files.

    Attributes:
        tiers: Tiers of ELAN, categories of BORIS, classes of INTERACT; none for the usual ones.
        fps: Frames per second, for times that count frames; None if none does.
    """

    tiers: Sequence[str] = ()
    fps: float | None = None


def read_coding(given: str, choice: Choice) -> Coding:
    """Return what one coder coded.

    Args:
        given: A file or folder, or NAME=PATH to say who the coder is.
        choice: What is read.

    Raises:
        MerError: If it cannot be read as any of the formats.
    """
    name, equals, rest = given.partition("=")
    coder, path = (name, Path(rest)) if equals and not Path(given).exists() else (None, Path(given))
    if not path.exists():
        raise MerError(f"{path} does not exist; give {FORMATS}")
    return _checked(path, _read(path, coder, choice))


def _read(path: Path, coder: str | None, choice: Choice) -> Coding:
    if is_results(path):
        return from_results(path, coder)
    files = [path] if path.is_file() else sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES)
    if not files:
        raise MerError(f"{path} holds no codings; give {FORMATS}")
    parts = [_coding(file, coder, choice) for file in files]
    recordings: dict[str, Recording] = {}
    for part, file in zip(parts, files):
        if twice := part.recordings.keys() & recordings.keys():
            raise MerError(f"{file} codes {min(twice) or 'a recording'}, which another file of {path} does; keep one")
        recordings |= part.recordings
    return Coding(coder or (parts[0].coder if len(files) == 1 else path.name), recordings)


def _checked(path: Path, coding: Coding) -> Coding:
    """Return a coding whose events all are intervals from 0 s on."""
    for name, recording in coding.recordings.items():
        for event in recording.events:
            if not 0 <= event.onset_s <= event.offset_s < math.inf:
                raise MerError(
                    f"{path}, {name}: {event.label!r} from {event.onset_s:g} to {event.offset_s:g} s is not an "
                    "interval; correct it there"
                )
    return coding


def _coding(path: Path, coder: str | None, choice: Choice) -> Coding:
    suffix = path.suffix.lower()
    if suffix == ".json":
        made = from_review(path)
        return replace(made, coder=coder or made.coder)
    recordings: dict[str, Recording]
    if suffix == ".eaf":
        recordings = {"": Recording(with_apexes(read_eaf(path, tiers=choice.tiers)))}
    elif suffix == ".srt":
        recordings = {"": Recording(with_apexes(read_srt(path)))}
    elif suffix == ".boris":
        recordings = boris.read_project(path, tiers=choice.tiers)
    else:
        recordings = _table(path, coder, choice)
    named = {Path(name).stem or path.stem: recording for name, recording in recordings.items()}
    return Coding(coder or path.stem, named)


def _table(path: Path, coder: str | None, choice: Choice) -> dict[str, Recording]:
    grids = read_grids(path)
    kinds: tuple[tuple[Columns, Columns, Callable[[Sequence[Row]], dict[str, Recording]]], ...] = (
        (boris.AGGREGATED, boris.AGGREGATED_MORE, lambda rows: boris.from_aggregated(rows, tiers=choice.tiers)),
        (observer.COLUMNS, observer.MORE, observer.from_observer),
        (boris.TABULAR, boris.TABULAR_MORE, lambda rows: boris.from_tabular(rows, tiers=choice.tiers)),
        (
            plain.COLUMNS,
            plain.MORE,
            lambda rows: plain.from_plain(rows, coder=coder, tiers=choice.tiers, fps=choice.fps),
        ),
    )
    try:
        for grid in grids.values():
            if interact.is_interact(grid):
                return interact.from_interact(grid, tiers=choice.tiers, fps=choice.fps)
        for columns, more, read in kinds:
            try:
                rows = rows_with_header(path, grids, columns, optional=more)
            except MerError:
                continue
            return read(rows)
    except UsageError:
        raise
    except ValueError as error:
        raise MerError(f"{path}: {error}; correct the table") from error
    raise MerError(f"{path} is not a table of codings; expected {FORMATS}")
