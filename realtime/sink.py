"""What takes the updates of a session, live or replayed."""

from typing import Protocol

from realtime.update import Update


class Sink(Protocol):
    """Something that is done with every update: a file, a screen, a stream. Belongs to the thread of the session."""

    def update(self, update: Update) -> None:
        """Take one update; quickly, for the session waits. What goes wrong is raised, and ends the session."""

    def close(self) -> None:
        """End it; safe to call twice."""
