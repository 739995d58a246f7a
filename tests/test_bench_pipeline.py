"""`mer-bench pipeline`: what it measures of a short recording."""

import json
from pathlib import Path

import pytest

from mer.synthesise import main as synthesise
from mer.terminal import open_console
from realtime.commands.bench import main, print_report


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


def test_the_parts_of_an_events_latency_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"way": "", "frames_per_second": 1.0, "lowest": 1.0, "highest": 1.0, "processor_ms": 1.0}
    figures = {"p95_ms": 0.0, "p99_ms": 0.0, "max_ms": 0.0}
    medians = {"sample": 14.0, "classify": 23.0, "evidence": 160.0, "queue": 1.0, "event": 199.0}
    report = {
        **{"recording": "r.mp4", "rounds": 1, "processors": 2, "load": 0.0, "ways": [row]},
        **{"times_landmarks_by_clock": 1.0, "times_landmarks_by_processor_time": 1.0},
        "stages": {name: {"count": 3, "p50_ms": ms, **figures} for name, ms in medians.items()},
    }
    print_report(report, open_console(width=200))

    assert (
        "an event is there 199 ms after its offset (median of 3): evidence 160 + queue 1 + sampling 14 + engine 23"
    ) in capsys.readouterr().out


def test_a_recording_that_is_not_there_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pipeline", "nothing.mp4"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
