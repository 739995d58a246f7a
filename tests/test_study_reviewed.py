"""Events that coders reviewed, in `mer-study`."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from study_samples import FPS, event, write_results

from mer.data.reviews import results_id
from mer.text import csv_text
from realtime.commands import review
from realtime.commands.study import main
from realtime.output.fields import REJECTED_COLUMNS

EVENTS = [event(1, 12.0), event(2, 20.0), event(3, 30.0)]


def moments(onset_s: float) -> dict[str, Any]:
    return {
        name: {"frame": round((onset_s + after_s) * FPS), "time_s": onset_s + after_s}
        for name, after_s in (("onset", 0.0), ("apex", 0.1), ("offset", 0.3))
    }


def decided(place: str, decision: str, onset_s: float, label: str = "fear") -> dict[str, Any]:
    about = {"label": label, "note": "", "blind": True, "changed_utc": "2026-01-01T00:00:00Z"}
    return {"id": place, "decision": decision, **moments(onset_s), **about}


def write_review(folder: Path, coder: str, *decisions: dict[str, Any]) -> None:
    with (folder / "rejected.csv").open(newline="") as file:
        rejected = list(csv.DictReader(file))
    about = {"schema": 1, "coder": coder, "recording": "talk.mp4", "results": results_id(EVENTS, rejected)}
    (folder / f"review-{coder}.json").write_text(json.dumps({**about, "decisions": decisions}))
    assert review.main([str(folder), "--apply"]) == 0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two recordings: one with three events and a rejected candidate, one that nobody reviewed."""
    monkeypatch.chdir(tmp_path)
    made = write_results(Path("results/talk"), Path("talk.mp4"), EVENTS, watched_from_s=10.0)
    row: dict[str, Any] = {"reason": "blink", "duration_ms": 300.0, "score": 4.0, "person": 1}
    for name, moment in moments(5.0).items():
        row |= {f"{name}_frame": moment["frame"], f"{name}_s": moment["time_s"]}
    (made / "review.html").touch()
    (made / "rejected.csv").write_text(csv_text(REJECTED_COLUMNS, [row]))
    write_results(Path("results/walk"), Path("walk.mp4"), [event(1, 15.0)])
    Path("study.csv").write_text("recording,participant\ntalk.mp4,P1\nwalk.mp4,P2\n")
    return made


def run(*options: str) -> dict[str, list[dict[str, str]]]:
    assert main(["--study", "study.csv", "--results-dir", "results", "--out", "out", *options]) == 0
    return {path.stem: list(csv.DictReader(path.read_text().splitlines())) for path in Path("out").glob("*.csv")}


ANNA = (
    decided("event-1", "accept", 12.5, "happiness"),
    decided("event-2", "reject", 20.0),
    decided("rejected-1", "accept", 5.0, "none"),
)


def test_decisions_stand_in_the_place_of_what_was_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_review(folder, "anna", *ANNA)
    found = run()
    rows = [row for row in found["events"] if row["recording"] == "talk.mp4"]
    assert [(row["number"], row["label"], row["onset_s"]) for row in rows] == [
        ("", "none", "5.0"),
        ("1", "happiness", "12.5"),
    ]
    assert [row["counted"] for row in rows] == ["0", "1"]  # before 10 s nothing could be watched
    assert {row["recording"]: row["reviewed_by"] for row in found["recordings"]} == {"talk.mp4": "anna", "walk.mp4": ""}
    said = capsys.readouterr().err
    assert "events of 1 of 2 recordings as reviewed by anna; 1 events without a decision are left out" in said
    assert "events of 1 of 2 rows as reviewed by anna" in Path("out/study.html").read_text()


def test_one_option_takes_what_was_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_review(folder, "anna", *ANNA)
    found = run("--as-found")
    assert len([row for row in found["events"] if row["recording"] == "talk.mp4"]) == 3
    assert "reviewed" not in capsys.readouterr().err
    assert main(["--config", "out/study.toml", "--out", "again"]) == 0
    assert Path("again/events.csv").read_bytes() == Path("out/events.csv").read_bytes()


def test_of_several_coders_one_is_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_review(folder, "anna", *ANNA)
    write_review(folder, "ben", decided("event-3", "accept", 30.0))
    assert main(["--study", "study.csv", "--results-dir", "results", "--out", "out"]) == 1
    assert "holds decisions of anna, ben; say whose count with --coder NAME" in " ".join(
        capsys.readouterr().err.split()
    )
    rows = [row for row in run("--coder", "ben")["events"] if row["recording"] == "talk.mp4"]
    assert [row["onset_s"] for row in rows] == ["30.0"]
    assert 'coder = "ben"' in Path("out/study.toml").read_text()


@pytest.mark.parametrize(("old", "new"), [("accept", "perhaps"), (",12.5,", ",nan,"), ("event,1,", "event,9,")])
def test_a_damaged_table_is_named(folder: Path, old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_review(folder, "anna", *ANNA)
    table = folder / "events.reviewed.csv"
    table.write_text(table.read_text().replace(old, new))
    assert main(["--study", "study.csv", "--results-dir", "results", "--out", "out"]) == 1
    assert "events.reviewed.csv cannot be used" in " ".join(capsys.readouterr().err.split())


def test_decisions_about_results_that_were_replaced_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_review(folder, "anna", *ANNA[1:])
    (folder / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (event(1, 40.0), event(2, 50.0))))
    assert main(["--study", "study.csv", "--results-dir", "results", "--out", "out"]) == 1
    assert "the results have been replaced" in " ".join(capsys.readouterr().err.split())
