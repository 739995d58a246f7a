"""Events in the formats of other tools: ELAN, BORIS's tables, subtitles for any player.

All take the records of `realtime.output.sinks` and give the content of a file. Times are those of the recording.
"""

import mimetypes
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mer.text import csv_text, printable
from realtime.output.sharing import shared_path

SUBTITLE_S: Final = 1.5
"""A subtitle stays this long, because nobody reads one in the fraction of a second that an event lasts."""
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What an exporter is given.

    Attributes:
        source: Full path of the recording.
        folder: Where the file will lie.
        events: Lines of `events.jsonl`.
        rejected: Rows of `rejected.csv`.
        summary: What `summary.json` holds.
        absolute_paths: Whether files may say where on this computer the recording lies.
    """

    source: Path
    folder: Path
    events: Sequence[Record]
    rejected: Sequence[Record]
    summary: Record
    absolute_paths: bool = False

    @property
    def media(self) -> str:
        """How a file in the folder names the recording."""
        return shared_path(self.source, beside=self.folder, absolute=self.absolute_paths)


def srt(found: Found) -> bytes:
    """Return SubRip subtitles: one for each event, from its onset on for 1.5 s or until the next."""
    onsets_ms = [_ms(record["onset_s"]) for record in found.events]
    blocks = []
    for i, (record, onset_ms) in enumerate(zip(found.events, onsets_ms)):
        end_ms = max(_ms(record["offset_s"]), onset_ms + round(1000 * SUBTITLE_S))
        if i + 1 < len(onsets_ms):
            end_ms = max(onset_ms + 1, min(end_ms, onsets_ms[i + 1]))
        text = f"{printable(_title(record))}, {record['duration_ms']:.0f} ms, apex {record['apex_s']:.3f} s"
        blocks.append(f"{i + 1}\n{_srt_time(onset_ms)} --> {_srt_time(end_ms)}\n{text}\n")
    return "\n".join(blocks).encode()


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
    "rejected", their apex and score in the comment.
    """
    rows = []
    seconds = f"{found.summary['seconds']:.3f}"
    coded_s = sum(record["offset_s"] - record["onset_s"] for record in (*found.events, *found.rejected))
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
                "Subject": "No focal subject",
                "Observation duration by subject by observation": f"{coded_s:.3f}",
                "Behavior": record["label"] if category == "micro-expression" else record["reason"],
                "Behavioral category": category,
                "Behavior type": "STATE",
                "Start (s)": f"{start_s:.3f}",
                "Stop (s)": f"{stop_s:.3f}",
                "Duration (s)": f"{stop_s - start_s:.3f}",
                "Media file name": found.source.name,
                "Image index start": record["onset_frame"],
                "Image index stop": record["offset_frame"],
                "Comment start": f"apex {record['apex_s']:.3f} s, score {record['score']}",
            }
            rows.append(row)
    rows.sort(key=lambda row: float(row["Start (s)"]))
    return csv_text(_BORIS_COLUMNS, rows, newline="\r\n").encode()  # as BORIS ends lines


def eaf(found: Found) -> bytes:
    """Return an ELAN document with the tiers `event`, `apex` and `rejected`, linked to the recording.

    ELAN counts in milliseconds and knows no points in time, so an apex lasts 1 ms. Annotations of one
    tier may not overlap: one that does begins where the one before it ends.
    """
    from pympi.Elan import Eaf, to_eaf  # of the extra "eaf"

    document = Eaf(author="mer-live")
    document.remove_tier("default")
    kind = mimetypes.guess_type(found.source.name)[0] or "video/mp4"
    # ELAN looks at the first address, then at the relative one, then for the name beside the document.
    relative = printable(f"./{found.media if not found.absolute_paths else found.source.name}")
    address = found.source.as_uri() if found.absolute_paths else relative
    document.add_linked_file(address, relpath=relative, mimetype=kind)
    tiers: dict[str, list[tuple[int, int, str]]] = {
        "event": [(_ms(r["onset_s"]), _ms(r["offset_s"]), _title(r)) for r in found.events],
        "apex": [(_ms(r["apex_s"]), _ms(r["apex_s"]) + 1, str(r["number"])) for r in found.events],
        "rejected": [(_ms(r["onset_s"]), _ms(r["offset_s"]), r["reason"]) for r in found.rejected],
    }
    for tier, annotations in tiers.items():
        document.add_tier(tier)
        last_ms = 0
        for start_ms, end_ms, value in sorted(annotations):
            start_ms = max(start_ms, last_ms)
            last_ms = max(end_ms, start_ms + 1)
            document.add_annotation(tier, start_ms, last_ms, printable(value))
    with tempfile.TemporaryDirectory(dir=found.folder if found.folder.is_dir() else None) as folder:
        path = Path(folder) / "events.eaf"
        to_eaf(str(path), document)
        return path.read_bytes()


EXPORTERS: Final[dict[str, tuple[str, Callable[[Found], bytes]]]] = {
    "eaf": ("events.eaf", eaf),
    "boris": ("events.boris.csv", boris),
    "srt": ("events.srt", srt),
}
"""Name on the command line to name of the file and what makes its content."""


def _title(record: Record) -> str:
    return f"{record['label']} {100 * max(record['probabilities'].values()):.0f} %"


def _ms(seconds: float) -> int:
    return max(0, round(1000 * seconds))


def _srt_time(milliseconds: int) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d},{milliseconds:03d}"
