"""What stays after a session: events as JSON lines and CSV, rejected candidates, and a summary.

The fields are documented in `docs/reference`; SCHEMA changes whenever their meaning does.
"""

from collections.abc import Sequence
from typing import Any, Final

from mer.messages import Interval
from realtime.messages import Event, Mark

SCHEMA: Final = 1
EVENTS_JSONL: Final = "events.jsonl"
EVENTS_CSV: Final = "events.csv"
REJECTED_CSV: Final = "rejected.csv"
SUMMARY_JSON: Final = "summary.json"
FILES: Final = "files"
"""Field of `summary.json`: names of the files of a result beside the four."""
_MOMENTS: Final = ("onset", "apex", "offset")
_INTERVAL_COLUMNS: Final = (
    *(f"{moment}_{unit}" for moment in _MOMENTS for unit in ("frame", "s")),
    "duration_ms",
    "score",
)
REJECTED_COLUMNS: Final = ("reason", *_INTERVAL_COLUMNS)


def record_from_event(event: Event, *, source: str) -> dict[str, Any]:
    """Return one event as what a line of `events.jsonl` holds.

    Args:
        event: The event; its clip is left out.
        source: Name of the recording or camera.
    """
    quality, latency = event.quality, event.latency
    return {
        "schema": SCHEMA,
        "source": source,
        "number": event.number,
        "label": event.label,
        "probabilities": {name: round(p, 4) for name, p in event.probabilities.items()},
        **interval_fields(event.interval),
        "quality": {
            "interpolated": quality.interpolated,
            "gap": quality.gap,
            "tracking": round(quality.tracking, 3),
            "rate_hz": round(quality.rate_hz, 2),
            "watchable": None if quality.watchable is None else round(quality.watchable, 3),
            "flags": list(quality.flags),
        },
        "latency": {
            "confirm_ms": round(latency.confirm_ms, 1),
            "compute_ms": round(latency.compute_ms, 2),
            "queue_ms": round(latency.queue_ms, 2),
            "sample_ms": round(latency.sample_ms, 2),
            "engine_ms": round(latency.engine_ms, 2),
        },
        "engine": event.engine,
    }


def record_from_mark(mark: Mark, *, source: str) -> dict[str, Any]:
    """Return a mark as what a line of the events file holds."""
    return {
        "schema": SCHEMA,
        "source": source,
        "mark": mark.number,
        "time_s": round(mark.time_s, 6),
        "utc": mark.utc.isoformat(timespec="milliseconds"),
    }


def row_from_record(record: dict[str, Any]) -> dict[str, Any]:
    """Return one event as a flat row of `events.csv`, which holds nothing that differs from run to run."""
    row = {key: value for key, value in record.items() if not isinstance(value, dict)}
    row.update({f"p_{name}": p for name, p in record["probabilities"].items()}, **record["quality"])
    row["flags"] = " ".join(record["quality"].get("flags", ()))
    row["confirm_ms"] = record["latency"]["confirm_ms"]
    return row


def event_columns(classes: Sequence[str]) -> list[str]:
    """Return the columns of `events.csv`."""
    head = ["schema", "source", "number", "label", *_INTERVAL_COLUMNS, "engine"]
    quality = ("interpolated", "gap", "tracking", "rate_hz", "watchable", "flags")
    return [*head, *(f"p_{name}" for name in classes), *quality, "confirm_ms"]


def interval_fields(interval: Interval) -> dict[str, Any]:
    """Return what a line of `events.jsonl` or a row of `rejected.csv` holds of an interval."""
    fields: dict[str, Any] = {}
    for name in _MOMENTS:
        moment = getattr(interval, name)
        fields[f"{name}_frame"] = moment.index
        fields[f"{name}_s"] = round(moment.time_s, 6)
    fields["duration_ms"] = round(1000.0 * (interval.offset.time_s - interval.onset.time_s), 2)
    return fields | {"score": round(interval.score, 3)}
