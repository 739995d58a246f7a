"""Documents of ELAN (https://archive.mpi.nl/tla/elan), a program to annotate videos. Needs the extra `eaf`."""

import mimetypes
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mer.text import printable
from realtime.output.exports.base import milliseconds, title
from realtime.output.found import Found, Record


def eaf(found: Found) -> bytes:
    """Return an ELAN document with the tiers `event`, `apex`, `units` and `rejected`, linked to the recording.

    Where several people were followed, each has these tiers: `event person 1` and so on, with the person as the tier's
    participant.

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
    for number in [person["person"] for person in found.summary["people"]] if found.several else [None]:
        events, rejected = (
            [record for record in records if number in (None, record["person"])]
            for records in (found.events, found.rejected)
        )
        for tier, annotations in _tiers(events, rejected).items():
            if number is not None:
                tier = f"{tier} person {number}"
            document.add_tier(tier, part=None if number is None else f"person {number}")
            _annotate(document, tier, annotations)
    with tempfile.TemporaryDirectory(dir=found.folder if found.folder.is_dir() else None) as folder:
        path = Path(folder) / "events.eaf"
        to_eaf(str(path), document)
        return path.read_bytes()


def _tiers(events: Sequence[Record], rejected: Sequence[Record]) -> dict[str, list[tuple[int, int, str]]]:
    """Return the annotations of each tier: first and last millisecond, and text."""
    return {
        "event": [(milliseconds(r["onset_s"]), milliseconds(r["offset_s"]), title(r)) for r in events],
        "apex": [(milliseconds(r["apex_s"]), milliseconds(r["apex_s"]) + 1, str(r["number"])) for r in events],
        "units": [(milliseconds(r["onset_s"]), milliseconds(r["offset_s"]), r["facs"]) for r in events if r["facs"]],
        "rejected": [(milliseconds(r["onset_s"]), milliseconds(r["offset_s"]), r["reason"]) for r in rejected],
    }


def _annotate(document: Any, tier: str, annotations: list[tuple[int, int, str]]) -> None:
    last_ms = 0
    for start_ms, end_ms, value in sorted(annotations):
        start_ms = max(start_ms, last_ms)
        last_ms = max(end_ms, start_ms + 1)
        document.add_annotation(tier, start_ms, last_ms, printable(value))
