"""The stages in order: face, ring buffer, spotter, sampler, engine. One pipeline for live and replay.

`crops` is the first half, written to `buffer`; `step` takes what is read from there, crop by crop, and has what is
spotted classified meanwhile; `results` hands out what has been classified. The drivers of both kinds of session are in
`realtime.session`. Nothing here knows about terminals, files or cameras.
"""

import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Final

from engines.protocol import Engine
from mer.errors import MerError
from mer.face.landmarker import Landmarker
from mer.face.tracker import Meshes, Precrop
from mer.messages import FIRST_PERSON, FaceCrop, Frame, Interval
from mer.preprocess import check_mode
from mer.sampling import REST_S
from realtime import face_size
from realtime.capture.cadence import Cadence
from realtime.capture.ring_buffer import RingBuffer
from realtime.classifier import Candidate, Classifier, Outcome
from realtime.messages import Event
from realtime.people import Counted, People, faces_of, tracker_of
from realtime.spotting.sensitivity import MAX_SENSITIVITY, MIN_SENSITIVITY, spotter_config
from realtime.spotting.spotter import SpotterConfig, Spotting
from realtime.timing import Timing
from realtime.update import Update

BUFFER_S: Final = 4.0
"""Length of the ring buffer: the longest candidate, its confirmation and a second to spare."""


class Pipeline:
    """Frames in, updates out.

    `crops` belongs to one thread and everything else to one thread; they may differ. Use as a context manager,
    or call `close`.

    Args:
        rate_hz: Frames a second of the source, for the size of the buffer.
        engine: Classifies in a thread of the pipeline until `close`; not owned, the caller closes it.
        face_model: A face_landmarker.task, or None to look for one.
        landmarker: Started before, to save time; closed with the pipeline. None starts one with `face_model`.
        spotter: Thresholds of the spotter at sensitivity 1.
        sensitivity: That of `realtime.spotting.sensitivity` at first.
        people: Maximum number of people that are followed.

    Attributes:
        buffer: Where crops wait to be taken, and are kept for the clips.
        people: What is watched of each person.
        totals: Counters of the session: of frames, whoever was in them, and of everybody's events.

    Raises:
        MerError: If no face model is found or the engine's input cannot be had from grey crops.
        UsageError: If so many people cannot be followed.
    """

    def __init__(
        self,
        *,
        rate_hz: float,
        engine: Engine,
        face_model: Path | None = None,
        landmarker: Meshes | None = None,
        spotter: SpotterConfig | None = None,
        sensitivity: float = 1.0,
        people: int = 1,
    ) -> None:
        mode = check_mode(engine.mode)
        if mode == "rgb":
            raise MerError(
                f"engine {engine.name} needs colour frames, but live and replay keep grey ones; "
                "use an engine trained with --input gray, residual or flow"
            )
        faces = faces_of(people)
        self.buffer = RingBuffer(BUFFER_S, rate_hz * people)
        self.timing = Timing()
        self.cadence = Cadence()
        self._classifier = Classifier(engine, mode=mode, timing=self.timing)
        self._tracker = tracker_of(landmarker or Landmarker(face_model, faces=faces), people=people)
        self._thresholds = spotter or SpotterConfig()
        self.people = People(self._thresholds, most=people)
        self.people[FIRST_PERSON]  # whose weights are loaded now, not on the first frame
        self._counted = Counted()
        self.totals = self._counted.totals
        self.sensitivity = sensitivity
        self._arrived_s = 0.0
        self._announced: deque[str] = deque()

    @property
    def sensitivity(self) -> float:
        """That of `realtime.spotting.sensitivity`; may be changed at any time, from any thread."""
        return self._sensitivity

    @sensitivity.setter
    def sensitivity(self, value: float) -> None:
        self._sensitivity = min(max(value, MIN_SENSITIVITY), MAX_SENSITIVITY)
        self.people.config = spotter_config(self._sensitivity, self._thresholds)

    def precrop(self, frame: Frame) -> Precrop | None:
        """Do of `crops` what can be done before a frame's turn, in another thread."""
        with self.timing.stage("cut"):
            return self._tracker.precrop(frame)

    def crops(self, frame: Frame, ahead: Precrop | None = None) -> tuple[FaceCrop, ...]:
        """Find the faces of one frame: one crop for each person; `ahead` saves time and changes nothing."""
        self.cadence.add(frame)
        with self.timing.stage("face"):
            return self._tracker.crops(frame, ahead)

    def step(self, crop: FaceCrop) -> Update:
        """Spot with one more crop and have what is found classified meanwhile; the update has no event yet."""
        self._arrived_s = time.perf_counter()
        watch = self.people[crop.person]
        spotting, face_news = watch.step(crop, self.timing)
        self._counted.add(crop, spotting, watch.flags)
        self.totals.dropped = self.buffer.overruns
        return self._update(crop, spotting, (*self.news(), *face_news, *crop.notices))

    def results(self) -> list[Outcome]:
        """Return, once each, what came of the candidates that have been classified; never waits.

        Raises:
            MerError: If the engine failed and nothing can replace it.
        """
        outcomes = self._classifier.finished()
        for outcome in outcomes:
            if isinstance(outcome.result, Event):
                self.totals.events += 1
                self.people[outcome.result.person].totals.events += 1
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
        first = self.people.get(FIRST_PERSON)
        if first is None or first.before is None:
            return None
        return self._update(first.before, self.people.finish(), ())

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
                watch = self.people[interval.person]
                crops = self.buffer.window(
                    interval.onset.time_s - REST_S, interval.offset.time_s, person=interval.person
                )
                self._classifier.add(
                    Candidate(
                        interval=interval,
                        crops=crops,
                        decided_s=crop.time_s,
                        decided_index=crop.index,
                        arrived_s=self._arrived_s,
                        watchable=spotting.watchable,
                        flags=watch.quality.during(interval),
                    )
                )
        rejected = tuple(interval for interval in spotting.intervals if interval.verdict != "micro")
        for interval in rejected:
            self._count_rejected(interval)
        return Update(
            crop=crop,
            spotting=spotting,
            regions=self.people[crop.person].regions,
            flags=self.people[crop.person].flags,
            sensitivity=self._sensitivity,
            rejected=rejected,
            notices=notices,
            lost=self.totals.dropped,
        )

    def _count_rejected(self, interval: Interval) -> None:
        for totals in (self.totals, self.people[interval.person].totals):
            totals.rejected[interval.reason] = totals.rejected.get(interval.reason, 0) + 1
