"""The table of BORIS (https://www.boris.unito.it), a program to code behaviour in videos."""

from typing import Final

from mer.text import csv_text
from realtime.output.exports.base import subject
from realtime.output.found import Found, Record

_BORIS_COLUMNS: Final = (
    "Observation id",
    "Observation date",
    "Description",
    "Observation type",
    "Source",
    "Time offset (s)",
    "Coding duration",
    "Media duration (s)",
    "FPS (frame/s)",
    "Subject",
    "Observation duration by subject by observation",
    "Behavior",
    "Behavioral category",
    "Behavior type",
    "Start (s)",
    "Stop (s)",
    "Duration (s)",
    "Media file name",
    "Image index start",
    "Image index stop",
    "Image file path start",
    "Image file path stop",
    "Comment start",
    "Comment stop",
)


def boris(found: Found) -> bytes:
    """Return the table that BORIS 8.27 writes with "Export aggregated events", for whatever reads that.

    Columns, their order, the form of the numbers and "NA" are those of its version 8.27.4 for one video without
    modifiers and independent variables.

    Events are state events of the category "micro-expression", rejected candidates of the category
    "rejected", their apex and score in the comment. People are its subjects where several were followed.
    """
    rows = []
    seconds = f"{found.summary['seconds']:.3f}"
    coded_s = {
        number: sum(r["offset_s"] - r["onset_s"] for r in (*found.events, *found.rejected) if r["person"] == number)
        for number in {r["person"] for r in (*found.events, *found.rejected)}
    }
    for category, records in (("micro-expression", found.events), ("rejected", found.rejected)):
        for record in records:
            start_s, stop_s = record["onset_s"], record["offset_s"]
            row = dict.fromkeys(_BORIS_COLUMNS, "") | {
                "Observation id": found.source.stem,
                "Observation type": "Media file",
                "Source": f"player #1:{found.source.name}",
                "Time offset (s)": "0",
                "Coding duration": seconds,
                "Media duration (s)": seconds,
                "FPS (frame/s)": f"{found.summary['measured_fps']:.3f}",
                "Subject": subject(record) if found.several else "No focal subject",
                "Observation duration by subject by observation": f"{coded_s[record['person']]:.3f}",
                "Behavior": record["label"] if category == "micro-expression" else record["reason"],
                "Behavioral category": category,
                "Behavior type": "STATE",
                "Start (s)": f"{start_s:.3f}",
                "Stop (s)": f"{stop_s:.3f}",
                "Duration (s)": f"{stop_s - start_s:.3f}",
                "Media file name": found.source.name,
                "Image index start": record["onset_frame"],
                "Image index stop": record["offset_frame"],
                "Comment start": f"apex {record['apex_s']:.3f} s, score {record['score']}{_units(record)}",
            }
            rows.append(row)
    rows.sort(key=lambda row: float(row["Start (s)"]))
    return csv_text(_BORIS_COLUMNS, rows, newline="\r\n").encode()  # as BORIS ends lines


def _units(record: Record) -> str:
    return f", AU {record['facs']}" if record.get("facs") else ""
