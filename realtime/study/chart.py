"""The drawings of a study as inline SVG: rates with their intervals, and the time course after a stimulus."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from realtime.output.report.markup import Element, tag

_LEFT: Final = 52.0
_RIGHT: Final = 12.0
_TOP: Final = 14.0
_BOTTOM: Final = 34.0
_STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_GRID_LINES: Final = 6


class _Scale:
    """From events per minute to the units of a drawing."""

    def __init__(self, highest: float, *, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.step = next((step for step in _STEPS if highest / step <= _GRID_LINES), _STEPS[-1])
        self.top = max(self.step, self.step * float(np.ceil(highest / self.step)))

    def y(self, rate: float) -> float:
        share = min(max(rate / self.top, 0.0), 1.0)
        return self.height - _BOTTOM - share * (self.height - _BOTTOM - _TOP)

    def x(self, share: float) -> float:
        return _LEFT + share * (self.width - _LEFT - _RIGHT)

    def grid(self) -> list[Element]:
        made = []
        for k in range(round(self.top / self.step) + 1):
            y = self.y(k * self.step)
            made.append(tag("line", x1=_LEFT, x2=self.width - _RIGHT, y1=y, y2=y, class_="grid"))
            made.append(tag("text", f"{k * self.step:g}", x=_LEFT - 8, y=y + 4, text_anchor="end"))
        return made


def rates(rows: Sequence[Mapping[str, Any]], people: Sequence[Mapping[str, Any]]) -> Element:
    """Draw the rate of each condition with its interval, and each participant as a small dot.

    Args:
        rows: Of `conditions.csv`.
        people: Of `participants.csv`.
    """
    known = [row for row in rows if row["events_per_minute"] is not None]
    values = [value for row in known for value in (row["events_per_minute"], _ends(row)[1]) if value is not None]
    values += [row["events_per_minute"] for row in people if row["events_per_minute"] is not None]
    scale = _Scale(max(values, default=1.0), width=520, height=280)
    label = f"Events per watched minute in {len(known)} conditions; the table below holds the same"
    svg = tag("svg", *scale.grid(), viewBox="0 0 520 280", role="img", aria_label=label, style="max-width:34rem")
    for number, row in enumerate(known):
        centre = scale.x((number + 0.5) / len(known))
        group = tag("g", class_=f"c{number % 7}")
        low, high = _ends(row)
        if low is not None and high is not None:
            group.append(tag("line", x1=centre, x2=centre, y1=scale.y(low), y2=scale.y(high), class_="moment"))
            for end in (low, high):
                y = scale.y(end)
                group.append(tag("line", x1=centre - 9, x2=centre + 9, y1=y, y2=y, class_="moment"))
        group.append(tag("circle", cx=centre, cy=scale.y(row["events_per_minute"]), r=6, class_="pin"))
        own = [one["events_per_minute"] for one in people if one["condition"] == row["condition"]]
        for rate in (rate for rate in own if rate is not None):
            group.append(tag("circle", cx=centre + 26, cy=scale.y(rate), r=3, class_="event"))
        name = row["condition"] or "all"
        group.append(tag("text", name, x=centre, y=262, text_anchor="middle"))
        svg.append(group)
    return svg


def _ends(row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    if row["bootstrap_low"] is not None:
        return row["bootstrap_low"], row["bootstrap_high"]
    return row["poisson_low"], row["poisson_high"]


def course(rows: Sequence[Mapping[str, Any]]) -> Element:
    """Draw the time course of all conditions.

    Args:
        rows: Of `timecourse.csv`.
    """
    first_s, last_s = min(row["from_s"] for row in rows), max(row["to_s"] for row in rows)
    scale = _Scale(max(row["events_per_minute"] for row in rows), width=1000, height=260)
    label = "Events per watched minute over the time after the stimulus; the table below holds the same"
    svg = tag("svg", *scale.grid(), viewBox="0 0 1000 260", role="img", aria_label=label, class_="overview")

    def x(time_s: float) -> float:
        return scale.x((time_s - first_s) / (last_s - first_s))

    if first_s < 0.0 < last_s:
        svg.append(tag("line", x1=x(0.0), x2=x(0.0), y1=_TOP, y2=scale.y(0.0), class_="axis"))
        svg.append(tag("text", "stimulus", x=x(0.0) + 4, y=_TOP + 6))
    for edge in sorted({row["from_s"] for row in rows} | {last_s}):
        svg.append(tag("text", f"{edge:g} s", x=x(edge), y=246, text_anchor="middle"))
    for number, condition in enumerate(dict.fromkeys(row["condition"] for row in rows)):
        own = [row for row in rows if row["condition"] == condition]
        group = tag("g", class_=f"c{number % 7}")
        for before, row in zip((None, *own), own):
            y = scale.y(row["events_per_minute"])
            group.append(tag("line", x1=x(row["from_s"]), x2=x(row["to_s"]), y1=y, y2=y, class_="moment"))
            if before is not None:
                edge, last = x(row["from_s"]), scale.y(before["events_per_minute"])
                group.append(tag("line", x1=edge, x2=edge, y1=last, y2=y, class_="moment"))
        svg.append(group)
    return svg
