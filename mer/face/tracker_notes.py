"""What a user should know about the faces of a session: how many, whose, which way up. With times."""

from math import inf
from typing import Final

MAX_NAMED: Final = 5
"""Stretches and moments that are named; the others are counted."""
MERGED_S: Final = 1.0
"""Key frames with more than one face that are no further apart belong to one stretch."""
_TURNED: Final = {
    90: "the face lies on its side; rotate the recording by 90 degrees clockwise",
    180: "the face stands on its head; rotate the recording by 180 degrees",
    270: "the face lies on its side; rotate the recording by 90 degrees counter-clockwise",
}
_PIXELATED: Final = "a face is pixelated; it is not followed, give the recording as it was before that"


class TrackerNotes:
    """Collects what was odd, for the notes at the end, and as notices when it happens.

    Times are seconds on the source's clock.

    Attributes:
        crowd_s: When more than one face was in view last.
    """

    def __init__(self) -> None:
        self.crowd_s = -inf
        self._counted_s = -inf
        self._several: list[tuple[float, float]] = []
        self._changes: list[float] = []
        self._turns: dict[int, float] = {}
        self._pixelated_s: float | None = None
        self._others: list[str] = []
        self._fresh: list[str] = []

    def faces(self, number: int, time_s: float) -> None:
        """Take note of how many faces a key frame shows."""
        if number > 1:
            together = self.crowd_s == self._counted_s and time_s - self.crowd_s <= MERGED_S
            start_s = self._several.pop()[0] if together and self._several else time_s
            self._several.append((start_s, time_s))
            self.crowd_s = time_s
        self._counted_s = time_s

    def person_may_have_changed(self, time_s: float) -> None:
        """Take note that the face followed from now on may be another person's."""
        self._changes.append(time_s)
        self._fresh.append("the face looks like another person's")

    def turned(self, turn: int, time_s: float) -> None:
        """Take note of a face that would be upright if the picture were turned clockwise by 90, 180 or 270 degrees."""
        if turn not in self._turns:
            self._turns[turn] = time_s
            self._fresh.append(_TURNED[turn])

    def pixelated(self, time_s: float) -> None:
        """Take note of a face that somebody has made unrecognisable."""
        if self._pixelated_s is None:
            self._pixelated_s = time_s
            self._fresh.append(_PIXELATED)

    def happened(self, notice: str) -> None:
        """Take note of something else, in plain words."""
        self._others.append(notice)
        self._fresh.append(notice)

    def fresh(self) -> tuple[str, ...]:
        """Return what has been noted since the last call."""
        fresh, self._fresh = tuple(self._fresh), []
        return fresh

    def lines(self, *, start_s: float = 0.0) -> tuple[str, ...]:
        """Return everything as sentences.

        Args:
            start_s: What times are counted from, on the source's clock.
        """
        lines = [f"{_TURNED[turn]} (from {time_s - start_s:.1f} s on)" for turn, time_s in self._turns.items()]
        if self._several:
            total_s = sum(b - a for a, b in self._several)
            where = _some([f"{a - start_s:.1f} to {b - start_s:.1f} s" for a, b in self._several])
            kept = "the one that was followed before was kept"
            lines.append(f"more than one face was in view for {total_s:.1f} s ({where}); {kept}")
        if self._changes:
            where = _some([f"{time_s - start_s:.1f} s" for time_s in self._changes])
            lines.append(
                f"the person may have changed at {where}: the face that came does not look like the one before"
            )
        if self._pixelated_s is not None:
            lines.append(f"{_PIXELATED} (from {self._pixelated_s - start_s:.1f} s on)")
        return (*lines, *_counted(self._others))


def _some(names: list[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _counted(sentences: list[str]) -> list[str]:
    counts = {sentence: sentences.count(sentence) for sentence in dict.fromkeys(sentences)}
    return [f"{sentence} ({count} times)" if count > 1 else sentence for sentence, count in counts.items()]
