"""Coefficients against published worked examples and other libraries, and `mer-evaluate agreement` by hand."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pytest
from numpy.typing import NDArray
from pympi.Elan import Eaf, to_eaf
from sklearn.metrics import cohen_kappa_score

from engines.evaluate import main
from mer.coding.messages import Coded, Coding, Recording
from mer.errors import MerError
from mer.evaluation.agreement.coefficients import alpha, coincidences, icc, kappa, limits
from mer.evaluation.agreement.figures import agreement
from mer.evaluation.agreement.report import matches_csv, methods, to_csv, to_markdown

COHEN_1960 = np.array([[44, 7, 9], [5, 20, 5], [1, 3, 6]])
"""Cohen (1960), two clinical psychologists, kappa .492, times 100."""
KRIPPENDORFF_2011 = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]
"""Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), example C; 0 is missing; nominal alpha .743."""
SHROUT_FLEISS_1979 = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
"""Shrout and Fleiss (1979), table 2; ICC(2,1) .29."""
PEAK_FLOW = (
    [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427],
    [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451],
)
"""Bland and Altman (1986), large and mini peak flow meter: difference -2.1, SD 38.8, standard errors 9.4 and 16.3."""
DURATIONS = [
    *([296, 338], [274, 303], [267, 295], [228, 261], [266, 273], [190, 256], [295, 318], [388, 442], [244, 319]),
    *([272, 245], [323, 360], [328, 330], [326, 327], [214, 205], [295, 295], [358, 365], [194, 234], [239, 313]),
    *([149, 123], [224, 188], [122, 187], [298, 236], [201, 200], [309, 334], [353, 365]),
]
"""Made up; pingouin 0.7.0, `intraclass_corr`, gives ICC(A,1) 0.843448 (and 0.289764 for Shrout and Fleiss's table)."""


def test_cohens_example() -> None:
    assert kappa(COHEN_1960) == pytest.approx(0.492, abs=5e-4)


def test_krippendorffs_example() -> None:
    table = coincidences(np.array(KRIPPENDORFF_2011) - 1, 5)
    assert alpha(table) == pytest.approx(0.743, abs=5e-4)


def test_shrout_and_fleiss_example() -> None:
    assert icc(np.array(SHROUT_FLEISS_1979, np.float64)) == pytest.approx(0.289764, abs=1e-6)


def test_the_icc_of_another_library() -> None:
    assert icc(np.array(DURATIONS, np.float64)) == pytest.approx(0.843448, abs=1e-6)


def test_bland_and_altmans_example() -> None:
    large, mini = (np.array(meter, np.float64) for meter in PEAK_FLOW)
    found = limits(large - mini)
    assert found is not None
    assert (round(found.bias, 1), round(found.sd, 1), found.n) == (-2.1, 38.8, 17)
    assert (round(found.bias_error, 1), round(found.limit_error, 1)) == (9.4, 16.3)
    assert (found.low, found.high) == pytest.approx((found.bias - 1.96 * found.sd, found.bias + 1.96 * found.sd))


@pytest.mark.parametrize("seed", range(5))
def test_kappa_and_alpha_of_other_libraries(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(4, size=80)
    second = np.where(rng.random(80) < 0.6, first, rng.integers(4, size=80))
    counts: NDArray[np.int64] = np.bincount(first * 4 + second, minlength=16).reshape(4, 4)
    assert kappa(counts) == pytest.approx(cohen_kappa_score(first, second))
    third = np.where(rng.random(80) < 0.3, -1, first)
    values = np.stack([first, second, third])
    known = np.where(values < 0, np.nan, values.astype(np.float64))
    expected = krippendorff.alpha(reliability_data=known, level_of_measurement="nominal")
    assert alpha(coincidences(values, 4)) == pytest.approx(expected)


def test_coincidences_of_recordings_add_up() -> None:
    values = np.array(KRIPPENDORFF_2011) - 1
    parts = coincidences(values[:, :5], 5) + coincidences(values[:, 5:], 5)
    assert parts == pytest.approx(coincidences(values, 5))


def test_events_that_only_chance_pairs_have_a_kappa_of_zero() -> None:
    table = np.outer([30, 20, 10], [6, 12, 9]).astype(np.float64)
    table[2, 2] = 0.0  # what neither coder saw
    assert kappa(table, empty=2) == pytest.approx(0.0, abs=1e-6)
    agreed = np.diag([30.0, 20.0, 0.0])
    assert kappa(agreed, empty=2) == pytest.approx(1.0)


@pytest.mark.parametrize("counts", [[[0, 0], [0, 0]], [[7, 0], [0, 0]]])
def test_kappa_of_nothing_or_of_one_category_is_not_defined(counts: list[list[int]]) -> None:
    assert kappa(np.array(counts)) is None


def coding(name: str, *events: Coded, seconds: float | None = 10.0) -> Coding:
    return Coding(name, {"talk": Recording(events, seconds=seconds, fps=10.0)})


ANNA = (Coded("fear", 1.0, 1.9, 1.4), Coded("anger", 3.0, 3.9, 3.5), Coded("fear", 6.0, 6.9))
BEN = (Coded("fear", 1.1, 2.0, 1.4), Coded("fear", 3.0, 3.9, 3.6), Coded("anger", 8.0, 8.9))
"""At 10 frames/s in 10 s: 101 frames, 10 of each event; two matched, one with the same label."""


def figure(result: dict[str, Any], name: str) -> float:
    return float(result["pairs"][0]["figures"][name]["value"])


def of_two(*onsets_s: tuple[float, int | None]) -> tuple[Coded, ...]:
    return tuple(Coded("fear", onset_s, onset_s + 0.9, person=person) for onset_s, person in onsets_s)


def test_events_of_different_people_do_not_match() -> None:
    first, second = of_two((1.0, 1), (1.0, 2), (5.0, 2)), of_two((1.0, 1), (5.0, 1), (5.0, 2))
    result = agreement([coding("anna", *first), coding("ben", *second)])
    assert [figure(result, name) for name in ("events_first", "events_second", "matched")] == [3, 3, 2]
    people = result["pairs"][0]["people"]
    assert {name: (row["matched"]["value"], row["f1"]["value"]) for name, row in people.items()} == {
        "talk, person 1": (1, pytest.approx(2 / 3)),
        "talk, person 2": (1, pytest.approx(2 / 3)),
    }
    assert "| anna and ben | talk, person 2 | 2 | 1 | 1 | 0.67 |" in to_markdown(result)
    assert {match["recording"] for match in result["pairs"][0]["matches"]} == set(people)
    assert (result["draws"], "over 1 recording (0.2 min)" in methods(result)) == (0, True)  # people are not recordings


def test_candidates_of_a_review_are_judged_person_by_person() -> None:
    events = of_two((1.0, 1), (1.0, 2))
    people = {"event-1": 1, "event-2": 2, "rejected-1": 2}
    both = [
        Coding(name, {"talk": Recording(events, 10.0, 10.0, dict(zip(people, ("fear", "fear", label))), people)})
        for name, label in (("anna", ""), ("ben", "fear"))
    ]
    people_of = agreement(both)["pairs"][0]["people"]
    kappas = {name: row["kappa_candidates_any"]["value"] for name, row in people_of.items()}
    assert kappas == {"talk, person 1": None, "talk, person 2": 0.0}  # both accept all, or all but one, of hers


def test_a_coder_who_does_not_say_whose_events_they_are_is_compared_with_all_people() -> None:
    result = agreement([coding("anna", *of_two((1.0, 1), (5.0, 2))), coding("ben", *of_two((1.0, None)))])
    assert figure(result, "matched") == 1
    assert result["pairs"][0]["people"] == {}
    assert result["recordings"][0]["assumed"] == ["one person, for not every event says whose it is (person)"]


def test_people_are_read_from_tables_and_from_our_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("onset,offset,label,person\n1,1.9,fear,1\n1,1.9,fear,2\n")
    lines = ["Observation id,Subject,Behavior,Behavioral category,Start (s),Stop (s)"]
    lines += [f"talk,person {number},fear,micro,1,1.9" for number in (1, 2)]
    (tmp_path / "b.csv").write_text("\n".join(lines) + "\n")
    document = Eaf(author="c")
    for tier in ("event person 1", "event person 2", "apex person 2", "rejected person 1"):
        document.add_tier(tier)
        document.add_annotation(tier, *((1400, 1401) if "apex" in tier else (1000, 1900)), "fear 80 %")
    to_eaf(str(tmp_path / "c.eaf"), document)
    assert main(["agreement", *(str(tmp_path / name) for name in ("a.csv", "b.csv", "c.eaf")), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [list(pair["people"]) for pair in result["pairs"]] == [["a, person 1", "a, person 2"]] * 3
    assert [pair["figures"]["matched"]["value"] for pair in result["pairs"]] == [2, 2, 2]
    apexes = [match["second"]["apex_s"] for match in result["pairs"][1]["matches"]]
    assert apexes == [None, 1.4]


def test_figures_of_a_case_by_hand() -> None:
    result = agreement([coding("anna", *ANNA), coding("ben", *BEN)])
    assert [figure(result, name) for name in ("events_first", "events_second", "matched")] == [3, 3, 2]
    assert figure(result, "f1") == pytest.approx(2 * 2 / 6)
    assert figure(result, "f1_with_label") == pytest.approx(2 * 1 / 6)
    assert figure(result, "label_agreement") == pytest.approx(0.5)
    # Frames of an event or none: both 19 (1.1 to 1.9, 3.0 to 3.9), anna alone 11, ben alone 11, neither 60.
    chance = (30 / 101) ** 2 + (71 / 101) ** 2
    assert figure(result, "kappa_frames_any") == pytest.approx(((19 + 60) / 101 - chance) / (1 - chance))
    # By label: same label in 9 + 60 frames; anna 20 fear, 10 anger; ben 20 fear, 10 anger.
    chance = (20 * 20 + 10 * 10 + 71 * 71) / 101**2
    assert figure(result, "kappa_frames") == pytest.approx((69 / 101 - chance) / (1 - chance))
    onset = result["pairs"][0]["differences_ms"]["onset"]
    assert (onset["n"], onset["bias"]) == (2, pytest.approx(50.0))
    assert onset["high"] == pytest.approx(50.0 + 1.96 * np.std([100.0, 0.0], ddof=1))
    fear = result["pairs"][0]["classes"]["fear"]
    assert [fear[name]["value"] for name in ("events_first", "events_second", "matched", "f1")] == [2, 2, 1, 0.5]


def test_three_coders_are_compared_two_by_two_and_all_together() -> None:
    result = agreement([coding("anna", *ANNA), coding("ben", *BEN), coding("program", *ANNA)])
    assert [pair["coders"] for pair in result["pairs"]] == [["anna", "ben"], ["anna", "program"], ["ben", "program"]]
    same = result["pairs"][1]["figures"]
    assert [same[name]["value"] for name in ("f1", "kappa_labels", "kappa_frames", "kappa_events")] == [1, 1, 1, 1]
    rows = np.full((3, 101), "none ", dtype="<U5")
    for row, events in zip(rows, (ANNA, BEN, ANNA)):
        for event in events:
            row[round(10 * event.onset_s) : round(10 * event.offset_s) + 1] = event.label
    expected = krippendorff.alpha(reliability_data=rows, level_of_measurement="nominal")
    assert result["all"]["alpha_frames"]["value"] == pytest.approx(expected)


def test_units_are_counted_one_by_one() -> None:
    first, second = coding("a", Coded("AU1+AU4", 1.0, 2.0)), coding("b", Coded("4+12", 1.0, 2.0))
    classes = agreement([first, second])["pairs"][0]["classes"]
    assert {name: row["f1"]["value"] for name, row in classes.items()} == {"AU1": 0.0, "AU12": 0.0, "AU4": 1.0}


def test_intervals_come_from_drawing_recordings() -> None:
    same = Recording(ANNA, 10.0, 10.0)
    anna = Coding("anna", {"a": same, "b": same, "c": same})
    ben = Coding("ben", {"a": same, "b": Recording(BEN, 10.0, 10.0), "c": Recording((), 10.0, 10.0)})
    result = agreement([anna, ben], draws=300)
    f1 = result["pairs"][0]["figures"]["f1"]
    assert f1["value"] == pytest.approx(2 * 5 / 15)
    assert f1["low"] == 0.0
    assert f1["high"] == 1.0
    assert agreement([anna, ben], draws=300) == result
    assert "[0.00, 1.00]" in methods(result)


def test_what_is_assumed_is_said() -> None:
    coded = Coding("a", {"x": Recording(ANNA)})
    text = to_markdown(agreement([coded, Coding("b", {"y": Recording(BEN)})]))
    assert "25 frames/s, for no coding names a rate (--fps)" in text
    assert "8.9 s long, where the last event ends" in text


def test_recordings_that_only_one_has_are_no_basis() -> None:
    two = {"x": Recording(ANNA), "y": Recording(ANNA)}
    with pytest.raises(MerError, match="no recording was coded by all"):
        agreement([Coding("a", two), Coding("b", {"z": Recording(BEN)})])
    with pytest.raises(MerError, match="nothing to compare"):
        agreement([coding("a"), coding("b")])


def test_the_table_is_tidy_and_the_paragraph_has_its_figures() -> None:
    result = agreement([coding("anna", *ANNA), coding("=ben", *BEN)])
    rows = list(csv.DictReader(to_csv(result).splitlines()))
    (f1,) = (row for row in rows if row["figure"] == "f1" and row["scope"] == "all")
    assert (f1["first"], f1["second"], f1["low"]) == ("anna", "'=ben", "")
    assert float(f1["value"]) == pytest.approx(2 / 3)
    text = methods(result)
    assert "anna coded 3 events and =ben 3, of which 2 matched (F1 = 0.67)" in text
    assert "the onset of =ben was 50 ms later on average" in text


def test_matches_stand_on_one_line_and_the_rest_alone() -> None:
    rows = list(csv.DictReader(matches_csv(agreement([coding("anna", *ANNA), coding("ben", *BEN)])).splitlines()))
    assert [(row["matched"], row["label_first"], row["label_second"]) for row in rows] == [
        ("True", "fear", "fear"),
        ("True", "anger", "fear"),
        ("False", "fear", ""),
        ("False", "", "anger"),
    ]
    assert (rows[0]["onset_s_first"], rows[0]["onset_s_second"], rows[2]["apex_s_first"]) == ("1.0", "1.1", "")


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., str]:
    def write(name: str, *events: Coded) -> str:
        lines = [f"{e.onset_s},{e.apex_s or ''},{e.offset_s},{e.label}" for e in events]
        (tmp_path / name).write_text("\n".join(["onset,apex,offset,label", *lines]))
        return str(tmp_path / name)

    return write


def test_the_command_writes_tables_pictures_and_a_paragraph(
    files: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [files("anna.csv", *ANNA), files("ben.csv", *BEN), "--fps", "10", "--seconds", "10"]
    assert main(["agreement", *given, "--out", str(tmp_path / "out"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert figure(printed, "f1") == pytest.approx(2 / 3)
    assert json.loads((tmp_path / "out/agreement.json").read_text()) == printed
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *("agreement.json", "agreement.md", "agreement.csv", "matches.csv"),
        *("differences.png", "events.png"),
    }


def test_the_command_prints_all_pairs(files: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    given = [files("anna.csv", *ANNA), files("ben.csv", *BEN), f"again={files('anna.csv', *ANNA)}"]
    assert main(["agreement", *given]) == 0
    shown = capsys.readouterr().out
    assert "anna and ben" in shown
    assert "Agreement was computed with mer-live over 1 recording" in shown


def test_one_coding_under_two_names_is_told_apart(
    files: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = files("anna.csv", *ANNA)
    assert main(["agreement", path, path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"][0]["coders"] == ["anna 1", "anna 2"]


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["a.csv"], 2, "expected two or more"),
        (["a.csv", "a.csv", "--fps", "0"], 2, "expected a number over 0"),
        (["a.csv", "a.csv", "--draws", "0"], 2, "expected at least 1"),
        (["nowhere.csv", "nowhere.csv"], 1, "does not exist"),
    ],
)
def test_what_cannot_be_used_is_said(
    given: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["agreement", *given]) == code
    assert said in capsys.readouterr().err
