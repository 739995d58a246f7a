"""What the keys of `mer-live` do: quit, mark, sensitivity, save. They run in the drawing thread."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final, Protocol

from mer.files import write_new
from realtime.messages import Event, Mark
from realtime.output.clips import strip_png
from realtime.output.fields import record_from_event
from realtime.spotting.sensitivity import MAX_SENSITIVITY, MIN_SENSITIVITY
from realtime.update import Update

STEP: Final = 1.25
"""Factor of one press of + or - on the sensitivity."""


class Adjustable(Protocol):
    """What has a sensitivity to turn: a pipeline."""

    sensitivity: float


class Keys:
    """Does what a key asks for. Give it each update, and call it with each key.

    Args:
        pipeline: Its sensitivity is changed by + and -.
        stop: Set by q.
        on_mark: Takes each mark of the space bar.
        source: Name of the recording or camera, for what is saved.
        save_dir: Where s writes to.
    """

    def __init__(
        self,
        pipeline: Adjustable,
        *,
        stop: threading.Event,
        on_mark: Callable[[Mark], None],
        source: str,
        save_dir: Path,
    ) -> None:
        self._pipeline = pipeline
        self._stop = stop
        self._on_mark = on_mark
        self._source = source
        self._save_dir = save_dir
        self._latest: Update | None = None
        self._last_event: Event | None = None
        self._marks = 0

    def update(self, update: Update) -> None:
        """Remember the latest frame and event."""
        self._latest = update
        if update.events:
            self._last_event = update.events[-1]

    def close(self) -> None:
        """Nothing is open."""

    def __call__(self, key: str) -> str:
        """Do what a key asks for and return what to tell about it; empty for a key without meaning."""
        meant = next((known for known in KEYS if key in known.pressed), None)
        return meant.does(self, key) if meant is not None and meant.does is not None else ""

    def quit(self, _key: str) -> str:
        """End the session."""
        self._stop.set()
        return "ending"

    def mark(self, _key: str) -> str:
        """Mark the moment of the latest frame."""
        if self._latest is None:
            return "nothing to mark yet"
        self._marks += 1
        mark = Mark(self._marks, self._latest.crop.time_s, datetime.now(timezone.utc))
        self._on_mark(mark)
        return f"mark {mark.number} at {mark.time_s:.2f} s"

    def change_sensitivity(self, key: str) -> str:
        """Raise or lower the sensitivity."""
        self._pipeline.sensitivity *= STEP if key in "+=" else 1.0 / STEP
        value = self._pipeline.sensitivity
        end = " (the limit)" if value in (MIN_SENSITIVITY, MAX_SENSITIVITY) else ""
        return f"sensitivity {value:.2f}{end}"

    def save(self, _key: str) -> str:
        """Save pictures and record of the last event."""
        event = self._last_event
        if event is None:
            return "no event to save yet"
        record = record_from_event(event, source=self._source)
        text = json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        try:
            if not self._save_dir.exists():
                self._save_dir.mkdir(mode=0o700, parents=True)
            name = _free_name(self._save_dir, f"event-{event.number}-at-{event.interval.apex.time_s:.2f}s")
            write_new(self._save_dir / f"{name}.png", strip_png(event), private=True)
            write_new(self._save_dir / f"{name}.json", text)
        except OSError as error:
            return f"not saved: {self._save_dir} cannot be written ({error.strerror})"
        return f"saved {self._save_dir / name}.png and .json"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the overlay.

    Attributes:
        pressed: Characters that mean it.
        shown: What it is called on the screen.
        short: What it does, for the line of keys.
        help: The same for the list of keys.
        does: Does it and returns what to tell about it; None for what only concerns the screen.
    """

    pressed: str
    shown: str
    short: str
    help: str
    does: Callable[[Keys, str], str] | None


KEYS: Final = (
    Key("q", "q", "quit", "quit", Keys.quit),
    Key("p", "p", "pause", "hold the screen", None),
    Key(" ", "space", "mark", "mark this moment", Keys.mark),
    Key("+=-_", "+ -", "sensitivity", "sensitivity", Keys.change_sensitivity),
    Key("s", "s", "save", "save the last event", Keys.save),
    Key("\t", "tab", "person", "show the next of several people", None),
    Key("h", "h", "help", "this help", None),
)
"""All keys, in the order in which they are shown."""


def _free_name(folder: Path, wanted: str) -> str:
    """Return a name that neither the picture nor the record would overwrite: sessions count events from 1 again."""
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, 10_000)))
    taken = {entry.name for entry in folder.iterdir()}
    return next((name for name in names if not {f"{name}.png", f"{name}.json"} & taken), wanted)
