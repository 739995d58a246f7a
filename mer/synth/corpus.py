"""A corpus of short synthetic clips with a manifest, as varied as the renderer can make it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from mer.errors import MerError, UsageError
from mer.labels import CLASSES
from mer.synth.clip import ClipPlan
from mer.synth.conditions import CONDITIONS
from mer.synth.jitter import with_shifted_copies
from mer.synth.pool import Journal, rendered
from mer.synth.portrait import Portrait, find_portraits, load_portrait, packaged_portrait, vary
from mer.synth.recording import DISCLAIMER
from mer.text import csv_text

COLUMNS: Final = ("subject", "clip", "path", "fps", "onset", "apex", "offset", "label")
"""Columns of the manifest. Positions count from 0; the offset frame is part of the movement."""
SHIFTED: Final = "shifted.csv"
"""A second manifest, for training: every clip as it is and once more with moments as a spotter gives them."""
MMEW_SHAPE: Final = {"happiness": 36, "disgust": 72, "fear": 16, "surprise": 89, "sadness": 13}
"""Clips a class in MMEW without Anger and Others (Upadhyay & Verlekar, section 3)."""
MMEW_SUBJECTS: Final = 36
FPS_CHOICES: Final = (30.0, 60.0, 90.0, 100.0, 200.0, 300.0, 500.0)
AMPLITUDE_PERCENT: Final = (0.3, 4.0)
_PSEUDO_SUBJECTS: Final = 36
"""Pseudo-subjects made from the packaged portrait at most."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was built.

    Attributes:
        manifest: The CSV file.
        subjects: Number of subjects.
        counts: Clips of each class.
        skipped: Pictures without a usable face, each with the reason.
    """

    manifest: Path
    subjects: int
    counts: dict[str, int]
    skipped: tuple[str, ...]


def build(
    out: Path,
    *,
    faces: Path | None = None,
    shape: str | int = "mmew",
    seed: int = 0,
    jobs: int = 1,
    fps_choices: Sequence[float] = FPS_CHOICES,
    amplitude_percent: tuple[float, float] = AMPLITUDE_PERCENT,
    conditions: str = "usual",
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Render a corpus: `out`/SUBJECT/CLIP video files, `manifest.csv` and, with all settings, `corpus.json`.

    The same arguments give the same files, whatever `jobs` is. If it was stopped half-way, the same call goes on.

    Args:
        out: A folder that holds no corpus yet; it is made if need be.
        faces: Folder of portraits, one identity each; None for pseudo-subjects made from the packaged portrait.
        shape: "mmew" for MMEW's subjects and class counts, or a number of clips, evenly over the classes.
        seed: Of everything random.
        jobs: Processes.
        fps_choices: Frame rates to draw from.
        amplitude_percent: Smallest and largest peak displacement, in percent of the IOD; drawn log-uniformly.
        conditions: Name in `mer.synth.conditions.CONDITIONS`.
        progress: Called with clips done and clips in all.

    Raises:
        MerError: If an argument makes no sense, no portrait shows a face, or a file cannot be written.
    """
    if conditions not in CONDITIONS:
        raise UsageError(f"conditions {conditions!r} given; choose one of {', '.join(CONDITIONS)}")
    counts = check(shape, seed=seed, jobs=jobs, fps_choices=fps_choices, amplitude_percent=amplitude_percent)
    manifest = _new_manifest(out)
    who, plan_of, *clips_of = np.random.SeedSequence(seed).spawn(2 + sum(counts.values()))
    portraits, skipped = _subjects(faces, shape, sum(counts.values()), who)
    about = {
        "synthetic": True,
        "note": DISCLAIMER,
        "generator": f"mer-live {version('mer-live')}",
        "seed": seed,
        "shape": str(shape),
        "fps_choices": list(fps_choices),
        "amplitude_percent": list(amplitude_percent),
        "conditions": conditions,
        "portraits": {subject: portrait.source for subject, portrait in portraits.items()},
        "skipped_portraits": skipped,
    }
    dealt = deal(counts, list(portraits), np.random.default_rng(plan_of), clips_of, fps_choices, amplitude_percent)
    plans = [replace(plan, conditions=conditions) for plan in dealt]
    journal = Journal(out / "unfinished.jsonl", about)
    _render(plans, portraits, out, journal, jobs, progress)
    ordered = [journal.rows[index] for index in range(len(plans))]
    _write(manifest, about | {"clips": ordered}, ordered)
    journal.remove()
    return Corpus(manifest, len({row["subject"] for row in ordered}), counts, tuple(skipped))


def _render(
    plans: Sequence[ClipPlan],
    portraits: dict[str, Portrait],
    out: Path,
    journal: Journal,
    jobs: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Render the clips that the journal does not have, and close it."""
    try:
        missing = [plan for plan in plans if plan.index not in journal.rows]
        for row in rendered(missing, portraits, out, jobs):
            journal.add(row)
            if progress:
                progress(len(journal.rows), len(plans))
    finally:
        journal.close()


def _new_manifest(out: Path) -> Path:
    """Make the folder of a corpus and return where its manifest goes.

    Raises:
        MerError: If there is a manifest already, or the folder cannot be made.
    """
    manifest = out / "manifest.csv"
    if manifest.exists():
        raise MerError(f"{out} already holds a corpus ({manifest.name}); give another folder or remove it first")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MerError(f"cannot make the folder {out}: {error.strerror}; choose another place") from error
    return manifest


def check(
    shape: str | int,
    *,
    seed: int,
    jobs: int,
    fps_choices: Sequence[float],
    amplitude_percent: tuple[float, float],
) -> dict[str, int]:
    """Return the clips of each class that a shape stands for.

    Raises:
        UsageError: If an argument makes no sense.
    """
    low, high = amplitude_percent
    if isinstance(shape, str) and shape != "mmew" and not shape.isdigit():
        raise UsageError(f"shape {shape!r} given; expected mmew or a number of clips")
    if shape != "mmew" and int(shape) < 1:
        raise UsageError(f"{shape} clips given; expected at least 1")
    if seed < 0:
        raise UsageError(f"seed {seed} given; expected a whole number from 0")
    if jobs < 1:
        raise UsageError(f"{jobs} jobs given; expected at least 1")
    if not fps_choices or not all(10.0 <= fps <= 1000.0 for fps in fps_choices):
        raise UsageError(f"frame rates {list(fps_choices)} given; expected 10 to 1000 frames per second")
    if not 0.1 <= low <= high <= 10.0:
        raise UsageError(f"amplitude {low:g} to {high:g} % given; expected 0.1 <= low <= high <= 10 % of the IOD")
    if shape == "mmew":
        return dict(MMEW_SHAPE)
    each, rest = divmod(int(shape), len(CLASSES))
    return {label: each + (k < rest) for k, label in enumerate(CLASSES)}


def _subjects(
    faces: Path | None, shape: str | int, clips: int, seed: np.random.SeedSequence
) -> tuple[dict[str, Portrait], list[str]]:
    """Return named portraits, varied ones where there are too few, and the reasons for leaving pictures out."""
    generator = np.random.default_rng(seed)
    portraits: dict[str, Portrait] = {}
    skipped: list[str] = []
    if faces is None:
        wanted = MMEW_SUBJECTS if shape == "mmew" else min(_PSEUDO_SUBJECTS, clips)
        original = packaged_portrait()
        return {f"p{k:02d}": vary(original, generator) for k in range(1, wanted + 1)}, skipped
    paths = find_portraits(faces)
    wanted = MMEW_SUBJECTS if shape == "mmew" else min(len(paths), clips)
    for path in (paths[k] for k in generator.permutation(len(paths))):
        if len(portraits) == wanted:
            break
        try:
            portraits[path.stem] = load_portrait(path)
        except MerError as error:
            skipped.append(str(error))
    if not portraits:
        raise MerError(f"none of the {len(skipped)} pictures in {faces} shows a usable face; the first: {skipped[0]}")
    if shape == "mmew":
        originals = list(portraits.items())
        for k in range(wanted - len(originals)):
            name, portrait = originals[k % len(originals)]
            portraits[f"{name}-{k // len(originals) + 2}"] = vary(portrait, generator)
    return dict(sorted(portraits.items())), skipped


def deal(
    counts: dict[str, int],
    subjects: list[str],
    generator: np.random.Generator,
    seeds: list[np.random.SeedSequence],
    fps_choices: Sequence[float],
    amplitude_percent: tuple[float, float],
) -> list[ClipPlan]:
    """Deal the clips out: over all classes together, subjects take turns in a random order."""
    labels = [label for label, count in counts.items() for _ in range(count)]
    generator.shuffle(labels)
    turns = -(-len(labels) // len(subjects))
    dealt = [str(name) for _ in range(turns) for name in generator.permutation(subjects)]
    return [
        ClipPlan(index, dealt[index], label, seed, tuple(fps_choices), amplitude_percent)
        for index, (label, seed) in enumerate(zip(labels, seeds))
    ]


def _write(manifest: Path, about: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    try:
        _write_rows(manifest, rows)
        shifted = with_shifted_copies(rows, np.random.default_rng([about["seed"], len(rows)]))
        _write_rows(manifest.with_name(SHIFTED), shifted)
        manifest.with_name("corpus.json").write_text(
            json.dumps(about, indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )
    except OSError as error:
        raise MerError(f"cannot write {manifest}: {error.strerror}; free some space or choose another place") from error


def _write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text(csv_text(COLUMNS, rows), encoding="utf-8", newline="")
