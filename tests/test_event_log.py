import csv
import json
import shutil
import sys
from pathlib import Path

import pytest
from fakes import event, interval, update

from mer.errors import MerError
from mer.labels import CLASSES
from realtime.output.event_log import EventLog
from realtime.output.fields import record_from_event
from realtime.output.folder import RecordingFolder

if sys.platform != "win32":
    import resource


def folder_of(path: Path, *, source: str = "/videos/a.mp4") -> RecordingFolder:
    return RecordingFolder(path, source=Path(source), classes=CLASSES)


def finished(path: Path, *, source: str = "/videos/a.mp4") -> None:
    with folder_of(path, source=source) as folder:
        folder.update(update(160, 0.8, events=(event(1), event(2, first=300, last=350, label="fear"))))
        folder.update(update(400, 2.0, rejected=(interval(380, 390, reason="blink"),)))
        folder.finish({"source": source, "frames": 400})


def test_a_record_names_units_and_leaves_the_pictures_out() -> None:
    record = record_from_event(event(3, first=100, last=160), source="a.mp4")
    assert record["number"] == 3
    assert record["onset_frame"] == 100
    assert record["offset_s"] == pytest.approx(0.8)
    assert record["duration_ms"] == pytest.approx(300.0)
    assert record["probabilities"]["happiness"] == pytest.approx(0.6)
    assert record["quality"]["rate_hz"] == 200.0
    assert record["latency"]["confirm_ms"] == 40.0
    json.dumps(record)


def test_events_are_json_lines(tmp_path: Path) -> None:
    finished(tmp_path / "a")
    lines = (tmp_path / "a/events.jsonl").read_text().splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["happiness", "fear"]


def test_an_event_is_on_disk_as_soon_as_it_is_written(tmp_path: Path) -> None:
    with folder_of(tmp_path / "a") as folder:
        folder.update(update(160, 0.8, events=(event(1),)))
        part = tmp_path / "a/events.jsonl.part"
        assert part.read_bytes().endswith(b"}\n")


def test_the_table_has_one_named_column_for_each_probability(tmp_path: Path) -> None:
    finished(tmp_path / "a")
    with (tmp_path / "a/events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["p_fear"] for row in rows] == ["0.1", "0.6"]
    assert rows[0]["source"] == "a.mp4"


def test_the_table_has_its_header_without_events(tmp_path: Path) -> None:
    with folder_of(tmp_path / "a") as folder:
        folder.finish({"source": "/videos/a.mp4"})
    assert (tmp_path / "a/events.csv").read_text().startswith("schema,source,number,label,onset_frame,onset_s")


def test_the_table_and_the_json_lines_have_the_same_columns(tmp_path: Path) -> None:
    finished(tmp_path / "a")
    record = json.loads((tmp_path / "a/events.jsonl").read_text().splitlines()[0])
    with (tmp_path / "a/events.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    plain = {key: str(value) for key, value in record.items() if not isinstance(value, (dict, list))}
    assert plain.items() <= row.items()
    assert "units_percent" in row


def test_rejected_candidates_are_kept_with_their_reason(tmp_path: Path) -> None:
    finished(tmp_path / "a")
    with (tmp_path / "a/rejected.csv").open(newline="") as file:
        assert [row["reason"] for row in csv.DictReader(file)] == ["blink"]


def test_nothing_half_done_is_left_behind(tmp_path: Path) -> None:
    finished(tmp_path / "a")
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        "events.csv",
        "events.jsonl",
        "rejected.csv",
        "summary.json",
    ]


def test_an_earlier_result_stays_until_the_new_one_is_finished(tmp_path: Path) -> None:
    finished(tmp_path / "a")
    before = (tmp_path / "a/events.jsonl").read_bytes()
    with folder_of(tmp_path / "a") as folder:
        folder.update(update(160, 0.8, events=(event(9),)))
        assert (tmp_path / "a/events.jsonl").read_bytes() == before


def test_a_result_of_the_same_recording_is_replaced(tmp_path: Path) -> None:
    finished(tmp_path / "a")
    with folder_of(tmp_path / "a") as folder:
        folder.finish({"source": "/videos/a.mp4"})
    assert (tmp_path / "a/events.jsonl").read_bytes() == b""


def test_a_result_of_another_recording_is_not_touched(tmp_path: Path) -> None:
    finished(tmp_path / "a", source="/videos/a.mp4")
    with pytest.raises(MerError, match=r"already holds the results of /videos/a\.mp4"):
        folder_of(tmp_path / "a", source="/other/a.mp4")


def test_a_summary_that_is_not_ours_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("[]")
    with pytest.raises(MerError, match="something else"):
        folder_of(tmp_path)


def test_refuses_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MerError, match="cannot be written"):
        folder_of(tmp_path / "file/a")


def test_says_so_when_the_folder_disappears(tmp_path: Path) -> None:
    with folder_of(tmp_path / "a") as folder:
        shutil.rmtree(tmp_path / "a")
        with pytest.raises(MerError, match="was the folder removed"):
            folder.finish({})


def test_a_full_disk_is_reported() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with EventLog(full) as log, pytest.raises(OSError, match="No space left"):
        log.write({"a": 1})


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no limit of a file's size")
def test_no_half_line_stays_when_the_disk_is_full(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with EventLog(path) as log:
        log.write({"n": 1})
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 4, limits[1]))
        try:
            with pytest.raises(OSError, match="too large"):
                log.write({"n": 2})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        log.write({"n": 3})
    assert path.read_text() == '{"n": 1}\n{"n": 3}\n'


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no open file")
def test_an_event_log_that_was_removed_takes_no_more_lines(tmp_path: Path) -> None:
    with EventLog(tmp_path / "e.jsonl") as log:
        log.write({"n": 1})
        (tmp_path / "e.jsonl").unlink()
        with pytest.raises(OSError, match="removed"):
            log.write({"n": 2})


def test_an_event_log_is_continued(tmp_path: Path) -> None:
    for n in (1, 2):
        with EventLog(tmp_path / "e.jsonl") as log:
            log.write({"n": n})
    assert (tmp_path / "e.jsonl").read_text() == '{"n": 1}\n{"n": 2}\n'


def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text('{"n": 1}\n{"n"')
    with EventLog(tmp_path / "e.jsonl") as log:
        log.write({"n": 2})
    assert (tmp_path / "e.jsonl").read_text().splitlines()[-1] == '{"n": 2}'


def test_refuses_an_event_log_in_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(MerError, match="cannot be written"):
        EventLog(tmp_path / "no/e.jsonl")


def test_a_second_writer_of_one_file_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    with EventLog(tmp_path / "e.jsonl") as log:
        log.write({"n": 1})
        with pytest.raises(MerError, match="being written by another process"):
            EventLog(tmp_path / "e.jsonl")
    with EventLog(tmp_path / "e.jsonl") as log:
        log.write({"n": 2})
    assert (tmp_path / "e.jsonl").read_text() == '{"n": 1}\n{"n": 2}\n'


def test_a_second_replay_into_one_folder_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    with folder_of(tmp_path) as folder:
        folder.update(update(160, 0.8, events=(event(1),)))
        with pytest.raises(MerError, match="being written by another process"):
            folder_of(tmp_path)
        folder.finish({"source": "/videos/a.mp4"})
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 1


def test_what_an_interrupted_replay_left_is_not_kept(tmp_path: Path) -> None:
    with folder_of(tmp_path) as folder:
        folder.update(update(160, 0.8, events=(event(1),)))
    finished(tmp_path)
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 2
