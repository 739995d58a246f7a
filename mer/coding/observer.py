"""Event logs that The Observer XT (Noldus) exports as a table: text, or .xlsx.

Columns as in published exports; `Event_Type` is "State start", "State stop" or "Point". Times are `Time_Relative_sf`
(seconds with fractions) and `Duration_sf`.
"""

from collections.abc import Sequence
from typing import Final

from mer.coding.messages import Coded, Recording, with_apexes
from mer.coding.times import seconds
from mer.data.tables import Row

COLUMNS: Final = {"label": ("Behavior",), "time": ("Time_Relative_sf",), "status": ("Event_Type",)}
MORE: Final = {"observation": ("Observation",), "subject": ("Subject",), "duration": ("Duration_sf",)}


def from_observer(rows: Sequence[Row]) -> dict[str, Recording]:
    """Return the observations of an exported event log.

    Raises:
        ValueError: If a cell cannot be read, or a state has no end.
    """
    begun: dict[tuple[str, str, str], float] = {}
    events: dict[str, list[Coded]] = {}
    for row in rows:
        name, label, status = row.text("observation"), row.text("label"), row.text("status").casefold()
        if not label:  # rows that say where the log starts and ends
            continue
        found = events.setdefault(name, [])
        try:
            time_s = seconds(row.cells.get("time"))
            duration_s = seconds(row.cells.get("duration")) if row.text("duration") else None
        except ValueError as error:
            raise ValueError(f"{row.where}: {error}") from error
        place = (name, row.text("subject"), label)
        if "point" in status:
            found.append(Coded(label, time_s, time_s))
        elif "start" in status and duration_s is not None:
            found.append(Coded(label, time_s, time_s + duration_s))
        elif "start" in status:
            begun[place] = time_s
        elif "stop" in status:
            if place in begun:
                found.append(Coded(label, begun.pop(place), time_s))
        else:
            raise ValueError(f"{row.where}: {row.text('status')!r} is not State start, State stop or Point")
    if begun:
        (_, _, label), time_s = next(iter(begun.items()))
        raise ValueError(f"{label!r} begins at {time_s:.3f} s and does not end")
    return {name: Recording(with_apexes(found)) for name, found in events.items()}
