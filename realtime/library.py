"""The recognizer as a library: iterate over the events of a recording or camera, or over every frame.

What a session needs is loaded when the first update is asked for.

Example:
    ```python
    for event in realtime.events("interview.mp4"):
        print(event.interval.apex.time_s, event.label, event.probabilities)
    ```
"""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mer.lazy import loaded_when_called

if TYPE_CHECKING:
    from realtime.messages import Event
    from realtime.spotting.spotter import SpotterConfig
    from realtime.update import Update

_recognise: "Final[Callable[..., Generator[Update, None, None]]]" = loaded_when_called("realtime.recognition:recognise")


def events(
    source: str | Path | int,
    *,
    fps: float | None = None,
    engine: str = "auto",
    face_model: Path | None = None,
    spotter: "SpotterConfig | None" = None,
    people: int = 1,
) -> "Generator[Event, None, None]":
    """Find the micro-expressions of a recording or live source, one after the other as they are decided.

    Args:
        source: Video file or folder of frames, read without loss as fast as the machine can; or the number of a
            camera, or the address of a stream, which end with the source or with the iteration.
        fps: Overrides the time stamps of recordings and streams; the rate to ask a camera for.
        engine: Name or path of the classifier, as `--engine` takes it.
        face_model: A face_landmarker.task; None looks for one.
        spotter: Thresholds of the spotter.
        people: Maximum number of people that are followed, 1 to 6; `person` of an event says whose it is.

    Yields:
        Events, with their 13 pictures in `clip.images`.

    Raises:
        MerError: If the source, the engine or the face model cannot be used.
    """
    for update in updates(source, fps=fps, engine=engine, face_model=face_model, spotter=spotter, people=people):
        yield from update.events


def updates(
    source: str | Path | int,
    *,
    fps: float | None = None,
    engine: str = "auto",
    face_model: Path | None = None,
    spotter: "SpotterConfig | None" = None,
    people: int = 1,
) -> "Generator[Update, None, None]":
    """Run a recording or live source and return what each frame shows: motion, state, events, rejected candidates.

    Args:
        source: As for `events`.
        fps: As for `events`.
        engine: As for `events`.
        face_model: As for `events`.
        spotter: As for `events`.
        people: As for `events`.

    Yields:
        One update a frame and person, and one more if the end decides what was still open.

    Raises:
        MerError: If the source, the engine or the face model cannot be used.
    """
    yield from _recognise(source, fps=fps, engine=engine, face_model=face_model, spotter=spotter, people=people)
