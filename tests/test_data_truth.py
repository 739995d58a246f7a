"""Long recordings: macro-expressions, missing offsets, recordings without anything."""

from pathlib import Path
from typing import Any

import pytest
from data_minis import SAMM_HEADER, casme_sq, samm_lv, write_workbook

import mer.data
from mer.data import TrueInterval

CASME_SQ_ROWS = [
    [1, "disgust1_1", 10, 16, 22, "4", "negative", "micro-expression", "disgust"],
    [1, "disgust1_2", 40, 48, 0, "4", "negative", "macro-expression", "disgust"],
    [1, "disgust1_3", 70, 78, 0, "4", "negative", "micro-expression", "disgust"],
    [2, "disgust2_1", 5, 9, 15, "12", "positive", "micro-expression", "happiness"],
]


def test_casme_sq_loads_micro_expressions_through_the_naming_rules(tmp_path: Path) -> None:
    samples = mer.data.load("casme-sq", casme_sq(tmp_path, *CASME_SQ_ROWS))
    assert [(s.subject, s.clip, s.path.name, s.onset, s.apex, s.offset, s.label) for s in samples] == [
        ("s15", "disgust1_1", "15_0101disgustingteeth", 9, 15, 21, "negative"),
        ("s16", "disgust2_1", "16_0102eatingworms", 4, 8, 14, "positive"),
    ]


def test_casme_sq_offset_0_is_missing_and_named(tmp_path: Path) -> None:
    report = mer.data.check("casme-sq", casme_sq(tmp_path, *CASME_SQ_ROWS))
    assert [(f.clip, f.reason) for f in report.findings if f.left_out] == [
        ("s15/disgust1_2", "offset is missing"),
        ("s15/disgust1_3", "offset is missing"),
    ]
    assert (report.rows, report.macro) == (4, 1)


def test_casme_sq_without_naming_rules_is_found_by_the_names_of_folders(tmp_path: Path) -> None:
    rows = [["15", "disgustingteeth_1", 10, 16, 22, "4", "negative", "micro-expression", "disgust"]]
    (sample,) = mer.data.load("casme-sq", casme_sq(tmp_path, *rows, rules={}))
    assert (sample.subject, sample.path.name) == ("s15", "15_0101disgustingteeth")


def test_casme_sq_says_which_sheets_are_missing(tmp_path: Path) -> None:
    with pytest.raises(mer.errors.MerError, match="'naming rule1' and 'naming rule2', which this file does not have"):
        mer.data.load("casme-sq", casme_sq(tmp_path, *CASME_SQ_ROWS, rules={}))


def test_casme_sq_with_other_columns_is_refused(tmp_path: Path) -> None:
    rows = [[1, "disgust1_1", 10, 16, 22, "4", "negative", "disgust", "micro-expression"]]
    with pytest.raises(mer.errors.MerError, match=r"column 'type' is missing: no row says micro or macro.*'disgust'"):
        mer.data.load("casme-sq", casme_sq(tmp_path, *rows))


def test_truth_of_casme_sq_holds_both_kinds_and_recordings_with_none(tmp_path: Path) -> None:
    recordings = {
        r.path.name if r.subject == "s15" else r.subject: r
        for r in mer.data.intervals("casme-sq", casme_sq(tmp_path, *CASME_SQ_ROWS))
    }
    assert recordings["15_0102eatingworms"].intervals == ()
    assert recordings["s16"].intervals == (TrueInterval(4, 8, 14, "positive", "micro", estimated=False),)
    first = recordings["15_0101disgustingteeth"]
    assert (first.subject, first.name, first.fps) == ("s15", "15_0101disgustingteeth", 30.0)
    assert [(i.onset, i.kind) for i in first.intervals] == [(9, "micro"), (39, "macro"), (69, "micro")]


def test_truth_mirrors_the_rise_where_the_offset_is_missing(tmp_path: Path) -> None:
    first = mer.data.intervals("casme-sq", casme_sq(tmp_path, *CASME_SQ_ROWS))[0]
    assert first.intervals[1] == TrueInterval(39, 47, 55, "negative", "macro", estimated=True)


def test_truth_ends_a_mirrored_fall_with_the_recording(tmp_path: Path) -> None:
    first = mer.data.intervals("casme-sq", casme_sq(tmp_path, *CASME_SQ_ROWS))[0]
    assert first.intervals[2] == TrueInterval(69, 77, 79, "negative", "micro", estimated=True)


LV_HEADER = [
    "Subject",
    "Filename",
    "Inducement Code",
    "Onset",
    "Apex",
    "Offset",
    "Duration",
    "Type",
    "Action Units",
    "Notes",
]
LV_ROWS = [
    ["006", "006_1_2", 1, 3, 20, 60, 58, "Micro - 1/2", "4", None],
    ["006", "006_1_3", 1, 100, -1, 900, 801, "Macro", "4", None],
    ["007", "007_3_1", 3, 10, 30, 70, 61, "Micro - 1/2", "4", None],
]


@pytest.mark.parametrize("rows", [[LV_HEADER, *LV_ROWS], LV_ROWS], ids=["header", "no header"])
def test_samm_lv_after_ten_rows_of_text(tmp_path: Path, rows: Any) -> None:
    samples = mer.data.load("samm-lv", samm_lv(tmp_path, *rows))
    assert [(s.subject, s.clip, s.path.name, s.onset, s.apex, s.offset) for s in samples] == [
        ("006", "006_1_2", "006_1", 2, 19, 59),
        ("007", "007_3_1", "007_3", 9, 29, 69),
    ]


def test_samm_lv_says_that_it_has_no_emotions(tmp_path: Path) -> None:
    report = mer.data.check("samm-lv", samm_lv(tmp_path, LV_HEADER, *LV_ROWS))
    assert report.classes == {"unlabelled": 2}
    assert report.notes == (
        "no SAMM_Micro_FACS_Codes_v2.xlsx beside the long videos: all micro-expressions are 'unlabelled'",
    )


def test_samm_lv_takes_emotions_from_samm(tmp_path: Path) -> None:
    root = samm_lv(tmp_path, LV_HEADER, *LV_ROWS)
    row = ["006", "006_1_2", 2, 5562, 5588, 5632, 71, "Micro 1/2", "4", "Anger", 3, None]
    write_workbook(root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": [SAMM_HEADER, row]})
    assert [s.label for s in mer.data.load("samm-lv", root)] == ["anger", "unlabelled"]


def test_samm_lv_names_a_missing_column(tmp_path: Path) -> None:
    header = ["Kind" if name == "Type" else name for name in LV_HEADER]
    rows = [[*row[:7], "?", *row[8:]] for row in LV_ROWS]
    with pytest.raises(mer.errors.MerError, match="column 'Type' is missing"):
        mer.data.load("samm-lv", samm_lv(tmp_path, header, *rows))


def test_truth_of_samm_lv(tmp_path: Path) -> None:
    recordings = mer.data.intervals("samm-lv", samm_lv(tmp_path, LV_HEADER, *LV_ROWS))
    assert [(r.subject, r.name, len(r.intervals)) for r in recordings] == [
        ("006", "006_1", 2),
        ("007", "007_3", 1),
        ("007", "007_4", 0),
    ]
    assert recordings[0].intervals[1] == TrueInterval(99, None, 899, "unlabelled", "macro", estimated=False)
