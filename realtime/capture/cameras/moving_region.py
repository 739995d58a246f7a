"""The part of the sensor that a camera reads, moved while it runs."""

from mer.errors import MerError
from realtime.capture.cameras.genapi import Features


class MovingRegion:
    """Moves a camera's region: asked for in any thread, done in the one that reads.

    Sizes stay as they are; only the place changes, which most cameras take while they run.

    Args:
        features: Of the camera.

    Attributes:
        notes: That the camera does not move its region, once it has refused to.
    """

    def __init__(self, features: Features) -> None:
        self.notes: tuple[str, ...] = ()
        self._features = features
        self._wanted: tuple[int, int] | None = None

    def ask(self, dx: int, dy: int) -> None:
        """Ask for a move by some pixels to the right and down."""
        self._wanted = (dx, dy)

    def apply(self) -> None:
        """Do what was asked for last, as far as the sensor reaches; frames on their way still show the old place."""
        wanted, self._wanted = self._wanted, None
        if wanted is None or self.notes:
            return
        try:
            for name, by in zip(("OffsetX", "OffsetY"), wanted):
                if by:
                    self._move(name, by)
        except MerError as error:
            self.notes = (f"the region stays where it is: {error}",)

    def _move(self, name: str, by: int) -> None:
        if not self._features.has(name):
            raise MerError(f"this camera does not let {name} be set while it runs")
        least, greatest, step = (int(number) for number in self._features.bounds(name))
        current = int(self._features.value(name))
        wanted = min(max(current + by, least), greatest)
        wanted = least + (wanted - least) // max(step, 1) * max(step, 1)
        if wanted != current:
            self._features.set(name, wanted)
