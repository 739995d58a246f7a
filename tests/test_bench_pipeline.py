"""`mer-bench pipeline`: what it measures of a short recording."""

import json
from pathlib import Path

import pytest

from mer.synthesise import main as synthesise
from realtime.commands.bench import main


def test_every_way_and_every_stage_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.mp4"
    assert synthesise(["recording", str(path), "--fps", "30", "--seconds", "1.5", "--n-events", "0"]) == 0
    capsys.readouterr()
    assert main(["pipeline", str(path), "--rounds", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["way"] for row in report["ways"]] == ["mer-replay", "decode only", "landmarks on every frame"]
    assert {row["frames"] for row in report["ways"]} == {45}
    assert all(row["frames_per_second"] > 0 for row in report["ways"])
    assert {"face", "spot"} <= set(report["stages"])


def test_a_recording_that_is_not_there_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pipeline", "nothing.mp4"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
