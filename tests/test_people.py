"""Several people through the whole pipeline and into every output: rendered people who change places."""

import csv
import json
from dataclasses import replace as changed
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeEngine, batch_in_this_process, event, interval, update
from rich.console import Console
from test_overlay import drawn

import realtime
import realtime.commands.replay
from mer.errors import MerError
from mer.evaluation.matching import compare, read_truth
from mer.face.landmarker import Landmarker
from mer.face.tracker import FaceTracker
from mer.media.video import FrameReader
from mer.synth.company import AWAY, Settings, places, render_company
from mer.synth.company_command import strangers
from mer.synthesise import main as synthesise
from realtime.commands.replay import main
from realtime.messages import Totals
from realtime.options import people as number_of_people
from realtime.output.compare import label_from_event
from realtime.output.report.gather import Gatherer
from realtime.pipeline import Pipeline
from realtime.screen.history import Tabs
from realtime.screen.overlay import Header, Overlay
from realtime.session import replay
from realtime.timing import Timing
from realtime.update import Update

CHANGE_PLACES = [(0, 1), (1, 0)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / "two.mp4"
    render_company(strangers(2), path, Settings(fps=30.0, iod_px=44.0, seed=3), stays=CHANGE_PLACES)
    return path


@pytest.fixture(scope="module")
def results(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `mer-replay --people 2`, with everything that can be asked for."""
    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        engine = FakeEngine()
        patch.setattr(realtime.commands.replay, "open_engine", lambda _choice: engine)
        batch_in_this_process(patch, engine)
        asked = ["--people", "2", "--export", "eaf,boris,srt", "--explain", "--report", "--event-clips", "png"]
        assert main([str(recording), "--out", str(out), *asked]) == 0
    return out / "two"


def lines(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (results / "events.jsonl").read_text().splitlines()]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_event_is_given_to_the_person_who_showed_it(recording: Path) -> None:
    truth = read_truth(recording.with_suffix(".json"))
    with (
        FrameReader(recording, grey=True) as frames,
        Pipeline(rate_hz=frames.rate_hz, engine=FakeEngine(), people=2) as pipeline,
    ):
        updates = list(replay(frames, pipeline))

    pairs = compare(truth, [label_from_event(event) for update in updates for event in update.events])

    assert [pair.hit for pair in pairs] == [True] * 4
    assert {update.crop.person for update in updates} == {1, 2}
    assert {number: watch.totals.events for number, watch in pipeline.people.items()} == {1: 2, 2: 2}
    assert pipeline.totals.events == 4


def test_frames_count_once_however_many_people_are_in_them(results: Path) -> None:
    summary = json.loads((results / "summary.json").read_text())

    assert summary["frames"] == int(rows(results / "explain.csv")[-1]["frame"]) + 1
    assert summary["face_coverage"] == 1.0
    assert [person["person"] for person in summary["people"]] == [1, 2]
    assert sum(person["events"] for person in summary["people"]) == summary["events"]


def test_the_events_name_the_person_and_count_over_all(results: Path) -> None:
    found = lines(results)

    assert [record["number"] for record in found] == [1, 2, 3, 4]
    assert sorted(record["person"] for record in found) == [1, 1, 2, 2]
    assert [row["person"] for row in rows(results / "events.csv")] == [str(record["person"]) for record in found]
    assert {row["person"] for row in rows(results / "rejected.csv")} <= {"1", "2"}


def test_each_person_has_tiers_in_elan_is_a_subject_in_boris_and_is_named_in_subtitles(results: Path) -> None:
    from pympi.Elan import Eaf

    document = Eaf(str(results / "events.eaf"))

    assert len(document.get_annotation_data_for_tier("event person 2")) == 2
    assert document.get_parameters_for_tier("apex person 1")["PARTICIPANT"] == "person 1"
    assert {row["Subject"] for row in rows(results / "events.boris.csv")} >= {"person 1", "person 2"}
    assert "person 2: " in (results / "events.srt").read_text()


def test_each_person_has_a_timeline_in_the_report(results: Path) -> None:
    page = (results / "report.html").read_text()

    assert page.count("Person 1</h3>") == page.count("Person 2</h3>") == 1
    assert "event, person 2" in page


def test_explain_has_a_row_for_each_person_and_frame(results: Path) -> None:
    first = rows(results / "explain.csv")[:2]

    assert [(row["frame"], row["person"]) for row in first] == [("0", "1"), ("0", "2")]


def test_one_person_is_followed_as_the_tracker_of_one_does(recording: Path) -> None:
    with (
        FrameReader(recording, grey=True) as frames,
        Pipeline(rate_hz=30.0, engine=FakeEngine()) as pipeline,
        FaceTracker(Landmarker()) as tracker,
    ):
        for frame, _ in zip(frames, range(40)):
            (ours,), theirs = pipeline.crops(frame), tracker.crop(frame)
            assert np.array_equal(ours.image, theirs.image)
            assert np.array_equal(ours.crop_from_anchor, theirs.crop_from_anchor)


def of_person(number: int, made: Update) -> Update:
    return changed(made, crop=changed(made.crop, person=number))


def test_the_overlay_shows_one_person_and_the_tab_key_the_next() -> None:
    pressed = Overlay(
        Header("a", "fake"), totals=Totals(), timing=Timing(), console=Console(file=StringIO()), keys=lambda _key: ""
    )
    second = event(1)
    second = changed(second, interval=changed(second.interval, person=2))
    for number in (1, 2):
        pressed.update(of_person(number, update(200, 1.0, events=(second,) if number == 2 else ())))

    before = "\n".join(drawn(pressed, 120, 34))
    pressed._press("\t")
    after = "\n".join(drawn(pressed, 120, 34))

    assert "person 1 of 2" in before
    assert "no event yet" in before
    assert "person 2 of 2" in after
    assert "event 1: happiness" in after
    assert before.count("person 2") == 1  # in the table of everybody's events


def test_what_is_found_of_somebody_else_goes_to_that_person() -> None:
    tabs, turned_down = Tabs(), changed(interval(10, 30, reason="blink"), person=2)
    tabs.add(update(40, 0.2, rejected=(turned_down,)))

    assert tabs.people == (1, 2)
    assert tabs.history.rejected == ()


def test_the_curve_of_a_person_is_not_that_of_another() -> None:
    gathered = Gatherer()
    for index in range(20):
        gathered.update(of_person(1, update(index, index / 100.0, motion=0.1)))
        gathered.update(of_person(2, update(index, index / 100.0, motion=0.9)))

    assert gathered.people == (1, 2)
    assert gathered.curve(1).motion.max() == pytest.approx(0.1)
    assert gathered.curve(2).motion.min() == pytest.approx(0.9)


@pytest.mark.parametrize("people", [2, 3])
def test_in_a_rendered_recording_everybody_crosses_leaves_and_comes_back(people: int) -> None:
    stays = places(people)

    assert stays[0] != stays[1]
    for person in range(people):
        mine = [stay[person] for stay in stays]
        assert AWAY in mine
        assert mine[-1] != AWAY
    assert all(
        len({place for place in stay if place != AWAY}) == sum(place != AWAY for place in stay) for stay in stays
    )


@pytest.mark.parametrize("text", ["0", "7", "many", "-1", "1.5"])
def test_other_numbers_of_people_are_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["a.mp4", "--out", "out", "--people", text])
    assert f"{text} is not a number of people; give 1 to 6, or all" in capsys.readouterr().err


def test_all_is_as_many_as_can_be_followed() -> None:
    assert number_of_people("all") == 6


def test_a_number_of_people_that_cannot_be_rendered_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synthesise(["people", str(tmp_path / "a.mp4"), "--n-people", "4"]) == 2
    assert "4 people given; expected 2 to 3" in capsys.readouterr().err


@pytest.mark.parametrize("people", [0, 7])
def test_the_library_refuses_a_number_of_people_that_cannot_be_followed(people: int, recording: Path) -> None:
    with pytest.raises(MerError, match=f"{people} people given; expected 1 to 6"):
        next(realtime.updates(recording, people=people))
