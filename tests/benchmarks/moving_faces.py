"""The recordings that `bench_moving_faces.py` measures on: what they are, and how they are made."""

import csv
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zlib import crc32

import cv2
import numpy as np

from mer.errors import MerError, UsageError
from mer.synth import recording, script
from mer.synth.injection import inject
from mer.synth.injection.measure import followed
from mer.synth.portrait import Portrait, load_portrait, packaged_portrait, vary

TUNING, TABLE = "tuning", "table"
KINDS = ("calm", "moving", "talking")
SEEDS = {TUNING: (1, 2, 3), TABLE: (101, 102, 103)}
PATHS = {TUNING: ("talking", "reading"), TABLE: ("webcam", "acting")}
CURVES = {TUNING: "alex3", TABLE: "alex4"}
"""Real heads and faces that rendered ones follow: of other people in the tuning than in the table."""
LIKE = script.Settings(seconds=40.0, events=9, amplitude_percent=(1.0, 3.0))
RENDERED = {
    "rendered still, 200 fps": (replace(LIKE, fps=200.0), "mjpeg", 85, False, False),
    "rendered still, 60 fps": (replace(LIKE, fps=60.0), "mjpeg", 75, False, False),
    "rendered, real head, 200 fps": (replace(LIKE, fps=200.0), "mjpeg", 85, True, False),
    "rendered, real head, 60 fps": (replace(LIKE, fps=60.0), "mjpeg", 75, True, False),
    "rendered, real head and face, 60 fps": (replace(LIKE, fps=60.0), "h264", 70, True, True),
    "rigid head, 60 fps": (replace(LIKE, fps=60.0, events=0, distractors="none"), "mjpeg", 85, True, False),
}
"""Settings, codec, quality, whether a real head is followed, and whether a real face."""
RIGID = "rigid head, 60 fps"
NOTHING = "real, nothing drawn"
COLUMNS = ("recording", "part", "kind")


@dataclass(frozen=True)
class Made:
    """A recording to be measured.

    Attributes:
        row: Of the table.
        path: The video; its truth lies beside it.
        person: Whom it shows.
        bare: The same copied with nothing drawn, None for rendered ones.
    """

    row: str
    path: Path
    person: str
    bare: Path | None = None


@dataclass(frozen=True)
class Task:
    """How to make a recording; goes to another process."""

    made: Made
    source: Path | None
    settings: Any
    codec: str = "mjpeg"
    quality: int = 85


def rendered(
    out: Path, rows: Sequence[str], faces: Sequence[Path], *, part: str, people: int, seconds: float
) -> list[Task]:
    """Return the recordings of rendered rows: one of each person, people in turns."""
    tasks = []
    for row in rows:
        like, codec, quality, moves, speaks = RENDERED[row]
        for k in range(people):
            face = faces[k % len(faces)] if faces else None
            settings = replace(
                like,
                seconds=seconds,
                events=round(like.events * seconds / LIKE.seconds),
                seed=1000 * SEEDS[part][0] + 10 * k + round(like.fps) % 7,
                head_path=PATHS[part][k % len(PATHS[part])] if moves else None,
                curves=CURVES[part] if speaks else None,
            )
            person = face.stem if face else f"variation {k}"
            path = out / _folder(row) / f"{k:02d}-{settings.head_path or 'still'}.mp4"
            tasks.append(Task(Made(row, path, person), face, settings, codec, quality))
    return tasks


def injected(out: Path, table: Path, *, part: str, rows: Sequence[str], seeds: int) -> list[Task]:
    """Return the copies of real recordings: as many with events as seeds, and one with nothing drawn.

    Args:
        out: Folder for them.
        table: CSV with the columns recording, part and kind, paths relative to it; or a folder with `recordings.csv`.
        part: Whose recordings: those for the tuning, or those for the table.
        rows: Rows of the table that are wanted.
        seeds: Copies with events.
    """
    file = table / "recordings.csv" if table.is_dir() else table
    with file.open(newline="", encoding="utf-8") as text:
        lines = list(csv.DictReader(text))
    tasks = []
    for line in lines:
        if any(not line.get(name) for name in COLUMNS) or line["kind"] not in KINDS or line["part"] not in SEEDS:
            raise UsageError(f"{file}: {line}; expected {', '.join(COLUMNS)}, kinds {KINDS}, parts {tuple(SEEDS)}")
        row, source = f"injected, {line['kind']}", file.parent / line["recording"]
        if line["part"] != part or (row not in rows and NOTHING not in rows):
            continue
        bare = out / _folder(NOTHING) / f"{source.stem}.mp4"
        tasks.append(Task(Made(NOTHING, bare, source.stem), source, inject.Settings(none=True)))
        if row in rows:
            for seed in SEEDS[part][:seeds]:
                path = out / _folder(row) / f"{source.stem}-{seed}.mp4"
                own = inject.Settings(seed=1000 * (crc32(source.stem.encode()) % 1000) + seed)
                tasks.append(Task(Made(row, path, source.stem, bare), source, own))
    return tasks


def make(tasks: Sequence[Task], *, jobs: int, say: Callable[[str], None]) -> list[Made]:
    """Make what is missing; return what there is, without recordings that have no room for an event."""
    for task in tasks:
        task.made.path.parent.mkdir(parents=True, exist_ok=True)
    by_source = [list(group) for _, group in groupby(tasks, key=lambda task: (task.made.row in RENDERED, task.source))]
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        problems = [problem for group in pool.map(_make_all, by_source) for problem in group]
    for task, problem in zip(tasks, problems):
        if problem:
            say(f"left out: {task.made.path.name}: {problem}")
    return [task.made for task, problem in zip(tasks, problems) if not problem]


def _make_all(tasks: Sequence[Task]) -> list[str]:
    """Make recordings of one source; return, for each, why it could not be made, or an empty text."""
    cv2.setNumThreads(1)
    if all(map(_is_made, tasks)):
        return [""] * len(tasks)
    source = tasks[0].source
    try:
        real = isinstance(tasks[0].settings, inject.Settings) and source is not None
        face = followed(source) if real and source is not None else None
    except MerError as error:
        return [str(error)] * len(tasks)
    return [_make(task, face) for task in tasks]


def _is_made(task: Task) -> bool:
    note = task.made.path.with_suffix(".made")
    return note.is_file() and note.read_text() == _about(task)


def _about(task: Task) -> str:
    return json.dumps([str(task.source), task.codec, task.quality, asdict(task.settings)])


def _make(task: Task, face: Any) -> str:
    if _is_made(task):
        return ""
    try:
        if task.source is not None and isinstance(task.settings, inject.Settings):
            inject.inject(task.source, task.made.path, task.settings, face=face)
        else:
            recording.render(_person(task), task.made.path, task.settings, codec=task.codec, quality=task.quality)
    except MerError as error:
        return str(error)
    task.made.path.with_suffix(".made").write_text(_about(task))
    return ""


def _person(task: Task) -> Portrait:
    if task.source is not None:
        return load_portrait(task.source)
    return vary(packaged_portrait(), np.random.default_rng(task.settings.seed))


def _folder(row: str) -> str:
    return row.replace(", ", "-").replace(" ", "-")
