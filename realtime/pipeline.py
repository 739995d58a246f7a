"""The stages in order: face, ring buffer, spotter, sampler, engine. One pipeline for live and replay.

`crop` is the first half, written to `buffer`; `step` takes what is read from there and has what is spotted classified
meanwhile; `results` hands out what has been classified. The drivers of both kinds of session are in
`realtime.session`. Nothing here knows about terminals, files or cameras.
"""

import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final

from engines.protocol import Engine
from mer.errors import MerError
from mer.face.landmarker import Landmarker
from mer.face.tracker import FaceTracker, Precrop
from mer.messages import FaceCrop, Frame, Interval
from mer.preprocess import check_mode
from mer.sampling import REST_S
from realtime import face_size
from realtime.capture.cadence import Cadence
from realtime.capture.ring_buffer import RingBuffer
from realtime.classifier import Candidate, Classifier, Outcome
from realtime.messages import Event, Totals
from realtime.quality.meter import QualityMeter
from realtime.spotting.sensitivity import MAX_SENSITIVITY, MIN_SENSITIVITY, spotter_config
from realtime.spotting.spotter import Spotter, SpotterConfig, Spotting
from realtime.timing import Timing
from realtime.update import Update

BUFFER_S: Final = 4.0
"""Length of the ring buffer: the longest candidate, its confirmation and a second to spare."""


class Pipeline:
    """Frames in, updates out.

    `crop` belongs to one thread and everything else to one thread; they may differ. Use as a context manager,
    or call `close`.

    Args:
        rate_hz: Frames a second of the source, for the size of the buffer.
        engine: Classifies in a thread of the pipeline until `close`; not owned, the caller closes it.
        face_model: A face_landmarker.task, or None to look for one.
        landmarker: Started before, to save time; closed with the pipeline. None starts one with `face_model`.
        spotter: Thresholds of the spotter at sensitivity 1.
        sensitivity: That of `realtime.spotting.sensitivity` at first.

    Raises:
        MerError: If no face model is found or the engine's input cannot be had from grey crops.
    """

    def __init__(
        self,
        *,
        rate_hz: float,
        engine: Engine,
        face_model: Path | None = None,
        landmarker: Landmarker | None = None,
        spotter: SpotterConfig | None = None,
        sensitivity: float = 1.0,
    ) -> None:
        mode = check_mode(engine.mode)
        if mode == "rgb":
            raise MerError(
                f"engine {engine.name} needs colour frames, but live and replay keep grey ones; "
                "use an engine trained with --input gray, residual or flow"
            )
        self.buffer = RingBuffer(BUFFER_S, rate_hz)
        self.timing = Timing()
        self.totals = Totals()
        self.cadence = Cadence()
        self._classifier = Classifier(engine, mode=mode, timing=self.timing)
        self._tracker = FaceTracker(landmarker or Landmarker(face_model))
        self._spotter = Spotter(spotter)
        self._thresholds = self._spotter.config
        self.sensitivity = sensitivity
        self._quality = QualityMeter()
        self._flags: tuple[str, ...] = ()
        self._before: FaceCrop | None = None
        self._arrived_s = 0.0
        self._announced: deque[str] = deque()

    @property
    def sensitivity(self) -> float:
        """That of `realtime.spotting.sensitivity`; may be changed at any time, from any thread."""
        return self._sensitivity

    @sensitivity.setter
    def sensitivity(self, value: float) -> None:
        self._sensitivity = min(max(value, MIN_SENSITIVITY), MAX_SENSITIVITY)
        self._spotter.config = spotter_config(self._sensitivity, self._thresholds)

    def precrop(self, frame: Frame) -> Precrop | None:
        """Do of `crop` what can be done before a frame's turn, in another thread."""
        with self.timing.stage("cut"):
            return self._tracker.precrop(frame)

    def crop(self, frame: Frame, ahead: Precrop | None = None) -> FaceCrop:
        """Find the face of one frame; `ahead` saves time and changes nothing."""
        self.cadence.add(frame)
        with self.timing.stage("face"):
            return self._tracker.crop(frame, ahead)

    def step(self, crop: FaceCrop) -> Update:
        """Spot with one more crop and have what is found classified meanwhile; the update has no event yet."""
        self._arrived_s = time.perf_counter()
        with self.timing.stage("spot"):
            spotting = self._spotter.step(crop)
        with self.timing.stage("quality"):
            self._flags = self._quality.add(crop, self._spotter.head)
        self._count(crop, spotting)
        notices = (*self.news(), *_notices(self._before, crop), *crop.notices)
        self._before = crop
        return self._update(crop, spotting, notices)

    def results(self) -> list[Outcome]:
        """Return, once each, what came of the candidates that have been classified; never waits.

        Raises:
            MerError: If the engine failed and nothing can replace it.
        """
        outcomes = self._classifier.finished()
        for outcome in outcomes:
            if isinstance(outcome.result, Event):
                self.totals.events += 1
            else:
                self._count_rejected(outcome.result)
        return outcomes

    @property
    def classifying(self) -> bool:
        """Whether `settle` would have to wait."""
        return self._classifier.busy

    def settle(self) -> None:
        """Wait until `results` has what came of all candidates so far."""
        self._classifier.settle()

    def news(self) -> tuple[str, ...]:
        """Return, once each, what was announced since the last update."""
        return tuple(self._announced.popleft() for _ in range(len(self._announced)))

    def face_notes(self, *, start_s: float = 0.0) -> tuple[str, ...]:
        """Return what was odd about the faces so far, as sentences.

        Args:
            start_s: What their times are counted from, on the source's clock.
        """
        return (*self._tracker.notes.lines(start_s=start_s), *face_size.notes(self.totals.eye_distances))

    def announce(self, notice: str) -> None:
        """Have the next update say something that came from outside the stages."""
        self._announced.append(notice)

    def finish(self) -> Update | None:
        """Decide what is still open when the source has ended; None if there was no frame. `results` has its events."""
        if self._before is None:
            return None
        return self._update(self._before, self._spotter.finish(), ())

    def close(self) -> None:
        """Stop the threads of landmarks and classification; safe to call twice."""
        self._classifier.close()
        self._tracker.close()

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _update(self, crop: FaceCrop, spotting: Spotting, notices: tuple[str, ...]) -> Update:
        for interval in spotting.intervals:
            if interval.verdict == "micro":
                crops = self.buffer.window(interval.onset.time_s - REST_S, interval.offset.time_s)
                candidate = Candidate(interval, crops, crop.time_s, crop.index, self._arrived_s)
                flags = self._quality.during(interval)
                self._classifier.add(replace(candidate, watchable=spotting.watchable, flags=flags))
        rejected = tuple(interval for interval in spotting.intervals if interval.verdict != "micro")
        for interval in rejected:
            self._count_rejected(interval)
        return Update(
            crop=crop,
            spotting=spotting,
            regions=self._spotter.regions,
            flags=self._flags,
            sensitivity=self._sensitivity,
            rejected=rejected,
            notices=notices,
            lost=self.totals.dropped,
        )

    def _count_rejected(self, interval: Interval) -> None:
        self.totals.rejected[interval.reason] = self.totals.rejected.get(interval.reason, 0) + 1

    def _count(self, crop: FaceCrop, spotting: Spotting) -> None:
        totals = self.totals
        if totals.frames == 0:
            totals.first_time_s = crop.time_s
        totals.last_time_s = crop.time_s
        totals.frames += 1
        totals.frames_with_face += crop.state == "tracked"
        if crop.state == "tracked":
            totals.eye_distances[round(crop.eye_distance_px)] += 1
        totals.flags.update(self._flags)
        if spotting.watchable is not None:
            for percent in totals.watchable:
                totals.watchable[percent] += spotting.watchable <= percent
        totals.dropped = self.buffer.overruns


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
        notices.append(f"{now.n_faces} faces in view: following the one that was there first")
    return tuple(notices)
