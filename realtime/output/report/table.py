"""The table of everything that was found or turned down; the page's script sorts and filters it."""

from collections.abc import Sequence
from typing import Final

from mer.messages import Interval
from realtime.messages import Event
from realtime.output.report.gather import Gatherer
from realtime.output.report.markup import Element, tag

LOW_TRACKING: Final = 0.8
"""Share of consistent tracking points below which an event is flagged."""


def quality_flags(event: Event) -> list[str]:
    """Return what to bear in mind about an event, in words."""
    quality = event.quality
    flags = []
    if quality.interpolated:
        flags.append(f"fewer than 13 frames at {quality.rate_hz:.0f}/s: frames are blended")
    if quality.gap:
        flags.append("frames are missing")
    if quality.tracking < LOW_TRACKING:
        flags.append(f"unsteady tracking ({100 * quality.tracking:.0f} %)")
    return [*flags, *quality.flags]


def findings_table(gathered: Gatherer, classes: Sequence[str], colours: dict[str, int]) -> Element:
    """Return the section with filters and table."""
    table = sortable(
        ("number", "kind", "label or reason", "probability", "onset s", "apex s", "offset s", "ms", "score", "quality"),
        "Events and rejected candidates",
        sorted_by=4,
    )
    body = tag("tbody")
    for finding in gathered.findings:
        event = finding.event
        link = tag("a", str(event.number), href=f"#event-{event.number}", aria_label=f"details of event {event.number}")
        label = tag("span", event.label, class_=f"chip c{colours.get(event.label, 9)}")
        best = max(event.probabilities.values())
        quality = "; ".join(quality_flags(event)) or "good"
        row = tag("tr", cell(link, event.number), cell("event", "event"), cell(label, event.label))
        row.extend([cell(f"{100 * best:.0f} %", best), *_times(event.interval), cell(quality, quality)])
        row.set("data-kind", "event")
        row.set("data-label", event.label)
        body.append(row)
    for interval in gathered.rejected:
        row = tag("tr", cell("", 1e9), cell("rejected", "rejected"), cell(interval.reason, interval.reason))
        row.extend([cell("", -1), *_times(interval), cell("", "~")])
        row.set("data-kind", "rejected")
        row.set("data-label", interval.reason)
        body.append(row)
    body[:] = sorted(body, key=lambda row: float(row[4].get("data-value", "0")))
    table.append(body)
    labels = [name for name in (*classes, "none") if any(f.event.label == name for f in gathered.findings)]
    labels += sorted({interval.reason for interval in gathered.rejected})
    return tag(
        "section",
        tag("h2", "What was found", id="found"),
        _filters(labels),
        tag("div", table, class_="scroll", tabindex="0", role="region", aria_label="table"),
        aria_labelledby="found",
    )


def sortable(columns: Sequence[str], caption: str, *, sorted_by: int) -> Element:
    """Return a table with a head whose buttons sort it.

    Args:
        columns: Their names.
        caption: What the table holds.
        sorted_by: Column that its rows are sorted by at first, upwards.
    """
    head = tag("tr")
    for number, name in enumerate(columns):
        order = "ascending" if number == sorted_by else "none"
        head.append(tag("th", tag("button", name, type="button"), scope="col", aria_sort=order))
    return tag("table", tag("caption", caption), tag("thead", head), class_="sortable")


def cell(content: Element | str, value: str | float) -> Element:
    """Return a cell and what it is sorted by."""
    made = tag("td", content)
    made.set("data-value", value if isinstance(value, str) else f"{value:.6f}")
    return made


def _times(interval: Interval) -> list[Element]:
    onset_s, apex_s, offset_s = (m.time_s for m in (interval.onset, interval.apex, interval.offset))
    times = [cell(f"{time_s:.3f}", time_s) for time_s in (onset_s, apex_s, offset_s)]
    duration_ms = 1000 * (offset_s - onset_s)
    return [*times, cell(f"{duration_ms:.0f}", duration_ms), cell(f"{interval.score:.1f}", interval.score)]


def _filters(labels: Sequence[str]) -> Element:
    kinds = tag("select", id="filter-kind")
    for text, value in (("events and rejected", ""), ("events", "event"), ("rejected", "rejected")):
        kinds.append(tag("option", text, value=value))
    names = tag("select", tag("option", "all", value=""), id="filter-label")
    for label in labels:
        names.append(tag("option", label, value=label))
    return tag(
        "form",
        tag("label", "Show ", kinds),
        tag("label", "labelled ", names),
        tag("label", "with ", tag("input", id="filter-text", type="search", placeholder="text in the row")),
        tag("output", id="shown", aria_live="polite"),
        id="filters",
        class_="controls screen-only",
    )
