"""Which recordings a command line names: files, folders of frames, folders of recordings, and patterns."""

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from mer.errors import MerError
from mer.media.kinds import STACK_SUFFIXES, VIDEO_SUFFIXES
from mer.media.names import in_playing_order, is_picture_name, natural_key, number_frames
from mer.media.rate import RATE_FILES
from mer.media.stack import count_pages
from realtime.recordings.naming import Found, as_named, result_names

_RESULT_FILES: Final = {"summary.json", "events.jsonl"}
_MIN_FRAMES: Final = 10
"""Pictures in a folder with recordings below it that are numbered evenly are frames from so many on."""
_KINDS_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of a batch.

    Attributes:
        path: Full path of a video file, a TIFF of several pages or a folder of frames, under the name the user knows.
        folder: Folder of its results.
    """

    path: Path
    folder: Path


@dataclass(frozen=True, slots=True)
class Search:
    """What the arguments of a command name.

    Attributes:
        recordings: Each once, in order.
        errors: What is wrong with arguments and with folders below them.
        notes: What was skipped, one line for each argument.
    """

    recordings: tuple[Recording, ...]
    errors: tuple[MerError, ...]
    notes: tuple[str, ...]


def find_recordings(arguments: Sequence[Path], out: Path) -> Search:
    """Find the recordings that arguments name.

    A folder whose pictures are all there is in it is one recording; any other folder is searched, and the results
    keep its tree. A name that does not exist and has `*`, `?` or `[` in it is a pattern, in which `**` stands for any
    number of folders.

    Args:
        arguments: Files, folders and patterns.
        out: Folder of all results; it is not searched.
    """
    found: dict[Path, Found] = {}
    errors: list[MerError] = []
    notes: list[str] = []
    for argument in arguments:
        tree = _Tree(Path(os.path.realpath(out)))
        try:
            for item in _expand(argument, tree):
                found.setdefault(item.path, item)
        except OSError as error:
            errors.append(_unsearchable(argument, error))
        except MerError as error:
            errors.append(error)
        errors += tree.errors
        notes += tree.notes(argument)
    names = result_names(list(found.values()))
    recordings = tuple(Recording(item.path, out / name) for item, name in zip(found.values(), names))
    return Search(recordings, tuple(errors), tuple(notes))


def _expand(argument: Path, tree: "_Tree") -> Iterator[Found]:
    if not os.path.lexists(argument) and glob.has_magic(str(argument)):
        yield from _matching(argument, tree)
    elif argument.is_dir():
        inside = tree.search(as_named(argument))
        if not inside and not tree.errors:
            passed = tree.passed_over()
            raise MerError(
                f"folder {argument} contains no recording: no video, no TIFF of several pages, no folder of frames"
                + (f"; {passed}" if passed else "")
            )
        yield from inside
    else:
        path = as_named(argument)
        yield Found(path, PurePath(path.name))


def _matching(pattern: Path, tree: "_Tree") -> Iterator[Found]:
    """Yield what a pattern matches; of folders only those of frames, because `**` names the files in all others."""
    kept: list[Path] = []
    for path in map(Path, sorted(glob.glob(str(pattern), recursive=True), key=natural_key)):  # noqa: PTH207
        if path.is_dir():
            listing = _list(path, PurePath())
            kept += [path] if listing.pictures and not listing.videos else []
        elif _is_video(path.name) or count_pages(path) > 1:
            kept.append(path)
        else:
            tree.passed.append(path.name)
    if not kept:
        raise MerError(f"pattern {pattern} matches no recording; is it in quotes, and is the folder right?")
    for path in map(as_named, kept):
        yield Found(path, PurePath(path.name), is_folder=path.is_dir())


@dataclass(frozen=True, slots=True)
class _Listing:
    """The files and folders in a folder, hidden ones left out."""

    path: Path
    below_top: PurePath
    folders: list[str]
    linked: list[str]
    videos: list[str]
    pictures: list[str]
    others: list[str]

    @property
    def holds_results(self) -> bool:
        return set(self.others) >= _RESULT_FILES


@dataclass(slots=True)
class _Tree:
    """A folder and all below it; links to folders are followed unless that would search a folder twice."""

    out: Path
    errors: list[MerError] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def search(self, top: Path) -> list[Found]:
        """Return the recordings in a folder and below it."""
        listings = list(self._walk(top))
        holding: set[PurePath] = set()
        found: list[list[Found]] = []
        for here in reversed(listings):  # whether pictures are frames depends on what is below
            names = [Found(here.path / name, here.below_top / name) for name in here.videos]
            if _are_frames(here.pictures, beside=bool(here.videos), above=here.below_top in holding):
                name = here.below_top if here.below_top.parts else PurePath(top.name)
                names.insert(0, Found(here.path, name, is_folder=True))
            else:
                self.passed += here.pictures
            self.passed += here.others
            if names:
                holding.update((here.below_top, *here.below_top.parents))
            found.append(names)
        return [one for names in reversed(found) for one in names]

    def _walk(self, top: Path) -> Iterator[_Listing]:
        real_top = os.path.realpath(top)
        seen: set[str] = set()
        waiting = [(top, PurePath())]
        linked: list[tuple[Path, PurePath]] = []
        while waiting or linked:
            is_link = not waiting
            path, below_top = linked.pop(0) if is_link else waiting.pop()
            real = os.path.realpath(path)
            twice = real in seen or (is_link and Path(real) in Path(real_top).parents)
            if twice and is_link:
                self.links.append(str(below_top))
            if twice or real == str(self.out):
                continue
            seen.add(real)
            try:
                here = _list(path, below_top)
            except OSError as error:
                self.errors.append(_unsearchable(path, error))
                continue
            if here.holds_results:
                continue
            yield here
            waiting += [(path / name, below_top / name) for name in reversed(here.folders)]
            linked += [(path / name, below_top / name) for name in here.linked]

    def passed_over(self) -> str:
        """Return how many files of which kinds are not recordings, empty if there are none."""
        kinds = Counter(PurePath(name).suffix.lower() or "without suffix" for name in self.passed)
        if not kinds:
            return ""
        named = kinds.most_common(_KINDS_NAMED)
        text = ", ".join(f"{count} {kind}" for kind, count in named)
        rest = kinds.total() - sum(count for _, count in named)
        were = "files were" if kinds.total() > 1 else "file was"
        return f"{kinds.total()} {were} skipped: {text}" + (f", {rest} others" if rest else "")

    def notes(self, argument: Path) -> Iterator[str]:
        """Yield what to say about an argument."""
        if passed := self.passed_over():
            yield f"{argument}: {passed}"
        if self.links:
            yield f"{argument}: linked folders that are searched under another name: {', '.join(self.links)}"


def _list(path: Path, below_top: PurePath) -> _Listing:
    here = _Listing(path, below_top, [], [], [], [], [])
    with os.scandir(path) as entries:
        visible = sorted((one for one in entries if not one.name.startswith(".")), key=lambda e: natural_key(e.name))
    for entry in visible:
        # Of a link in a circle the entry would raise.
        if os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir():  # noqa: PTH112
            (here.linked if entry.is_symlink() else here.folders).append(entry.name)
        elif not entry.is_symlink() and not entry.is_file():
            here.others.append(entry.name)  # pipes and sockets
        elif _is_video(entry.name):
            here.videos.append(entry.name)
        elif is_picture_name(entry.name):
            here.pictures.append(entry.name)
        elif entry.name not in RATE_FILES:
            here.others.append(entry.name)
    stacks = _stacks(path, here.pictures)
    here.videos.extend(stacks)
    here.pictures[:] = [name for name in here.pictures if name not in stacks]
    return here


def _stacks(folder: Path, names: Iterable[str]) -> set[str]:
    """Return the TIFFs of several pages; if neither the first nor the last is one, all are taken for frames."""
    tiffs = [name for name in names if name.lower().endswith(STACK_SUFFIXES)]
    if not any(count_pages(folder / name) > 1 for name in {*tiffs[:1], *tiffs[-1:]}):
        return set()
    return {name for name in tiffs if count_pages(folder / name) > 1}


def _are_frames(pictures: Sequence[str], *, beside: bool, above: bool) -> bool:
    """Return whether pictures are a recording: all there is in a folder, or a numbered series above other recordings.

    Args:
        pictures: File names.
        beside: Whether there are videos in the same folder.
        above: Whether there are recordings in folders below.
    """
    if not above or beside:
        return len(pictures) > 1 and not beside
    return len(pictures) >= _MIN_FRAMES and number_frames(in_playing_order(pictures)).counts


def _is_video(name: str) -> bool:
    return name.lower().endswith(VIDEO_SUFFIXES)


def _unsearchable(path: Path, error: OSError) -> MerError:
    return MerError(f"{path} cannot be searched ({error.strerror}); may you open it?")
