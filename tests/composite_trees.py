"""Look-alikes of CASME II, SAMM and SMIC-HS: made-up rows in the published layouts, frames of the packaged portrait."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from data_minis import CASME2_HEADER, SAMM_HEADER, write_workbook
from numpy.typing import NDArray

from mer.synth.portrait import packaged_portrait

N_FRAMES = 13
SMIC_HEADER = ("Subject", "Filename", "OnsetF", "OffsetF", "FirstF", "Emotion")


def write_faces(folder: Path, names: Iterable[str]) -> None:
    """Write a recording of 13 frames in which a face moves by a pixel and back."""
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(_picture(number, Path(name).suffix))


@cache
def _picture(number: int, suffix: str) -> bytes:
    image = packaged_portrait().image
    scale = 240 / image.shape[0]
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    shift = 1 - abs(number - N_FRAMES // 2) / (N_FRAMES // 2)
    moved = cv2.warpAffine(small, _shift(shift), small.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return bytes(cv2.imencode(suffix, moved)[1])


def _shift(pixels: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, pixels], [0.0, 1.0, 0.0]])


def casme2(root: Path, *rows: Sequence[object]) -> Path:
    """Write CASME II with (subject, clip, emotion)."""
    cells = [(s, clip, None, 46, 52, 58, None, "4", emotion, 7) for s, clip, emotion in rows]
    write_workbook(root / "CASME2-coding-20190701.xlsx", {"Sheet1": [CASME2_HEADER, *cells]})
    for subject, clip, _ in rows:
        write_faces(root / f"CASME2-RAW/sub{subject:02d}/{clip}", (f"img{n}.jpg" for n in range(46, 59)))
    return root


def samm(root: Path, *rows: Sequence[object]) -> Path:
    """Write SAMM with (subject, clip, emotion)."""
    text = [[f"line {n}"] for n in range(1, 14)]
    cells = [[s, clip, 2, 5562, 5568, 5574, 13, "Micro", "4", emotion, 3, None] for s, clip, emotion in rows]
    write_workbook(root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": [*text, SAMM_HEADER, *cells]})
    for subject, clip, _ in rows:
        write_faces(root / f"{subject}/{clip}", (f"{subject}_{n:05d}.jpg" for n in range(5562, 5575)))
    return root


def smic(root: Path, *rows: Sequence[object]) -> Path:
    """Write SMIC-HS with (subject, clip, class)."""
    cells = [(s, clip, 1, 13, 1, name) for s, clip, name in rows]
    write_workbook(root / "SMIC-HS-E_annotation_2019.xlsx", {"Sheet1": [SMIC_HEADER, *cells]})
    for subject, clip, name in rows:
        folder = root / f"SMIC_all_cropped/HS/s{subject}/micro/{name}/{clip}"
        write_faces(folder, (f"reg_image{n:03d}.bmp" for n in range(1, 14)))
    return root


def three(root: Path, people: int = 3) -> list[str]:
    """Write all three with a clip of each class for each person, and return the options that name them."""
    numbers = range(1, people + 1)
    emotions = ("disgust", "happiness", "surprise", "others")
    casme2(root / "casme2", *((n, f"EP0{i}_0{n}", name) for n in numbers for i, name in enumerate(emotions, 1)))
    samm_rows = [(f"{n:03d}", f"{n:03d}_{i}_1", e) for n in numbers for i, e in enumerate(("Anger", "Happiness"), 1)]
    samm(root / "samm", *samm_rows, *((f"{n:03d}", f"{n:03d}_3_1", "Surprise") for n in numbers))
    kinds = (("ne", "negative"), ("po", "positive"), ("sur", "surprise"))
    smic(root / "smic", *((n, f"s{n}_{short}_01", name) for n in numbers for short, name in kinds))
    names = {"casme2": "casme2", "samm": "samm", "smic-hs": "smic"}
    return [word for name, folder in names.items() for word in ("--dataset", f"{name}={root / folder}")]
