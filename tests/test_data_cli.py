"""`mer-data check` as a user calls it."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import cv2
import pytest
from data_minis import casme2
from skimage.data import astronaut

from mer.data.cli import main

ROWS = (
    (1, "EP02_01f", 46, 59, 86, "happiness"),
    (2, "EP03_02", 46, "/", 86, "disgust"),
    (2, "EP03_03", 46, 90, 86, "disgust"),
)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_prints_what_is_there_and_each_bad_row(tmp_path: Path, capsys: pytest.CaptureFixture[str], plain: Any) -> None:
    assert main(["check", "casme2", str(casme2(tmp_path, *ROWS))]) == 0
    printed = capsys.readouterr().out
    for text in ("2, 1 without apex", "200 (2)", "0.200 to 0.200 s", "apex 90 lies outside of onset 46 to offset 86"):
        assert text in printed
    assert "Rows at fault in CASME2-coding-20190701.xlsx Sheet1" in printed
    assert "│ 4   │ 02/EP03_03 │ apex 90" in printed
    assert "1 of 3 rows are left out." in printed


def test_json_is_all_there_is_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "casme2", str(casme2(tmp_path, *ROWS)), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["rows"], result["clips"], result["rows_left_out"], result["without_apex"]) == (3, 2, 1, 1)
    assert result["classes"] == {"happiness": 1, "disgust": 1}
    assert result["subjects"] == {"01": 1, "02": 1}
    assert result["rates_hz"] == {"200": 2}
    assert result["duration_s"] == {"min": 0.2, "median": 0.2, "max": 0.2}
    assert result["frames_counted"] == "file names"
    assert result["findings"][0] == {
        "where": "CASME2-coding-20190701.xlsx Sheet1 row 3",
        "clip": "02/EP03_02",
        "reason": "apex is missing",
        "left_out": False,
    }


def test_dataset_without_a_fault_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str], plain: Any) -> None:
    assert main(["check", "casme2", str(casme2(tmp_path, ROWS[0]))]) == 0
    assert "No row is at fault." in capsys.readouterr().out


def test_wrong_layout_ends_with_1_and_names_what_was_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "samm", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("mer-data: error: ")
    assert "no file 'SAMM_Micro_FACS_Codes_v2.xlsx'" in captured.err
    assert captured.out == ""


def test_unknown_dataset_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "casme7", str(tmp_path)]) == 2
    assert "casme7: not a dataset; choose among mmew, casme2" in capsys.readouterr().err


def test_nothing_to_use_is_still_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str], plain: Any) -> None:
    assert main(["check", "casme2", str(casme2(tmp_path, ROWS[2]))]) == 0
    assert "1 of 1 rows are left out." in capsys.readouterr().out


def test_narrow_terminal_still_shows_names_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["check", "casme2", str(casme2(tmp_path, *ROWS))]) == 0
    assert "…" not in capsys.readouterr().out


def test_a_fault_of_many_rows_takes_one_line_and_the_sheet_is_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = [(n, f"EP{n:02d}_01", 46, "/", 86 + n, "disgust") for n in range(1, 8)]
    assert main(["check", "casme2", str(casme2(tmp_path, *rows, (8, "EP08_01", 90, 95, 86, "disgust")))]) == 0
    printed = capsys.readouterr().out
    assert printed.count("CASME2-coding-20190701.xlsx Sheet1") == 1
    assert printed.count("rows such as") == 1
    assert "7 rows such as: apex" in printed
    assert "4 more" in printed


def test_every_fault_is_a_row_of_the_csv(tmp_path: Path) -> None:
    rows = [(n, f"EP{n:02d}_01", 46, "/", 86 + n, "disgust") for n in range(1, 8)]
    casme2(tmp_path / "casme2", *rows)
    assert main(["check", "casme2", str(tmp_path / "casme2"), "--csv", str(tmp_path / "faults.csv")]) == 0
    with (tmp_path / "faults.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["clip"] for row in found] == [f"{n:02d}/EP{n:02d}_01" for n in range(1, 8)]
    assert {row["left_out"] for row in found} == {"False"}


def test_clips_without_a_face_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], plain: Any) -> None:
    casme2(tmp_path, ROWS[0], (3, "EP04_01", 46, 59, 86, "happiness"))
    face = cv2.imencode(".jpg", cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))[1].tobytes()
    for picture in (tmp_path / "CASME2-RAW/sub01/EP02_01f").iterdir():
        picture.write_bytes(face)
    assert main(["check", "casme2", str(tmp_path), "--find-faces"]) == 0
    printed = capsys.readouterr().out
    assert "1 of 2 clips show one at onset, apex and offset; eyes 4" in printed
    assert re.search(r"03/EP04_01\s*│ a face on 0 of 3 frames", printed)
