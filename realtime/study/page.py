"""The page of a study: one file that needs nothing else and shows no faces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from realtime.output.report.markup import Element, page, tag
from realtime.output.report.table import cell, sortable
from realtime.study import chart
from realtime.study.analysis import Choices

STUDY_HTML: Final = "study.html"
_LIMITS: Final = (
    "A micro-expression shows that a face moved briefly, not what somebody feels. Spotting misses events and reports "
    "false ones, and differently for people who move differently: a difference between conditions may be one in how "
    "well faces could be watched. Look at the quality of the recordings first."
)
_QUALITY: Final = (
    *("recording", "participant", "condition", "included", "excluded_by", "seconds", "watched_minutes"),
    *("face_share", "watchable_share", "occluded_share", "blurred_share", "turned_share", "small_share"),
    *("dark_share", "overexposed_share", "lost_share", "eyes_px", "frames_per_s", "bits_per_pixel", "recording_flags"),
)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tables:
    """The rows of all tables of a study."""

    events: Sequence[Row]
    recordings: Sequence[Row]
    participants: Sequence[Row]
    conditions: Sequence[Row]
    contrasts: Sequence[Row]
    course: Sequence[Row]


def study_page(
    name: str, tables: Tables, choices: Choices, *, trained: Sequence[str], made: Mapping[str, str]
) -> bytes:
    """Return the page.

    Args:
        name: Of the study.
        tables: What it shows.
        choices: What was decided before.
        trained: What the engines were trained on.
        made: Versions and hashes.
    """
    sections = [_summary(tables), _rates(tables, choices)]
    if tables.course:
        sections.append(_course(tables, choices))
    sections += [_quality(tables), _exclusion(tables, choices)]
    badge = tag("ul", *(tag("li", f"model trained on {data}") for data in trained), class_="badges")
    if coders := sorted({row["reviewed_by"] for row in tables.recordings if row["reviewed_by"]}):
        count = sum(bool(row["reviewed_by"]) for row in tables.recordings)
        reviewed = f"events of {count} of {len(tables.recordings)} rows as reviewed by {', '.join(coders)}"
        badge.append(tag("li", reviewed))
    badge.set("aria-label", "what to bear in mind")
    header = tag("header", tag("p", "mer-live study", class_="kicker"), tag("h1", name), badge)
    return page(f"{name}: micro-expressions", header, tag("main", *sections, id="main"), _footer(choices, made))


def _summary(tables: Tables) -> Element:
    kept = [row for row in tables.recordings if row["included"]]
    minutes = sum(row["watched_minutes"] for row in kept)
    length = sum(row["seconds"] for row in kept) / 60.0
    unseen = sum(not row["counted"] for row in tables.events)
    figures = (
        ("participants", str(len({row["participant"] for row in kept})), ""),
        ("recordings", str(len(kept)), f"{len(tables.recordings) - len(kept)} excluded"),
        ("minutes watched", f"{minutes:.1f}", f"of {length:.1f}"),
        ("events", str(sum(row["events"] for row in kept)), f"{unseen} more in time that could not be watched"),
    )
    cards = tag("dl", class_="figures")
    for name, value, more in figures:
        cards.append(tag("div", tag("dt", name), tag("dd", value), tag("dd", more, class_="more")))
    return tag("section", tag("h2", "Summary", id="summary"), cards, aria_labelledby="summary")


def _rates(tables: Tables, choices: Choices) -> Element:
    about = (
        f"Events per minute that could be watched: in which a micro-expression of {choices.amplitude:g} % of the "
        f"inter-ocular distance would have been found with probability .8. Intervals of {100 * choices.level:g} %: of "
        "the condition from a bootstrap over participants, of a count by Poisson's distribution. Small dots are "
        "participants."
    )
    section = tag("section", tag("h2", "Rates by condition", id="rates"), tag("p", about), aria_labelledby="rates")
    if any(row["events_per_minute"] is not None for row in tables.conditions):
        section.append(chart.rates(tables.conditions, tables.participants))
    section.append(_table(tables.conditions, "conditions"))
    if tables.contrasts:
        section.append(_table(tables.contrasts, "differences between conditions"))
    section.append(_table(tables.participants, "participants"))
    return section


def _course(tables: Tables, choices: Choices) -> Element:
    about = (
        f"Onsets from {choices.before_s:g} s before to {choices.after_s:g} s after each stimulus, in steps of "
        f"{choices.bin_s:g} s, all stimuli of a condition together."
    )
    names = dict.fromkeys(row["condition"] for row in tables.course)
    keys = [tag("span", name or "all", class_=f"chip c{number % 7}") for number, name in enumerate(names)]
    return tag(
        "section",
        tag("h2", "After the stimulus", id="course"),
        tag("p", about),
        _scroll(chart.course(tables.course), "time course"),
        tag("p", *keys, class_="legend"),
        _table(tables.course, "time course"),
        aria_labelledby="course",
    )


def _quality(tables: Tables) -> Element:
    rows = [{name: row[name] for name in _QUALITY} for row in tables.recordings]
    search = tag("input", id="filter-text", type="search", placeholder="text in the row")
    form = tag("form", tag("label", "Show rows with ", search), tag("output", id="shown", aria_live="polite"))
    form.set("id", "filters")
    form.set("class", "controls screen-only")
    table = _table(rows, "quality of the recordings", sorts=True)
    return tag("section", tag("h2", "Quality by recording", id="quality"), form, table, aria_labelledby="quality")


def _exclusion(tables: Tables, choices: Choices) -> Element:
    section = tag("section", tag("h2", "Exclusions", id="exclusions"), aria_labelledby="exclusions")
    if not choices.rules:
        section.append(tag("p", "No rules were given, so no recording is excluded."))
    rules = tag("ul")
    for rule in choices.rules:
        hit = [row["recording"] for row in tables.recordings if rule.text in row["excluded_by"].split("; ")]
        rules.append(tag("li", f"{rule.text}: {', '.join(hit) or 'no recording'}"))
    section.append(rules)
    return section


def _table(rows: Sequence[Row], caption: str, *, sorts: bool = False) -> Element:
    """Return rows as a table, every column of the CSV file but counts of labels that never occur."""
    columns = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if not name.startswith("n_") or any(row.get(name) for row in rows)
    ]
    named = [name.replace("_", " ") for name in columns]
    if sorts:
        table = sortable(named, caption, sorted_by=-1)
    else:
        head = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in named)))
        table = tag("table", tag("caption", caption), head, class_="plain")
    body = tag("tbody")
    for row in rows:
        body.append(tag("tr", *(_cell(name, row.get(name)) for name in columns)))
    table.append(body)
    return _scroll(table, caption)


def _scroll(content: Element, label: str) -> Element:
    return tag("div", content, class_="scroll", tabindex="0", role="region", aria_label=label)


def _cell(name: str, value: Any) -> Element:
    if value is None:
        return cell("-", "")
    if name in ("included",):
        return cell("yes" if value else "no", float(value))
    if isinstance(value, str):
        return cell(value, value)
    if name.endswith("_share"):
        return cell(f"{100 * value:.0f} %", value)
    return cell(f"{value:g}" if isinstance(value, int) else f"{value:.3g}" if value < 100 else f"{value:.0f}", value)


def _footer(choices: Choices, made: Mapping[str, str]) -> Element:
    settings = (
        f"Amplitude {choices.amplitude:g} %, confidence {choices.level:g}, {choices.resamples} resamples with seed "
        f"{choices.seed}. Rules: {', '.join(rule.text for rule in choices.rules) or 'none'}."
    )
    versions = ", ".join(f"{name} {text[:16]}" for name, text in made.items())
    return tag(
        "footer",
        tag("h2", "How to read this"),
        tag("p", _LIMITS),
        tag("p", settings),
        tag("p", f"Made with and from (hashes cut short; study.toml has all): {versions}"),
    )
