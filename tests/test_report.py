import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeEngine, FakePipeline, batch_in_this_process, update
from recordings import pictures, write_video
from report_samples import found, gathered, outcomes

import realtime.commands.replay
import realtime.recordings.recording
from realtime.commands.replay import main
from realtime.output.report.gather import BINS, Gatherer
from realtime.output.report.page import report
from realtime.output.report.pictures import difference, motion
from realtime.recordings.index import index

NASTY = "<img src=x onerror=alert(1)>\"' & $title ${x} ö.mp4"
VOID = {"meta", "link", "img", "input", "source", "br"}


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed where it must be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        if name not in VOID:
            assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for element, attributes in self.elements if element == name]


def read(page: bytes) -> Reader:
    reader = Reader()
    reader.feed(page.decode())
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def page() -> bytes:
    return report(found(Path("/videos") / NASTY, Path("/videos/out"), gathered()), gathered())


@pytest.fixture(params=["report", "index"])
def any_page(request: pytest.FixtureRequest, page: bytes) -> bytes:
    return page if request.param == "report" else index(outcomes(Path("/out")), Path("/out"))


def test_a_page_is_well_formed(any_page: bytes) -> None:
    assert {"header", "main", "table"} <= {name for name, _ in read(any_page).elements}


def test_a_page_fetches_nothing_from_anywhere_else(any_page: bytes) -> None:
    addresses = [
        value
        for _, attributes in read(any_page).elements
        for name, value in attributes.items()
        if name in ("src", "href")
    ]
    assert [address for address in addresses if address and re.match(r"(\w+:)?//|https?:", address)] == []
    assert b"url(http" not in any_page
    assert b"@import" not in any_page


def test_only_the_script_of_the_page_may_run(any_page: bytes) -> None:
    (script,) = re.findall(rb"<script>(.*?)</script>", any_page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    policy = next(meta["content"] for meta in read(any_page).all("meta") if "http-equiv" in meta)
    assert f"script-src 'sha256-{digest}'" in str(policy)
    assert "default-src 'none'" in str(policy)


def test_a_file_name_stays_text(page: bytes) -> None:
    reader = read(page)
    assert NASTY in reader.texts
    assert all(str(image["src"]).startswith("data:image/jpeg") for image in reader.all("img"))
    assert not any("onerror" in attributes for _, attributes in reader.elements)


def test_errors_and_names_on_the_index_stay_text() -> None:
    reader = read(index(outcomes(Path("/out")), Path("/out")))
    assert "d.mp4 is <b>no</b> video" in reader.texts
    assert "<i>c" in reader.texts
    assert {link["href"] for link in reader.all("a")} == {
        "#main",
        "b/report.html",
        "a/report.html",
        "%3Ci%3Ec/report.html",
    }


def test_a_name_that_is_no_text_still_gives_a_page() -> None:
    source = Path("/videos/caf\udce9.mp4")  # what Python makes of a Latin-1 name
    assert rb"caf\udce9.mp4" in report(found(source, Path("/out"), gathered()), gathered())


def test_each_event_has_13_pictures_and_four_large_ones_with_names(page: bytes) -> None:
    images = read(page).all("img")
    assert len(images) == 2 * (13 + 4)
    assert all(image["alt"] for image in images)
    assert sum(str(image["alt"]).startswith("apex after") for image in images) == 2


def test_links_within_a_page_lead_somewhere(page: bytes) -> None:
    reader = read(page)
    ids = {attributes.get("id") for _, attributes in reader.elements}
    inner = {str(link["href"])[1:] for link in reader.all("a") if str(link["href"]).startswith("#")}
    assert inner == {"main", "event-1", "event-2"}
    assert inner <= ids


def test_ids_are_unique(any_page: bytes) -> None:
    ids = [attributes["id"] for _, attributes in read(any_page).elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_timelines_of_two_people_share_the_pattern_of_rejected_candidates() -> None:
    gatherer = gathered()
    for number in range(20):
        seen = update(number, number / 200)
        gatherer.update(replace(seen, crop=replace(seen.crop, person=2)))
    reader = read(report(found(Path("a.mp4"), Path("out"), gatherer), gatherer))
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert "hatch" in ids


def test_the_player_looks_where_the_recording_is_and_beside_the_page(page: bytes) -> None:
    first, second = (str(source["src"]) for source in read(page).all("source"))
    assert first == f"../{second}"
    assert "<" not in second


def test_a_folder_of_pictures_has_no_player_source(tmp_path: Path) -> None:
    assert read(report(found(tmp_path, tmp_path / "out", gathered()), gathered())).all("source") == []


def test_a_page_says_what_the_model_was_trained_on_and_what_is_odd(page: bytes) -> None:
    texts = read(page).texts
    assert "model trained on synthetic data only" in texts
    assert "the header lies" in texts
    assert any("does not show that somebody lies" in text for text in texts)


@pytest.mark.parametrize("fields", [{"comparison": {"synthetic": True}}, {"complete": False}])
def test_a_synthetic_or_cut_short_recording_is_called_so(fields: dict[str, Any]) -> None:
    texts = read(report(found(Path("/a.mp4"), Path("/out"), gathered(), **fields), gathered())).texts
    assert any(text.startswith(("synthetic recording", "interrupted")) for text in texts)


def test_quality_flags_are_words(page: bytes) -> None:
    texts = " ".join(read(page).texts)
    assert "frames are blended; frames are missing; unsteady tracking (50 %)" in texts


def test_an_event_below_the_threshold_says_what_it_might_have_been() -> None:
    gatherer = gathered()
    first = gatherer.findings[0]
    gatherer.findings[0] = replace(first, event=replace(first.event, label="none"))
    assert (
        "1. none (most likely happiness, 60 %)"
        in read(report(found(Path("/a.mp4"), Path("/out"), gatherer), gatherer)).texts
    )


def test_a_recording_without_any_event_has_a_page() -> None:
    gatherer = Gatherer()
    gatherer.update(update(0, 0.0))
    assert "0 events" in str(read(report(found(Path("/a.mp4"), Path("/out"), gatherer), gatherer)).all("svg"))


def test_the_curve_of_a_long_recording_keeps_its_peaks_in_few_points() -> None:
    gatherer = Gatherer()
    for number in range(60_000):
        gatherer.update(update(number, number / 50, motion=2.0 if number == 31_415 else 0.1))
    curve = gatherer.curve()
    assert len(curve.times_s) <= BINS
    peak = int(np.argmax(curve.motion))
    assert curve.motion[peak] == 2.0
    assert curve.times_s[peak] == pytest.approx(31_415 / 50, abs=1.0)


def test_the_difference_is_red_where_it_got_brighter_and_blue_where_darker() -> None:
    images = np.full((13, 90, 90), 100, np.uint8)
    images[6, 20:40, 20:40], images[6, 60:80, 60:80] = 160, 40
    picture = difference(images)
    assert tuple(picture[5, 5]) == (255, 255, 255)
    assert picture[30, 30, 2] > picture[30, 30, 0]
    assert picture[70, 70, 0] > picture[70, 70, 2]


def test_motion_is_laid_over_the_apex_where_it_moved() -> None:
    generator = np.random.default_rng(0)
    images = np.repeat(generator.integers(80, 120, (1, 90, 90), np.uint8), 13, axis=0)
    images[6, 40:60, 42:62] = images[0, 40:60, 40:60]
    coloured = np.ptp(motion(images).astype(int), axis=2)
    assert coloured[42:58, 42:58].mean() > 4 * coloured[:20, :20].mean()


def test_report_and_index_are_written_if_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime.commands.replay, "open_engine", lambda choice: FakeEngine())
    monkeypatch.setattr(realtime.recordings.recording, "Pipeline", lambda **_: FakePipeline(event_frames=(5,)))
    batch_in_this_process(monkeypatch, FakeEngine())
    for name in "ab":
        write_video(tmp_path / f"{name}.mp4", pictures(12))
    arguments = [str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert list((tmp_path / "out").rglob("*.html")) == []
    assert main([*arguments, "--report"]) == 0
    links = {link["href"] for link in read((tmp_path / "out/index.html").read_bytes()).all("a")}
    assert {"a/report.html", "b/report.html"} <= links
    assert len(read((tmp_path / "out/a/report.html").read_bytes()).all("article")) == 1


def test_a_band_below_the_curve_says_what_could_have_been_seen(tmp_path: Path) -> None:
    gatherer = Gatherer()
    for number in range(300):
        one = update(number, number / 100)
        watchable = (0.4, 1.5, None)[number // 100]
        gatherer.update(replace(one, spotting=replace(one.spotting, watchable=watchable)))

    page = read(report(found(tmp_path / "a.mp4", tmp_path, gatherer), gatherer))

    bands = [str(rect["class"]) for rect in page.all("rect") if str(rect.get("class", "")).startswith("seen-")]
    assert bands == ["seen-0", "seen-2", "seen-4"]
    assert "micro-expressions from 2 % would have been seen" in page.texts
