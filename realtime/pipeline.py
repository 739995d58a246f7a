"""The stages in order: face, ring buffer, spotter, sampler, engine. One pipeline for live and replay.

Live, the capture thread calls `crop` and writes `buffer`; the main loop reads it and calls `step`.
Replay does both in one loop. Nothing here knows about terminals, files or cameras.
"""

import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np

from engines.protocol import Engine
from mer.errors import MerError
from mer.face.landmarker import Landmarker
from mer.face.tracker import FaceTracker
from mer.labels import NONE_LABEL
from mer.messages import FaceCrop, Frame, Interval
from mer.preprocess import check_mode, encode, make_clip
from mer.sampling import REST_S
from realtime.capture.cadence import Cadence
from realtime.capture.ring_buffer import RingBuffer
from realtime.messages import Event, Latency, Quality, Totals, Update
from realtime.spotting.sensitivity import LEAST, MOST, spotter_config
from realtime.spotting.spotter import Spotter, SpotterConfig, Spotting
from realtime.timing import Timing

BUFFER_S: Final = 4.0
"""Length of the ring buffer: the longest candidate, its confirmation and a second to spare."""


class Pipeline:
    """Frames in, updates out.

    `crop` belongs to one thread and `step` to one thread; they may differ. Use as a context manager,
    or call `close`.

    Args:
        rate_hz: Frames a second of the source, for the size of the buffer.
        engine: Classifier; not owned, the caller closes it.
        face_model: A face_landmarker.task, or None to look for one.
        spotter: Thresholds of the spotter at sensitivity 1.
        sensitivity: Where the dial of `realtime.spotting.sensitivity` stands at first.

    Raises:
        MerError: If no face model is found or the engine's input cannot be had from grey crops.
    """

    def __init__(
        self,
        *,
        rate_hz: float,
        engine: Engine,
        face_model: Path | None = None,
        spotter: SpotterConfig | None = None,
        sensitivity: float = 1.0,
    ) -> None:
        self._mode = check_mode(engine.mode)
        if self._mode == "rgb":
            raise MerError(
                f"engine {engine.name} wants colour pictures, live and replay keep grey ones; "
                "use an engine trained with --input gray, residual or flow"
            )
        self.buffer = RingBuffer(BUFFER_S, rate_hz)
        self.timing = Timing()
        self.totals = Totals()
        self.cadence = Cadence()
        self._engine = engine
        self._tracker = FaceTracker(Landmarker(face_model))
        self._spotter = Spotter(spotter)
        self._thresholds = self._spotter.config
        self.sensitivity = sensitivity
        self._before: FaceCrop | None = None
        self._latest: Update | None = None
        self._announced: deque[str] = deque()

    @property
    def sensitivity(self) -> float:
        """Where the dial of `realtime.spotting.sensitivity` stands; may be turned at any time, from any thread."""
        return self._sensitivity

    @sensitivity.setter
    def sensitivity(self, value: float) -> None:
        self._sensitivity = min(max(value, LEAST), MOST)
        self._spotter.config = spotter_config(self._sensitivity, self._thresholds)

    def crop(self, frame: Frame) -> FaceCrop:
        """Find the face of one frame."""
        self.cadence.add(frame)
        with self.timing.stage("face"):
            return self._tracker.crop(frame)

    def step(self, crop: FaceCrop) -> Update:
        """Spot, sample and classify with one more crop."""
        arrived_s = time.perf_counter()
        with self.timing.stage("spot"):
            spotting = self._spotter.step(crop)
        self._count(crop)
        notices = (*self._news(), *_notices(self._before, crop))
        self._before = crop
        self._latest = self._update(crop, spotting, arrived_s, notices)
        return self._latest

    def waiting(self) -> Update | None:
        """Return an update without a frame if something was announced while none came, else None."""
        if not self._announced or self._latest is None:
            return None
        return replace(self._latest, face="lost", spotter="no-face", events=(), rejected=(), notices=self._news())

    def announce(self, notice: str) -> None:
        """Have the next update say something that came from outside the stages."""
        self._announced.append(notice)

    def finish(self) -> Update | None:
        """Decide what is still open when the source ends; None if nothing was."""
        spotting = self._spotter.finish()
        if self._before is None or not spotting.intervals:
            return None
        return self._update(self._before, spotting, time.perf_counter(), ())

    def close(self) -> None:
        """Stop the landmark thread; safe to call twice."""
        self._tracker.close()

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _update(self, crop: FaceCrop, spotting: Spotting, arrived_s: float, notices: tuple[str, ...]) -> Update:
        events: list[Event] = []
        rejected: list[Interval] = []
        for interval in spotting.intervals:
            outcome = self._classified(interval, crop.time_s, arrived_s) if interval.verdict == "micro" else interval
            if isinstance(outcome, Event):
                events.append(outcome)
            else:
                rejected.append(outcome)
                self.totals.rejected[outcome.reason] = self.totals.rejected.get(outcome.reason, 0) + 1
        return Update(
            time_s=crop.time_s,
            index=crop.index,
            face=crop.state,
            n_faces=crop.n_faces,
            crop=crop.image,
            motion=spotting.motion,
            threshold=spotting.threshold,
            spotter=spotting.state,
            rejected=tuple(rejected),
            events=tuple(events),
            notices=notices,
            dropped=self.totals.dropped,
            landmarks_px=crop.landmarks_px,
            head=crop.motion,
            regions=self._spotter.regions,
            sensitivity=self._sensitivity,
        )

    def _classified(self, interval: Interval, decided_s: float, arrived_s: float) -> Event | Interval:
        """Sample and classify one interval; one that can no longer be sampled is rejected."""
        with self.timing.stage("sample"):
            onset_s = interval.onset.time_s
            with_rest = self.buffer.window(onset_s - REST_S, interval.offset.time_s)
            crops = [crop for crop in with_rest if crop.time_s >= onset_s]
            try:
                clip = make_clip(with_rest, interval)
            except MerError:
                return replace(interval, verdict="rejected", reason="gap")
        with self.timing.stage("classify"):
            started_s = time.perf_counter()
            probabilities = self._engine.classify(encode(clip.images, self._mode)[np.newaxis])[0]
            engine_ms = 1000.0 * (time.perf_counter() - started_s)
        best = int(np.argmax(probabilities))
        sure = float(probabilities[best]) >= self._engine.none_threshold
        self.totals.events += 1
        return Event(
            number=self.totals.events,
            interval=interval,
            label=self._engine.classes[best] if sure else NONE_LABEL,
            probabilities={name: float(p) for name, p in zip(self._engine.classes, probabilities)},
            quality=_quality(crops, clip.interpolated),
            latency=Latency(
                confirm_ms=1000.0 * (decided_s - interval.offset.time_s),
                compute_ms=1000.0 * (time.perf_counter() - arrived_s),
                engine_ms=engine_ms,
            ),
            engine=self._engine.name,
            clip=clip,
        )

    def _news(self) -> tuple[str, ...]:
        return tuple(self._announced.popleft() for _ in range(len(self._announced)))

    def _count(self, crop: FaceCrop) -> None:
        totals = self.totals
        if totals.frames == 0:
            totals.first_time_s = crop.time_s
        totals.last_time_s = crop.time_s
        totals.frames += 1
        totals.frames_with_face += crop.state == "tracked"
        totals.dropped = self.buffer.overruns


def _quality(crops: list[FaceCrop], interpolated: bool) -> Quality:
    steps = np.diff([crop.time_s for crop in crops])
    indices = np.diff([crop.index for crop in crops])
    usual_s = float(np.median(steps))
    return Quality(
        interpolated=interpolated,
        gap=bool((indices > 1).any() or (steps > 1.8 * usual_s).any()),
        tracking=min(crop.quality for crop in crops),
        rate_hz=1.0 / usual_s,
    )


def _notices(before: FaceCrop | None, now: FaceCrop) -> tuple[str, ...]:
    notices = []
    was_tracked = before is not None and before.state == "tracked"
    if now.state == "tracked" and not was_tracked:
        notices.append("face found")
    elif now.state != "tracked" and was_tracked:
        notices.append("face lost")
    elif now.state != "tracked" and before is None:
        notices.append("no face in view")
    if now.n_faces > 1 and (before is None or before.n_faces != now.n_faces):
        notices.append(f"{now.n_faces} faces in view: following the largest")
    return tuple(notices)
