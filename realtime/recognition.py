"""Recognition in one source from start to end: opens engine, source and pipeline, runs them and closes them."""

import threading
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

from engines.select import open_engine
from mer.media.video import FrameReader
from realtime.capture.live_source import LiveSource
from realtime.capture.source import is_stream, open_source
from realtime.capture.thread import Capture
from realtime.pipeline import Pipeline
from realtime.session import live, replay
from realtime.spotting.spotter import SpotterConfig
from realtime.update import Update


def recognise(
    source: str | Path | int,
    *,
    fps: float | None,
    engine: str,
    face_model: Path | None,
    spotter: SpotterConfig | None,
    people: int,
) -> Generator[Update, None, None]:
    """Run a source from start to end. Arguments and errors are those of `realtime.updates`.

    Yields:
        One update a frame and person, and one more if the end decides what was still open.
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
