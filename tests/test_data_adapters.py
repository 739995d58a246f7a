"""Every dataset in miniature, in the layout that was published."""

from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from data_minis import SAMM_HEADER, casme2, mmew, write_csv, write_frames, write_video, write_workbook

import mer.data
from mer.data import only
from mer.data.annotation import action_units
from mer.data.parts import Part, load_parts
from mer.errors import MerError


def places(name: Any, root: Any) -> Any:
    return {s.clip: (s.onset, s.apex, s.offset) for s in mer.data.load(name, root)}


def reasons(name: Any, root: Any) -> Any:
    return {(f.clip, f.reason, f.left_out) for f in mer.data.check(name, root).findings}


def test_casme2_positions_come_from_the_numbers_in_file_names(tmp_path: Path) -> None:
    root = casme2(tmp_path, (1, "EP02_01f", 46, 59, 86, "happiness"), (17, "EP01_05", 40, 41, 120, "others"))
    samples = mer.data.load("casme2", root)
    assert astuple(samples[0])[:8] == (
        "01", "EP02_01f", root / "CASME2-RAW/sub01/EP02_01f", 200.0, 6, 19, 46, "happiness",
    )  # fmt: skip
    assert astuple(samples[1])[4:8] == (0, 1, 80, "others")


def test_casme2_slash_is_a_missing_apex_and_keeps_the_clip(tmp_path: Path) -> None:
    root = casme2(tmp_path, (4, "EP12_01f", 46, "/", 86, "disgust"))
    assert places("casme2", root) == {"EP12_01f": (6, None, 46)}
    assert reasons("casme2", root) == {("04/EP12_01f", "apex is missing", False)}


def test_casme2_unpacked_into_a_folder_of_the_same_name(tmp_path: Path) -> None:
    root = casme2(tmp_path, (1, "EP02_01f", 46, 59, 86, "happiness"))
    (root / "CASME2-RAW").rename(root / "inner")
    (root / "CASME2-RAW").mkdir()
    (root / "inner").rename(root / "CASME2-RAW" / "CASME2-RAW")
    assert places("casme2", root) == {"EP02_01f": (6, 19, 46)}


def test_objective_classes_take_the_place_of_emotions_where_they_are_wanted(tmp_path: Path) -> None:
    root = casme2(tmp_path, (1, "EP02_01f", 46, 59, 86, "happiness"))
    [sample] = load_parts([Part("casme2", "casme2", root)], labels="objective")
    assert sample.label == "class 7"


def test_action_units_take_the_place_of_emotions_where_they_are_wanted(tmp_path: Path) -> None:
    root = mmew(tmp_path, (1, "S01-01-001", 2, 8, 14, "happiness"))  # annotated as "4+7"
    [sample] = load_parts([Part("mmew", "mmew", root)], labels="action-units")
    assert (sample.label, sample.units) == ("AU4+AU7", (4, 7))


@pytest.mark.parametrize(
    ("cell", "units"), [("4+L10", (4, 10)), ("R12A", (12,)), ("7+4+7", (4, 7)), ("AU 12 or 14", (12, 14)), ("?", ())]
)
def test_action_units_are_read_in_all_spellings(cell: str, units: tuple[int, ...]) -> None:
    assert action_units(cell) == units


def test_a_dataset_without_objective_classes_is_named(tmp_path: Path) -> None:
    root = mmew(tmp_path, (1, "S01-01-001", 1, 20, 45, "fear"))
    with pytest.raises(MerError, match="mmew has no objective classes"):
        load_parts([Part("mmew", "mmew", root)], labels="objective")


def test_casme2_folders_in_another_case_are_found(tmp_path: Path) -> None:
    root = casme2(tmp_path, (9, "EP13_01f", 46, 59, 86, "happiness"))
    (root / "CASME2-RAW/sub09/EP13_01f").rename(root / "CASME2-RAW/sub09/EP13_01F")
    (root / "CASME2-RAW/sub09").rename(root / "CASME2-RAW/Sub09")
    [sample] = mer.data.load("casme2", root)
    assert (sample.path, sample.clip) == (root / "CASME2-RAW/Sub09/EP13_01F", "EP13_01f")


def test_casme2_newest_coding_file_is_read(tmp_path: Path) -> None:
    root = casme2(tmp_path, (1, "EP02_01f", 46, 59, 86, "happiness"))
    write_workbook(root / "CASME2-coding-20140508.xlsx", {"Sheet1": [["nothing"]]})
    assert mer.data.check("casme2", root).tables[0].name == "CASME2-coding-20190701.xlsx"


def test_mmew_counts_from_one_as_its_file_names_do(tmp_path: Path) -> None:
    root = mmew(tmp_path, (1, "S01-01-001", 1, 20, 45, "happiness"), ("2", "S02-03-001", 2, 20, 46, "others"))
    assert places("mmew", root) == {"S01-01-001": (0, 19, 44), "S02-03-001": (1, 19, 45)}
    assert [s.subject for s in mer.data.load("mmew", root)] == ["S01", "S02"]
    assert mer.data.check("mmew", root).counting == "file names"


def test_mmew_annotated_from_zero_is_recognised(tmp_path: Path) -> None:
    rows = [(n, f"S{n:02d}-01-001", 0, 20, 44, "fear") for n in range(1, 4)]
    root = mmew(tmp_path, *rows, frames=range(1, 46))
    assert set(places("mmew", root).values()) == {(0, 20, 44)}
    assert mer.data.check("mmew", root).counting == "from 0"


def test_mmew_annotated_from_one_with_names_from_zero_is_recognised(tmp_path: Path) -> None:
    rows = [(n, f"S{n:02d}-01-001", 1, 20, 45, "fear") for n in range(1, 4)]
    root = mmew(tmp_path, *rows, frames=range(45))
    assert set(places("mmew", root).values()) == {(0, 19, 44)}
    assert mer.data.check("mmew", root).counting == "from 1"


def test_one_wrong_row_does_not_shift_a_dataset(tmp_path: Path) -> None:
    rows = [(n, f"S{n:02d}-01-001", 2, 20, 40, "fear") for n in range(1, 4)]
    root = mmew(tmp_path, *rows, (4, "S04-01-001", 0, 20, 40, "fear"))
    assert set(places("mmew", root).values()) == {(1, 19, 39)}
    assert ("S04/S04-01-001", "onset frame 0 is not among the frames 1 to 60 on disk", True) in reasons("mmew", root)


def test_only_gives_the_five_classes_of_mmew(tmp_path: Path) -> None:
    labels = ("happiness", "disgust", "fear", "surprise", "sadness", "anger", "others")
    rows = [(n, f"S{n:02d}-01-001", 1, 20, 45, label) for n, label in enumerate(labels, 1)]
    samples = mer.data.load("mmew", mmew(tmp_path, *rows))
    assert len(samples) == 7
    assert [s.label for s in only(samples)] == ["happiness", "disgust", "fear", "surprise", "sadness"]


def test_only_names_an_empty_class(tmp_path: Path) -> None:
    samples = mer.data.load("mmew", mmew(tmp_path, (1, "S01-01-001", 1, 20, 45, "fear")))
    with pytest.raises(MerError, match=r"no clip of class 'disgust'; classes found: fear"):
        only(samples, ["fear", "disgust"])


def samm(root: Any) -> Any:
    text = [[f"line {n} of the introduction"] for n in range(1, 14)]
    rows = [
        ["006", "006_1_2", 2, 5562, 5588, 5632, 71, "Micro 1/2", "4", "Anger", 3, None],
        [6, "006_1_3", 2, 9998, 10001, 10004, 7, "Micro", "4", "Other", 7, None],
    ]
    write_workbook(
        root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"About": [["text"]], "MICRO_ONLY": [*text, SAMM_HEADER, *rows]}
    )
    write_frames(root / "006/006_1_2", (f"006_{n:05d}.jpg" for n in range(5562, 5640)))
    # Without leading zeros the names have four digits, then five: sorted as text, 10000 would come first.
    write_frames(root / "006/006_1_3", (f"006_{n:04d}.jpg" for n in range(9995, 10007)))
    return root


def test_samm_header_on_row_14_and_absolute_numbers_of_four_and_five_digits(tmp_path: Path) -> None:
    samples = mer.data.load("samm", samm(tmp_path))
    assert [(s.subject, s.onset, s.apex, s.offset, s.label) for s in samples] == [
        ("006", 0, 26, 70, "anger"),
        ("006", 3, 6, 9, "others"),
    ]


def test_samm_rows_are_named_as_the_spreadsheet_shows_them(tmp_path: Path) -> None:
    root = samm(tmp_path)
    (root / "006/006_1_2/006_05562.jpg").unlink()
    finding = mer.data.check("samm", root).findings[0]
    assert finding.where == "SAMM_Micro_FACS_Codes_v2.xlsx MICRO_ONLY row 15"
    assert finding.reason == "onset frame 5562 is not among the frames 5563 to 5639 on disk"


def test_smic_has_no_apex_and_finds_both_spellings_of_a_subject(tmp_path: Path) -> None:
    header = ["Subject", "Filename", "OnsetF", "OffsetF", "FirstF", "Emotion"]
    rows: list[list[Any]] = [
        [1, "s1_ne_01", 32950, 32969, 32950, "negative"],
        [11, "s11_sur_01", 5, 40, 1, "surprise"],
        [None] * 6,
    ]
    write_workbook(tmp_path / "SMIC_all_cropped/HS/SMIC-HS-E_annotation_2019.xlsx", {"Sheet1": [header, *rows]})
    home = tmp_path / "SMIC_all_cropped/HS"
    write_frames(home / "s1/micro/negative/s1_ne_01", (f"reg_image{n:06d}.bmp" for n in range(32950, 32970)))
    write_frames(home / "s11/micro/surprise/s11_sur_01", (f"reg_image{n:06d}.bmp" for n in range(1, 45)))
    assert places("smic-hs", tmp_path) == {"s1_ne_01": (0, None, 19), "s11_sur_01": (4, None, 39)}
    report = mer.data.check("smic-hs", tmp_path)
    assert not report.findings
    assert "without an annotated apex" in report.notes[0]


CASME3_HEADER = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"]


def casme3(root: Any, *rows: Any) -> Any:
    path = root / "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
    write_workbook(path, {"label": [CASME3_HEADER, *rows]})
    write_frames(root / "data/ME_A/spNO.1/b/color", (f"{n}.jpg" for n in range(1, 1300)))
    return root


def test_casme3_reads_numbers_stored_as_text(tmp_path: Path) -> None:
    root = casme3(
        tmp_path,
        ["spNO.1", "b", "175", "180 ", "186.0", "4", "I", "happy"],
        ["spNO.1", "b", "300", "305", "312", "4", "I", "sad"],
    )
    assert places("casme3", root) == {"b@175": (174, 179, 185), "b@300": (299, 304, 311)}
    assert [s.label for s in mer.data.load("casme3", root)] == ["happiness", "sadness"]


def test_casme3_known_faults_are_named(tmp_path: Path) -> None:
    root = casme3(
        tmp_path,
        ["spNO.1", "b", "10", "12", "20", "4", "I", "happy"],
        ["spNO.1", "b", "100", "100", "110", "4", "I", "fear"],
        ["spNO.1", "b", "200", "300", "920", "4", "I", "anger"],
        ["spNO.1", "b", "1000", "1010", "1020", "4", "I", "anger"],
    )
    assert reasons("casme3", root) == {
        ("spNO.1/b@100", "onset and apex are the same frame, 100", True),
        ("spNO.1/b@200", "lasts 24.00 s, more than 2 s: no micro-expression", True),
        ("spNO.1/b@1000", "lasts 0.67 s, more than the 0.5 s of a micro-expression", False),
    }
    assert set(places("casme3", root)) == {"b@10", "b@1000"}


def test_casme3_cut_into_one_folder_per_expression(tmp_path: Path) -> None:
    root = casme3(tmp_path, ["spNO.1", "b", "1400", "1405", "1410", "4", "I", "fear"])
    write_frames(root / "data/ME_A/spNO.1/b2/color", (f"{n}.jpg" for n in range(1400, 1411)))
    (sample,) = mer.data.load("casme3", root)
    assert (sample.path.parent.name, sample.onset, sample.apex, sample.offset) == ("b2", 0, 5, 10)


def fourdme(root: Any) -> Any:
    header = ["sub_ID", "fold_name", "Onset", "Apex", "Offset", "AUs", "Emotion"]
    rows = [["1", "clip_1", 1826, 1830, 1840, "4", "Negative"], ["2", "clip_1", 10, 14, 20, "4", "Positive & Surprise"]]
    write_workbook(root / "4DME_Labelling_Micro_release v1.xlsx", {"Sheet1": [header, *rows]})
    write_frames(root / "gray_micro/1/clip_1", (f"Frame_{n:09d}.jpg" for n in range(1826, 1841)))
    write_frames(root / "gray_micro/2/clip_1", (f"Frame_{n:09d}.jpg" for n in range(1, 31)))
    return root


def test_4dme_finds_equally_named_recordings_below_their_subjects(tmp_path: Path) -> None:
    samples = mer.data.load("4dme", fourdme(tmp_path))
    assert [(s.subject, s.path.parent.name, s.onset, s.apex, s.offset, s.fps) for s in samples] == [
        ("1", "1", 0, 4, 14, 60.0),
        ("2", "2", 9, 13, 19, 60.0),
    ]


def test_4dme_unknown_label_is_kept_and_named(tmp_path: Path) -> None:
    root = fourdme(tmp_path)
    assert [s.label for s in mer.data.load("4dme", root)] == ["negative", "Positive & Surprise"]
    (finding,) = mer.data.check("4dme", root).findings
    assert finding.reason.startswith("label 'Positive & Surprise' is not one of negative, others")
    assert not finding.left_out


DFME_HEADER = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId", "Fps", "AU"]


def test_dfme_takes_each_row_at_its_own_rate_from_folders_and_videos(tmp_path: Path) -> None:
    write_csv(tmp_path / "part_A.csv", [DFME_HEADER, [1, "dis_01", 1, 40, 80, "disgust", 2, 500, "4"]])
    write_csv(tmp_path / "part_B.csv", [DFME_HEADER, [2, "sur_01.avi", 0, 5, 19, "surprise", 5, 200, "1"]])
    write_frames(tmp_path / "frames/dis_01", (f"{n:04d}.png" for n in range(1, 91)))
    write_video(tmp_path / "sur_01.avi", frames=20, fps=200)
    samples = mer.data.load("dfme", tmp_path)
    assert [(s.subject, s.path.name, s.fps, s.onset, s.apex, s.offset) for s in samples] == [
        ("1", "dis_01", 500.0, 0, 39, 79),
        ("2", "sur_01.avi", 200.0, 0, 5, 19),
    ]


def test_dfme_recording_that_could_be_of_several_subjects_is_not_guessed(tmp_path: Path) -> None:
    write_csv(
        tmp_path / "dfme.csv",
        [DFME_HEADER, [1, "a", 1, 4, 8, "disgust", 2, 200, ""], [2, "b", 1, 4, 8, "fear", 2, 200, ""]],
    )
    for home in ("x/a", "y/a", "b"):
        write_frames(tmp_path / home, (f"{n}.jpg" for n in range(1, 10)))
    (finding,) = mer.data.check("dfme", tmp_path).findings
    assert finding.clip == "1/a"
    assert "several and none below its subject's folder" in finding.reason


def test_dfme_names_a_rate_that_is_none(tmp_path: Path) -> None:
    write_csv(tmp_path / "dfme.csv", [DFME_HEADER, [1, "a", 1, 4, 8, "disgust", 2, "fast", ""]])
    write_frames(tmp_path / "a", (f"{n}.jpg" for n in range(1, 10)))
    found = [f.reason for f in mer.data.check("dfme", tmp_path).findings]
    assert found[0] == "fps 'fast' is not a frame rate in frames per second"
