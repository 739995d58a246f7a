"""The motion curve as inline SVG: of a whole recording and around one event."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.messages import Interval
from realtime.messages import WATCHABLE_PERCENT
from realtime.output.report.gather import Curve, Finding
from realtime.output.report.markup import Element, tag

_MIN_TOP: Final = 0.5
_STEPS_S: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)


class _Scale:
    """From seconds and percent to the units of a drawing."""

    def __init__(self, curve: Curve, *, width: float, height: float, top: float) -> None:
        self.left, self.right, self.upper, self.lower = 50.0, width - 8.0, 22.0, height - 24.0
        self.first_s = float(curve.times_s[0]) if len(curve.times_s) else 0.0
        self.last_s = max(float(curve.times_s[-1]) if len(curve.times_s) else 1.0, self.first_s + 0.1)
        self.top = top

    def x(self, time_s: float) -> float:
        share = (time_s - self.first_s) / (self.last_s - self.first_s)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def y(self, motion: float) -> float:
        return self.lower - min(max(motion / self.top, 0.0), 1.0) * (self.lower - self.upper)


def overview(
    curve: Curve, findings: Sequence[Finding], rejected: Sequence[Interval], colours: dict[str, int]
) -> Element:
    """Draw a whole recording; each event links to its part of the page.

    Args:
        curve: Motion of the recording.
        findings: Its events.
        rejected: Candidates turned down.
        colours: Class to number of its colour.
    """
    peaks = [float(f.curve.motion.max()) for f in findings if len(f.curve.motion)]
    usual = float(np.percentile(curve.motion, 99)) if len(curve.motion) else 0.0
    scale = _Scale(curve, width=1000, height=230, top=max(_MIN_TOP, 1.15 * max(peaks, default=usual)))
    label = (
        f"Motion over {scale.last_s - scale.first_s:.0f} seconds, {len(findings)} events and "
        f"{len(rejected)} rejected candidates; the table below holds the same"
    )
    svg = tag("svg", viewBox="0 0 1000 230", role="group", aria_label=label, class_="overview")
    for start_s, end_s in _faceless(curve):
        svg.append(_band(scale, start_s, end_s, "faceless", "no face"))
    for interval in rejected:
        svg.append(
            _band(scale, interval.onset.time_s, interval.offset.time_s, "rejected", f"rejected: {interval.reason}")
        )
    svg.extend(_grid(scale))
    svg.extend(_watchable(scale, curve))
    svg.extend(_lines(scale, curve))
    for finding in findings:
        event = finding.event
        name = f"event {event.number}: {event.label}, apex at {event.interval.apex.time_s:.3f} s"
        span = event.interval.onset.time_s, event.interval.offset.time_s
        mark = tag("a", href=f"#event-{event.number}", aria_label=name, class_=f"c{colours.get(event.label, 9)}")
        mark.append(_band(scale, *span, "event", name))
        middle = scale.x(event.interval.apex.time_s)
        mark.append(tag("circle", cx=middle, cy=11, r=9, class_="pin"))
        mark.append(tag("text", str(event.number), x=middle, y=14.5, class_="number"))
        svg.append(mark)
    return svg


def around(finding: Finding, colour: int) -> Element:
    """Draw the motion around one event with its three moments."""
    curve, interval = finding.curve, finding.event.interval
    top = max(_MIN_TOP, 1.15 * float(curve.motion.max(initial=0.0)))
    scale = _Scale(curve, width=420, height=170, top=top)
    label = f"Motion around event {finding.event.number}, at most {curve.motion.max(initial=0.0):.2f} %"
    svg = tag("svg", viewBox="0 0 420 170", role="img", aria_label=label, class_=f"around c{colour}")
    svg.append(_band(scale, interval.onset.time_s, interval.offset.time_s, "event", ""))
    svg.extend(_grid(scale))
    svg.extend(_lines(scale, curve))
    for name, anchor in (("onset", "end"), ("offset", "start"), ("apex", "middle")):
        x = scale.x(getattr(interval, name).time_s)
        svg.append(tag("line", x1=x, x2=x, y1=scale.upper, y2=scale.lower, class_="moment"))
        fits = x + 7.0 * len(name) < 420
        svg.append(tag("text", name, x=x, y=14, text_anchor=anchor if fits else "end", class_="moment"))
    return svg


def _lines(scale: _Scale, curve: Curve) -> list[Element]:
    if not len(curve.times_s):
        return []
    motion = _points(scale, curve.times_s, curve.motion)
    closed = f"M{scale.x(curve.times_s[0]):.1f} {scale.lower}L{motion}L{scale.x(curve.times_s[-1]):.1f} {scale.lower}Z"
    return [
        tag("path", d=closed, class_="area"),
        tag("path", d=f"M{motion}", class_="motion"),
        tag("path", d=f"M{_points(scale, curve.times_s, curve.threshold)}", class_="threshold"),
    ]


def _points(scale: _Scale, times_s: NDArray[np.float64], values: NDArray[np.float64]) -> str:
    return "L".join(f"{scale.x(t):.1f} {scale.y(v):.1f}" for t, v in zip(times_s, values))


def _grid(scale: _Scale) -> list[Element]:
    made = []
    span_s = scale.last_s - scale.first_s
    step_s = next((step for step in _STEPS_S if span_s / step <= 9), 7200.0)
    for time_s in np.arange(np.ceil(scale.first_s / step_s), scale.last_s / step_s) * step_s:
        text = f"{time_s:.1f} s" if step_s < 1 else f"{abs(time_s):.0f} s"
        made.append(tag("text", text, x=scale.x(time_s), y=scale.lower + 16, class_="tick", text_anchor="middle"))
        made.append(
            tag("line", x1=scale.x(time_s), x2=scale.x(time_s), y1=scale.lower, y2=scale.lower + 4, class_="axis")
        )
    for share in (0.0, 0.5, 1.0):
        y = scale.y(share * scale.top)
        made.append(tag("line", x1=scale.left, x2=scale.right, y1=y, y2=y, class_="axis" if share == 0 else "grid"))
        made.append(
            tag("text", f"{share * scale.top:.2f} %", x=scale.left - 5, y=y + 4, class_="tick", text_anchor="end")
        )
    return made


def _band(scale: _Scale, start_s: float, end_s: float, kind: str, name: str) -> Element:
    x = scale.x(start_s)
    width = max(scale.x(end_s) - x, 1.5)
    band = tag("rect", x=x, y=scale.upper, width=width, height=scale.lower - scale.upper, class_=kind)
    if name:
        band.append(tag("title", name))
    return band


def _watchable(scale: _Scale, curve: Curve) -> list[Element]:
    """Return a band along the time axis that says how small a micro-expression could have been seen."""
    if not len(curve.times_s):
        return []
    level = np.searchsorted(WATCHABLE_PERCENT, curve.watchable)
    starts = np.flatnonzero(np.diff(level, prepend=-1))
    ends = [*starts[1:], len(level) - 1]
    made = []
    for start, end in zip(starts, ends):
        x = scale.x(curve.times_s[start])
        width = max(scale.x(curve.times_s[end]) - x, 0.5)
        band = tag("rect", x=x, y=scale.lower - 5, width=width, height=5, class_=f"seen-{level[start]}")
        band.append(tag("title", seen_words(int(level[start]))))
        made.append(band)
    return made


def seen_words(level: int) -> str:
    """Return what a level of the band means."""
    if level == len(WATCHABLE_PERCENT):
        return f"not even {WATCHABLE_PERCENT[-1]:g} % would have been seen"
    return f"micro-expressions from {WATCHABLE_PERCENT[level]:g} % would have been seen"


def hatching() -> Element:
    """Return the pattern of rejected candidates, which a page has once for all its overviews."""
    line = tag("path", d="M0 6L6 0", class_="hatch")
    pattern = tag("pattern", line, id="hatch", width=6, height=6, patternUnits="userSpaceOnUse")
    return tag("svg", tag("defs", pattern), width=0, height=0, aria_hidden="true", class_="patterns")


def _faceless(curve: Curve) -> list[tuple[float, float]]:
    """Return the stretches without a face as (first, last) seconds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], curve.face, [True]]).astype(np.int8)))
    return [(float(curve.times_s[a]), float(curve.times_s[b - 1])) for a, b in edges.reshape(-1, 2)]
