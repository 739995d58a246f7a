"""The report of one recording: one page that needs nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from mer.messages import FIRST_PERSON
from mer.sampling import APEX, N_FRAMES
from realtime.messages import WATCHABLE_PERCENT, Event
from realtime.output.found import Found
from realtime.output.report import chart, pictures
from realtime.output.report.gather import Finding, Gatherer
from realtime.output.report.markup import Element, extend, page, tag
from realtime.output.report.table import findings_table, quality_flags, unit_words

REPORT_HTML: Final = "report.html"
_LIMITS: Final = (
    "A micro-expression shows that a face moved briefly. It does not show that somebody lies, hides something or "
    "feels what the label says. Expect missed and false events, and look at the rejected candidates as well. "
    "This page holds pictures of a face: give it only to people who may see the recording."
)


def report(found: Found, gathered: Gatherer, *, review: str | None = None) -> bytes:
    """Return the page of a recording; it holds pictures of its face.

    Args:
        found: The results.
        gathered: What was seen on the way.
        review: Name of the review page beside it, None if there is none.
    """
    classes = found.summary["engine"]["classes"]
    colours = {name: number for number, name in enumerate(classes)}
    name = found.source.name
    main = tag("main", id="main")
    extend(
        main,
        _summary(found),
        _player(found),
        tag(
            "section",
            tag("h2", "Motion over time", id="timeline"),
            chart.hatching(),
            *_overviews(gathered, colours),
            _legend(),
            aria_labelledby="timeline",
        ),
        findings_table(gathered, classes, colours),
        *(_event(finding, found, colours) for finding in gathered.findings),
    )
    return page(f"{name}: micro-expressions", _header(found, review), main, _footer(found))


def _overviews(gathered: Gatherer, colours: dict[str, int]) -> list[Element]:
    """Return the timeline of each person, under a heading if there are several."""
    people = gathered.people or (FIRST_PERSON,)
    made = []
    for person in people:
        findings = [finding for finding in gathered.findings if finding.event.person == person]
        rejected = [interval for interval in gathered.rejected if interval.person == person]
        name = f"timeline of person {person}" if len(people) > 1 else "timeline"
        if len(people) > 1:
            made.append(tag("h3", f"Person {person}"))
        curve = chart.overview(gathered.curve(person), findings, rejected, colours)
        made.append(tag("div", curve, class_="scroll", tabindex="0", role="region", aria_label=name))
    return made


def _header(found: Found, review: str | None) -> Element:
    head = tag("header", tag("p", "mer-live report", class_="kicker"), tag("h1", found.source.name))
    notes = tag("ul", class_="badges", aria_label="what to bear in mind")
    if found.summary.get("comparison", {}).get("synthetic"):
        notes.append(tag("li", "synthetic recording"))
    notes.append(tag("li", f"model trained on {found.summary['engine']['training_data']}"))
    if not found.summary["complete"]:
        notes.append(tag("li", "interrupted: the end of the recording is missing"))
    head.append(notes)
    if review:
        head.append(tag("p", tag("a", "Review these events", href=review), class_="screen-only"))
    return head


def _summary(found: Found) -> Element:
    summary = found.summary
    width, height = summary["size_wh"]
    rejected = sum(summary["rejected"].values())
    lost = summary["dropped"] + summary["missing"]
    eyes = summary["eye_distance_px"]
    figures = (
        ("events", str(summary["events"]), ""),
        ("candidates rejected", str(rejected), ", ".join(f"{n} {reason}" for reason, n in summary["rejected"].items())),
        ("duration", f"{summary['seconds']:.1f} s", f"{summary['frames']} frames, {width} x {height}"),
        ("frame rate", f"{summary['measured_fps']:.4g}/s", f"header: {summary['nominal_fps']:.4g}/s"),
        ("face in view", f"{100 * summary['face_coverage']:.0f} %", "of the frames"),
        (
            "eye distance",
            f"{eyes['median']} px" if eyes else "-",
            f"minimum {eyes['minimum']} px" if eyes else "no face",
        ),
        ("lost frames", str(lost), f"{summary['repaired_stamps']} time stamps repaired"),
    )
    cards = tag("dl", class_="figures")
    for name, value, more in figures:
        cards.append(tag("div", tag("dt", name), tag("dd", value), tag("dd", more, class_="more")))
    section = tag("section", tag("h2", "Summary", id="summary"), cards, aria_labelledby="summary")
    if summary["notes"]:
        section.append(tag("ul", *(tag("li", note) for note in summary["notes"]), class_="notes"))
    return section


def _player(found: Found) -> Element:
    """Return a player that looks where the recording was, then beside the page, then asks for the file."""
    video = tag("video", id="player", controls="", preload="metadata", playsinline="", aria_label="the recording")
    if not found.source.is_dir():
        for address in _addresses(found):
            video.append(tag("source", src=address))
    speeds = tag("select", id="speed")
    for text, rate in (("normal speed", "1"), ("half speed", "0.5"), ("quarter speed", "0.25"), ("eighth", "0.125")):
        speeds.append(tag("option", text, value=rate, **({"selected": ""} if rate == "0.25" else {})))
    choose = tag("label", "Choose the recording: ", tag("input", id="choose", type="file", accept="video/*"))
    lost = (
        "The recording does not lie beside this page, or this browser cannot play its format. "
        "Put it beside the page, or choose it here; it stays on this computer."
    )
    return tag(
        "section",
        tag("h2", "Recording", id="recording"),
        tag("div", video, class_="stage"),
        tag("p", lost, id="lost", hidden=""),
        tag("p", tag("label", "Jump to events at ", speeds), choose, class_="controls"),
        class_="screen-only",
        aria_labelledby="recording",
    )


def _addresses(found: Found) -> list[str]:
    """Return where the recording may be found: where it is, if that may be told, and beside the page."""
    places = (found.source.as_uri() if found.absolute_paths else found.media, found.source.name)
    return [place if "://" in place else quote(place, errors="surrogateescape") for place in dict.fromkeys(places)]


def _legend() -> Element:
    entries = (
        ("key-motion", "motion, % of the eye distance (cut at the top)"),
        ("key-threshold", "what stands out (smaller movements are recognised by their shape)"),
    )
    more = (("key-event", "event"), ("key-rejected", "rejected candidate"), ("key-faceless", "no face"))
    seen = [(f"key-seen-{k}", f"seen from {percent:g} %") for k, percent in enumerate(WATCHABLE_PERCENT)]
    unseen = (f"key-seen-{len(seen)}", "too much movement, or no face")
    keys = (*entries, *more, *seen, unseen)
    return tag("p", *(tag("span", text, class_=f"key {kind}") for kind, text in keys), class_="legend")


def _event(finding: Finding, found: Found, colours: dict[str, int]) -> Element:
    event, colour = finding.event, colours.get(finding.event.label, 9)
    interval = event.interval
    best = max(event.probabilities, key=lambda name: event.probabilities[name])
    sure = f"{100 * event.probabilities[best]:.0f} %"
    title = f"{event.number}. {event.label} " + (sure if event.label == best else f"(most likely {best}, {sure})")
    title += f", person {event.person}" if found.several else ""
    duration_ms = 1000 * (interval.offset.time_s - interval.onset.time_s)
    times = (
        f"onset {interval.onset.time_s:.3f} s (frame {interval.onset.index}), apex {interval.apex.time_s:.3f} s "
        f"({interval.apex.index}), offset {interval.offset.time_s:.3f} s ({interval.offset.index}); "
        f"{duration_ms:.0f} ms, score {interval.score:.1f}"
    )
    jump = tag("button", f"Play from {interval.onset.time_s:.2f} s", type="button", class_="jump screen-only")
    jump.set("data-time", f"{interval.onset.time_s:.4f}")
    jump.set("aria-label", f"Play event {event.number} in the recording")
    flags = quality_flags(event)
    return tag(
        "article",
        tag("div", tag("h2", title, id=f"title-{event.number}"), jump, class_="head"),
        tag("p", times, class_="times"),
        tag("p", unit_words(event), class_="times"),
        tag("ul", *(tag("li", flag) for flag in flags), class_="badges") if flags else tag("span"),
        _strip(event),
        tag(
            "div",
            _large(event),
            chart.around(finding, colour),
            _bars(event, found.summary["engine"]["none_threshold"], colours),
            class_="trio",
        ),
        id=f"event-{event.number}",
        class_=f"event c{colour}",
        aria_labelledby=f"title-{event.number}",
    )


def _strip(event: Event) -> Element:
    names = {0: "onset", APEX: "apex", N_FRAMES - 1: "offset"}
    strip = tag("ol", class_="strip", aria_label="the 13 frames that the model saw")
    for number, (image, time_s) in enumerate(zip(event.clip.images, event.clip.times_s)):
        after_ms = 1000 * (time_s - event.clip.times_s[0])
        name = names.get(number, "")
        alt = f"{name or 'face'} after {after_ms:.0f} ms"
        picture = tag("img", src=pictures.data_uri(image), alt=alt, width=90, height=90)
        caption = tag("span", *([tag("b", name)] if name else []), f"{after_ms:.0f} ms")
        strip.append(tag("li", picture, caption, class_=name or "between"))
    return strip


def _large(event: Event) -> Element:
    images = event.clip.images
    shown = (
        ("onset", pictures.enlarged(images[0])),
        ("apex", pictures.enlarged(images[APEX])),
        ("apex minus onset: red brighter, blue darker", pictures.enlarged(pictures.difference(images))),
        ("motion since the onset, that of the head removed", pictures.enlarged(pictures.motion(images))),
    )
    group = tag("div", class_="large")
    for name, image in shown:
        picture = tag("img", src=pictures.data_uri(image), alt=f"{name}, event {event.number}", width=180, height=180)
        group.append(tag("figure", picture, tag("figcaption", name)))
    return group


def _bars(event: Event, none_threshold: float, colours: Mapping[str, int]) -> Element:
    table = tag(
        "table", tag("caption", f"Probabilities; below {none_threshold:.2f} the answer is “none”"), class_="bars"
    )
    for name, probability in sorted(event.probabilities.items(), key=lambda item: -item[1]):
        bar = tag("span", style=f"width:{100 * probability:.1f}%", class_=f"bar c{colours[name]}")
        table.append(
            tag(
                "tr",
                tag("th", name, scope="row"),
                tag("td", bar, class_="track"),
                tag("td", f"{100 * probability:.1f} %"),
            )
        )
    return table


def _footer(found: Found) -> Element:
    summary = found.summary
    versions = ", ".join(f"{name} {number}" for name, number in summary["versions"].items())
    settings = ", ".join(f"{name} {value}" for name, value in _flat(summary.get("settings", {}), found))
    return tag(
        "footer",
        tag("h2", "How to read this"),
        tag("p", _LIMITS),
        tag("p", "Times count from the start of the recording; intervals include onset and offset."),
        tag("p", f"Engine {summary['engine']['name']}, input {summary['engine']['input']}. {settings}."),
        tag("p", versions),
    )


def _flat(settings: Mapping[str, Any], found: Found) -> Sequence[tuple[str, str]]:
    known = {name: value for name, value in settings.items() if value is not None}
    if "face_model" in known and not found.absolute_paths:
        known["face_model"] = Path(str(known["face_model"])).name
    return [(name.replace("_", " "), str(value)[:40]) for name, value in known.items()]
