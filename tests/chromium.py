"""A real browser for the pages: Chromium without a window, and what tests ask of it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WAIT_S = 20.0
MUST_HAVE_A_NAME = {
    *("link", "button", "searchbox", "textbox", "combobox", "image", "table", "region", "article", "Video", "heading"),
    *("columnheader", "graphics-document", "img", "option", "slider", "checkbox", "progressbar", "progressIndicator"),
}


@contextmanager
def started() -> Iterator[webdriver.Chrome]:
    """Start a browser, or skip the test that wants one."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        missing = "chromedriver" if program else "Chromium"
        pytest.skip(f"{missing} is not installed; on Debian: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=Service(driver)) as browser:
        yield browser


def go(browser: webdriver.Chrome, page: Path | str) -> webdriver.Chrome:
    """Open a file or an address."""
    browser.get_log("browser")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    still = {"name": "prefers-reduced-motion", "value": "reduce"}  # what scrolls smoothly cannot be clicked
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [still]})
    browser.get(page.as_uri() if isinstance(page, Path) else page)
    return browser


def complaints(browser: webdriver.Chrome) -> list[Any]:
    """Return what the page wrote to the console."""
    return [entry["message"] for entry in browser.get_log("browser")]


def wait_for(browser: webdriver.Chrome, script: str) -> None:
    """Wait until an expression is true."""
    WebDriverWait(browser, WAIT_S, 0.05).until(lambda b: b.execute_script(f"return {script}"), script)
