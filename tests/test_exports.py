import csv
import io
import json
import re
import sys
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import edfio
import jsonschema
import numpy as np
import pytest
from fakes import FakeEngine, FakePipeline, event, interval, update
from pympi.Elan import Eaf
from recordings import pictures, write_video

import realtime
import realtime.recordings.recording
from mer.errors import MerError
from realtime.commands.replay import main
from realtime.messages import Mark
from realtime.output import clips
from realtime.output.clips import Videos, strip_png
from realtime.output.exports.bids import bids_events, bids_sidecar
from realtime.output.exports.boris import boris
from realtime.output.exports.eaf import eaf
from realtime.output.exports.edf import edf
from realtime.output.exports.srt import srt
from realtime.output.fields import record_from_event, record_from_mark
from realtime.output.found import Found
from realtime.recordings import extras

if sys.platform != "win32":
    import resource

SCHEMA = Path(realtime.__file__).parent / "schema/event-1.schema.json"
NAME = 'a <b> & "c" ö.mp4'


def found(*spans: tuple[int, int], rejected: tuple[dict[str, Any], ...] = ()) -> Found:
    records = [record_from_event(event(n, first=a, last=b), source=NAME) for n, (a, b) in enumerate(spans, start=1)]
    summary = {"seconds": 10.0, "measured_fps": 200.0}
    return Found(Path("/videos") / NAME, Path("/out/a"), records, rejected, summary)


def rejected_row(first: int, last: int, reason: str) -> dict[str, Any]:
    a = interval(first, last)
    times = {"onset_s": a.onset.time_s, "apex_s": a.apex.time_s, "offset_s": a.offset.time_s}
    return {"reason": reason, "onset_frame": first, "offset_frame": last, "score": 4.0, **times}


def read_srt(text: str) -> list[tuple[float, float, str]]:
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    found = []
    for number, block in enumerate(blocks, start=1):
        assert block[0] == str(number)
        match = re.fullmatch(r"(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})", block[1])
        assert match
        h, m, s, ms, h2, m2, s2, ms2 = map(int, match.groups())
        found.append((3600 * h + 60 * m + s + ms / 1000, 3600 * h2 + 60 * m2 + s2 + ms2 / 1000, block[2]))
    return found


def read_eaf(data: bytes, folder: Path) -> Eaf:
    path = folder / "events.eaf"
    path.write_bytes(data)
    return Eaf(str(path))


def test_a_subtitle_can_be_read_but_gives_way_to_the_next() -> None:
    first, second = read_srt(srt(found((100, 160), (240, 280))).decode())
    assert first[:2] == pytest.approx((0.5, 1.2))
    assert second[:2] == pytest.approx((1.2, 2.7))
    assert first[2] == "happiness 60 %, 300 ms, apex 0.650 s"


def test_no_events_make_an_empty_subtitle_file() -> None:
    assert srt(found()) == b""


def test_subtitles_count_hours() -> None:
    (only,) = read_srt(srt(found((800_000, 800_060))).decode())
    assert only[0] == pytest.approx(4000.0)


def test_the_boris_table_holds_events_and_rejected_candidates_in_order_of_time() -> None:
    data = boris(found((100, 160), (300, 340), rejected=(rejected_row(200, 230, "blink"),))).decode()
    rows = list(csv.DictReader(io.StringIO(data)))
    assert [row["Behavior"] for row in rows] == ["happiness", "blink", "happiness"]
    assert [row["Start (s)"] for row in rows] == ["0.500", "1.000", "1.500"]
    assert rows[0]["Duration (s)"] == "0.300"
    assert {row["Media file name"] for row in rows} == {NAME}


def test_the_boris_table_has_the_columns_of_its_aggregated_events() -> None:
    """Those of BORIS 8.27.4 for a video, without modifiers and independent variables, written down from its source."""
    lines = boris(found((100, 160), (300, 340))).decode().split("\r\n")
    assert lines[0].split(",") == [
        *("Observation id", "Observation date", "Description", "Observation type", "Source", "Time offset (s)"),
        *("Coding duration", "Media duration (s)", "FPS (frame/s)", "Subject"),
        *("Observation duration by subject by observation", "Behavior", "Behavioral category", "Behavior type"),
        *("Start (s)", "Stop (s)", "Duration (s)", "Media file name", "Image index start", "Image index stop"),
        *("Image file path start", "Image file path stop", "Comment start", "Comment stop"),
    ]
    (row, _) = csv.DictReader(io.StringIO("\n".join(lines)))
    assert (row["Media duration (s)"], row["FPS (frame/s)"]) == ("10.000", "200.000")
    assert row["Observation duration by subject by observation"] == "0.500"


def test_pympi_reads_the_elan_document_back(tmp_path: Path) -> None:
    document = read_eaf(eaf(found((100, 160), rejected=(rejected_row(200, 230, "blink"),))), tmp_path)
    assert sorted(document.get_tier_names()) == ["apex", "event", "rejected"]
    assert document.get_annotation_data_for_tier("event") == [(500, 800, "happiness 60 %")]
    assert document.get_annotation_data_for_tier("apex") == [(650, 651, "1")]
    assert document.get_annotation_data_for_tier("rejected") == [(1000, 1150, "blink")]
    assert document.get_linked_files()[0]["RELATIVE_MEDIA_URL"] == f"./{NAME}"


def test_annotations_of_one_tier_do_not_overlap(tmp_path: Path) -> None:
    document = read_eaf(eaf(found((100, 160), (150, 200), (152, 155))), tmp_path)
    spans = sorted(document.get_annotation_data_for_tier("event"))
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert len(spans) == 3


def test_bids_events_come_in_order_of_time_with_n_a_for_what_is_missing() -> None:
    both = found((200, 260), (400, 440), rejected=(rejected_row(100, 130, "blink"),))
    rows = list(csv.DictReader(bids_events(both).decode().splitlines(), delimiter="\t"))
    assert [row["trial_type"] for row in rows] == ["rejected", "micro-expression", "micro-expression"]
    assert (rows[0]["reason"], rows[0]["label"], rows[1]["reason"]) == ("blink", "n/a", "n/a")
    assert (rows[1]["onset"], rows[1]["duration"], rows[1]["frame"]) == ("1.000000", "0.300000", "200")
    assert all(cell for row in rows for cell in row.values())


def test_every_bids_column_is_described_and_onset_and_duration_come_first() -> None:
    columns = bids_events(found((100, 160))).decode().splitlines()[0].split("\t")
    sidecar = json.loads(bids_sidecar(found((100, 160))))
    assert columns[:2] == ["onset", "duration"]
    assert sorted(columns) == sorted(sidecar)
    assert set(sidecar["trial_type"]["Levels"]) == {"micro-expression", "rejected"}


def test_edf_annotations_are_read_back_with_their_times() -> None:
    read = edfio.read_edf(edf(found((100, 160), rejected=(rejected_row(200, 230, "blink"),))))
    assert [(a.onset, a.duration, a.text) for a in read.annotations] == [
        (0.0, 10.0, "recording analysed by mer-live"),
        (0.5, 0.3, "micro-expression happiness 60 %"),
        (0.65, None, "apex 1"),
        (1.0, 0.15, "rejected blink"),
    ]
    assert read.patient.name == "X"


def test_an_edf_file_without_events_can_be_read() -> None:
    assert len(edfio.read_edf(edf(found())).annotations) == 1


def test_a_strip_shows_13_pictures() -> None:
    image = cv2.imdecode(np.frombuffer(strip_png(event(1)), np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    assert image.shape == (180, 13 * 180)


def test_a_film_covers_the_event_and_its_margins_in_slow_motion(tmp_path: Path) -> None:
    videos = Videos(tmp_path)
    for index in range(221):
        videos.update(update(index, index / 200))
    assert videos.files(found()) == {}
    videos.update(update(221, 221 / 200, events=(event(1, first=100, last=160),)))
    (video,) = videos.files(found()).values()
    (tmp_path / "video.mp4").write_bytes(video)
    capture = cv2.VideoCapture(str(tmp_path / "video.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(50.0)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 50 + 61 + 50
    capture.release()


def test_what_is_written_fits_the_schema() -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for record in found((100, 160), (300, 340)).events:
        jsonschema.validate(json.loads(json.dumps(record)), schema)


def test_a_mark_fits_the_schema_and_no_half_of_one() -> None:
    schema = json.loads(SCHEMA.read_text())
    mark = record_from_mark(Mark(1, 2.5, datetime.now(timezone.utc)), source="0")
    jsonschema.validate(mark, schema)
    for wrong in ({**mark, "mark": 0}, {**mark, "label": "fear"}, {"schema": 1, "mark": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


@pytest.mark.parametrize(("field", "value"), [("number", 0), ("label", 3), ("new", 1), ("quality", {}), ("schema", 2)])
def test_the_schema_refuses_what_is_no_event(field: str, value: Any) -> None:
    record = {**found((100, 160)).events[0], field: value}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, json.loads(SCHEMA.read_text()))


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(realtime.commands.replay, "open_engine", lambda choice: FakeEngine())
    monkeypatch.setattr(realtime.recordings.recording, "Pipeline", lambda **_: FakePipeline(event_frames=(5, 9)))
    return write_video(tmp_path / "a.mp4", pictures(12))


def replayed(recording: Path, *options: str) -> set[str]:
    folder = recording.parent / "out/a"
    assert main([str(recording), "--out", str(folder.parent), *options]) == 0
    usual = {"events.jsonl", "events.csv", "rejected.csv", "summary.json"}
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - usual


def test_nothing_is_written_that_was_not_asked_for(recording: Path) -> None:
    assert replayed(recording) == set()


def test_exports_and_clips_lie_beside_the_events(recording: Path) -> None:
    files = replayed(recording, "--export", "eaf,boris,srt,bids,edf", "--event-clips", "png")
    assert files == {
        "events.edf",
        "events.json",
        "events.tsv",
        "events.eaf",
        "events.boris.csv",
        "events.srt",
        "clips/event-001.png",
        "clips/event-002.png",
    }


def test_what_is_asked_for_later_is_made_later(recording: Path) -> None:
    replayed(recording)
    assert replayed(recording, "--export", "srt") == {"events.srt"}


def test_files_of_an_earlier_result_go_with_it(recording: Path) -> None:
    replayed(recording, "--export", "srt", "--event-clips", "png")
    assert replayed(recording, "--export", "eaf", "--overwrite") == {"events.eaf"}


def test_a_format_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["a.mp4", "--out", "out", "--export", "srt,docx"])
    assert ended.value.code == 2
    assert "'docx' is not a format" in capsys.readouterr().err


def test_elan_without_its_library_is_told_before_anything_is_replayed(
    recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    assert main([str(recording), "--out", str(recording.parent / "out"), "--export", "eaf"]) == 2
    assert "mer-live[eaf]" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no limit of a file's size")
def test_a_film_that_did_not_come_out_whole_is_an_error(tmp_path: Path) -> None:
    videos = Videos(tmp_path)
    for index in range(221):
        videos.update(update(index, index / 200))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, limits[1]))  # as a full disk, of which the encoder says nothing
    try:
        with pytest.raises(MerError, match="could be read back"):
            videos.update(update(221, 221 / 200, events=(event(1, first=100, last=160),)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_video_is_made_where_the_results_are_and_for_their_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []

    def written(path: Path, *_: Any, **__: Any) -> bytes:
        modes.append(path.stat().st_mode & 0o777)
        return b""

    monkeypatch.setattr(clips, "encoded", written)
    videos = Videos(tmp_path)
    videos.update(update(100, 0.5))
    videos.update(update(101, 0.505, events=(event(1, first=100, last=101),)))
    assert modes == [0o600]
