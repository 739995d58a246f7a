"""Which recordings a command line names: files, folders of pictures, folders of recordings, and patterns."""

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from mer.errors import MerError, UsageError
from mer.media.video import PICTURE_SUFFIXES

VIDEO_SUFFIXES: Final = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".mts", ".mjpeg")
"""What is looked for in a folder; a file that is named itself may end in anything."""
_RESULT_FILES: Final = {"summary.json", "events.jsonl"}


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of a batch.

    Attributes:
        path: Full path of a video file or a folder of pictures.
        folder: Folder of its results.
    """

    path: Path
    folder: Path


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    name: PurePath  # below the folder of all results, still with the suffix


def find_recordings(arguments: Sequence[Path], out: Path) -> tuple[list[Recording], list[MerError]]:
    """Return the recordings that arguments name, each once, in order, and what is wrong with the other arguments.

    A folder that holds pictures and no video is one recording; any other folder is searched, and the
    results keep its tree. A name that does not exist and has `*`, `?` or `[` in it is a pattern, in
    which `**` stands for any number of folders.

    Args:
        arguments: Files, folders and patterns.
        out: Folder of all results; it is not searched.

    Raises:
        UsageError: If two recordings would write to the same folder.
    """
    found: dict[Path, _Found] = {}
    errors: list[MerError] = []
    for argument in arguments:
        try:
            for item in _expand(argument, out.resolve()):
                found.setdefault(item.path, item)
        except OSError as error:
            errors.append(MerError(f"{argument} cannot be searched ({error.strerror})"))
        except MerError as error:
            errors.append(error)
    stems = Counter(item.name.with_suffix("") for item in found.values())
    recordings: dict[Path, Recording] = {}
    for item in found.values():
        alone = stems[item.name.with_suffix("")] == 1
        folder = out / (item.name.with_suffix("") if alone else item.name)
        other = recordings.setdefault(folder, Recording(item.path, folder))
        if other.path != item.path:
            raise UsageError(
                f"{other.path} and {item.path} would both write to a folder {str(item.name)!r}; "
                "replay them with different --out, or name the folder that holds both"
            )
    return list(recordings.values()), errors


def _expand(argument: Path, out: Path) -> Iterator[_Found]:
    if not os.path.lexists(argument) and glob.has_magic(str(argument)):
        matches = sorted(glob.glob(str(argument), recursive=True))  # noqa: PTH207 - Path.glob takes hidden files, too
        kept = [path for path in map(Path, matches) if path.suffix.lower() in VIDEO_SUFFIXES or path.is_dir()]
        if not kept:
            raise MerError(f"pattern {argument} matches no recording; is it in quotes, and is the folder right?")
        for path in kept:
            # "**" names folders and the files in them; a folder counts here only if it is a recording itself.
            if path.is_file() or _holds_pictures(list(path.iterdir())):
                yield _named(path)
        return
    if argument.is_dir() and not _holds_pictures(list(argument.iterdir())):
        inside = list(_search(argument, out))
        if not inside:
            raise MerError(f"folder {argument} holds no pictures and no videos ({', '.join(VIDEO_SUFFIXES)})")
        yield from inside
        return
    yield _named(argument)


def _named(path: Path) -> _Found:
    path = path.resolve()
    return _Found(path, PurePath(path.name))


def _search(top: Path, out: Path) -> Iterator[_Found]:
    for folder, below, files in os.walk(top):
        here = Path(folder)
        if here.resolve() == out or set(files) >= _RESULT_FILES:
            below.clear()
            continue
        below[:] = sorted(name for name in below if not name.startswith("."))
        entries = [here / name for name in sorted(files) if not name.startswith(".")]
        if here != top and _holds_pictures(entries):
            yield _Found(here.resolve(), here.relative_to(top))
        for path in entries:
            if path.suffix.lower() in VIDEO_SUFFIXES:
                yield _Found(path.resolve(), path.relative_to(top))


def _holds_pictures(entries: Sequence[Path]) -> bool:
    suffixes = {entry.suffix.lower() for entry in entries if not entry.is_dir()}
    return bool(suffixes & set(PICTURE_SUFFIXES)) and not suffixes & set(VIDEO_SUFFIXES)
