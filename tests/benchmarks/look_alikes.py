"""Look-alikes of CASME II, SAMM and SMIC-HS out of rendered clips: the published layouts, and faults as they have."""

import csv
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

sys.path.insert(0, str(Path(__file__).parent.parent))

from composite_trees import SMIC_HEADER
from data_minis import CASME2_HEADER, SAMM_HEADER, write_workbook

from mer.metrics import composite_label
from mer.synth.expressions import COMBINATIONS

_MERGED_ROWS = 3
"""Rows of the first person of CASME II whose subject is one merged cell."""


@dataclass(frozen=True)
class Clip:
    """A rendered clip: person and number of the clip from 1, frames from 0."""

    person: int
    number: int
    video: Path
    onset: int
    apex: int
    offset: int
    label: str


def clips_of(corpus: Path) -> list[Clip]:
    """Return the clips of a folder that `mer-synth corpus` has filled; people are numbered from 1."""
    with (corpus / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    people = {name: number for number, name in enumerate(sorted({row["subject"] for row in rows}), 1)}
    counts: Counter[str] = Counter()
    clips = []
    for row in rows:
        counts[row["subject"]] += 1
        moments = [int(row[name]) for name in ("onset", "apex", "offset")]
        clips.append(
            Clip(people[row["subject"]], counts[row["subject"]], corpus / row["path"], *moments, label=row["label"])
        )
    return clips


def casme2(root: Path, clips: Sequence[Clip]) -> Path:
    """Write CASME II: names in another case, merged subjects, an apex `/`, a wrong row, another label."""
    first, rows = 40, []
    for clip in clips:
        name = f"EP{clip.number:02d}_{clip.person:02d}f"
        folder = f"Sub{clip.person:02d}" if clip.person == 9 else f"sub{clip.person:02d}"
        on_disk = name.replace("f", "F") if clip.number == 2 else name
        write_frames(root / "CASME2-RAW" / folder / on_disk, clip.video, "img{}.jpg", first)
        moments: list[Any] = [first + clip.onset, first + clip.apex, first + clip.offset]
        units = "+".join(map(str, min(COMBINATIONS[clip.label])))
        rows.append([clip.person, name, None, *moments, None, units, clip.label, None])
    rows.sort(key=lambda row: (row[0], row[1]))
    rows[5][4] = "/"
    rows[9][3] = rows[9][5] + 20
    rows[14][8] = "others"
    table = write_workbook(root / "CASME2-coding-20190701.xlsx", {"Sheet1": [CASME2_HEADER, *rows]})
    _merge(table, "A", 2, 1 + _MERGED_ROWS)
    return root


def samm(root: Path, clips: Sequence[Clip]) -> Path:
    """Write SAMM: absolute frame numbers, four or five digits, an offset that is not on disk, an unknown label."""
    text, rows = [[f"line {n}"] for n in range(1, 14)], []
    for clip in clips:
        subject, first = f"{clip.person + 5:03d}", 5000 + 300 * clip.number
        name = f"{subject}_{clip.number}_1"
        digits = 5 if clip.person % 2 else 4
        write_frames(root / subject / name, clip.video, f"{subject}_{{:0{digits}d}}.jpg", first)
        moments = [first + clip.onset, first + clip.apex, first + clip.offset]
        emotion = clip.label.capitalize()
        rows.append([subject, name, 2, *moments, clip.offset - clip.onset + 1, "Micro", "4", emotion, 3, None])
    rows[3][5] += 5000
    rows[7][9] = "Other"
    write_workbook(root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": [*text, SAMM_HEADER, *rows]})
    return root


def smic(root: Path, clips: Sequence[Clip]) -> Path:
    """Write SMIC-HS: no apex, a row twice, and a folder that has lost a frame."""
    short, rows = {"negative": "ne", "positive": "po", "surprise": "sur"}, []
    for clip in clips:
        label = str(composite_label(clip.label))
        name = f"s{clip.person}_{short[label]}_{clip.number:02d}"
        folder = root / "SMIC_all_cropped" / "HS" / f"s{clip.person}" / "micro" / label / name
        write_frames(folder, clip.video, "reg_image{:06d}.jpg", 1)
        if len(rows) == 4:
            (folder / f"reg_image{(clip.onset + clip.offset) // 2:06d}.jpg").unlink(missing_ok=True)
        rows.append([clip.person, name, 1 + clip.onset, 1 + clip.offset, 1, label])
    rows.append(rows[10])
    write_workbook(root / "SMIC-HS-E_annotation_2019.xlsx", {"Sheet1": [SMIC_HEADER, *rows]})
    return root


def write_frames(folder: Path, video: Path, name: str, first: int) -> None:
    """Write the frames of a video as pictures, numbered from `first`, unless the folder is there."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    capture = cv2.VideoCapture(str(video))
    number = first
    while (read := capture.read())[0]:
        cv2.imwrite(str(folder / name.format(number)), read[1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        number += 1
    capture.release()


def _merge(table: Path, column: str, first: int, last: int) -> None:
    import openpyxl

    book = openpyxl.load_workbook(table)
    book.active.merge_cells(f"{column}{first}:{column}{last}")
    book.save(table)
