"""Miniature datasets in the layouts that were published: real workbooks, real pictures, made-up annotations."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

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
MANIFEST_HEADER = ("subject", "clip", "path", "fps", "onset", "apex", "offset", "label")


def write_workbook(path: Path, sheets: Mapping[str, Iterable[Sequence[object]]]) -> Path:
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


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> Path:
    """Write a CSV file; None is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join("" if c is None else str(c) for c in row) + "\n" for row in rows))
    return path


def casme2(root: Path, *rows: Sequence[object], header: Sequence[object] = CASME2_HEADER) -> Path:
    """Write CASME II with (subject, clip, onset, apex, offset, emotion) and frames 40 to 120 of every clip."""
    cells = [(s, clip, None, on, apex, off, None, "4", label, 7) for s, clip, on, apex, off, label in rows]
    write_workbook(root / "CASME2-coding-20190701.xlsx", {"Sheet1": [header, *cells]})
    for subject, clip, *_ in rows:
        write_frames(root / "CASME2-RAW" / f"sub{subject:02d}" / clip, (f"img{n}.jpg" for n in range(40, 121)))
    return root


def mmew(root: Path, *rows: Sequence[object], frames: range = range(1, 61)) -> Path:
    """Write MMEW with (subject, clip, onset, apex, offset, emotion)."""
    cells = [(s, clip, on, apex, off, "4+7", label, None) for s, clip, on, apex, off, label in rows]
    write_workbook(root / "MMEW_Micro_Exp.xlsx", {"Sheet1": [MMEW_HEADER, *cells]})
    for _, clip, *_, label in rows:
        write_frames(root / "Micro_Expression" / label / clip, (f"{n}.jpg" for n in frames))
    return root


def manifest(root: Path, *rows: Sequence[object], header: Sequence[object] = MANIFEST_HEADER) -> Path:
    """Write a manifest with the given rows."""
    return write_csv(root / "manifest.csv", [header, *rows])
