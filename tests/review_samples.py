"""A review of forty invented candidates, and two coders who go through it by keyboard alone."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from chromium import wait_for
from fakes import event, interval
from report_samples import summary
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from mer.data.reviews import results_id
from mer.labels import CLASSES
from mer.text import csv_text
from realtime.output.clips import encode_picture
from realtime.output.fields import REJECTED_COLUMNS, interval_fields, record_from_event
from realtime.output.found import Found
from realtime.output.review.clips import Picture
from realtime.output.review.page import review_page

N_EVENTS, N_REJECTED = 25, 15
FPS = 100.0
MARGIN, LENGTH = 3, 8
"""Frames before the onset and after the offset, and between these."""


def first_frame(number: int) -> int:
    """Return the onset frame of a candidate, counted from 0: events first, then rejected ones."""
    return 100 + 100 * number


def found(folder: Path) -> Found:
    """Return the results: 25 events and 15 rejected candidates, one a second."""
    records = []
    for number in range(N_EVENTS):
        made = event(number + 1, label=CLASSES[number % len(CLASSES)])
        at = interval_fields(span(number))
        records.append({**record_from_event(made, source="talk.mp4"), **at})
    rejected = [
        {"reason": "blink", **interval_fields(span(number))} for number in range(N_EVENTS, N_EVENTS + N_REJECTED)
    ]
    return Found(folder.parent / "talk.mp4", folder, records, rejected, summary(seconds=50.0, measured_fps=FPS))


def span(number: int) -> Any:
    return interval(first_frame(number), first_frame(number) + LENGTH, fps=FPS)


def pictures() -> dict[str, list[Picture]]:
    """Return 15 small frames of each candidate, each of another shade."""
    jpegs = [
        encode_picture(np.full((16, 16), 15 * shade, np.uint8), ".jpg") for shade in range(LENGTH + 2 * MARGIN + 1)
    ]
    made = {}
    for number in range(N_EVENTS + N_REJECTED):
        first = first_frame(number) - MARGIN
        made[key(number)] = [Picture(first + k, (first + k) / FPS, jpeg) for k, jpeg in enumerate(jpegs)]
    return made


def key(number: int) -> str:
    """Return how the page names a candidate."""
    return f"event-{number + 1}" if number < N_EVENTS else f"rejected-{number + 1 - N_EVENTS}"


def write_results(folder: Path) -> Path:
    """Write the results of a recording, its page among them, and the recording beside their folder."""
    folder.mkdir(parents=True)
    results = found(folder)
    results.source.write_bytes(b"a recording")
    lines = [json.dumps(record) + "\n" for record in results.events]
    (folder / "events.jsonl").write_text("".join(lines))
    (folder / "rejected.csv").write_text(csv_text(REJECTED_COLUMNS, [dict(row) for row in results.rejected]))
    (folder / "summary.json").write_text(json.dumps({**results.summary, "source": str(results.source)}))
    write_page(folder)
    return folder


def content(coder: str = "anna", **decisions: dict[str, Any]) -> dict[str, Any]:
    """Return what the page saves: each decision by its candidate, such as event_1={"decision": "reject"}."""
    usual = {"label": "fear", "note": "", "blind": True, "changed_utc": "2026-01-02T03:04:05.000Z"}
    entries = []
    for name, fields in decisions.items():
        kind, number = name.split("_")
        place = int(number) - 1 + (N_EVENTS if kind == "rejected" else 0)
        frames = (first_frame(place) + 1, first_frame(place) + 4, first_frame(place) + 9)
        moments = {m: {"frame": f, "time_s": f / FPS} for m, f in zip(("onset", "apex", "offset"), frames)}
        entries.append({"id": f"{kind}-{number}", **usual, **moments, **fields})
    here = found(Path("/x/talk"))
    identity = results_id(here.events, here.rejected)
    return {
        **{"schema": 1, "recording": "talk.mp4", "results": identity},
        **{"coder": coder, "seed": 1, "decisions": entries},
    }


def write_reviews(folder: Path) -> None:
    """Write the results of a recording and what two coders decided about them."""
    write_results(folder)
    decisions: tuple[tuple[str, dict[str, Any]], ...] = (
        ("anna", {"decision": "accept"}),
        ("ben", {"decision": "reject"}),
    )
    for coder, second in decisions:
        made = content(coder, event_1={"decision": "accept"}, event_2=second)
        (folder / f"review-{coder}.json").write_text(json.dumps(made))


def write_page(folder: Path) -> Path:
    """Write the page into a folder."""
    path = folder / "review.html"
    path.write_bytes(review_page(found(folder), pictures()))
    return path


@dataclass(frozen=True)
class Plan:
    """What a coder does with a candidate.

    Attributes:
        label: Place of the class, None to reject.
        late: Frames by which each moment is later than that of the program.
    """

    label: int | None
    late: int = 0


def press(browser: webdriver.Chrome, *keys: str) -> None:
    """Press keys, whatever has the focus."""
    ActionChains(browser, duration=0).send_keys(*keys).perform()


def begin(browser: webdriver.Chrome, coder: str, *, blind: bool = True) -> None:
    """Begin a review by keyboard: the name has the focus, the checkbox is next."""
    press(browser, coder, *([] if blind else [Keys.TAB, Keys.SPACE]), Keys.ENTER)
    wait_for(browser, "!document.getElementById('work').hidden")


def shown(browser: webdriver.Chrome) -> str:
    """Return the candidate on the page."""
    return str(browser.execute_script("return review.item.id"))


def carry_out(browser: webdriver.Chrome, plan: Plan) -> None:
    """Decide about the candidate on the page by keyboard."""
    if plan.label is None:
        press(browser, "r")
        return
    steps = (MARGIN + plan.late, LENGTH // 2, LENGTH // 2)
    keys = [Keys.HOME]
    for count, letter in zip(steps, "opf"):
        keys += [Keys.ARROW_RIGHT * count, letter]
    press(browser, *keys, str(plan.label + 1), "a")
