"""From a dataset of long videos to its figures of spotting: its workbook, mer-replay, mer-evaluate spotting."""

import json
from pathlib import Path
from typing import Any

import pytest
from data_minis import casme_sq, samm_lv

from engines.evaluate import main
from realtime.commands import replay


def replay_into(results: Path, *recordings: Path, fps: int) -> None:
    """Run mer-replay over pictures without faces, which leaves results without events."""
    given = [str(path) for path in recordings]
    assert replay.main([*given, "--out", str(results), "--engine", "onnxruntime", "--fps", str(fps)]) == 0


def write_events(path: Path, *intervals: tuple[int, int], fps: float) -> None:
    """Put events in the place of those that were found."""
    assert path.read_text() == ""
    lines = []
    for first, last in intervals:
        record: dict[str, Any] = {"label": "negative", "probabilities": {"negative": 1.0}, "latency": {"confirm_ms": 1}}
        for name, index in (("onset", first), ("apex", (first + last) // 2), ("offset", last)):
            record |= {f"{name}_frame": index, f"{name}_s": index / fps}
        lines.append(json.dumps(record) + "\n")
    path.write_text("".join(lines))


@pytest.mark.parametrize("replayed", ["all", "one person at a time"])
def test_casme_sq_is_evaluated_whichever_of_its_folders_were_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], replayed: str
) -> None:
    root, results = tmp_path / "CASME_SQ", tmp_path / "results"
    casme_sq(
        root,
        [1, "disgust1_1", 10, 16, 22, "4", "negative", "micro-expression", "disgust"],
        [1, "disgust1_2", 40, 48, 56, "4", "negative", "macro-expression", "disgust"],
        [2, "disgust2_1", 5, 9, 15, "12", "positive", "micro-expression", "happiness"],
    )
    people = [root / "rawpic" / name for name in ("s15", "s16")]
    replay_into(results, *([root / "rawpic"] if replayed == "all" else people), fps=30)
    [events] = results.rglob("15_0101disgustingteeth/events.jsonl")
    # Rows count from 1, events from 0: one hit, one false event on a macro-expression, one miss.
    write_events(events, (9, 21), (40, 54), fps=30.0)
    capsys.readouterr()

    assert main(["spotting", "--dataset", "casme-sq", "--root", str(root), "--results", str(results), "--json"]) == 0

    figures = json.loads(capsys.readouterr().out)
    whole = figures["all"]
    assert (figures["recordings"], whole["true"], whole["hits"], whole["false_during"]) == (3, 2, 1, {"macro": 1})
    found = {name: (share["hits"], share["true"]) for name, share in figures["by_class"].items()}
    assert found == {"negative": (1, 1), "positive": (0, 1)}


def test_samm_long_videos_are_evaluated_once_they_were_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, results = tmp_path / "SAMM-LV", tmp_path / "results"
    samm_lv(root, ["006", "006_1_2", 1, 10, 20, 30, 21, "Micro - 1/2", "4", None], frames={"006_1": 40})
    command = ["spotting", "--dataset", "samm-lv", "--root", str(root), "--results", str(results), "--json"]
    assert main(command) == 1
    assert "1 of 1 recordings of samm-lv have no results" in capsys.readouterr().err

    replay_into(results, root / "SAMM_longvideos", fps=200)
    write_events(results / "006_1/events.jsonl", (9, 29), fps=200.0)
    capsys.readouterr()

    assert main(command) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["all"]["f1"], list(figures["by_rate"])) == (1.0, ["200"])
