"""The page over many recordings, with links to their reports."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from realtime.output.report.markup import Element, page, tag
from realtime.output.report.page import REPORT_HTML
from realtime.output.report.table import cell, sortable
from realtime.recordings.tally import Outcome, folder_below, told_error

INDEX_HTML: Final = "index.html"


def index(outcomes: Sequence[Outcome], out: Path, *, absolute: bool = False) -> bytes:
    """Return the page.

    Args:
        outcomes: Of all recordings.
        out: Folder of the page.
        absolute: Whether errors may name full paths.
    """
    columns = ("recording", "outcome", "seconds", "frames/s", "face", "events", "labels", "rejected")
    table = sortable(columns, "Recordings", sorted_by=-1)
    body = tag("tbody", *(_row(outcome, out, absolute) for outcome in outcomes))
    table.append(body)
    events = sum(outcome.summary.get("events", 0) for outcome in outcomes)
    seconds = sum(outcome.summary.get("seconds", 0.0) for outcome in outcomes)
    failed = sum(not outcome.summary for outcome in outcomes)
    figures = (("recordings", str(len(outcomes))), ("seconds", f"{seconds:.1f}"), ("events", str(events)))
    cards = tag("dl", class_="figures")
    for name, value in (*figures, ("failed", str(failed))):
        cards.append(tag("div", tag("dt", name), tag("dd", value)))
    search = tag("input", id="filter-text", type="search", placeholder="text in the row")
    main = tag(
        "main",
        tag("section", cards),
        tag(
            "section",
            tag(
                "form",
                tag("label", "Show rows with ", search),
                tag("output", id="shown", aria_live="polite"),
                id="filters",
                class_="controls screen-only",
            ),
            tag("div", table, class_="scroll", tabindex="0", role="region", aria_label="table of recordings"),
        ),
        id="main",
    )
    trained = {str(outcome.summary["engine"]["training_data"]) for outcome in outcomes if outcome.summary}
    badge = tag("ul", class_="badges", aria_label="what to bear in mind")
    badge.extend(tag("li", f"model trained on {data}") for data in sorted(trained))
    header = tag("header", tag("p", "mer-live reports", class_="kicker"), tag("h1", "All recordings"), badge)
    return page("mer-live: all recordings", header, main)


def _row(outcome: Outcome, out: Path, absolute: bool) -> Element:
    summary, recording = outcome.summary, outcome.recording
    status = cell(outcome.status, outcome.status)
    if recording is None or not summary:
        title = folder_below(recording, out) if recording else "?"
        why = tag("td", told_error(outcome, out, absolute=absolute), colspan="6")
        return tag("tr", cell(title, title), status, why)
    title = folder_below(recording, out)
    address = quote(f"{title}/{REPORT_HTML}", errors="surrogateescape")
    name = tag("a", title, href=address)
    labels, classes = tag("span"), summary["engine"]["classes"]
    for label, count in summary.get("labels", {}).items():
        labels.append(
            tag("span", f"{count} {label}", class_=f"chip c{classes.index(label) if label in classes else 9}")
        )
    rejected = sum(summary["rejected"].values())
    return tag(
        "tr",
        cell(name, title),
        status,
        cell(f"{summary['seconds']:.1f}", summary["seconds"]),
        cell(f"{summary['measured_fps']:.4g}", summary["measured_fps"]),
        cell(f"{100 * summary['face_coverage']:.0f} %", summary["face_coverage"]),
        cell(str(summary["events"]), summary["events"]),
        cell(labels, " ".join(summary.get("labels", {}))),
        cell(str(rejected), rejected),
    )
