"""Frames and tables: the habits of file names and spreadsheets."""

import builtins
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openpyxl
import pytest
from data_minis import CASME2_HEADER, casme2, mmew, write_frames, write_workbook

import mer.data
from mer.data.frames import read_frame_list
from mer.data.tables import cell_frame, padded, read_workbook
from mer.errors import MerError, UsageError
from mer.media.names import frame_number, list_frames
from mer.media.video import FrameReader


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("img46.jpg", 46),
        ("006_05562.jpg", 5562),
        ("Frame_000001826.jpg", 1826),
        ("reg_image032990.bmp", 32990),
        ("x.jpg", None),
    ],
)
def test_number_of_a_frame_is_the_last_in_its_name(name: Any, number: Any) -> None:
    assert frame_number(name) == number


def test_frames_are_in_the_order_in_which_they_are_played(tmp_path: Path) -> None:
    names = [f"006_{n}.png" for n in (9998, 10000, 9999, 10001)]
    write_frames(tmp_path, names)
    for value, name in enumerate(names):
        cv2.imwrite(str(tmp_path / name), np.full((8, 8, 3), 50 * value, np.uint8))
    (tmp_path / "._006_1.png").write_bytes(b"no picture")
    (tmp_path / "Thumbs.db").write_bytes(b"no picture")
    with FrameReader(tmp_path, fps=200) as frames:
        played = [int(frame.image[0, 0, 0]) for frame in frames]
    assert [p.name for p in list_frames(tmp_path)] == ["006_9998.png", "006_9999.png", "006_10000.png", "006_10001.png"]
    assert played == [0, 100, 50, 150]


def test_two_frames_of_one_number_are_noticed(tmp_path: Path) -> None:
    write_frames(tmp_path, ["img46.jpg", "img046.jpg", "img47.jpg"])
    assert read_frame_list(tmp_path).repeated == 46


@pytest.mark.parametrize("cell", ["/", "", None, "NaN", " - "])
def test_blank_cell_in_any_spelling_is_no_frame(cell: Any) -> None:
    assert cell_frame(cell) is None


@pytest.mark.parametrize("cell", [175, 175.0, "175", " 175 ", "175.0"])
def test_frame_numbers_are_read_in_all_spellings(cell: Any) -> None:
    assert cell_frame(cell) == 175


@pytest.mark.parametrize("cell", ["12a", "1.5", True])
def test_cell_that_is_no_frame_number_is_refused(cell: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the cell itself
        cell_frame(cell)


def test_subjects_get_their_zeros_back() -> None:
    assert (padded("6", 3), padded("006", 3), padded("A", 3)) == ("006", "006", "A")


def test_gap_among_the_frames_is_named(tmp_path: Path) -> None:
    root = casme2(tmp_path, (1, "EP02_01f", 46, 59, 86, "fear"), (1, "EP02_02", 46, 59, 86, "fear"))
    for number in (60, 61):
        (root / f"CASME2-RAW/sub01/EP02_01f/img{number}.jpg").unlink()
    (finding,) = mer.data.check("casme2", root).findings
    assert finding.reason == "2 of the 41 frames from onset to offset are missing on disk"


def test_doubled_frames_are_named(tmp_path: Path) -> None:
    root = casme2(tmp_path, (1, "EP02_01f", 46, 59, 86, "fear"))
    write_frames(root / "CASME2-RAW/sub01/EP02_01f", ["reg_img46.jpg"])
    (finding,) = mer.data.check("casme2", root).findings
    assert finding.reason.startswith("two frames carry the number 46 in ")


def test_empty_folder_is_named(tmp_path: Path) -> None:
    root = casme2(tmp_path, (1, "EP02_01f", 46, 59, 86, "fear"))
    for path in (root / "CASME2-RAW/sub01/EP02_01f").iterdir():
        path.unlink()
    assert mer.data.check("casme2", root).findings[0].reason == "onset frame 46 is not there: no frame is on disk"


def test_unknown_dataset_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"'casme' is not a dataset; choose one of mmew, casme2, samm, smic-hs, casme-sq,"
    ):
        mer.data.load("casme", tmp_path)


def test_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(MerError, match="nowhere: no such folder"):
        mer.data.load("mmew", tmp_path / "nowhere")


def test_missing_table_is_named_with_what_was_there(tmp_path: Path) -> None:
    root = mmew(tmp_path, (1, "S01-01-001", 1, 20, 45, "fear"))
    (root / "MMEW_Micro_Exp.xlsx").rename(root / "labels.xlsx")
    with pytest.raises(MerError, match=r"no file 'MMEW_Micro_Exp.xlsx'.*tables found: labels.xlsx"):
        mer.data.load("mmew", root)


def test_missing_folder_is_named_with_what_was_there(tmp_path: Path) -> None:
    root = mmew(tmp_path, (1, "S01-01-001", 1, 20, 45, "fear"))
    (root / "Micro_Expression").rename(root / "Micro")
    with pytest.raises(MerError, match=r"no folder 'Micro_Expression'.*found: Micro, MMEW_Micro_Exp.xlsx"):
        mer.data.load("mmew", root)


def test_missing_column_is_named_with_what_was_there(tmp_path: Path) -> None:
    header = ["Apex" if name == "ApexFrame" else name for name in CASME2_HEADER]
    root = casme2(tmp_path, (1, "EP02_01f", 46, 59, 86, "fear"), header=header)
    with pytest.raises(
        MerError, match=r"sheet 'Sheet1': column 'ApexFrame' is missing; .* reads: Subject, Filename, Onset"
    ):
        mer.data.load("casme2", root)


def test_recordings_elsewhere_are_a_wrong_layout(tmp_path: Path) -> None:
    root = casme2(tmp_path, (1, "EP02_01f", 46, 59, 86, "fear"))
    (root / "CASME2-RAW/sub01").rename(root / "CASME2-RAW/1")
    with pytest.raises(MerError, match=r"none of the 1 annotated recordings is on disk .*sub01/EP02_01f/img46.jpg"):
        mer.data.load("casme2", root)


def test_file_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "MMEW_Micro_Exp.xlsx"
    path.write_bytes(b"subject,clip")
    with pytest.raises(MerError, match="not a readable xlsx workbook"):
        read_workbook(path)


def test_a_cell_over_several_rows_counts_for_each_of_them(tmp_path: Path) -> None:
    rows = ((4, "EP01_01", 46, 59, 86, "happiness"), (4, "EP02_01", 46, 59, 86, "disgust"))
    (table,) = casme2(tmp_path, *rows).glob("*.xlsx")
    book = openpyxl.load_workbook(table)
    book.active.insert_rows(2)
    for merged in ("A1:A2", "B1:B2", "A3:A4"):  # a header two rows high, too
        book.active.merge_cells(merged)
    book.save(table)
    report = mer.data.check("casme2", tmp_path)
    assert [sample.subject for sample in report.samples] == ["04", "04"]
    assert report.findings == ()


def test_missing_openpyxl_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"Sheet1": [["x"]]})
    real = builtins.__import__

    def without_openpyxl(name: Any, *args: Any, **kwargs: Any) -> Any:
        if name == "openpyxl":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_openpyxl)
    with pytest.raises(MerError, match=r"pip install 'mer-live\[train\]'"):
        read_workbook(path)
