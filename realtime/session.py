"""The two drivers, side by side: a live session, and the replay of a recording. The stages are those of `Pipeline`.

| | live | replay |
|---|---|---|
| frames | as they come; what is not reached in time is lost and counted | every one |
| first half (`crops`) | in the capture thread | decoded and cut out ahead, followed in this thread |
| second half (`step`) | in this thread | in this thread |
| an event is in the update | during which it became ready | of the frame on which it was decided |
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from mer.face.tracker import Precrop
from mer.media.video import FrameReader
from mer.messages import Frame
from realtime.capture.ahead import ahead
from realtime.capture.thread import Capture
from realtime.pipeline import Pipeline
from realtime.sink import Sink
from realtime.update import Update, with_results, without_frame

WAIT_S: Final = 0.1
"""Longest wait for a frame of a live source before signals and the end are looked for."""
FRAMES_AHEAD: Final = 8
"""Frames of a recording that may wait between decoding and the other stages."""
MAX_HELD: Final = 128
"""Maximum number of updates of a replay that are held back while an event of one of them is classified."""


def live(
    pipeline: Pipeline, capture: Capture, *, stop: threading.Event, duration_s: float | None = None
) -> Iterator[Update]:
    """Run a capture through the pipeline until it ends, is stopped or `duration_s` is over.

    What was captured before a stop is still processed, and what is open then is decided.

    Args:
        pipeline: Fresh; `capture` writes its buffer.
        capture: Started here.
        stop: Ends the session when set.
        duration_s: Maximum length in seconds on the source's clock, from the first frame.

    Yields:
        One update a frame and person, one for news or events while there is none, and one more for what was open at the
        end.

    Raises:
        BaseException: What went wrong in the capture thread.
    """
    buffer = pipeline.buffer
    latest: Update | None = None
    until_s = np.inf
    capture.start()
    try:
        while not buffer.exhausted:
            crop = buffer.get(WAIT_S)
            if stop.is_set():
                capture.stop()
            if crop is None:
                if latest is not None and (update := _between_frames(pipeline, latest)) is not None:
                    yield update
                continue
            if until_s == np.inf and duration_s is not None:
                until_s = crop.time_s + duration_s
            if crop.time_s >= until_s:
                break
            started_s = time.perf_counter()
            latest = pipeline.step(crop)
            update = _with_what_is_ready(pipeline, latest)
            pipeline.timing.add("decide", time.perf_counter() - started_s)
            pipeline.timing.add("total", capture.since_arrival_s(crop.index))
            yield update
    finally:
        capture.stop()
    yield from _at_the_end(pipeline)


def replay(frames: FrameReader, pipeline: Pipeline) -> Iterator[Update]:
    """Run a recording through the pipeline without loss.

    A thread decodes and cuts the face out while this one tracks it and spots, and a third classifies. Each waits for
    the next instead of giving anything up, so the result is the same every time. Tracking and spotting are in one
    thread because both are many short calls: in two they spend more time on Python's lock than they gain (measured).

    Args:
        frames: The recording.
        pipeline: Fresh; its totals and timing are filled.

    Yields:
        One update a frame and person, and one more if the end decides what was still open.
    """
    held: list[Update] = []
    for frame, cut, before_s in ahead(_decoded(frames, pipeline), most=FRAMES_AHEAD, name="decode"):
        started_s = time.perf_counter()
        for made in pipeline.crops(frame, cut):
            pipeline.buffer.put(made)
        while (crop := pipeline.buffer.get()) is not None:
            held.append(pipeline.step(crop))
        pipeline.timing.add("total", before_s + time.perf_counter() - started_s)
        if not pipeline.classifying or len(held) >= MAX_HELD:
            yield from _settled(pipeline, held)
            held.clear()
    yield from _settled(pipeline, held)
    yield from _at_the_end(pipeline)


def deliver(updates: Iterable[Update], sinks: Sequence[Sink]) -> None:
    """Hand each update to all sinks, in their order: what has to be on disk before anybody is told comes first."""
    for update in updates:
        for sink in sinks:
            sink.update(update)


def _with_what_is_ready(pipeline: Pipeline, update: Update) -> Update:
    return with_results(update, [outcome.result for outcome in pipeline.results()])


def _between_frames(pipeline: Pipeline, latest: Update) -> Update | None:
    """Return an update without a frame if there is news or an event while none comes."""
    update = _with_what_is_ready(pipeline, without_frame(latest, notices=pipeline.news()))
    return update if update.events or update.rejected or update.notices else None


def _settled(pipeline: Pipeline, held: Sequence[Update]) -> list[Update]:
    """Wait for what is being classified and add each event to the update of the frame on which it was decided.

    Args:
        pipeline: Where it is being classified.
        held: Updates of consecutive frames. Events of frames before them are added to the first.
    """
    pipeline.settle()
    settled = list(held)
    places = {(update.crop.index, update.crop.person): place for place, update in enumerate(held)}
    for outcome in pipeline.results():
        place = places.get((outcome.decided_index, outcome.person), 0)
        settled[place] = with_results(settled[place], [outcome.result])
    return settled


def _at_the_end(pipeline: Pipeline) -> Iterator[Update]:
    """Decide what is still open at the end of a source and wait for its events."""
    while (update := pipeline.finish()) is not None:
        pipeline.settle()
        update = _with_what_is_ready(pipeline, update)
        if not update.events and not update.rejected:
            return
        yield replace(update, notices=pipeline.news())


def _decoded(frames: FrameReader, pipeline: Pipeline) -> Iterator[tuple[Frame, Precrop | None, float]]:
    """Yield each frame, its crop if nothing changes until its turn, and the seconds that both took."""
    source = iter(frames)
    while True:
        started_s = time.perf_counter()
        frame = next(source, None)
        if frame is None:
            return
        pipeline.timing.add("decode", time.perf_counter() - started_s)
        cut = pipeline.precrop(frame)
        yield frame, cut, time.perf_counter() - started_s
