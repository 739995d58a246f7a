"""What coders decided, from the page to tables, exports and training; and the server that takes it."""

import csv
import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fakes import FakeEngine, FakePipeline, interval, update
from pympi.Elan import Eaf
from recordings import pictures as frames
from recordings import write_video
from review_samples import LENGTH, content, first_frame, write_results

import realtime.commands.replay
import realtime.recordings.recording
from mer.data.cli import main as mer_data
from mer.data.datasets import load
from mer.data.reviews import read_review
from mer.errors import MerError
from realtime.commands.replay import main as replay
from realtime.commands.review import main
from realtime.output.review import clips
from realtime.output.review.clips import CandidateClips
from realtime.output.review.reviewed import REVIEWED_CSV, file_name
from realtime.output.review.server import ReviewServer, reviewable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_results(tmp_path / "results/talk")


def decide(folder: Path, coder: str = "anna", **decisions: dict[str, Any]) -> Path:
    path = folder / file_name(coder)
    path.write_text(json.dumps(content(coder, **decisions)))
    return path


ACCEPT: dict[str, Any] = {"decision": "accept"}
REJECT: dict[str, Any] = {"decision": "reject", "label": None, "onset": None, "apex": None, "offset": None}


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / REVIEWED_CSV).open(newline="") as file:
        return list(csv.DictReader(file))


def test_decisions_become_a_table_with_the_program_beside_the_coder(folder: Path) -> None:
    decide(folder, event_1=ACCEPT, event_2=REJECT, rejected_1={**ACCEPT, "note": "=a gaze"})
    assert main([str(folder), "--apply"]) == 0
    first, second, third = table(folder)
    assert (first["decision"], first["label"], first["program_label"]) == ("accept", "fear", "happiness")
    assert (first["onset_frame"], first["onset_s"], first["moved"]) == (str(first_frame(0) + 1), "1.01", "True")
    assert (second["decision"], second["onset_frame"], second["moved"]) == ("reject", str(first_frame(1)), "False")
    assert (third["kind"], third["number"], third["note"]) == ("rejected", "1", "'=a gaze")


def test_accepted_candidates_of_both_kinds_are_exported(folder: Path) -> None:
    decide(folder, event_1=ACCEPT, event_2=REJECT, rejected_1=ACCEPT)
    assert main([str(folder), "--apply", "--export", "eaf,boris,srt"]) == 0
    document = Eaf(str(folder / "events.reviewed.eaf"))
    spans = sorted(document.get_annotation_data_for_tier("event"))
    assert [(start, label) for start, _, label in spans] == [(1010, "fear"), (26_010, "fear")]
    first = 10 * first_frame(1)
    assert document.get_annotation_data_for_tier("rejected") == [(first, first + 10 * LENGTH, "rejected by anna")]
    assert "fear, 80 ms" in (folder / "events.reviewed.srt").read_text()
    assert (folder / "events.reviewed.boris.csv").read_text().count("micro-expression") == 2


def test_of_several_coders_one_must_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decide(folder, event_1=ACCEPT)
    decide(folder, "ben", event_1=REJECT)
    assert main([str(folder), "--apply", "--export", "srt"]) == 1
    assert "decisions of anna, ben; say whose count with --coder NAME" in capsys.readouterr().err
    assert main([str(folder), "--apply", "--export", "srt", "--coder", "ben"]) == 0
    assert (folder / "events.reviewed.srt").read_text() == ""
    assert [row["coder"] for row in table(folder)] == ["anna", "ben"]


def test_decisions_about_other_results_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decide(folder, event_1=ACCEPT)
    lines = (folder / "events.jsonl").read_text().splitlines(keepends=True)
    (folder / "events.jsonl").write_text("".join(lines[1:]))
    assert main([str(folder), "--apply"]) == 1
    assert "about other results" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"decision": "perhaps"}, "expected accept or reject"),
        ({"decision": "accept", "label": None}, "without a label"),
        ({"decision": "accept", "apex": {"frame": 9999, "time_s": 1.0}}, "in order"),
        ({"decision": "accept", "onset": 5}, "TypeError"),
        ({"id": "event-0", "decision": "accept"}, "not a candidate"),
        ({"id": "../../etc", "decision": "accept"}, "not a candidate"),
    ],
)
def test_a_damaged_file_is_refused(folder: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(MerError, match=said):
        read_review(decide(folder, event_1=change))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"schema": 2}', "[" * 100_000])
def test_a_file_that_is_no_review_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "review-x.json").write_text(text)
    with pytest.raises(MerError, match="not a file of the review page"):
        read_review(tmp_path / "review-x.json")


def test_what_was_accepted_with_a_class_is_a_dataset(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decide(folder, event_1=ACCEPT, event_2=REJECT, event_3={**ACCEPT, "label": "none"}, rejected_1=ACCEPT)
    manifest = folder.parent / "reviewed.csv"
    assert mer_data(["from-reviews", str(folder.parent), "--out", str(manifest)]) == 0
    assert "2 clips" in capsys.readouterr().out
    rows = list(csv.DictReader(manifest.read_text().splitlines()))
    assert [(row["path"], row["label"], row["onset"]) for row in rows] == [
        ("talk.mp4", "fear", str(first_frame(0) + 1)),
        ("talk.mp4", "fear", str(first_frame(25) + 1)),
    ]


def test_the_dataset_is_one_that_training_reads(tmp_path: Path) -> None:
    folder = write_results(tmp_path / "results/talk")
    write_video(folder.parent / "talk.mp4", frames(120), fps=100.0)
    decide(folder, event_1=ACCEPT)
    manifest = tmp_path / "sets/reviewed.csv"
    assert mer_data(["from-reviews", str(folder), "--out", str(manifest)]) == 0
    (sample,) = load("manifest", manifest)
    assert (sample.subject, sample.onset, sample.apex, sample.label) == ("talk", 101, 104, "fear")
    assert sample.path.samefile(folder.parent / "talk.mp4")


@pytest.mark.parametrize("where", ["event_77", "rejected_77"])
def test_a_decision_about_what_is_not_there_is_refused(
    folder: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    decided: dict[str, Any] = {where: ACCEPT}
    decide(folder, **decided)
    assert main([str(folder), "--apply"]) == 1
    assert f"has no {where.replace('_', ' ')}, which is decided about" in capsys.readouterr().err


def test_people_in_one_recording_are_people_of_their_own(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    told = [{**line, "person": 1 + number % 2} for number, line in enumerate(lines)]
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    decide(folder, event_1=ACCEPT, event_2=ACCEPT)
    manifest = folder.parent / "reviewed.csv"
    assert mer_data(["from-reviews", str(folder), "--out", str(manifest)]) == 0
    assert [row["subject"] for row in csv.DictReader(manifest.read_text().splitlines())] == ["talk-1", "talk-2"]
    assert main([str(folder), "--apply"]) == 0
    assert [row["person"] for row in table(folder)] == ["1", "2"]


def test_participants_come_from_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decide(folder, event_1=ACCEPT)
    study, manifest = folder.parent / "study.csv", folder.parent / "reviewed.csv"
    study.write_text("recording,participant,condition\ntalk.mp4,P7,a\n")
    arguments = ["from-reviews", str(folder), "--out", str(manifest), "--participants", str(study)]
    assert mer_data(arguments) == 0
    assert ",P7," in f",{manifest.read_text().splitlines()[1]}"
    study.write_text("recording,participant\nother.mp4,P7\n")
    assert mer_data(arguments) == 1
    assert "names no participant for talk.mp4" in capsys.readouterr().err


@pytest.fixture
def server(folder: Path) -> Iterator[ReviewServer]:
    with ReviewServer(reviewable(folder.parent)) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(
    server: ReviewServer, path: str, *, body: str | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Ask for a path below the token; one that begins with a slash is taken as it is."""
    where = urlsplit(server.address)
    connection = http.client.HTTPConnection(where.netloc, timeout=20)
    given = {"Origin": f"http://{where.netloc}"} | (headers or {})
    address = path if path.startswith("/") else where.path + path
    connection.request("GET" if body is None else "POST", address, body, given)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_the_server_gives_the_page_and_writes_beside_the_results(server: ReviewServer, folder: Path) -> None:
    assert ask(server, "")[0] == 200
    assert ask(server, "0/review.html") == (200, (folder / "review.html").read_text())
    sent = content("Zoë B.", event_1=ACCEPT)
    assert ask(server, "0/decisions", body=json.dumps(sent)) == (200, "written to review-zoe-b.json beside the results")
    assert json.loads(ask(server, "0/decisions")[1]) == [sent]
    assert [row["coder"] for row in table(folder)] == ["Zoë B."]
    assert "Zoë B. 1" in ask(server, "")[1]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        ("/wrong/0/review.html", {}),
        ("1/review.html", {}),
        ("0/summary.json", {}),
        ("0/../0/review.html", {}),
        ("0/%2e%2e/%2e%2e/etc/passwd", {}),
        ("../../../etc/passwd", {}),
        ("-1/review.html", {}),
        ("0000000000/review.html", {}),
        ("0/review.html", {"Host": "evil.example"}),
        ("0/review.html", {"Host": "127.0.0.1"}),
    ],
)
def test_the_server_gives_nothing_else_and_to_nobody_else(
    server: ReviewServer, path: str, headers: dict[str, str]
) -> None:
    status, text = ask(server, path, headers=headers)
    assert status in (403, 404)
    assert "<html" not in text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
def test_decisions_from_another_page_are_refused(server: ReviewServer, folder: Path, origin: str) -> None:
    body = json.dumps(content(event_1=ACCEPT))
    assert ask(server, "0/decisions", body=body, headers={"Origin": origin})[0] == 403
    assert list(folder.glob("review-*.json")) == []


@pytest.mark.parametrize(
    ("change", "status"),
    [({"results": "0"}, 409), ({"schema": 7}, 400), ({"coder": ""}, 400), ({"decisions": 3}, 400)],
)
def test_what_is_not_a_review_of_these_results_is_not_written(
    server: ReviewServer, folder: Path, change: dict[str, Any], status: int
) -> None:
    body = json.dumps({**content(event_1=ACCEPT), **change})
    assert ask(server, "0/decisions", body=body)[0] == status
    assert list(folder.glob("review-*.json")) == []


def test_two_coders_do_not_share_a_file(server: ReviewServer) -> None:
    assert ask(server, "0/decisions", body=json.dumps(content("Anna", event_1=ACCEPT)))[0] == 200
    status, text = ask(server, "0/decisions", body=json.dumps(content("anna!", event_1=ACCEPT)))
    assert (status, text) == (409, "not written: review-anna.json belongs to Anna; take another name")


def test_the_server_listens_on_loopback_only(server: ReviewServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_folder_without_pages_and_a_port_out_of_range_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 1
    assert "holds no review.html" in capsys.readouterr().err
    assert main([str(tmp_path), "--port", "70000"]) == 2
    assert main([str(tmp_path), "--coder", "anna"]) == 2


def test_a_clip_holds_the_candidate_and_its_margins_frame_by_frame() -> None:
    made = CandidateClips()
    for index in range(200):
        turned_down = (interval(60, 80, fps=100.0, reason="blink"),) if index == 90 else ()
        made.update(update(index, index / 100.0, rejected=turned_down))
        assert (made.pictures != {}) == (index > 105)
    assert [picture.index for picture in made.pictures["rejected-1"]] == list(range(35, 106))


def test_a_candidate_at_the_end_has_what_there_was() -> None:
    made = CandidateClips()
    for index in range(85):
        made.update(update(index, index / 100.0))
    made.update(update(85, 0.85, rejected=(interval(60, 80, fps=100.0, reason="unfinished"),)))
    made.finish()
    assert [picture.index for picture in made.pictures["rejected-1"]] == list(range(35, 86))


def test_a_long_clip_is_thinned_but_keeps_its_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "MAX_FRAMES", 20)
    made = CandidateClips()
    for index in range(150):
        made.update(update(index, index / 100.0))
    made.update(update(150, 1.5, rejected=(interval(31, 121, fps=100.0, reason="macro"),)))
    made.finish()
    indices = [picture.index for picture in made.pictures["rejected-1"]]
    assert len(indices) <= 23
    assert {31, 76, 121} <= set(indices)


def test_pages_that_would_be_too_large_leave_out_the_least_likely(monkeypatch: pytest.MonkeyPatch) -> None:
    made = CandidateClips()
    for index in range(100):
        made.update(update(index, index / 100.0))
    monkeypatch.setattr(clips, "MAX_BYTES", 1)
    made.update(update(100, 1.0, rejected=(interval(30, 50, fps=100.0, reason="blink"),)))
    made.finish()
    assert made.pictures == {}
    assert made.left_out == 1


def test_a_replay_writes_the_page_if_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime.commands.replay, "open_engine", lambda choice: FakeEngine())
    monkeypatch.setattr(realtime.recordings.recording, "Pipeline", lambda **_: FakePipeline(event_frames=(5,)))
    video = write_video(tmp_path / "a.mp4", frames(12))
    arguments = [str(video), "--out", str(tmp_path / "out"), "--report"]
    assert replay(arguments) == 0
    assert not (tmp_path / "out/a/review.html").exists()
    assert replay([*arguments, "--review"]) == 0
    page = tmp_path / "out/a/review.html"
    assert page.stat().st_mode & 0o777 == 0o600
    assert 'href="review.html"' in (tmp_path / "out/a/report.html").read_text()
    assert len(reviewable(tmp_path / "out")) == 1
