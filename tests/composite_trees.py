"""Look-alikes of CASME II, SAMM and SMIC-HS: made-up rows in the published layouts, and toy clips cut out of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from data_minis import CASME2_HEADER, SAMM_HEADER, write_frames, write_workbook
from toy_clips import toy_clips

from mer.class_map import class_of
from mer.data import clips, megc2019
from mer.data.parts import load_parts, parts_from
from mer.metrics import COMPOSITE_CLASSES

SMIC_HEADER = ("Subject", "Filename", "OnsetF", "OffsetF", "FirstF", "Emotion")


IN_THE_LIST = (1, 3, 4, 11)
"""Subjects of SMIC-HS whose first clips of all three classes are in the list of MEGC2019."""


def casme2(root: Path, *rows: Sequence[object]) -> Path:
    """Write CASME II with (subject, clip, emotion)."""
    cells = [(s, clip, None, 46, 52, 58, None, "4", emotion, 7) for s, clip, emotion in rows]
    write_workbook(root / "CASME2-coding-20190701.xlsx", {"Sheet1": [CASME2_HEADER, *cells]})
    for subject, clip, _ in rows:
        write_frames(root / f"CASME2-RAW/sub{subject:02d}/{clip}", (f"img{n}.jpg" for n in range(46, 59)))
    return root


def samm(root: Path, *rows: Sequence[object]) -> Path:
    """Write SAMM with (subject, clip, emotion)."""
    text = [[f"line {n}"] for n in range(1, 14)]
    cells = [[s, clip, 2, 5562, 5568, 5574, 13, "Micro", "4", emotion, 3, None] for s, clip, emotion in rows]
    write_workbook(root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": [*text, SAMM_HEADER, *cells]})
    for subject, clip, _ in rows:
        write_frames(root / f"{subject}/{clip}", (f"{subject}_{n:05d}.jpg" for n in range(5562, 5575)))
    return root


def smic(root: Path, *rows: Sequence[object]) -> Path:
    """Write SMIC-HS with (subject, clip, class)."""
    cells = [(s, clip, 1, 13, 1, name) for s, clip, name in rows]
    write_workbook(root / "SMIC-HS-E_annotation_2019.xlsx", {"Sheet1": [SMIC_HEADER, *cells]})
    for subject, clip, name in rows:
        folder = root / f"SMIC_all_cropped/HS/s{subject}/micro/{name}/{clip}"
        write_frames(folder, (f"reg_image{n:03d}.bmp" for n in range(1, 14)))
    return root


def three(root: Path, people: int = 3) -> list[str]:
    """Write all three with a clip of each class for each person, and return the options that name them."""
    numbers = range(1, people + 1)
    emotions: tuple[str, ...] = ("disgust", "happiness", "surprise", "others")
    casme2(root / "casme2", *((n, f"EP0{i}_{n:02d}", name) for n in numbers for i, name in enumerate(emotions, 1)))
    emotions = ("Anger", "Happiness", "Surprise")
    samm(root / "samm", *((f"{n:03d}", f"{n:03d}_{i}_1", e) for n in numbers for i, e in enumerate(emotions, 1)))
    kinds = (("ne", "negative"), ("po", "positive"), ("sur", "surprise"))
    smic(root / "smic", *((n, f"s{n}_{short}_01", name) for n in IN_THE_LIST[:people] for short, name in kinds))
    names = {"casme2": "casme2", "samm": "samm", "smic-hs": "smic"}
    options = [word for name, folder in names.items() for word in ("--dataset", f"{name}={root / folder}")]
    return [*options, "--cache", str(cut_toys(options, root / "clips.npz"))]


def cut_toys(options: Sequence[str], cache: Path, *, listed: bool = False) -> Path:
    """Write the file that keeps cut clips, of toys: the miniature frames show no face that could be cut out."""
    every = load_parts(parts_from(options[1::2], None))
    chosen = megc2019.select(every)[0] if listed else every
    samples = [s for s in chosen if class_of(s.label, COMPOSITE_CLASSES, {})]
    toys = toy_clips(-(-len(samples) // 3), 3)
    labels, subjects = (np.array([getattr(s, name) for s in samples]) for name in ("label", "subject"))
    shown = np.arange(len(samples))
    shown[::4] += 1  # every fourth clip shows the next class, so that not all answers are right
    cut = clips.ClipSet(toys["clips"][shown % len(samples)], labels, subjects)
    clips.write_cache(cache, clips.cache_key(samples, colour=False), cut, samples)
    return cache
