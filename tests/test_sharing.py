import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from report_samples import found as found_in
from report_samples import gathered, summary
from test_exports import read_eaf

from mer.errors import MerError
from realtime.output.exports.boris import boris
from realtime.output.exports.eaf import eaf
from realtime.output.exports.srt import srt
from realtime.output.found import Found
from realtime.output.report.page import report
from realtime.output.sharing import shared_path
from realtime.recordings import tally
from realtime.recordings.index import index
from realtime.recordings.inputs import Recording
from realtime.recordings.tally import Outcome

OSC_52 = "\x1b]52;c;aGk=\x07"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/jane_doe")


@pytest.mark.parametrize(
    ("path", "beside", "expected"),
    [
        ("/home/jane_doe/videos/a.mp4", "/home/jane_doe/out/a", "../../videos/a.mp4"),
        ("/data/study/a.mp4", "/data/study/out/a", "../../a.mp4"),
        ("/home/jane_doe/videos/a.mp4", "/data/out/a", "a.mp4"),
        ("/home/jane_doe/a.mp4", "/home/other/out/a", "a.mp4"),
        ("/data/jane_doe/a.mp4", "/data/out/a", "a.mp4"),
        ("/media/a.mp4", "/data/out/a", "a.mp4"),
    ],
)
def test_a_path_is_relative_as_long_as_that_tells_nothing_of_its_owner(path: str, beside: str, expected: str) -> None:
    assert shared_path(Path(path), beside=Path(beside)) == expected


def test_a_full_path_is_written_if_asked_for() -> None:
    assert shared_path(Path("/media/a.mp4"), beside=Path("/out"), absolute=True) == "/media/a.mp4"


def one(label: str = "happiness", source: str = "/media/jane_doe/a.mp4") -> Found:
    """Return one event as exporters get it."""
    made = found_in(Path(source), Path("/data/out/a"), gathered())
    record = {**made.events[0], "label": label}
    return replace(made, events=[record], summary=summary(settings={"face_model": "/home/jane_doe/m.task"}))


def test_a_report_names_nobody() -> None:
    page = report(one(), gathered()).decode()
    assert "jane_doe" not in page
    assert "m.task" in page
    assert 'src="a.mp4"' in page


def test_a_report_names_full_paths_if_asked_to() -> None:
    assert 'src="file:///media/jane_doe/a.mp4"' in report(replace(one(), absolute_paths=True), gathered()).decode()


def test_an_elan_document_names_nobody_and_finds_the_recording_beside_it(tmp_path: Path) -> None:
    document = read_eaf(eaf(one()), tmp_path)
    (linked,) = document.get_linked_files()
    assert (linked["MEDIA_URL"], linked["RELATIVE_MEDIA_URL"]) == ("./a.mp4", "./a.mp4")


def test_an_elan_document_names_full_paths_if_asked_to(tmp_path: Path) -> None:
    document = read_eaf(eaf(replace(one(), absolute_paths=True)), tmp_path)
    assert document.get_linked_files()[0]["MEDIA_URL"] == "file:///media/jane_doe/a.mp4"


def test_a_label_cannot_add_a_subtitle() -> None:
    assert srt(one("joy\n\n2\n00:00:00,000 --> 00:00:09,000\nforged")).decode().count("\n") == 3


def test_a_label_cannot_spoil_an_elan_document(tmp_path: Path) -> None:
    document = read_eaf(eaf(one(f"joy{OSC_52}\u202e")), tmp_path)
    (annotation,) = document.get_annotation_data_for_tier("event")
    assert annotation[2].startswith("joy\\x1b]52;c;aGk=\\x07\\u202e ")


def test_a_label_cannot_be_a_formula_in_the_table_for_boris() -> None:
    (row,) = csv.DictReader(boris(one("=1+1")).decode().splitlines())
    assert row["Behavior"] == "'=1+1"


def test_a_page_shows_what_acts_as_escapes() -> None:
    page = report(one(source="/data/a\u202e\x1b[2Jb.mp4"), gathered()).decode()
    assert "a\\u202e\\x1b[2Jb.mp4" in page
    assert not {"\u202e", "\x1b"} & set(page)


@pytest.fixture
def failed(tmp_path: Path) -> list[Outcome]:
    recording = Recording(tmp_path / "videos/jane_doe/=a.mp4", tmp_path / "out/=a")
    error = MerError(f"{recording.path} cannot be read; results would go to {recording.folder} or /home/jane_doe")
    return [Outcome(recording, "failed", error=error)]


def test_the_table_of_all_recordings_names_nobody(tmp_path: Path, failed: list[Outcome]) -> None:
    tally.write(failed, tmp_path / "out")
    (row,) = csv.DictReader((tmp_path / "out/recordings.csv").read_text().splitlines())
    assert (row["recording"], row["folder"]) == ("'=a.mp4", "'=a")
    assert row["error"] == "'=a.mp4 cannot be read; results would go to =a or ~"
    assert "jane_doe" not in (tmp_path / "out/recordings.json").read_text()


def test_the_table_of_all_recordings_names_full_paths_if_asked_to(tmp_path: Path, failed: list[Outcome]) -> None:
    tally.write(failed, tmp_path / "out", absolute=True)
    (row,) = json.loads((tmp_path / "out/recordings.json").read_text())
    assert row["recording"] == str(tmp_path / "videos/jane_doe/=a.mp4")


def test_the_page_over_all_recordings_names_nobody(tmp_path: Path, failed: list[Outcome]) -> None:
    assert "jane_doe" not in index(failed, tmp_path / "out").decode()
