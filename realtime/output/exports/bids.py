"""Events of the Brain Imaging Data Structure (https://bids-specification.readthedocs.io) and their sidecar."""

import json
from typing import Any, Final

from mer.text import printable
from realtime.output.found import Found, Record

MISSING: Final = "n/a"
_COLUMNS: Final[dict[str, dict[str, Any]]] = {
    "onset": {"Description": "Onset of the movement from the start of the recording", "Units": "s"},
    "duration": {"Description": "Offset minus onset", "Units": "s"},
    "trial_type": {
        "LongName": "Kind of event",
        "Description": "What the spotter decided",
        "Levels": {
            "micro-expression": "A brief facial movement; says nothing about what somebody feels",
            "rejected": "A candidate that was rejected",
        },
    },
    "label": {"Description": "Most probable class; none if it is too improbable; n/a for rejected candidates"},
    "probability": {"Description": "Of the most probable class, 0 to 1"},
    "apex": {"Description": "Strongest motion, from the start of the recording", "Units": "s"},
    "score": {"Description": "Peak motion in standard deviations of what this face does anyway"},
    "reason": {"Description": "Why a candidate was rejected"},
    "flags": {"Description": "Quality flags, separated by blanks"},
    "frame": {"Description": "Frame of the onset in the video, from 0"},
}
"""The columns of the events and their sidecar; `onset` and `duration` come first, as the specification has it."""


def bids_events(found: Found) -> bytes:
    """Return `_events.tsv`: events and rejected candidates in order of time, tab-separated, n/a for what is missing."""
    rows = [_row(record, "micro-expression") for record in found.events]
    rows += [_row(record, "rejected") for record in found.rejected]
    rows.sort(key=lambda row: float(row["onset"]))
    lines = ["\t".join(_COLUMNS), *("\t".join(row[name] for name in _COLUMNS) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def bids_sidecar(found: Found) -> bytes:
    """Return `_events.json`, which describes the columns and names what made them."""
    engine = found.summary.get("engine", {})
    version = found.summary.get("versions", {}).get("mer-live", "unknown")
    made = f"mer-live {version}, {engine.get('name', 'unknown')}, trained on {engine.get('training_data', 'unknown')}"
    label = {"Description": f"{_COLUMNS['label']['Description']}. Classified by {printable(made)}"}
    return (json.dumps(_COLUMNS | {"label": label}, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _row(record: Record, kind: str) -> dict[str, str]:
    probabilities = record.get("probabilities", {})
    quality = record.get("quality", {})
    row = {
        "onset": f"{record['onset_s']:.6f}",
        "duration": f"{record['offset_s'] - record['onset_s']:.6f}",
        "trial_type": kind,
        "label": record.get("label", ""),
        "probability": f"{max(probabilities.values()):.4f}" if probabilities else "",
        "apex": f"{record['apex_s']:.6f}",
        "score": f"{record['score']:.3f}",
        "reason": record.get("reason", ""),
        "flags": " ".join(quality.get("flags", ())),
        "frame": str(record["onset_frame"]),
    }
    return {name: printable(value) or MISSING for name, value in row.items()}
