"""Subtitles that any player shows."""

from typing import Final

from mer.text import printable
from realtime.output.exports.base import milliseconds, title
from realtime.output.found import Found

SUBTITLE_S: Final = 1.5
"""A subtitle stays this long, because nobody reads one in the fraction of a second that an event lasts."""


def srt(found: Found) -> bytes:
    """Return SubRip subtitles: one for each event, from its onset on for 1.5 s or until the next."""
    onsets_ms = [milliseconds(record["onset_s"]) for record in found.events]
    blocks = []
    for i, (record, onset_ms) in enumerate(zip(found.events, onsets_ms)):
        end_ms = max(milliseconds(record["offset_s"]), onset_ms + round(1000 * SUBTITLE_S))
        if i + 1 < len(onsets_ms):
            end_ms = max(onset_ms + 1, min(end_ms, onsets_ms[i + 1]))
        named = printable(title(record, several=found.several))
        units = f", AU {record['facs']}" if record["facs"] else ""
        text = f"{named}{units}, {record['duration_ms']:.0f} ms, apex {record['apex_s']:.3f} s"
        blocks.append(f"{i + 1}\n{_srt_time(onset_ms)} --> {_srt_time(end_ms)}\n{text}\n")
    return "\n".join(blocks).encode()


def _srt_time(milliseconds: int) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d},{milliseconds:03d}"
