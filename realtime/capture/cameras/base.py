"""What a backend for cameras gives: an open camera that is read frame by frame, and what it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from mer.errors import UsageError
from mer.messages import Frame

Clock = Literal["device", "arrival"]
TIMEOUT_S: Final = 5.0
"""How long a camera may give no frame until it counts as gone."""
EXPOSED_SHARE: Final = 0.9
"""Share of the time between two frames that is exposed at most if nobody says how long: the rest reads the sensor."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the sensor, in its pixels.

    Attributes:
        x: First column.
        y: First row.
        width: Columns, 0 for all.
        height: Rows, 0 for all.
    """

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}+{self.x}+{self.y}"


@dataclass(frozen=True, slots=True)
class Laboratory:
    """What only laboratory cameras can be asked for; each field is called as its option.

    Attributes:
        roi: Part of the sensor that is read, None for all of it.
        gain: In dB, None if not asked for.
        trigger: Input line whose rising edge starts each exposure, such as "Line1"; None if the camera runs by itself.
        ptp: Whether the camera's clock is set by the network's (IEEE 1588).
        cti: The maker's GenTL producer, None for those that GENICAM_GENTL64_PATH names.
        camera_settings: Settings saved by pylon Viewer (.pfs) that are loaded before all else.
    """

    roi: Region | None = None
    gain: float | None = None
    trigger: str | None = None
    ptp: bool = False
    cti: Path | None = None
    camera_settings: Path | None = None

    def refuse(self, what: str, *, but: tuple[str, ...] = ()) -> None:
        """Refuse options that a source does not have.

        Args:
            what: What it is called in the message.
            but: Fields that it has.

        Raises:
            UsageError: If another one is set.
        """
        given = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        for name in given:
            if name not in but:
                raise UsageError(f"--{name.replace('_', '-')} is not for {what}; leave it out (see --help)")


@dataclass(frozen=True, slots=True)
class Mode:
    """What a camera was asked for, or what it says it does.

    Attributes:
        width: Pixels, None if not asked for.
        height: Pixels, None if not asked for.
        fps: Frames a second, None if not asked for or not known.
        fourcc: Pixel format such as "MJPG", None if not asked for or not known.
        exposure_ms: Time that each picture is exposed, 0 if the camera chooses, None if not asked for or not known.
        laboratory: What only laboratory cameras have.
    """

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    fourcc: str | None = None
    exposure_ms: float | None = None
    laboratory: Laboratory = Laboratory()

    def __str__(self) -> str:
        size = f"{self.width or 'any'}x{self.height or 'any'}" if self.width or self.height else ""
        rate = f"{self.fps:g} fps" if self.fps else ""
        parts = [size, rate, self.fourcc or ""]
        if self.exposure_ms is not None:
            parts.append(f"exposure {self.exposure_ms:g} ms" if self.exposure_ms else "exposure automatic")
        if self.laboratory.gain is not None:
            parts.append(f"gain {self.laboratory.gain:g} dB")
        if self.laboratory.trigger:
            parts.append(f"triggered by {self.laboratory.trigger}")
        return " ".join(part for part in parts if part) or "its default"


def refuse_long_exposure(asked: Mode) -> None:
    """Refuse an exposure that is longer than the time between two frames.

    Raises:
        UsageError: If it is.
    """
    if asked.fps and asked.exposure_ms and asked.exposure_ms > 1000.0 / asked.fps:
        raise UsageError(
            f"--exposure {asked.exposure_ms:g} does not fit into {asked.fps:g} frames/s; give at most "
            f"{1000.0 / asked.fps:.3g} ms"
        )


class Camera(Protocol):
    """An open camera or stream. One thread reads it; another may close it once the first has stopped."""

    @property
    def asked(self) -> Mode:
        """What it was asked for in the end."""

    @property
    def mode(self) -> Mode:
        """What it says it does; its size may be missing, `fps` is the rate it states."""

    @property
    def clock(self) -> Clock:
        """Whose time the frames carry.

        "device": `Frame.time_s` is the camera's own stamp in seconds, NaN where a frame has none. "arrival": the
        camera has no clock, and frames are stamped when they come.
        """

    @property
    def finite(self) -> bool:
        """Whether it has an end of its own, as a file behind an address has."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd so far, as sentences."""

    def read(self) -> Frame | None:
        """Return the next frame as soon as it is there, None at the end or if none comes for some seconds.

        `Frame.lost_before` says how many frames the camera knows that it lost since the one before. The index is
        not looked at: `LiveSource` counts. The image belongs to the frame; the camera must not write to it again.
        """

    def close(self) -> None:
        """Release it; safe to call twice."""


@runtime_checkable
class Movable(Protocol):
    """A camera whose region can be moved while it runs."""

    def move_region(self, dx: int, dy: int) -> None:
        """Move it by pixels to the right and down before the next frame is read, if the camera can; from any thread."""


Opener: TypeAlias = Callable[[str, Mode], Camera]
"""Opens a camera: what follows the colon of `--camera SCHEME:NAME`, and the mode to ask for.

Raises `MerError` if there is no such camera or it is not free, `UsageError` if an option makes no sense for it.
"""
