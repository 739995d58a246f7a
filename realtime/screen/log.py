"""What happens, in plain lines: for pipes, log files and terminals without the overlay."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from mer.facs import CONTRADICTION, codes
from mer.messages import Interval
from mer.text import listed
from realtime.face_size import median_and_minimum
from realtime.messages import Event, Totals
from realtime.people import Watch
from realtime.timing import Timing
from realtime.update import Update

STATUS_EVERY_S: Final = 10.0


def line_from_event(event: Event, *, several: bool = False) -> str:
    """Return one line about an event; of several people it names whose it is."""
    best = max(event.probabilities.values())
    whose = f" of person {event.person}" if several else ""
    span = _span(event.interval)
    units = f", AU {codes(event.units)}" if event.units else ""
    contradiction = f" ({CONTRADICTION})" if event.contradicts else ""
    name = f"event {event.number}{whose}: {event.label} {100 * best:.0f} %"
    return f"{name}, {span}, score {event.interval.score:.1f}{units}{contradiction}"


def closing_lines(
    name: str,
    *,
    totals: Totals,
    timing: Timing,
    notes: Sequence[str],
    missing: int,
    people: Mapping[int, Watch] | None = None,
) -> list[str]:
    """Return what is said at the end of a session.

    Args:
        name: Of the source.
        totals: Counters of the pipeline.
        timing: Durations of its stages.
        notes: What was odd about the source.
        missing: Frames that the source did not deliver.
        people: Everybody who was in view, by number; named one by one if there are several.
    """
    seconds = totals.last_time_s - totals.first_time_s
    head = (
        f"{name}: {totals.frames} frames, {seconds:.2f} s, {_face(totals, totals.frames)}, "
        f"{totals.dropped} dropped{f', {missing} missing' if missing else ''}; {_found(totals)}"
    )
    several = people if people and len(people) > 1 else {}
    by_person = [
        f"  person {n}: {_face(watch.totals, totals.frames)}; {_found(watch.totals)}" for n, watch in several.items()
    ]
    total = ", ".join(f"p{percent} {timing.percentile_ms('total', percent):.1f}" for percent in (50, 95, 99))
    return [head, *by_person, f"  from frame to decision: {total} ms", *(f"  note: {note}" for note in listed(notes))]


def _face(totals: Totals, frames: int) -> str:
    coverage = totals.frames_with_face / frames if frames else 0.0
    eyes = median_and_minimum(totals.eye_distances)
    size = f" (eyes {eyes[0]} px apart, minimum {eyes[1]})" if eyes else ""
    return f"face in {100 * coverage:.0f} % of them{size}"


def _found(totals: Totals) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(totals.rejected.items())) or "none"
    return f"{totals.events} events, candidates rejected: {reasons}"


def _span(interval: Interval) -> str:
    onset, apex, offset = (m.time_s for m in (interval.onset, interval.apex, interval.offset))
    return f"onset {onset:.3f}, apex {apex:.3f}, offset {offset:.3f} s ({1000 * (offset - onset):.0f} ms)"


class Log:
    """Prints what each update brings, and every ten seconds how things stand.

    Args:
        totals: Counters of the pipeline; read only.
        say: Prints one line.
        several: Whether several people are followed.
    """

    def __init__(self, *, totals: Totals, say: Callable[[str], None], several: bool = False) -> None:
        self._several = several
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
            whose = f" of person {interval.person}" if self._several else ""
            yield f"candidate{whose} rejected ({interval.reason}), {_span(interval)}"
        for event in update.events:
            yield line_from_event(event, several=self._several)
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
