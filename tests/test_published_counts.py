"""The counts on the page Datasets: what the adapters give on tables with the published numbers of rows and classes."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from composite_trees import SMIC_HEADER
from data_minis import (
    CASME2_HEADER,
    CASME_SQ_RULES,
    MMEW_HEADER,
    SAMM_HEADER,
    write_csv,
    write_frames,
    write_workbook,
)

import mer.data
from mer.data import megc2019
from mer.data.report import Report
from mer.data.sample import Sample

PAGE = Path(__file__).parent.parent / "docs/reference/datasets.md"
Rows = list[tuple[int, int, str]]
"""Person from 1, number of the row from 1, label."""


def published(name: str) -> dict[str, str]:
    """The row of a dataset in the table "Published counts"."""
    text = PAGE.read_text(encoding="utf-8").partition("## Published counts")[2].partition("\n## ")[0]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    row = next(row for row in lines if row[0] == f"`{name}`")
    return dict(zip(lines[0], row))


def numbers(text: str) -> dict[str, int]:
    """The counts in `others 99, disgust 63`."""
    return {label: int(count) for label, count in re.findall(r"([a-z]+) (\d+)", text)}


def rows_of(name: str) -> Rows:
    """Rows with the published labels, spread over the published number of people."""
    there = published(name)
    counts = numbers(there["Labels"]) or {"others": int(there["Rows"].replace(",", ""))}
    labels = [label for label, count in counts.items() for _ in range(count)]
    people = int(there["People"])
    return [(number % people + 1, number + 1, label) for number, label in enumerate(labels)]


def casme2(root: Path) -> None:
    cells: list[Any] = []
    for person, n, label in rows_of("casme2"):
        clip = f"EP{n % 20:02d}_{n:03d}"
        cells.append([person, clip, None, 41, 42, 43, None, "4", label, 7])
        frames(root / f"CASME2-RAW/sub{person:02d}/{clip}", "img{}.jpg", 41)
    cells[27][4] = "/"
    write_workbook(root / "CASME2-coding-20190701.xlsx", {"Sheet1": [CASME2_HEADER, *cells]})


def samm(root: Path) -> None:
    cells: list[Any] = []
    for person, n, label in rows_of("samm"):
        clip = f"{person + 5:03d}_{n}_1"
        emotion = {"others": "Other"}.get(label, label.capitalize())
        cells.append([f"{person + 5:03d}", clip, 2, 9999, 10000, 10001, 3, "Micro", "4", emotion, 3, None])
        frames(root / f"{person + 5:03d}/{clip}", f"{person + 5:03d}_{{:05d}}.jpg", 9999)
    text = [[f"line {n}"] for n in range(1, 14)]
    write_workbook(root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": [*text, SAMM_HEADER, *cells]})


def smic(root: Path) -> None:
    cells: list[Any] = []
    for person, n, label in rows_of("smic-hs"):
        cells.append([person, f"s{person}_{label[:2]}_{n:02d}", 1, 3, 1, label])
        frames(root / f"SMIC_all_cropped/HS/s{person}/micro/{label}/{cells[-1][1]}", "reg_image{:03d}.bmp", 1)
    write_workbook(root / "SMIC-HS-E_annotation_2019.xlsx", {"Sheet1": [SMIC_HEADER, *cells]})


def mmew(root: Path) -> None:
    """Sixteen rows have an offset before their apex."""
    cells: list[Any] = []
    for person, n, label in rows_of("mmew"):
        clip = f"S{person:02d}-01-{n:03d}"
        cells.append([person, clip, 1, 2, 1 if n <= 16 else 3, "4", label, None])
        frames(root / f"Micro_Expression/{label}/{clip}", "{}.jpg", 1)
    write_workbook(root / "MMEW_Micro_Exp.xlsx", {"Sheet1": [MMEW_HEADER, *cells]})


def casme_sq(root: Path) -> None:
    videos = [(n % 22 + 15, n // 22 + 1) for n in range(98)]
    films = [[f"{film:04d}", f"film{film}"] for film in range(1, 6)]
    people = [[person, f"s{person}", person] for person in range(15, 37)]
    rules: dict[str, Any] = {"naming rule1": people, "naming rule2": films}
    assert rules.keys() == CASME_SQ_RULES.keys()
    for person, film in videos:
        frames(root / f"rawpic/s{person}/{person}_{film:04d}film{film}", "img{:03d}.jpg", 1)
    kinds = ["micro-expression"] * 57 + ["macro-expression"] * 300
    cells = []
    for n, kind in enumerate(kinds):
        person, film = videos[n % 98]
        cells.append([person, f"film{film}_{n // 98 + 1}", 1, 2, 3, "4", "negative", kind, "disgust"])
    write_workbook(root / "CAS(ME)^2code_final.xlsx", {"CASFEcode_final": cells, **rules})


def casme3(root: Path) -> None:
    """In 55 rows the onset is the apex, and 72 others last longer than two seconds."""
    header = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
    cells: list[Any] = []
    words = {"happiness": "happy", "sadness": "sad"}
    for person, n, label in rows_of("casme3"):
        first, apex, last = (str(10 * n + k) for k in (0, 0 if n <= 55 else 1, 62 if 55 < n <= 127 else 2))
        cells.append([f"spNO.{person}", "b", first, apex, last, "4", "IV", words.get(label, label)])
        frames(root / f"spNO.{person}/b/color", "{}.jpg", 10 * n, 63 if 55 < n <= 127 else 3)
    write_workbook(root / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", {"label": [header, *cells]})


def fourdme(root: Path) -> None:
    header = ("sub_ID", "fold_name", "Onset", "Apex", "Offset", "AUs", "Emotion")
    cells = [[person, f"clip{n}", 1, 2, 3, "4", label] for person, n, label in rows_of("4dme")]
    for row in cells:
        frames(root / f"gray/{row[1]}", "Frame_{:09d}.jpg", 1)
    write_workbook(root / "4DME_micro.xlsx", {"Sheet1": [header, *cells]})


def dfme(root: Path) -> None:
    header = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId", "Fps", "AU")
    cells = [[f"p{p}", f"clip{n}", 1, 2, 3, label, 1, (200, 300, 500)[n % 3], "4"] for p, n, label in rows_of("dfme")]
    for row in cells:
        frames(root / f"videos/{row[1]}", "{}.jpg", 1)
    write_csv(root / "annotation.csv", [header, *cells])


def samm_lv(root: Path) -> None:
    kinds = ["Micro - 1/2"] * 159 + ["Macro"] * 343
    videos = [(n % 32 + 6, n // 32 + 1) for n in range(147)]
    for person, number in videos:
        frames(root / f"SAMM_longvideos/{person:03d}_{number}", f"{person:03d}_{number}_{{:04d}}.jpg", 1)
    cells = []
    for n, kind in enumerate(kinds):
        person, number = videos[n % 147]
        clip = f"{person:03d}_{number}_{n // 147 + 1}"
        cells.append([f"{person:03d}", clip, number, 1, 2, 3, 3, kind, "4", None])
    text = [[f"line {n}"] for n in range(1, 11)]
    write_workbook(root / "SAMM_LongVideos_V3_Release.xlsx", {"Sheet": [*text, *cells]})


def frames(folder: Path, name: str, first: int, count: int = 3) -> None:
    write_frames(folder, (name.format(number) for number in range(first, first + count)))


WRITERS: dict[str, Callable[[Path], None]] = {
    "mmew": mmew,
    "casme2": casme2,
    "samm": samm,
    "smic-hs": smic,
    "casme-sq": casme_sq,
    "casme3": casme3,
    "4dme": fourdme,
    "dfme": dfme,
    "samm-lv": samm_lv,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_table_with_the_published_numbers_gives_what_the_page_says(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path)
    report: Report = mer.data.check(name, tmp_path)
    there = published(name)
    assert report.rows == int(there["Rows"].replace(",", ""))
    assert len(report.samples) == int(there["Clips given"].replace(",", ""))
    assert len(report.subjects) == int(there["People"])
    if name not in ("mmew", "casme3"):  # their faulty rows take clips of some labels
        assert report.classes == (numbers(there["Labels"]) or report.classes)
    if "recordings" in there["Other"]:
        assert len(mer.data.intervals(name, tmp_path)) == numbers(there["Other"])["recordings"]
        assert report.macro == numbers(there["Other"])["macro"]


def names(samples: Sequence[tuple[str, int, str]], dataset: str) -> Iterator[Sample]:
    for label, person, clip in samples:
        yield Sample(str(person), clip, Path(clip), 200.0, 0, 5, 12, label, dataset)


SMIC_KINDS = {"ne": "negative", "po": "positive", "sur": "surprise"}
POSSIBLE = {
    "samm": [
        ("surprise", person, f"{person:03d}_{film}_{number}")
        for person in range(6, 38)
        for film in range(1, 8)
        for number in range(1, 25)
    ],
    "smic-hs": [
        (label, person, f"s{person}_{short}_{number:02d}")
        for person in range(1, 21)
        for short, label in SMIC_KINDS.items()
        for number in range(1, 45)
    ],
}
"""Every name that clips of these layouts can have; those of CASME II follow no rule. The list holds hashes of names."""


@pytest.mark.parametrize("name", POSSIBLE)
def test_the_list_of_megc2019_chooses_the_published_clips_and_people(name: str) -> None:
    kept, _ = megc2019.select(list(names(POSSIBLE[name], name)))
    assert (len(kept), len({sample.subject for sample in kept})) == (
        megc2019.PUBLISHED[name].clips,
        megc2019.PUBLISHED[name].people,
    )
    if name == "smic-hs":  # whose names tell the class
        found = Counter(sample.label for sample in kept)
        assert tuple(found[label] for label in SMIC_KINDS.values()) == megc2019.PUBLISHED[name].classes
