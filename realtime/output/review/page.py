"""The review page of one recording: one page that needs nothing else and keeps what its coder decides."""

import base64
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from mer.data.reviews import REVIEW_SCHEMA, results_id
from realtime.output.found import Found, Record
from realtime.output.report.markup import Element, page, tag
from realtime.output.review.clips import CandidateClips, Picture
from realtime.update import Update

REVIEW_HTML: Final = "review.html"
_SCRIPTS: Final = ("order", "view", "store", "files", "clip", "keys", "main")
_MOMENTS: Final = ("onset", "apex", "offset")
_LIMITS: Final = (
    "A micro-expression shows that a face moved briefly, not what somebody feels or hides. Decisions are kept in this "
    "browser; save them as a file to hand them on. This page holds pictures of a face: give it only to people who may "
    "see the recording."
)


class ReviewPage:
    """Gathers what the review page shows."""

    def __init__(self) -> None:
        self._clips = CandidateClips()

    def update(self, update: Update) -> None:
        """Take one update."""
        self._clips.update(update)

    def files(self, found: Found) -> dict[str, bytes]:
        """Return name and content of the page."""
        self._clips.finish()
        return {REVIEW_HTML: review_page(found, self._clips.pictures, left_out=self._clips.left_out)}

    def close(self) -> None:
        """Nothing is open."""


def review_page(found: Found, pictures: Mapping[str, list[Picture]], *, left_out: int = 0) -> bytes:
    """Return the page; it holds pictures of the face in the recording.

    Args:
        found: The results.
        pictures: Of each candidate, see `CandidateClips`; a candidate without any cannot be reviewed.
        left_out: Rejected candidates without pictures.
    """
    name = found.source.name
    items = [_item("event", record["number"], record, pictures) for record in found.events]
    items += [_item("rejected", number, row, pictures) for number, row in enumerate(found.rejected, start=1)]
    shown = sorted((item for item in items if item["frames"]), key=lambda item: item["onset"]["time_s"])
    data = {
        "schema": REVIEW_SCHEMA,
        "people": len({item["person"] for item in items}),
        "recording": name,
        "results": results_id(found.events, found.rejected),
        "classes": list(found.summary["engine"]["classes"]),
        "items": shown,
    }
    clips = (_data(f"frames-{item['id']}", _encoded(pictures[item["id"]])) for item in shown)
    work = files("realtime.output.review").joinpath("work.html").read_text(encoding="utf-8")
    footer = tag("footer", tag("p", _LIMITS))
    return page(
        f"{name}: review",
        _header(name, items, left_out),
        work,
        footer,
        _data("data", data),
        *clips,
        scripts=[f"review/{script}.js" for script in _SCRIPTS],
        styles=("report/page.css", "review/review.css"),
        connect="'self'",
    )


def _header(name: str, items: list[dict[str, Any]], left_out: int) -> Element:
    head = tag("header", tag("p", "mer-live review", class_="kicker"), tag("h1", name))
    notes = tag("ul", class_="badges", aria_label="what to bear in mind")
    if not any(item["frames"] for item in items):
        notes.append(tag("li", "there is nothing to review: no event was found and no candidate rejected"))
    if left_out:
        notes.append(
            tag("li", f"{left_out} rejected candidates of low score are left out: the page would be too large")
        )
    head.append(notes)
    return head


def _item(kind: str, number: int, record: Record, pictures: Mapping[str, list[Picture]]) -> dict[str, Any]:
    key = f"{kind}-{number}"
    frames = [_moment(picture.index, picture.time_s) for picture in pictures.get(key, ())]
    return {
        "id": key,
        "kind": kind,
        "number": number,
        "person": record.get("person"),
        "label": record.get("label"),
        "probabilities": record.get("probabilities", {}),
        "reason": record.get("reason", ""),
        "score": record["score"],
        **{name: _moment(record[f"{name}_frame"], record[f"{name}_s"]) for name in _MOMENTS},
        "frames": frames,
    }


def _moment(index: int, time_s: float) -> dict[str, Any]:
    return {"frame": index, "time_s": round(time_s, 6)}


def _encoded(pictures: list[Picture]) -> list[str]:
    return [base64.b64encode(picture.jpeg).decode() for picture in pictures]


def _data(name: str, content: Any) -> str:
    """Return an element with data, which no browser takes for a script or for the end of one."""
    text = json.dumps(content, allow_nan=False).replace("<", "\\u003c").replace("&", "\\u0026")
    return f'<script type="application/json" id="{name}">{text}</script>'
