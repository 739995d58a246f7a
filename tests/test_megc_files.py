import csv
import json
from pathlib import Path

import pytest
from study_samples import event, write_results

from engines.evaluate import main
from mer.evaluation.megc import as_in_kit, one_to_one, read_entries

TRUE = """subject,video,onset,offset,emotion
1,a,10,20,positive
1,a,30,40,negative
1,b,5,15,negative
2,c,10,20,surprise
2,c,21,30,positive
3,d,1,9,negative
"""
PREDICTED = """subject,video,onset,offset,emotion
1,a,10,20,positive
1,a,12,21,negative
1,a,60,70,surprise
1,b,4,15,negative
1,e,1,5,negative
2,c,10,20,surprise
2,c,20,30,surprise
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    predicted, true = tmp_path / "pred.csv", tmp_path / "gt.csv"
    predicted.write_text(PREDICTED)
    true.write_text(TRUE)
    return predicted, true


def test_figures_are_those_of_the_kit(files: tuple[Path, Path]) -> None:
    """What the kit of June 2024 prints for these tables."""
    figures = as_in_kit(*map(read_entries, files))
    spotting, recognition = figures["spotting"], figures["recognition"]
    assert [spotting[key] for key in ("tp", "fp", "fn")] == [4, 2, 1]
    assert [spotting[key] for key in ("precision", "recall", "f1")] == pytest.approx([0.6667, 0.8, 0.7273], abs=1e-4)
    assert [recognition[key] for key in ("tp", "fp", "fn")] == [3, 1, 1]
    assert recognition["f1"] == pytest.approx(0.8333, abs=1e-4)
    assert figures["uf1"] == pytest.approx(0.7778, abs=1e-4)
    assert figures["strs"] == pytest.approx(0.6061, abs=1e-4)


def test_one_to_one_counts_every_video_and_every_subject(files: tuple[Path, Path]) -> None:
    spotting = one_to_one(*map(read_entries, files))["spotting"]
    assert [spotting[key] for key in ("tp", "fp", "fn")] == [4, 3, 2]


def test_hits_of_a_single_label_score_nothing_in_the_kit(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("subject,video,onset,offset,emotion\n1,a,1,9,negative\n")
    entries = read_entries(path)
    assert as_in_kit(entries, entries)["recognition"]["f1"] == 0.0
    assert one_to_one(entries, entries)["recognition"]["f1"] == 1.0


def test_the_command_prints_both_ways(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strs", *map(str, files), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["as in the kit"]["strs"] > figures["one to one"]["strs"]


@pytest.mark.parametrize("row", ["1,a,x,20,positive", "1,a,20,10,positive", "1,a,,10,positive"])
def test_an_interval_that_is_none_is_named(row: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pred.csv"
    path.write_text(f"subject,video,onset,offset,emotion\n{row}\n")
    assert main(["strs", str(path), str(path)]) == 1
    assert "pred.csv row 2" in capsys.readouterr().err


def test_a_submission_has_a_file_for_each_camera_and_task(tmp_path: Path) -> None:
    results, out = tmp_path / "results", tmp_path / "submission"
    write_results(results / "SAMM/006_1", Path("SAMM/006_1"), [event(1, 2.0)], explain=False, measured_fps=200.0)
    write_results(results / "CAS/7", Path("CAS/7"), [event(1, 1.0), event(2, 3.0)], explain=False, measured_fps=30.0)
    assert main(["submission", str(results), "--out", str(out)]) == 0
    rows = {path.name: list(csv.DictReader(path.read_text().splitlines())) for path in out.iterdir()}
    assert {name: len(table) for name, table in rows.items()} == {
        **{"cas_pred.csv": 2, "cas_str.csv": 2},
        **{"samm_pred.csv": 1, "samm_str.csv": 1},
    }
    assert rows["samm_pred.csv"][0] == {"vid": "006_1", "pred_onset": "21", "pred_offset": "24", "type": "me"}
    assert rows["samm_str.csv"][0]["subject"] == "006"
    assert rows["samm_str.csv"][0]["emotion"] == "negative"  # fear is most probable


def test_a_submission_can_be_scored(tmp_path: Path) -> None:
    results, out = tmp_path / "results", tmp_path / "submission"
    write_results(results / "006_1", Path("006_1"), [event(1, 2.0)], explain=False, measured_fps=200.0)
    main(["submission", str(results), "--out", str(out)])
    (entry,) = read_entries(out / "samm_str.csv")
    assert (entry.subject, entry.video, entry.onset, entry.offset) == ("006", "006_1", 21, 24)


def test_a_folder_without_results_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submission", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "contains no results" in capsys.readouterr().err
