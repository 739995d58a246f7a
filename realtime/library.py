"""The recognizer as a library: iterate over the events of a recording or camera, or over every frame.

Example:
    ```python
    for event in realtime.events("interview.mp4"):
        print(event.interval.apex.time_s, event.label, event.probabilities)
    ```
"""

import threading
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

from engines.select import open_engine
from mer.media.video import FrameReader
from realtime.capture.live_source import LiveSource
from realtime.capture.source import is_stream, open_source
from realtime.capture.thread import Capture
from realtime.messages import Event
from realtime.pipeline import Pipeline
from realtime.session import live, replay
from realtime.spotting.spotter import SpotterConfig
from realtime.update import Update


def events(
    source: str | Path | int,
    *,
    fps: float | None = None,
    engine: str = "auto",
    face_model: Path | None = None,
    spotter: SpotterConfig | None = None,
    people: int = 1,
) -> Generator[Event, None, None]:
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
    spotter: SpotterConfig | None = None,
    people: int = 1,
) -> Generator[Update, None, None]:
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
    with ExitStack() as stack:
        classifier = stack.enter_context(open_engine(engine))

        def pipeline_at(rate_hz: float) -> Pipeline:
            return stack.enter_context(
                Pipeline(rate_hz=rate_hz, engine=classifier, face_model=face_model, spotter=spotter, people=people)
            )

        if not isinstance(source, int) and not is_stream(str(source)):
            frames = stack.enter_context(FrameReader(Path(source), fps=fps, grey=True))
            yield from replay(frames, pipeline_at(frames.rate_hz))
            return
        opened = open_source(str(source), fps=fps)
        stack.callback(opened.close)
        pipeline = pipeline_at(opened.rate_hz)
        if isinstance(opened, LiveSource):
            opened.skip_backlog()
        stop = threading.Event()
        capture = Capture(opened, crops=pipeline.crops, buffer=pipeline.buffer, stop=stop)
        yield from live(pipeline, capture, stop=stop)
