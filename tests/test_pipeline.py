"""The whole pipeline on a short synthetic recording of a real portrait, with real landmarks; a stand-in engine."""

import os
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import FakeEngine, GatedEngine
from numpy.typing import NDArray

from mer.data.clips import load_clips
from mer.data.sample import Sample
from mer.errors import MerError
from mer.face.landmarker import Landmarker
from mer.media.video import FrameReader
from mer.messages import FaceCrop, Frame
from mer.synth.portrait import packaged_portrait
from mer.synth.recording import render
from mer.synth.script import Settings
from realtime.capture.thread import Capture
from realtime.messages import Event
from realtime.pipeline import Pipeline
from realtime.session import live
from realtime.update import Update, with_results

RATE_HZ = 100.0


@dataclass
class Run:
    updates: list[Update]
    pipeline: Pipeline

    @property
    def events(self) -> list[Event]:
        return [event for update in self.updates for event in update.events]


CHANGES: dict[str, Callable[[NDArray[np.uint8]], Any]] = {
    "half the resolution": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "twice the size": lambda image: cv2.resize(image, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_LINEAR),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "a fifth darker": lambda image: cv2.convertScaleAbs(image, alpha=0.8),
}


def changed(frame: Frame, change: Callable[[NDArray[np.uint8]], Any]) -> Frame:
    return replace(frame, image=np.asarray(change(frame.image), np.uint8))


def shrunk(image: NDArray[np.uint8]) -> Any:
    return cv2.resize(image, (48, 36), interpolation=cv2.INTER_AREA)


def lying(image: NDArray[np.uint8]) -> Any:
    return cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE)


def moments(run: Run) -> np.ndarray:
    """Return (N, 3) frame indices of onset, apex and offset."""
    intervals = [event.interval for event in run.events]
    return np.array([[i.onset.index, i.apex.index, i.offset.index] for i in intervals])


def replayed(frames: Iterable[Frame], engine: FakeEngine | None = None) -> Run:
    with Pipeline(rate_hz=RATE_HZ, engine=engine or FakeEngine()) as pipeline:
        updates = []
        for frame in frames:
            pipeline.buffer.put(*pipeline.crops(frame))
            updates.append(settled(pipeline, pipeline.step(taken(pipeline))))
        if (last := pipeline.finish()) is not None:
            updates += [last] if (last := settled(pipeline, last)).events or last.rejected else []
    return Run(updates, pipeline)


def taken(pipeline: Pipeline) -> FaceCrop:
    crop = pipeline.buffer.get()
    assert crop is not None
    return crop


def settled(pipeline: Pipeline, update: Update) -> Update:
    """Return an update with the events of its frame."""
    pipeline.settle()
    return with_results(update, [outcome.result for outcome in pipeline.results()])


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    path = tmp_path_factory.mktemp("recording") / "two.mp4"
    settings = Settings(
        fps=RATE_HZ,
        seconds=8.0,
        events=2,
        size_wh=(480, 360),
        amplitude_percent=(1.5, 2.5),
        iod_px=96.0,  # that of 640x480, with less around the face
        seed=5,
    )
    return path, render(packaged_portrait(), path, settings, quality=97)


@pytest.fixture(scope="module")
def run(recording: Any) -> Run:
    with FrameReader(recording[0], grey=True) as frames:
        return replayed(frames)


def test_both_micro_expressions_are_found_and_nothing_else(run: Any, recording: Any) -> None:
    truth = [(event["onset"]["index"], event["offset"]["index"]) for event in recording[1]["events"]]

    found = [(event.interval.onset.index, event.interval.offset.index) for event in run.events]

    assert len(found) == len(truth)
    for (a, b), (c, d) in zip(found, truth):
        assert (min(b, d) - max(a, c) + 1) / (max(b, d) - min(a, c) + 1) > 0.5


def test_blinks_are_rejected_and_most_of_them_by_name(run: Any, recording: Any) -> None:
    blinks = sum(distractor["kind"] == "blink" for distractor in recording[1]["distractors"])

    assert blinks
    rejected = run.pipeline.totals.rejected
    assert sum(rejected.values()) == blinks
    assert rejected["blink"] >= blinks / 2


def test_an_event_is_confirmed_within_a_third_of_a_second(run: Any) -> None:
    confirmed_ms = [event.latency.confirm_ms for event in run.events]

    assert confirmed_ms
    assert 0 < min(confirmed_ms) <= max(confirmed_ms) < 340


def test_every_frame_gives_one_update_in_order(run: Any) -> None:
    indices = [update.crop.index for update in run.updates]

    assert indices == list(range(len(indices)))
    assert run.pipeline.totals.frames == len(indices) == run.pipeline.totals.frames_with_face


def test_the_same_recording_gives_identical_events_twice(run: Any, recording: Any) -> None:
    with FrameReader(recording[0], grey=True) as frames:
        again = replayed(frames)

    assert [event.interval for event in again.events] == [event.interval for event in run.events]
    for first, second in zip(run.events, again.events):
        assert np.array_equal(first.clip.images, second.clip.images)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_same_events_within_a_frame_whatever_the_picture_is_like(run: Any, recording: Any, change: Any) -> None:
    with FrameReader(recording[0]) as frames:
        other = replayed(changed(frame, change) for frame in frames)

    assert len(other.events) == len(run.events)
    assert np.abs(moments(other) - moments(run)).max() <= 1


def test_live_and_replay_agree(run: Any, recording: Any) -> Any:
    room = threading.Semaphore(50)  # live, but slow enough that nothing is overwritten

    def paced(frames: Any) -> Any:
        for frame in frames:
            room.acquire()
            yield frame

    stop = threading.Event()
    with FrameReader(recording[0], grey=True) as frames, Pipeline(rate_hz=RATE_HZ, engine=FakeEngine()) as pipeline:
        capture = Capture(paced(frames), crops=pipeline.crops, buffer=pipeline.buffer, stop=stop)
        updates = []
        for update in live(pipeline, capture, stop=stop):
            updates.append(update)
            room.release()

    assert pipeline.totals.dropped == 0
    live_run = Run(updates, pipeline)
    assert len(live_run.events) == len(run.events)
    assert np.abs(moments(live_run) - moments(run)).max() <= 1
    for seen, usual in zip(live_run.events, run.events):
        assert np.abs(seen.clip.images.astype(int) - usual.clip.images).mean() < 1.0


def test_frames_go_on_while_an_event_is_classified_and_it_comes_out_the_same(run: Any, recording: Any) -> None:
    engine = GatedEngine()
    with FrameReader(recording[0], grey=True) as frames, Pipeline(rate_hz=RATE_HZ, engine=engine) as pipeline:
        for frame in frames:
            pipeline.buffer.put(*pipeline.crops(frame))
            pipeline.step(taken(pipeline))
            assert pipeline.results() == []
        engine.gate.set()
        pipeline.settle()
        events = [outcome.result for outcome in pipeline.results() if isinstance(outcome.result, Event)]
        assert pipeline.results() == []

    assert [event.number for event in events] == [1, 2]
    assert [event.interval for event in events] == [event.interval for event in run.events]
    for late, usual in zip(events, run.events):
        assert np.array_equal(late.clip.images, usual.clip.images)
        assert late.latency.confirm_ms == usual.latency.confirm_ms
    assert pipeline.totals.events == 2


def test_an_event_that_is_ready_while_no_frame_comes_is_not_held_back(recording: Any) -> Any:
    engine, stop = GatedEngine(), threading.Event()
    handled, told = threading.Semaphore(1), threading.Event()
    last: list[int] = []

    def until_it_is_asked(frames: Any) -> Any:
        for frame in frames:
            handled.acquire()
            yield frame
            last[:] = [frame.index]
            if engine.asked.is_set():
                break
        engine.gate.set()
        assert told.wait(60.0)

    with FrameReader(recording[0], grey=True) as frames, Pipeline(rate_hz=RATE_HZ, engine=engine) as pipeline:
        capture = Capture(until_it_is_asked(frames), crops=pipeline.crops, buffer=pipeline.buffer, stop=stop)
        for update in live(pipeline, capture, stop=stop):
            handled.release()
            if update.events:
                break
        told.set()

    assert [event.number for event in update.events] == [1]
    assert (update.crop.index, update.crop.state, update.notices) == (last[0], "tracked", ())


def test_training_loader_and_replay_cut_identical_clips(run: Any, recording: Any) -> None:
    samples = [
        Sample(
            subject="s",
            clip=str(event.number),
            path=recording[0],
            fps=None,
            onset=event.interval.onset.index,
            apex=event.interval.apex.index,
            offset=event.interval.offset.index,
            label="happiness",
        )
        for event in run.events
    ]

    clips = load_clips(samples).clips

    assert clips.tobytes() == np.stack([event.clip.images for event in run.events]).tobytes()


def test_clips_in_colour_show_what_the_grey_ones_show(run: Any, recording: Any) -> None:
    interval = run.events[0].interval
    moments = (interval.onset.index, interval.apex.index, interval.offset.index)
    sample = Sample("s", "1", recording[0], None, *moments, "happiness")

    colour = load_clips([sample], colour=True).clips[0]

    assert colour.shape == (13, 90, 90, 3)
    grey = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in colour])
    assert np.abs(grey.astype(int) - run.events[0].clip.images).mean() < 1.0
    assert np.ptp(colour.astype(int), axis=-1).mean() > 5  # skin is not grey


def test_without_a_face_there_are_no_events_and_it_is_said() -> None:
    empty = [Frame(np.full((240, 320, 3), 127, np.uint8), i / RATE_HZ, i) for i in range(100)]

    run = replayed(empty)

    assert not run.events
    assert run.updates[0].notices == ("no face in view",)
    assert {update.crop.state for update in run.updates} == {"absent"}
    assert {update.spotting.state for update in run.updates} == {"no-face"}


def test_an_engine_for_colour_is_refused() -> None:
    engine = FakeEngine()
    engine.mode = "rgb"

    with pytest.raises(MerError, match="gray, residual or flow"):
        Pipeline(rate_hz=RATE_HZ, engine=engine)


def test_below_the_threshold_the_answer_is_none(recording: Any) -> None:
    engine = FakeEngine()
    engine.none_threshold = 0.99

    with FrameReader(recording[0], grey=True) as frames:
        run = replayed(frames, engine)

    assert {event.label for event in run.events} == {"none"}


def test_what_is_announced_is_in_the_next_update_and_only_there() -> None:
    empty = [Frame(np.full((240, 320, 3), 127, np.uint8), i / RATE_HZ, i) for i in range(2)]

    with Pipeline(rate_hz=RATE_HZ, engine=FakeEngine()) as pipeline:
        pipeline.announce("engine a failed; going on with b")
        updates = [pipeline.step(*pipeline.crops(frame)) for frame in empty]

    assert updates[0].notices == ("engine a failed; going on with b", "no face in view")
    assert updates[1].notices == ()


def test_a_crash_of_mediapipe_is_said_and_costs_only_the_moment(recording: Any) -> None:
    landmarker = Landmarker()
    updates = []
    with (
        FrameReader(recording[0], grey=True) as frames,
        Pipeline(rate_hz=RATE_HZ, engine=FakeEngine(), landmarker=landmarker) as pipeline,
    ):
        for frame in frames:
            if frame.index == 20:
                os.kill(landmarker.pid, signal.SIGKILL)
            pipeline.buffer.put(*pipeline.crops(frame))
            updates.append(settled(pipeline, pipeline.step(taken(pipeline))))

    said = "the face landmarker was ended by signal 9 and was started again"
    assert [notice for update in updates for notice in update.notices].count(said) == 1
    assert pipeline.face_notes() == (said,)
    assert sum(len(update.events) for update in updates) == len(recording[1]["events"])


def test_nothing_is_spotted_on_a_tiny_face_and_it_is_said(recording: Any) -> None:
    with FrameReader(recording[0]) as frames:
        run = replayed(changed(frame, shrunk) for frame in frames)

    assert run.events == []
    assert run.pipeline.totals.rejected["small"] > 0
    (note,) = run.pipeline.face_notes()
    assert note.startswith("the face is small: 10 pixels between the eyes (minimum 10), 40 or more are needed")


def test_the_notices_of_the_tracker_are_in_the_updates(recording: Any) -> None:
    with FrameReader(recording[0]) as frames:
        run = replayed(changed(frame, lying) for frame in islice(frames, 100))

    said = "the face lies on its side; rotate the recording by 90 degrees counter-clockwise"
    assert [notice for update in run.updates for notice in update.notices] == ["face found", said]
    assert run.pipeline.face_notes() == (f"{said} (from 0.5 s on)",)
