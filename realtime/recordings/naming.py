"""What the folders of results are called: after the recordings, each differently, none inside another."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from mer.errors import MerError
from mer.media.kinds import PICTURE_SUFFIXES, VIDEO_SUFFIXES

_SUFFIXES: Final = (*VIDEO_SUFFIXES, *PICTURE_SUFFIXES)
_FRAMES: Final = ".frames"
"""Set behind the name of a folder of frames that other results are below, or another recording is called alike."""


@dataclass(frozen=True, slots=True)
class Found:
    """A recording that was found.

    Attributes:
        path: Full path; its name is the one that the user knows, even if it is a link.
        name: The last parts of `path`: what to call its results unless others are called so.
        is_folder: Whether it is a folder of frames; the suffix of its name then means nothing.
    """

    path: Path
    name: PurePath
    is_folder: bool = False


def as_named(path: Path) -> Path:
    """Return the full path of a file or folder under the name that was given, even if that is a link.

    Raises:
        MerError: If nothing would be left of the name.
    """
    if path.name in ("", ".."):
        path = Path(os.path.realpath(path))
    if not _stem(path.name).strip("."):
        raise MerError(f"{path} leaves no name for its results; rename it, or name the folder that holds it")
    return Path(os.path.realpath(path.parent), path.name)


def result_names(found: Sequence[Found]) -> list[PurePath]:
    """Return a name for the results of each recording.

    That is its name without the suffix of its kind. Where two would be the same, or one inside another, suffixes are
    kept; where that is not enough, folders are put in front.
    """
    levels = [0] * len(found)
    limits = [2 * len(one.path.parts) for one in found]
    while True:
        names = [_name(one, level) for one, level in zip(found, levels)]
        counts = Counter(names)
        outer = {parent for name in counts for parent in name.parents}
        clashing = [i for i, name in enumerate(names) if counts[name] > 1 or name in outer]
        moving = [i for i in clashing if levels[i] < limits[i]]
        if not moving:
            return names
        for i in moving:
            levels[i] += 1


def _name(one: Found, level: int) -> PurePath:
    """Return the name at a level: 0 as short as can be, 1 with the suffix, 2 with one folder in front, and so on."""
    above = len(one.path.parts) - len(one.name.parts) - 1  # the first part is the root
    wanted = len(one.name.parts) + min(level // 2, max(above, 0))
    name = PurePath(*one.path.parts[-wanted:])
    stem = name.name if one.is_folder else _stem(name.name)
    if level % 2 == 0:
        return name.with_name(stem)
    return name.with_name(name.name + _FRAMES) if one.is_folder else name


def _stem(name: str) -> str:
    """Return the name of a file without the suffix of a video or picture; any other suffix is part of the name."""
    suffix = PurePath(f"x{name}").suffix
    return name[: -len(suffix)] if suffix.lower() in _SUFFIXES else name
