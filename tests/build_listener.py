"""What a build tells its progress to, for tests."""

from typing import Any


class Silent:
    """Keeps the phases that began; `going=False` ends the build at its next step."""

    monitor = None
    stopping = False

    def __init__(self, *, going: Any = True) -> None:
        self.going = going
        self.seen: list[Any] = []

    def start(self, phase: Any, parent: Any, steps: Any) -> None:
        self.seen.append(phase)

    def step(self, phase: Any, step: Any) -> Any:
        return self.going

    def finish(self, phase: Any) -> None:
        pass
