"""Miniature datasets in the layouts that were published: real workbooks, real pictures, made-up annotations."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openpyxl

_PICTURE = np.full((8, 8, 3), 128, np.uint8)

CASME2_HEADER = (
    "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units",
    "Estimated Emotion", "Objective Classes",
)  # fmt: skip
MMEW_HEADER = (
    "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion", "remarks",
)  # fmt: skip
SAMM_HEADER = (
    "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro",
    "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
)  # fmt: skip
CASME_SQ_RULES: dict[str, Any] = {
    "naming rule1": [[15, "s15", 1], [16, "s16", 2]],
    "naming rule2": [["0101", "disgust1"], [102, "disgust2"]],
}
SAMM_LV_FRAMES = {"006_1": 950, "007_3": 80, "007_4": 80}
MANIFEST_HEADER = ("subject", "clip", "path", "fps", "onset", "apex", "offset", "label")


def write_workbook(path: Path, sheets: Mapping[str, Iterable[Sequence[Any]]]) -> Path:
    """Write an xlsx file."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def write_frames(folder: Path, names: Iterable[str]) -> Path:
    """Write pictures of eight by eight pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    encoded: dict[str, bytes] = {}
    for name in names:
        suffix = Path(name).suffix
        if suffix not in encoded:
            encoded[suffix] = cv2.imencode(suffix, _PICTURE)[1].tobytes()
        (folder / name).write_bytes(encoded[suffix])
    return folder


def write_video(path: Path, *, frames: int, fps: float) -> Path:
    """Write a video of 64 by 64 pixels."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 64))
    for _ in range(frames):
        writer.write(np.full((64, 64, 3), 128, np.uint8))
    writer.release()
    return path


def write_csv(path: Path, rows: Iterable[Sequence[Any]]) -> Path:
    """Write a CSV file; None is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join("" if c is None else str(c) for c in row) + "\n" for row in rows))
    return path


def casme2(root: Path, *rows: Sequence[Any], header: Sequence[Any] = CASME2_HEADER) -> Path:
    """Write CASME II with (subject, clip, onset, apex, offset, emotion) and frames 40 to 120 of every clip."""
    cells = [(s, clip, None, on, apex, off, None, "4", label, 7) for s, clip, on, apex, off, label in rows]
    write_workbook(root / "CASME2-coding-20190701.xlsx", {"Sheet1": [header, *cells]})
    for subject, clip, *_ in rows:
        write_frames(root / "CASME2-RAW" / f"sub{subject:02d}" / clip, (f"img{n}.jpg" for n in range(40, 121)))
    return root


def mmew(root: Path, *rows: Sequence[Any], frames: range = range(1, 61)) -> Path:
    """Write MMEW with (subject, clip, onset, apex, offset, emotion)."""
    cells = [(s, clip, on, apex, off, "4+7", label, None) for s, clip, on, apex, off, label in rows]
    write_workbook(root / "MMEW_Micro_Exp.xlsx", {"Sheet1": [MMEW_HEADER, *cells]})
    for _, clip, *_, label in rows:
        write_frames(root / "Micro_Expression" / label / clip, (f"{n}.jpg" for n in frames))
    return root


def casme_sq(
    root: Path,
    *rows: Sequence[Any],
    rules: Mapping[str, Iterable[Sequence[Any]]] = CASME_SQ_RULES,
    frames: int = 80,
) -> Path:
    """Write CAS(ME)^2 with the given rows and three recordings."""
    write_workbook(root / "CAS(ME)^2code_final.xlsx", {"CASFEcode_final": rows, **rules})
    for name in ("s15/15_0101disgustingteeth", "s15/15_0102eatingworms", "s16/16_0102eatingworms"):
        write_frames(root / "rawpic" / name, (f"img{n:03d}.jpg" for n in range(1, frames + 1)))
    return root


def samm_lv(root: Path, *rows: Sequence[Any], frames: Mapping[str, int] = SAMM_LV_FRAMES) -> Path:
    """Write SAMM-LV with the given rows after its ten lines of text, and recordings of so many frames."""
    text = [[f"line {n}"] for n in range(1, 11)]
    write_workbook(root / "SAMM_LongVideos_V3_Release.xlsx", {"Sheet": [*text, *rows]})
    for name, count in frames.items():
        digits = 4 if name == "006_1" else 5  # the real ones differ, too
        write_frames(root / "SAMM_longvideos" / name, (f"{name}_{n:0{digits}d}.jpg" for n in range(1, count + 1)))
    return root


def manifest(root: Path, *rows: Sequence[Any], header: Sequence[Any] = MANIFEST_HEADER) -> Path:
    """Write a manifest with the given rows."""
    return write_csv(root / "manifest.csv", [header, *rows])
