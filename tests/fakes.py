"""Stand-ins for what a test cannot have: a clock that obeys, a camera, a trained engine, a tracked face."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mer.face import geometry
from mer.face.geometry import CROP_SIZE
from mer.face.tracker import Precrop
from mer.jobs import processes
from mer.labels import CLASSES
from mer.messages import Clip, FaceCrop, FaceState, Frame, Interval, Moment
from mer.preprocess import InputMode
from realtime.capture.cadence import Cadence
from realtime.capture.cameras.base import Clock, Mode
from realtime.capture.ring_buffer import RingBuffer
from realtime.classifier import Outcome
from realtime.messages import Event, Latency, Quality, Totals
from realtime.people import People
from realtime.pipeline import Pipeline
from realtime.recordings import workers
from realtime.spotting.spotter import SpotterConfig, Spotting
from realtime.timing import Timing
from realtime.update import Update


def batch_in_this_process(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    """Let several recordings be replayed one after the other here, where engine and pipeline can be replaced."""

    def done(jobs: Sequence[Any], work: Any, **_: Any) -> Iterator[tuple[int, Any]]:
        for number, job in enumerate(jobs):
            yield number, work(job, SimpleNamespace(update=lambda done, total: None))

    no_landmarks = SimpleNamespace(detect=None, detect_still=None, news=None, close=lambda: None)
    monkeypatch.setattr(processes, "in_processes", done)
    monkeypatch.setattr(workers, "engine_of_this_process", lambda choice: engine)
    monkeypatch.setattr(workers, "landmarker_of_this_process", cache(lambda model, faces: no_landmarks))


class FakeClock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


class FakeCamera:
    """A `Camera`: numbered pictures with stamps, `seconds_per_read` on a fake clock."""

    def __init__(
        self,
        stamps_s: Sequence[float],
        *,
        fps: float | None = 30.0,
        camera_clock: Clock = "device",
        asked: Mode | None = None,
        lost_before: Mapping[int, int] | None = None,
        clock: FakeClock | None = None,
        seconds_per_read: Sequence[float] = (),
    ) -> None:
        self.asked = asked or Mode()
        self.mode = Mode(fps=fps, fourcc="MJPG")
        self.clock: Clock = camera_clock
        self.finite = False
        self.notes: tuple[str, ...] = ()
        self.closed = False
        self._stamps_s = list(stamps_s)
        self._lost_before = lost_before or {}
        self._clock = clock
        self._seconds_per_read = list(seconds_per_read)
        self._position = -1

    def read(self) -> Frame | None:
        if self._position + 1 >= len(self._stamps_s):
            return None
        self._position += 1
        if self._clock and self._seconds_per_read:
            self._clock.wait(self._seconds_per_read[self._position % len(self._seconds_per_read)])
        picture = np.full((48, 64, 3), self._position % 256, np.uint8)
        lost_before = self._lost_before.get(self._position, 0)
        return Frame(picture, self._stamps_s[self._position], 0, lost_before=lost_before)

    def close(self) -> None:
        self.closed = True


class FakeEngine:
    """Always sure of the first class."""

    name: str = "fake"
    choice_reason: str = "fake: the test asked for it"
    classes: tuple[str, ...] = CLASSES
    mode: InputMode = "gray"
    none_threshold: float = 0.3
    manifest: Any = SimpleNamespace(training_data="nothing, it is a stand-in", sha256="0" * 64, spotter_weight=0.0)

    def __init__(self) -> None:
        self.closed = False

    def classify(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        answer = np.full((len(clips), len(CLASSES)), 0.1, np.float32)
        answer[:, 0] = 0.6
        return answer

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> "FakeEngine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class GatedEngine(FakeEngine):
    """Answers once its gate is open; remembers how many clips each call had."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.asked, self.answered = threading.Event(), threading.Event(), threading.Event()
        self.batches: list[int] = []

    def classify(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.batches.append(len(clips))
        self.asked.set()
        assert self.gate.wait(60.0)
        self.answered.set()
        return super().classify(clips)


class FakePipeline(Pipeline):
    """A pipeline that sees a face in every frame and reports an event on the frames in `event_frames`."""

    def __init__(self, *, rate_hz: float = 100.0, event_frames: Sequence[int] = ()) -> None:
        self.buffer = RingBuffer(4.0, rate_hz)
        self.timing = Timing()
        self.totals = Totals()
        self.people = People(SpotterConfig(), most=1)
        self.cadence = Cadence()
        self.announced: list[str] = []
        self.finished = False
        self._dial = 1.0
        self._event_frames = event_frames

    @property
    def sensitivity(self) -> float:
        return self._dial

    @sensitivity.setter
    def sensitivity(self, value: float) -> None:
        self._dial = value

    def announce(self, notice: str) -> None:
        self.announced.append(notice)

    def news(self) -> tuple[str, ...]:
        return ()

    def face_notes(self, *, start_s: float = 0.0) -> tuple[str, ...]:
        return ()

    def precrop(self, frame: Frame) -> None:
        return None

    def crops(self, frame: Frame, ahead: Precrop | None = None) -> tuple[FaceCrop, ...]:
        self.cadence.add(frame)
        return (crop(frame.index, frame.time_s, shade=int(frame.image.flat[0])),)

    def step(self, crop: FaceCrop) -> Update:
        if self.totals.frames == 0:
            self.totals.first_time_s = crop.time_s
        self.totals.frames += 1
        self.totals.frames_with_face += 1
        self.totals.last_time_s = crop.time_s
        self.totals.dropped = self.buffer.overruns
        events = []
        if crop.index in self._event_frames:
            self.totals.events += 1
            events.append(event(self.totals.events, first=crop.index, last=crop.index + 40))
        return update(crop.index, crop.time_s, events=tuple(events))

    @property
    def classifying(self) -> bool:
        return False

    def settle(self) -> None:
        pass

    def results(self) -> list[Outcome]:
        return []

    def finish(self) -> None:
        self.finished = True

    def close(self) -> None:
        pass


def crop(index: int, time_s: float, *, shade: int = 128, state: FaceState = "tracked") -> FaceCrop:
    return FaceCrop(
        image=np.full((CROP_SIZE, CROP_SIZE), shade, np.uint8),
        crop_from_source=geometry.identity(),
        crop_from_anchor=geometry.identity(),
        landmarks_px=np.zeros((478, 2), np.float32),
        time_s=time_s,
        index=index,
        anchor=0,
        state=state,
        quality=1.0,
        n_faces=1,
    )


def interval(first: int, last: int, *, fps: float = 200.0, reason: str = "") -> Interval:
    apex = (first + last) // 2
    onset, middle, offset = (Moment(index, index / fps) for index in (first, apex, last))
    return Interval(onset, middle, offset, score=5.0, verdict="rejected" if reason else "micro", reason=reason)


def event(number: int, *, first: int = 100, last: int = 160, label: str = "happiness") -> Event:
    found = interval(first, last)
    probabilities = {name: 0.6 if name == label else 0.1 for name in CLASSES}
    clip = Clip(
        np.zeros((13, 90, 90), np.uint8), np.linspace(found.onset.time_s, found.offset.time_s, 13), found, False
    )
    return Event(
        number=number,
        interval=found,
        label=label,
        probabilities=probabilities,
        quality=Quality(interpolated=False, gap=False, tracking=0.97, rate_hz=200.0),
        latency=Latency(confirm_ms=40.0, compute_ms=3.0, queue_ms=0.1, sample_ms=0.8, engine_ms=2.0),
        engine="fake",
        clip=clip,
    )


def update(
    index: int,
    time_s: float,
    *,
    events: tuple[Event, ...] = (),
    rejected: tuple[Interval, ...] = (),
    notices: tuple[str, ...] = (),
    motion: float = 0.1,
    face: FaceState = "tracked",
) -> Update:
    return Update(
        crop=crop(index, time_s, state=face),
        spotting=Spotting("idle", motion, 0.2),
        rejected=rejected,
        events=events,
        notices=notices,
    )
