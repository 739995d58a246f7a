"""Plain tables: a row an event, with label, onset and offset; also `events.csv` and `events.reviewed.csv`."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from mer.coding.messages import Coded, Recording, with_apexes
from mer.coding.times import seconds
from mer.data.tables import Row

COLUMNS: Final = {
    "onset": ("onset_s", "onset", "start_s", "start", "begin"),
    "offset": ("offset_s", "offset", "stop_s", "stop", "end_s", "end"),
    "label": ("label", "code", "behavior", "annotation", "value", "emotion"),
}
MORE: Final = {
    "apex": ("apex_s", "apex", "peak_s", "peak"),
    "recording": ("recording", "source", "file", "video"),
    "coder": ("coder", "rater", "observer"),
    "decision": ("decision",),
    "tier": ("tier",),
    "person": ("person",),
}


def from_plain(
    rows: Sequence[Row], *, coder: str | None, tiers: Sequence[str], fps: float | None
) -> dict[str, Recording]:
    """Return the recordings of a table, of one coder where it has several.

    Args:
        rows: Its rows; times are seconds, or hh:mm:ss.mmm, or hh:mm:ss:ff.
        coder: Whose rows; None if there is one.
        tiers: Tiers to read; none for all.
        fps: Frames per second, for times that count frames.

    Raises:
        ValueError: If a cell cannot be read, or there are several coders.
    """
    coders = list(dict.fromkeys(row.text("coder") for row in rows))
    if coder in coders:
        rows = [row for row in rows if row.text("coder") == coder]
    elif len(coders) > 1:
        raise ValueError(f"it holds what {', '.join(coders)} coded; say whose is meant as NAME=FILE")
    events: dict[str, list[Coded]] = {}
    for row in rows:
        found = events.setdefault(PurePath(row.text("recording")).stem, [])
        if row.text("decision") == "reject" or (tiers and row.text("tier") not in tiers):
            continue
        try:
            onset_s, offset_s = (seconds(row.cells.get(name), fps=fps) for name in ("onset", "offset"))
            apex_s = seconds(row.cells.get("apex"), fps=fps) if row.text("apex") else None
            person = int(row.text("person")) if row.text("person") else None
        except ValueError as error:
            raise ValueError(f"{row.where}: {error}") from error
        if offset_s < onset_s:
            raise ValueError(f"{row.where}: the offset, {offset_s:.3f} s, comes before the onset, {onset_s:.3f} s")
        found.append(Coded(row.text("label"), onset_s, offset_s, apex_s, row.text("tier"), person))
    return {name: Recording(with_apexes(found)) for name, found in events.items()}
