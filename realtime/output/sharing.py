"""Paths in what is handed on to others: reports, ELAN documents and tables say nothing about whose computer it was."""

import os
from pathlib import Path

from mer.cli import without_secrets


def shared_path(path: Path, *, beside: Path, absolute: bool = False) -> str:
    """Return how a file in one folder names another file.

    Relative to its folder as long as the way there does not lead through the folder of all users or the root of the
    disk, which would spell out a user's name or the layout of a computer; else by its name, for a file that lies
    beside it.

    Args:
        path: Full path of the file that is named.
        beside: Folder of the file that names it.
        absolute: Whether the full path is wanted instead (`--absolute-paths`).
    """
    if absolute:
        return path.as_posix()
    start = beside.resolve()
    try:
        common = Path(os.path.commonpath([path, start]))
    except ValueError:  # another drive, or a path that is not full
        return path.name
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home raises where there is none
    relative = Path(os.path.relpath(path, start))
    private = common == Path(common.anchor) or common in home.parents or home.name in relative.parts
    return path.name if private else relative.as_posix()


def shared_text(text: str, *names: tuple[Path, str]) -> str:
    """Return a message for a table that others may read.

    Args:
        text: The message.
        names: Paths in it and what to call them instead; the home folder is called ~ in any case.
    """
    for path, name in names:
        text = text.replace(str(path), name)
    return without_secrets(text)
