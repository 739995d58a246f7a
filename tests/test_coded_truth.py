"""What somebody coded in another program as the truth of `mer-evaluate spotting`."""

import json
from pathlib import Path
from typing import Any

import pytest
from pympi.Elan import Eaf, to_eaf
from study_samples import FPS, event, write_results

from engines.evaluate import main


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two recordings at 10 frames/s: events from 2.0 to 2.3 s and from 6.0 to 6.3 s in the first, one in the other."""
    folder = tmp_path / "results"
    write_results(folder / "talk", Path("talk.mp4"), [event(1, 2.0), event(2, 6.0)], explain=False)
    write_results(folder / "walk", Path("walk.mp4"), [event(1, 4.0)], explain=False)
    return folder


def figures(capsys: pytest.CaptureFixture[str], *options: object) -> dict[str, Any]:
    assert main(["spotting", "--json", *map(str, options)]) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


def test_a_table_of_several_recordings_is_the_truth_of_their_results(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "coded.csv"
    table.write_text(
        "recording,onset,offset,label\ntalk.mp4,2.0,2.3,fear\ntalk.mp4,9,9.3,fear\nwalk.mp4,4.0,4.3,anger\n"
    )
    made = figures(capsys, "--truth", table, "--results", results)
    assert made["recordings"] == 2
    assert (made["all"]["true"], made["all"]["hits"], made["all"]["false"]) == (3, 2, 1)
    assert made["minutes"] == pytest.approx(2.0)  # the length of the recordings stands in their results
    assert list(made["by_rate"]) == [f"{FPS:.0f}"]


def test_recordings_that_nobody_coded_are_left_out_and_named(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "coded.csv"
    table.write_text("recording,onset,offset,label\nwalk,4.0,4.3,fear\n")
    assert main(["spotting", "--json", "--truth", str(table), "--results", str(results)]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["all"]["f1"] == 1.0
    assert "does not code talk: left out" in " ".join(captured.err.split())


def test_tiers_of_an_elan_document_are_chosen(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = Eaf(author="anna")
    for tier, first_s in (("emotion", 6), ("speech", 2)):
        document.add_tier(tier)
        document.add_annotation(tier, 1000 * first_s, 1000 * first_s + 300, "fear")
    path = tmp_path / "anna.eaf"
    to_eaf(str(path), document)
    made = figures(capsys, "--truth", path, "--tiers", "emotion", "--results", results / "talk/events.jsonl")
    assert (made["all"]["true"], made["all"]["hits"], made["all"]["false"]) == (1, 1, 1)


def test_truth_that_names_people_is_compared_person_by_person(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [event(1, 2.0) | {"person": 2}, event(2, 6.0) | {"person": 1}]
    write_results(tmp_path / "results/two", Path("two.mp4"), found, explain=False)
    table = tmp_path / "coded.csv"
    given = ("--truth", table, "--results", tmp_path / "results")
    table.write_text("onset,offset,label,person\n2.0,2.3,fear,2\n6.0,6.3,fear,2\n")
    assert figures(capsys, *given)["all"]["hits"] == 1
    table.write_text("onset,offset,label\n2.0,2.3,fear\n6.0,6.3,fear\n")
    assert figures(capsys, *given)["all"]["hits"] == 2


def test_other_names_than_those_of_the_results_are_named(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "coded.csv"
    table.write_text("recording,onset,offset,label\nmonday,2.0,2.3,fear\n")
    assert main(["spotting", "--truth", str(table), "--results", str(results)]) == 1
    assert "coded monday, and there are results of talk, walk" in " ".join(capsys.readouterr().err.split())
