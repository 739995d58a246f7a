"""The review page in a real browser: by keyboard alone, blind, enlarged, reloaded, saved and loaded."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import MUST_HAVE_A_NAME, complaints, go, started, wait_for
from review_samples import (
    FPS,
    LENGTH,
    MARGIN,
    N_EVENTS,
    Plan,
    begin,
    carry_out,
    first_frame,
    key,
    press,
    shown,
    write_page,
    write_results,
)
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from engines.evaluate import main as evaluate
from mer.data.reviews import Review, read_review
from mer.labels import CLASSES
from realtime.output.review.server import ReviewServer, reviewable

COUNT = 40
BOTH, ONLY_ANNA, ONLY_BEN = 20, 5, 3
"""Candidates that both accept, and that one does; the rest both reject."""


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with started() as driver:
        yield driver


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(tmp_path_factory.mktemp("review"))


@pytest.fixture
def opened(browser: webdriver.Chrome, page: Path, tmp_path: Path) -> webdriver.Chrome:
    """Return the browser with the page, nothing kept, and downloads in `tmp_path`."""
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path), "eventsEnabled": False}
    )
    go(browser, page)
    browser.execute_script("localStorage.clear()")
    return go(browser, page)


def plans(coder: str) -> dict[str, Plan]:
    """Return what a coder does; of the 20 both accept, 16 get the same label, and Ben's moments are 1 to 3 later."""
    made = {}
    for number in range(COUNT):
        label = number % len(CLASSES)
        if number < BOTH:
            other = (label + 1) % len(CLASSES) if coder == "ben" and number >= 16 else label
            made[key(number)] = Plan(other, late=1 + number % 3 if coder == "ben" else 0)
        elif number < BOTH + ONLY_ANNA:
            made[key(number)] = Plan(label if coder == "anna" else None)
        elif number < BOTH + ONLY_ANNA + ONLY_BEN:
            made[key(number)] = Plan(label if coder == "ben" else None)
        else:
            made[key(number)] = Plan(None)
    return made


def saved(browser: webdriver.Chrome, folder: Path, name: str) -> Path:
    press(browser, "s")
    path = folder / name
    wait_for(browser, f"document.getElementById('status').textContent.includes('{name}')")
    for _ in range(400):
        if path.is_file() and path.stat().st_size:
            return path
        browser.execute_script("return 0")
    raise AssertionError(f"{name} was not saved")


def text(browser: webdriver.Chrome, name: str) -> str:
    return browser.find_element(By.ID, name).text


def reviewed(browser: webdriver.Chrome, page: Path, folder: Path, coder: str) -> tuple[Review, list[str]]:
    go(browser, page)
    begin(browser, coder)
    order = []
    for _ in range(COUNT):
        order.append(shown(browser))
        carry_out(browser, plans(coder)[order[-1]])
    assert text(browser, "progress-text") == "40 of 40 decided"
    return read_review(saved(browser, folder, f"review-{coder}.json")), order


@pytest.fixture(scope="module")
def both(
    browser: webdriver.Chrome, page: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Review], dict[str, list[str]], Path]:
    """Return what two coders decided by keyboard alone, blind, their orders, and where the files are."""
    folder = tmp_path_factory.mktemp("downloads")
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    results = {coder: reviewed(browser, page, folder, coder) for coder in ("anna", "ben")}
    assert complaints(browser) == []
    return {c: r for c, (r, _) in results.items()}, {c: o for c, (_, o) in results.items()}, folder


def test_forty_candidates_are_reviewed_blind_by_keyboard_alone(both: Any) -> None:
    reviews, _, _ = both
    for coder, review in reviews.items():
        assert review.coder == coder
        assert all(decision.blind for decision in review.decisions)
        told = {f"{d.kind}-{d.number}": d for d in review.decisions}
        for name, plan in plans(coder).items():
            assert told[name].accepted == (plan.label is not None)
            assert told[name].label == ("" if plan.label is None else CLASSES[plan.label])
    late = next(d for d in reviews["ben"].decisions if (d.kind, d.number) == ("event", 2))
    first = first_frame(1) + 2
    assert late.frames == (first, first + LENGTH // 2, first + LENGTH)
    assert late.times_s == pytest.approx([frame / FPS for frame in late.frames])


def test_two_reviews_end_in_an_agreement_table(both: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, _, folder = both
    given = [str(folder / f"review-{coder}.json") for coder in ("anna", "ben")]
    assert evaluate(["agreement", *given, "--seconds", "50", "--json"]) == 0
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    figures = {name: figure["value"] for name, figure in pair["figures"].items()}
    assert (figures["events_first"], figures["events_second"], figures["matched"]) == (25, 23, 20)
    assert figures["f1"] == pytest.approx(2 * 20 / 48)
    # Accepted or not: both 20, anna alone 5, ben alone 3, neither 12.
    chance = (25 * 23 + 15 * 17) / 40**2
    assert figures["kappa_candidates_any"] == pytest.approx((32 / 40 - chance) / (1 - chance))
    # Labels of the 20: the same in 16; anna has 4 of each class, ben 5, 3, 4, 4, 4, so chance is 4 * 20 / 400.
    assert figures["kappa_labels"] == pytest.approx((0.8 - 0.2) / (1 - 0.2))
    # Ben's moments are 1, 2 and 3 frames of 10 ms later in 7, 7 and 6 of the 20.
    for name in ("onset", "apex", "offset"):
        assert pair["differences_ms"][name]["bias"] == pytest.approx(19.5)
        assert pair["differences_ms"][name]["sd"] == pytest.approx(10 * ((89 - 20 * 1.95**2) / 19) ** 0.5)


def test_each_coder_has_an_order_of_her_own(both: Any, opened: webdriver.Chrome) -> None:
    _, orders, _ = both
    assert sorted(orders["anna"]) == sorted(orders["ben"])
    assert orders["anna"] != orders["ben"]
    begin(opened, "anna")
    assert shown(opened) == orders["anna"][0]


def test_a_blind_coder_sees_nothing_of_what_the_program_said(opened: webdriver.Chrome) -> None:
    begin(opened, "anna")
    words = opened.find_element(By.ID, "work").text
    assert "Candidate 1 of 40" in words
    assert not any(word in words for word in ("%", "Score", "Event", "Rejected", "blink"))
    assert [text(opened, f"{name}-value") for name in ("onset", "apex", "offset")] == ["not set"] * 3
    assert opened.find_elements(By.CSS_SELECTOR, "#labels [aria-pressed=true]") == []


def test_an_open_review_begins_with_what_the_program_said(opened: webdriver.Chrome) -> None:
    begin(opened, "carla", blind=False)
    assert text(opened, "which") == "Event 1 (1 of 40)"
    assert "The program says happiness: happiness 60 %" in text(opened, "said")
    assert text(opened, "onset-value") == f"frame {first_frame(0)}, 1.000 s"
    press(opened, "a")
    assert shown(opened) == "event-2"


def test_the_moments_move_frame_by_frame_over_the_clip(opened: webdriver.Chrome) -> None:
    begin(opened, "carla", blind=False)
    canvas = opened.find_element(By.ID, "clip")
    wait_for(opened, f"document.getElementById('clip').dataset.frame === '{first_frame(0)}'")
    press(opened, Keys.ARROW_LEFT, Keys.ARROW_LEFT, "o")
    assert text(opened, "onset-value") == f"frame {first_frame(0) - 2}, 0.980 s"
    wait_for(opened, f"document.getElementById('clip').dataset.frame === '{first_frame(0) - 2}'")
    shade = opened.execute_script("return arguments[0].getContext('2d').getImageData(4, 4, 1, 1).data[0]", canvas)
    assert shade == pytest.approx(15 * (MARGIN - 2), abs=2)


def test_moments_out_of_order_are_not_accepted(opened: webdriver.Chrome) -> None:
    begin(opened, "carla", blind=False)
    press(opened, Keys.END, "o", "a")
    assert text(opened, "status") == "onset, apex and offset must follow one another"
    assert shown(opened) == "event-1"


def test_a_blind_coder_is_asked_for_what_is_missing(opened: webdriver.Chrome) -> None:
    begin(opened, "anna")
    press(opened, "a")
    assert text(opened, "status") == "set the onset, apex, offset first"
    press(opened, Keys.HOME, "o", Keys.ARROW_RIGHT, "p", Keys.ARROW_RIGHT, "f", "a")
    assert text(opened, "status") == "choose a label first; 0 for none"
    press(opened, "0", "a")
    assert text(opened, "progress-text") == "1 of 40 decided"


def test_what_was_decided_is_there_after_a_reload(opened: webdriver.Chrome, page: Path) -> None:
    begin(opened, "anna")
    press(opened, "r", "n", "what a gaze; a, r", Keys.ESCAPE)
    noted = shown(opened)
    go(opened, page)
    begin(opened, "anna")
    assert text(opened, "progress-text") == "1 of 40 decided"
    assert shown(opened) == noted
    assert opened.find_element(By.ID, "note").get_attribute("value") == "what a gaze; a, r"


def test_a_decision_can_be_cleared_and_changed(opened: webdriver.Chrome) -> None:
    begin(opened, "carla", blind=False)
    press(opened, "r", "k", "c")
    assert text(opened, "progress-text") == "0 of 40 decided"
    press(opened, "3", "a", "k")
    pressed = opened.find_elements(By.CSS_SELECTOR, "#work [aria-pressed=true]")
    assert [button.text.split()[0] for button in pressed] == [CLASSES[2], "Accept"]


def test_what_was_begun_with_open_eyes_is_not_blind(opened: webdriver.Chrome, page: Path, tmp_path: Path) -> None:
    begin(opened, "carla", blind=False)
    press(opened, "r", "k", "c")
    go(opened, page)
    begin(opened, "carla")
    for _ in range(COUNT):
        press(opened, "r")
    review = read_review(saved(opened, tmp_path, "review-carla.json"))
    assert [f"{d.kind}-{d.number}" for d in review.decisions if not d.blind] == ["event-1"]


def test_single_letters_can_be_turned_off(opened: webdriver.Chrome) -> None:
    begin(opened, "carla", blind=False)
    opened.execute_script("document.getElementById('single-keys').focus()")
    press(opened, Keys.SPACE, "r")
    assert text(opened, "progress-text") == "0 of 40 decided"


def test_another_coders_file_is_shown_but_not_to_blind_eyes(both: Any, opened: webdriver.Chrome, page: Path) -> None:
    _, _, folder = both
    begin(opened, "carla", blind=False)
    opened.find_element(By.ID, "load").send_keys(str(folder / "review-anna.json"))
    wait_for(opened, "document.getElementById('others').textContent === 'anna: accept, happiness'")
    go(opened, page)
    begin(opened, "dora")
    opened.find_element(By.ID, "load").send_keys(str(folder / "review-anna.json"))
    wait_for(opened, "document.getElementById('status').textContent.includes('was loaded')")
    assert text(opened, "others") == ""


def test_ones_own_file_goes_on_where_it_ended(both: Any, opened: webdriver.Chrome) -> None:
    _, _, folder = both
    begin(opened, "anna")
    opened.find_element(By.ID, "load").send_keys(str(folder / "review-anna.json"))
    wait_for(opened, "document.getElementById('progress-text').textContent === '40 of 40 decided'")


def test_a_file_about_something_else_is_refused(opened: webdriver.Chrome, tmp_path: Path) -> None:
    begin(opened, "anna")
    for content in ("no JSON", json.dumps({"coder": "x", "decisions": [], "results": "0", "recording": "other.mp4"})):
        (tmp_path / "other.json").write_text(content)
        opened.find_element(By.ID, "load").send_keys(str(tmp_path / "other.json"))
        wait_for(opened, "document.getElementById('status').textContent.includes('was not loaded')")
        press(opened, "1")  # says something else


def test_the_list_of_keys_is_on_the_page_and_can_be_hidden(opened: webdriver.Chrome) -> None:
    begin(opened, "anna")
    assert opened.find_element(By.ID, "key-list").text.count("\n") >= 2 * 20
    press(opened, "?")
    assert not opened.find_element(By.ID, "key-list").is_displayed()


@pytest.mark.parametrize("width", [320, 375, 640])  # 640 is a window of 1280 at 200 %, 320 one at 400 %
def test_nothing_is_cut_off_when_enlarged_or_narrow(opened: webdriver.Chrome, width: int) -> None:
    size = {"width": width, "height": 400, "deviceScaleFactor": 2, "mobile": False}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    begin(opened, "carla", blind=False)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    outside = (
        "return [...document.querySelectorAll('#work *')].filter(e => e.offsetParent && "
        "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML)"
    )
    assert opened.execute_script(outside) == []


def test_every_control_is_reached_with_the_tab_key(opened: webdriver.Chrome) -> None:
    begin(opened, "carla", blind=False)
    reached = set()
    for _ in range(60):
        press(opened, Keys.TAB)
        reached.add(opened.execute_script("return document.activeElement.id || document.activeElement.textContent"))
    controls = opened.execute_script(
        "return [...document.querySelectorAll('#work button, #work input, #work textarea')]"
        ".filter(e => e.offsetParent).map(e => e.id || e.textContent)"
    )
    assert set(controls) - reached == set()


def test_everything_has_a_name_for_a_screen_reader(opened: webdriver.Chrome) -> None:
    begin(opened, "carla", blind=False)
    tree = opened.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    told = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
    assert {"button", "slider", "textbox", "checkbox", "heading"} <= {role for role, _ in told}
    assert [pair for pair in told if pair[0] in MUST_HAVE_A_NAME and not pair[1].strip()] == []


def test_a_served_page_writes_beside_the_results(browser: webdriver.Chrome, tmp_path: Path) -> None:
    folder = write_results(tmp_path / "results/talk")
    with ReviewServer(reviewable(tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        go(browser, server.address)
        browser.find_element(By.LINK_TEXT, "talk.mp4").send_keys(Keys.ENTER)
        wait_for(browser, "document.readyState === 'complete' && document.getElementById('coder') !== null")
        begin(browser, "anna")
        press(browser, "r")
        wait_for(browser, "document.getElementById('written').textContent.startsWith('written to review-anna.json')")
        browser.execute_script("localStorage.clear()")
        go(browser, f"{server.address}0/review.html")
        begin(browser, "anna")
        wait_for(browser, "document.getElementById('progress-text').textContent === '1 of 40 decided'")
        assert complaints(browser) == []
        server.shutdown()
        thread.join()
    (decision,) = read_review(folder / "review-anna.json").decisions
    assert not decision.accepted


def test_playing_goes_through_the_frames_until_stopped(opened: webdriver.Chrome) -> None:
    begin(opened, "carla", blind=False)
    place = opened.execute_script("return review.clip.place")
    press(opened, Keys.SPACE)
    wait_for(opened, f"review.clip.place !== {place}")
    press(opened, Keys.ARROW_LEFT)
    assert not opened.execute_script("return review.clip.playing")


def test_the_page_knows_how_many_events_there_are(opened: webdriver.Chrome) -> None:
    kinds = opened.execute_script("return review.data.items.map(item => item.kind)")
    assert kinds.count("event") == N_EVENTS
    assert complaints(opened) == []
