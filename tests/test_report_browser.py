"""The pages of `mer-replay --report` in a real browser: what is clicked, typed, played and read aloud."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from chromium import MUST_HAVE_A_NAME, complaints, go, started, wait_for
from report_samples import found, gathered, outcomes
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from realtime.output.report.page import report
from realtime.recordings.index import index

PHONE_WIDTH_PX = 375


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with started() as driver:
        yield driver


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with out/a/report.html, the page of a recording in the folder, and an index."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "out/a").mkdir(parents=True)
    write_vp9(folder / "take 1 <b>&.mp4")
    source = folder / "take 1 <b>&.mp4"
    (folder / "out/a/report.html").write_bytes(report(found(source, folder / "out/a", gathered()), gathered()))
    (folder / "out/index.html").write_bytes(index(outcomes(folder / "out"), folder / "out"))
    return folder


def write_vp9(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"vp09"), 25.0, (64, 48))
    assert writer.isOpened()
    for number in range(100):
        writer.write(np.full((48, 64, 3), 2 * number, np.uint8))
    writer.release()


@pytest.fixture
def opened(browser: webdriver.Chrome, pages: Path) -> webdriver.Chrome:
    """Return the browser with the report."""
    return go(browser, pages / "out/a/report.html")


def shown_rows(browser: webdriver.Chrome) -> list[str]:
    rows = browser.find_elements(By.CSS_SELECTOR, "table.sortable tbody tr")
    return [row.find_elements(By.TAG_NAME, "td")[2].text for row in rows if row.is_displayed()]


def column(browser: webdriver.Chrome, number: int) -> list[str]:
    rows = browser.find_elements(By.CSS_SELECTOR, "table.sortable tbody tr")
    return [row.find_elements(By.TAG_NAME, "td")[number].text for row in rows]


def head(browser: webdriver.Chrome, name: str) -> Any:
    return browser.find_element(By.XPATH, f"//th[button[text()='{name}']]")


def test_the_console_stays_silent(opened: webdriver.Chrome) -> None:
    wait_for(opened, "document.getElementById('player').readyState >= 1")
    assert complaints(opened) == []


def test_a_click_on_a_head_sorts_the_table_and_a_second_turns_it_round(opened: webdriver.Chrome) -> None:
    assert shown_rows(opened) == ["happiness", "blink", "fear"]
    assert head(opened, "onset s").get_attribute("aria-sort") == "ascending"
    head(opened, "ms").find_element(By.TAG_NAME, "button").click()
    assert column(opened, 7) == ["200", "200", "300"]
    head(opened, "ms").find_element(By.TAG_NAME, "button").click()
    assert column(opened, 7) == ["300", "200", "200"]
    assert head(opened, "ms").get_attribute("aria-sort") == "descending"
    assert head(opened, "onset s").get_attribute("aria-sort") == "none"


def test_the_keyboard_sorts_as_well(opened: webdriver.Chrome) -> None:
    head(opened, "label or reason").find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert shown_rows(opened) == ["blink", "fear", "happiness"]


def test_the_table_is_filtered_by_kind_label_and_text(opened: webdriver.Chrome) -> None:
    Select(opened.find_element(By.ID, "filter-kind")).select_by_visible_text("events")
    assert shown_rows(opened) == ["happiness", "fear"]
    assert opened.find_element(By.ID, "shown").text == "2 of 3 shown"
    Select(opened.find_element(By.ID, "filter-label")).select_by_visible_text("fear")
    assert shown_rows(opened) == ["fear"]
    Select(opened.find_element(By.ID, "filter-kind")).select_by_index(0)
    Select(opened.find_element(By.ID, "filter-label")).select_by_index(0)
    opened.find_element(By.ID, "filter-text").send_keys("BLENDED", Keys.ENTER)
    assert shown_rows(opened) == ["fear"]
    assert opened.current_url.endswith("report.html")


def test_an_event_makes_the_player_jump_and_play_slowly(opened: webdriver.Chrome) -> None:
    wait_for(opened, "document.getElementById('player').readyState >= 1")
    opened.find_element(By.CSS_SELECTOR, "#event-2 button.jump").click()
    wait_for(opened, "document.getElementById('player').currentTime >= 3.0")
    assert opened.execute_script("return document.getElementById('player').currentTime") < 4.0
    assert opened.execute_script("return document.getElementById('player').playbackRate") == 0.25
    assert complaints(opened) == []


def test_without_the_recording_the_page_asks_for_it_and_plays_what_is_chosen(
    browser: webdriver.Chrome, pages: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "report.html"
    alone.write_bytes((pages / "out/a/report.html").read_bytes())
    go(browser, alone)
    wait_for(browser, "!document.getElementById('lost').hidden")
    browser.find_element(By.CSS_SELECTOR, "#event-1 button.jump").click()
    assert browser.switch_to.active_element.get_attribute("id") == "choose"
    browser.find_element(By.ID, "choose").send_keys(str(pages / "take 1 <b>&.mp4"))
    wait_for(browser, "document.getElementById('player').readyState >= 1")
    browser.find_element(By.CSS_SELECTOR, "#event-1 button.jump").click()
    wait_for(browser, "document.getElementById('player').currentTime >= 1.5")


def test_the_recording_is_also_found_beside_the_page(browser: webdriver.Chrome, pages: Path, tmp_path: Path) -> None:
    shutil.copy(pages / "take 1 <b>&.mp4", tmp_path)
    shutil.copy(pages / "out/a/report.html", tmp_path)
    go(browser, tmp_path / "report.html")
    wait_for(browser, "document.getElementById('player').readyState >= 1")
    assert not browser.find_element(By.ID, "lost").is_displayed()


def test_an_event_on_the_timeline_leads_to_its_part_of_the_page(opened: webdriver.Chrome) -> None:
    opened.find_element(By.CSS_SELECTOR, "svg.overview a[href='#event-2']").send_keys(Keys.ENTER)
    assert opened.current_url.endswith("#event-2")
    wait_for(opened, "Math.abs(document.getElementById('event-2').getBoundingClientRect().top) < innerHeight")


@pytest.mark.parametrize("name", ["out/a/report.html", "out/index.html"])
def test_nothing_is_wider_than_a_phone(browser: webdriver.Chrome, pages: Path, name: str) -> None:
    go(browser, pages / name)
    size = {"width": PHONE_WIDTH_PX, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE_WIDTH_PX
    small = (
        "return [...document.querySelectorAll('main *')].filter(e => e.children.length === 0 && e.textContent.trim() \
        && !e.closest('svg') && parseFloat(getComputedStyle(e).fontSize) < 11).map(e => e.outerHTML)"
    )
    assert browser.execute_script(small) == []


@pytest.mark.parametrize("name", ["out/a/report.html", "out/index.html"])
def test_everything_that_can_be_reached_has_a_name_for_a_screen_reader(
    browser: webdriver.Chrome, pages: Path, name: str
) -> None:
    go(browser, pages / name)
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    told = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
    assert {"link", "button", "searchbox", "table", "region"} <= {role for role, _ in told}
    assert [pair for pair in told if pair[0] in MUST_HAVE_A_NAME and not pair[1].strip()] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(opened: webdriver.Chrome, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    colours = opened.execute_script(
        "const s = getComputedStyle(document.documentElement);"
        "return Object.fromEntries(arguments[0].map(name => [name, s.getPropertyValue('--' + name).trim()]))",
        ["card", "ink", "soft", "accent", "badge", "badge-ink", *(f"c{number}" for number in range(7))],
    )
    pairs = [
        ("badge-ink", "badge"),
        *((name, "card") for name in colours if name not in ("card", "badge", "badge-ink")),
    ]
    weak = [pair for pair in pairs if contrast(colours[pair[0]], colours[pair[1]]) < 4.5]  # WCAG 2.2, level AA
    assert weak == []


def contrast(a: str, b: str) -> float:
    """Return the contrast ratio of two colours `#rrggbb` as WCAG defines it."""

    def luminance(colour: str) -> float:
        channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_print_leaves_out_what_cannot_be_used_on_paper(opened: webdriver.Chrome) -> None:
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not opened.find_element(By.ID, "player").is_displayed()
    assert not opened.find_element(By.ID, "filters").is_displayed()
    assert opened.find_element(By.CSS_SELECTOR, "#event-1 .strip").is_displayed()


def test_the_index_sorts_by_number_and_keeps_what_failed(browser: webdriver.Chrome, pages: Path) -> None:
    go(browser, pages / "out/index.html")
    head(browser, "events").find_element(By.TAG_NAME, "button").click()
    names = [name for name in column(browser, 0) if name != "d"]
    assert names == ["b", "<i>c", "a"]  # 1, 3, 12 events
    browser.find_element(By.ID, "filter-text").send_keys("no</b> video")
    rows = browser.find_elements(By.CSS_SELECTOR, "table.sortable tbody tr")
    assert [row.is_displayed() for row in rows].count(True) == 1
    assert complaints(browser) == []
