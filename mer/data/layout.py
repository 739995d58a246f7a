"""Where the files of a dataset are: users unpack archives one level higher or lower than published."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from mer.errors import MerError
from mer.media.kinds import PICTURE_SUFFIXES, VIDEO_SUFFIXES
from mer.media.names import natural_key

_DEPTH: Final = 3
_TABLE_SUFFIXES: Final = frozenset({".xlsx", ".xls", ".csv"})


def require_root(root: Path) -> Path:
    """Return the dataset's folder as an absolute path.

    Raises:
        MerError: If there is no such folder.
    """
    if not root.is_dir():
        raise MerError(f"{root}: no such folder; expected the folder that the dataset was unpacked into")
    return root.absolute()


def find_file(root: Path, *patterns: str) -> Path:
    """Find an annotation file in a folder or two levels below, whatever its case.

    Args:
        root: The dataset's folder.
        patterns: Names with `*`, preferred first. The file nearest to the root is taken, of several there the
            last in natural order, which is the newest of dated or numbered releases.

    Raises:
        MerError: If there is none; the message names the file and what was there instead.
    """
    seen: list[str] = []
    for folders in _levels(root, _DEPTH - 1):
        tables = [path for folder in folders for path in _tables(folder)]
        for pattern in patterns:
            matches = [path for path in tables if fnmatch(path.name.casefold(), pattern.casefold())]
            if matches:
                return max(matches, key=lambda p: natural_key(p.name))
        seen += [path.name for path in tables]
    raise MerError(
        f"{root}: no file {' or '.join(repr(p) for p in patterns)} in it or two levels below; "
        f"tables found: {', '.join(seen[:5]) or 'none'}; expected the annotation file as published"
    )


def find_files(root: Path, pattern: str) -> list[Path]:
    """Return all tables with such a name in a folder or two levels below, in natural order."""
    files = [p for folders in _levels(root, _DEPTH - 1) for folder in folders for p in _tables(folder)]
    return sorted((p for p in files if fnmatch(p.name.casefold(), pattern)), key=lambda p: natural_key(str(p)))


def find_folder(root: Path, *names: str) -> Path:
    """Find a folder by name in a folder or three levels below, whatever its case.

    Args:
        root: The dataset's folder.
        names: Names such as `rawpic` or `SMIC_all_cropped/HS`, preferred first.

    Returns:
        The folder; of `CASME2-RAW/CASME2-RAW`, which unpacking makes, the inner one.

    Raises:
        MerError: If there is none; the message names it.
    """
    levels = list(_levels(root, _DEPTH))
    for name in names:
        tail = tuple(name.casefold().split("/"))
        for folder in (f for level in levels for f in level):
            if tuple(part.casefold() for part in folder.parts[-len(tail) :]) == tail:
                inner = folder / folder.name
                return inner if inner.is_dir() else folder
    raise MerError(
        f"{root}: no folder {' or '.join(repr(n) for n in names)} in it or three levels below; "
        f"found: {_listing(root)}; expected the folders as published"
    )


def find_parent(root: Path, child: str, *, example: str) -> Path:
    """Find the folder whose subfolders match a pattern.

    Args:
        root: The dataset's folder.
        child: Regular expression for the whole name of a subfolder, whatever its case.
        example: Such a name, for the message.

    Raises:
        MerError: If there is none.
    """
    for level in _levels(root, _DEPTH):
        for folder in level:
            if re.fullmatch(child, folder.name, re.IGNORECASE) and folder != root:
                return folder.parent
    raise MerError(
        f"{root}: no folder such as {example!r} in it or three levels below; "
        f"found: {_listing(root)}; expected one folder per subject as published"
    )


def as_on_disk(path: Path, seen: dict[Path, dict[str, str]]) -> Path:
    """Return a path as it is spelt on disk if the case of some names differs, else as it was given.

    Annotations write `EP13_01f` and `sub09` where some copies of a dataset have `EP13_01F` and `Sub09`.

    Args:
        path: As the annotation has it; full path.
        seen: Names in the folders looked into so far; kept between calls.
    """
    if path.exists() or path.parent == path:
        return path
    parent = as_on_disk(path.parent, seen)
    if parent not in seen:
        seen[parent] = {child.name.casefold(): child.name for child in parent.iterdir()} if parent.is_dir() else {}
    return parent / seen[parent].get(path.name.casefold(), path.name)


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder in natural order, hidden ones left out; none if it does not exist."""
    if not folder.is_dir():
        return []
    folders = (p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    return sorted(folders, key=lambda p: natural_key(p.name))


def index_recordings(root: Path) -> dict[str, list[Path]]:
    """Find every recording below a folder, for datasets whose folders are not documented.

    Returns:
        Recordings by name in lower case: folders that hold pictures, and video files without their suffix.
    """
    found: dict[str, list[Path]] = {}
    pending = [root]
    while pending:
        folder = pending.pop()
        is_recording = False
        for path in folder.iterdir():
            if path.name.startswith("."):
                continue
            suffix = path.suffix.lower()
            if suffix in PICTURE_SUFFIXES:
                is_recording = True
            elif suffix in VIDEO_SUFFIXES:
                found.setdefault(path.stem.casefold(), []).append(path)
            elif path.is_dir():
                pending.append(path)
        if is_recording:
            found.setdefault(folder.name.casefold(), []).append(folder)
    return found


def pick_recordings(index: dict[str, list[Path]], root: Path, *, subject: str, name: str) -> tuple[Path, ...]:
    """Return the recordings of that name, of several only those below a folder named after the subject.

    Args:
        index: From `index_recordings`.
        root: Where it was made.
        subject: As annotated; a folder `sub01` or `1` is the subject `01`, too.
        name: The recording's name with or without a suffix or leading folders.
    """
    stem = Path(name.replace("\\", "/")).name
    paths = index.get(stem.casefold()) or index.get(Path(stem).stem.casefold()) or []
    if len(paths) > 1:
        wanted = _subject_key(subject)
        near = [p for p in paths if _subject_key(p.parent.name) == wanted]
        paths = near or [p for p in paths if wanted in map(_subject_key, p.relative_to(root).parts[:-1])]
    return tuple(sorted(paths, key=lambda p: natural_key(str(p))))


def _subject_key(name: str) -> str:
    digits = re.search(r"[0-9]+$", name)
    return str(int(digits.group())) if digits else name.casefold()


def _levels(root: Path, depth: int) -> Iterator[list[Path]]:
    level = [root]
    yield level
    for _ in range(depth):
        level = [child for folder in level for child in subfolders(folder)]
        yield level


def _tables(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        # "~$name.xlsx" is the lock file of an open workbook.
        if path.suffix.lower() in _TABLE_SUFFIXES and not path.name.startswith((".", "~$")) and path.is_file():
            yield path


def _listing(root: Path) -> str:
    names = sorted((p.name for p in root.iterdir() if not p.name.startswith(".")), key=natural_key)
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") or "nothing"
