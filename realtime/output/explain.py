"""Why the spotter decided as it did: every frame's motion as a table, and a picture of the whole recording."""

from typing import Final

from mer.messages import Interval
from mer.text import csv_text
from realtime.output.found import Found
from realtime.spotting.face_shape import REGIONS
from realtime.update import Update

EXPLAIN_CSV: Final = "explain.csv"
EXPLAIN_SVG: Final = "explain.svg"
COLUMNS: Final = (
    *("frame", "time_s", "face", "state", "motion", "threshold", "watchable", "flags", "decided"),
    *(f"{name.replace(' ', '_')}_{axis}" for name in REGIONS for axis in ("x", "y")),
)
"""Motion in percent of the inter-ocular distance since the last rest, x to the right of the picture and y down."""
_PX_PER_S: Final = 80.0
_HEIGHT: Final = 260.0
_TOP: Final = 2.0
_COLOURS: Final = {"micro": "#1a7f37", "rejected": "#b35900"}


class Explainer:
    """Gathers the curves and decisions of one recording."""

    def __init__(self) -> None:
        self._rows: list[list[object]] = []
        self._points: list[tuple[float, float, float]] = []
        self._decided: list[Interval] = []

    def update(self, update: Update) -> None:
        """Take in one update."""
        crop, spotting, regions = update.crop, update.spotting, update.regions
        decided = [*(event.interval for event in update.events), *update.rejected]
        self._decided += decided
        self._points.append((crop.time_s, spotting.motion, spotting.threshold))
        numbers = [""] * (2 * len(REGIONS)) if regions is None else [f"{value:.4f}" for value in regions.ravel()]
        what = "; ".join(_words(interval) for interval in decided)
        head = (crop.index, f"{crop.time_s:.6f}", crop.state, spotting.state)
        seen = "" if spotting.watchable is None else f"{spotting.watchable:.3f}"
        flags = " ".join(update.flags)
        self._rows.append([*head, f"{spotting.motion:.4f}", f"{spotting.threshold:.4f}", seen, flags, what, *numbers])

    def files(self, _found: Found) -> dict[str, bytes]:
        """Return name and content of both files."""
        return {EXPLAIN_CSV: self._table().encode(), EXPLAIN_SVG: self._picture().encode()}

    def close(self) -> None:
        """Nothing is open."""

    def _table(self) -> str:
        return csv_text(COLUMNS, [dict(zip(COLUMNS, row)) for row in self._rows])

    def _picture(self) -> str:
        first_s = self._points[0][0] if self._points else 0.0
        last_s = self._points[-1][0] if self._points else 1.0
        width = max(320.0, (last_s - first_s) * _PX_PER_S)

        def x(time_s: float) -> float:
            return (time_s - first_s) * _PX_PER_S

        def y(motion: float) -> float:
            return _HEIGHT - 20.0 - min(motion / _TOP, 1.0) * (_HEIGHT - 60.0)

        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{_HEIGHT:.0f}" '
            'font-family="sans-serif" font-size="10">',
            f'<rect width="{width:.0f}" height="{_HEIGHT:.0f}" fill="white"/>',
            '<text x="4" y="12">motion (blue) and what stands out from the usual (grey), % of the eye distance, '
            f"up to {_TOP:g}</text>",
        ]
        for number, interval in enumerate(self._decided):
            left, right = x(interval.onset.time_s), x(interval.offset.time_s)
            colour = _COLOURS[interval.verdict]
            parts += [
                f'<rect x="{left:.1f}" y="34" width="{max(right - left, 1.0):.1f}" height="{_HEIGHT - 54:.0f}" '
                f'fill="{colour}" fill-opacity="0.15"/>',
                f'<text x="{left:.1f}" y="{24 + 9 * (number % 2)}" fill="{colour}">'
                f"{interval.reason or interval.verdict}</text>",
            ]
        for k, colour in ((2, "#888"), (1, "#0550ae")):
            line = " ".join(f"{x(point[0]):.1f},{y(point[k]):.1f}" for point in self._points)
            parts.append(f'<polyline fill="none" stroke="{colour}" points="{line}"/>')
        parts += [
            f'<text x="{x(first_s + second):.1f}" y="{_HEIGHT - 6:.0f}">{first_s + second:.0f} s</text>'
            for second in range(int(last_s - first_s) + 1)
        ]
        return "\n".join([*parts, "</svg>", ""])


def _words(interval: Interval) -> str:
    words = f"{interval.reason or interval.verdict} from frame {interval.onset.index} to {interval.offset.index}"
    return f"{words}: {interval.detail}" if interval.detail else words
