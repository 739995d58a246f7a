import csv
import json
from pathlib import Path

import pytest
from fakes import event
from xdf_files import write_xdf

from mer.data.cli import main
from mer.data.xdf import Marker, align, read_xdf
from realtime.output.fields import record_from_event

SESSION_LSL_S = 5000.0
"""Time 0 of the session on the clock of the machine of mer-live."""


def marker(number: int, apex_s: float) -> tuple[float, str]:
    """What `mer-live --lsl` sends of an event, and its stamp."""
    times = {"onset": apex_s - 0.1, "apex": apex_s, "offset": apex_s + 0.2}
    said = {"event": number, "label": "fear", "probability": 0.8}
    said |= {f"{name}_s": time_s for name, time_s in times.items()}
    said |= {f"{name}_lsl_s": SESSION_LSL_S + time_s for name, time_s in times.items()}
    return SESSION_LSL_S + apex_s, json.dumps(said)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two events and a mark, beside another program's stream; the recorder's clock is 100 s behind."""
    own = [marker(1, 2.0), (SESSION_LSL_S + 3.0, json.dumps({"mark": 1, "time_s": 3.0})), marker(2, 7.5)]
    other = [(SESSION_LSL_S + 1.0, "stimulus 1"), (SESSION_LSL_S + 5.0, "{not JSON")]
    streams = [("mer-live markers", "Markers", own), ("stimuli", "Markers", other)]
    return write_xdf(tmp_path / "session.xdf", streams, clock_offset_s=-100.0)


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_events_come_on_the_clock_that_the_recording_shares(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "events.csv"
    assert main(["xdf", str(recording), "--out", str(out)]) == 0
    rows = rows_of(out)
    assert [(row["kind"], row["number"]) for row in rows] == [("event", "1"), ("mark", "1"), ("event", "2")]
    shared_s = SESSION_LSL_S - 100.0
    assert [float(row["apex_xdf_s"]) for row in rows] == pytest.approx([shared_s + s for s in (2.0, 3.0, 7.5)])
    assert float(rows[0]["onset_xdf_s"]) == pytest.approx(shared_s + 1.9)
    assert float(rows[0]["offset_xdf_s"]) == pytest.approx(shared_s + 2.2)


def test_the_streams_of_the_recording_are_listed(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["xdf", str(recording), "--out", str(recording.with_name("events.csv"))])
    assert "stimuli" in capsys.readouterr().out


def test_a_replay_of_the_session_is_moved_to_the_same_clock(recording: Path, tmp_path: Path) -> None:
    record = record_from_event(event(1, first=100, last=160), source="recording.mp4")
    replayed = tmp_path / "replayed/events.jsonl"
    replayed.parent.mkdir()
    replayed.write_text(json.dumps(record) + "\n")
    out = tmp_path / "events.csv"
    assert main(["xdf", str(recording), "--align", str(replayed), "--out", str(out)]) == 0
    (moved,) = (row for row in rows_of(out) if row["stream"] == "replayed")
    assert float(moved["onset_xdf_s"]) == pytest.approx(SESSION_LSL_S - 100.0 + record["onset_s"])


def test_clocks_that_run_at_different_speeds_are_aligned() -> None:
    markers = [Marker("a", 10.0 + 1.0001 * s, {"event": 1, "apex_s": s}) for s in (0.0, 400.0, 800.0, 1200.0)]
    found = align(markers)
    assert found.rate == pytest.approx(1.0001)
    assert found(600.0) == pytest.approx(10.0 + 1.0001 * 600.0)


def test_one_late_stamp_does_not_move_the_alignment() -> None:
    markers = [Marker("a", 10.0 + s + (2.0 if s == 3.0 else 0.0), {"event": 1, "apex_s": s}) for s in (1.0, 3.0, 5.0)]
    assert align(markers)(0.0) == pytest.approx(10.0)


def test_a_recording_without_events_of_ours_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_xdf(tmp_path / "a.xdf", [("stimuli", "Markers", [(1.0, "x")])])
    assert main(["xdf", str(path), "--out", str(tmp_path / "e.csv")]) == 1
    assert "no events of mer-live (streams: stimuli)" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"XDF:", b"not XDF at all", b"XDF:\x01\xff\x02\x00<a"])
def test_what_is_no_recording_is_refused(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.xdf"
    path.write_bytes(content)
    assert main(["xdf", str(path), "--out", str(tmp_path / "e.csv")]) == 1
    assert "a.xdf" in capsys.readouterr().err


def test_a_missing_recording_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["xdf", str(tmp_path / "none.xdf"), "--out", str(tmp_path / "e.csv")]) == 1
    assert "none.xdf" in capsys.readouterr().err


def test_marks_alone_can_be_read(tmp_path: Path) -> None:
    said = json.dumps({"mark": 1, "time_s": 3.0})
    streams, markers = read_xdf(write_xdf(tmp_path / "a.xdf", [("m", "Markers", [(1.0, said)])]))
    assert (streams[0].samples, len(markers)) == (1, 1)
