"""What happens, in plain lines: for pipes, log files and terminals without the overlay."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from mer.messages import Interval
from mer.text import listed
from realtime.face_size import median_and_minimum
from realtime.messages import Event, Totals
from realtime.timing import Timing
from realtime.update import Update

STATUS_EVERY_S: Final = 10.0


def line_from_event(event: Event) -> str:
    """Return one line about an event."""
    best = max(event.probabilities.values())
    span = _span(event.interval)
    return f"event {event.number}: {event.label} {100 * best:.0f} %, {span}, score {event.interval.score:.1f}"


def closing_lines(name: str, *, totals: Totals, timing: Timing, notes: Sequence[str], missing: int) -> list[str]:
    """Return what is said at the end of a session.

    Args:
        name: Of the source.
        totals: Counters of the pipeline.
        timing: Durations of its stages.
        notes: What was odd about the source.
        missing: Frames that the source did not deliver.
    """
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(totals.rejected.items())) or "none"
    seconds = totals.last_time_s - totals.first_time_s
    coverage = totals.frames_with_face / totals.frames if totals.frames else 0.0
    eyes = median_and_minimum(totals.eye_distances)
    size = f" (eyes {eyes[0]} px apart, minimum {eyes[1]})" if eyes else ""
    head = (
        f"{name}: {totals.frames} frames, {seconds:.2f} s, face in {100 * coverage:.0f} % of them{size}, "
        f"{totals.dropped} dropped{f', {missing} missing' if missing else ''}; {totals.events} events, "
        f"candidates rejected: {reasons}"
    )
    total = ", ".join(f"p{percent} {timing.percentile_ms('total', percent):.1f}" for percent in (50, 95, 99))
    return [head, f"  from frame to decision: {total} ms", *(f"  note: {note}" for note in listed(notes))]


def _span(interval: Interval) -> str:
    onset, apex, offset = (m.time_s for m in (interval.onset, interval.apex, interval.offset))
    return f"onset {onset:.3f}, apex {apex:.3f}, offset {offset:.3f} s ({1000 * (offset - onset):.0f} ms)"


class Log:
    """Prints what each update brings, and every ten seconds how things stand.

    Args:
        totals: Counters of the pipeline; read only.
        say: Prints one line.
    """

    def __init__(self, *, totals: Totals, say: Callable[[str], None]) -> None:
        self._totals = totals
        self._say = say
        self._next_status_s: float | None = None

    def update(self, update: Update) -> None:
        """Print the news of one frame, if there is any."""
        for line in self._lines(update):
            self._say(f"{update.crop.time_s:9.3f} s  {line}")

    def _lines(self, update: Update) -> Iterator[str]:
        yield from update.notices
        for interval in update.rejected:
            yield f"candidate rejected ({interval.reason}), {_span(interval)}"
        for event in update.events:
            yield line_from_event(event)
        if self._next_status_s is None:
            self._next_status_s = update.crop.time_s + STATUS_EVERY_S
        if update.crop.time_s >= self._next_status_s:
            self._next_status_s = update.crop.time_s + STATUS_EVERY_S
            totals = self._totals
            yield (
                f"{totals.frames} frames, face {update.crop.state}, spotter {update.spotting.state}, "
                f"{totals.events} events, {sum(totals.rejected.values())} rejected, {totals.dropped} dropped"
            )

    def close(self) -> None:
        """Nothing is open."""
