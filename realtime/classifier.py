"""Classifies what the spotter found, beside the main loop, so that spotting never waits for the network.

A candidate takes a hundred times as long as a frame. One thread samples and classifies them in the order in which they
came; those that wait while it is busy go to the engine as one batch. The hand-off is bounded: at most WAITING_MOST
candidates are on their way, then `add` waits. A candidate is worth more than a frame, and frames that the main
loop does not reach meanwhile are counted by the ring buffer.
"""

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.protocol import Engine
from mer.errors import MerError
from mer.labels import NONE_LABEL
from mer.messages import Clip, FaceCrop, Interval
from mer.preprocess import InputMode, encode, make_clip
from realtime.messages import Event, Latency, Quality
from realtime.timing import Timing

WAITING_MOST: Final = 8
"""Candidates on their way at once; each holds the crops of its interval, 60 kB a frame."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An interval that the spotter took for a micro-expression.

    Attributes:
        interval: Onset, apex and offset.
        crops: Those of the interval and of the rest before it, in order of time.
        decided_s: Time of the frame on which it was decided, on the source's clock.
        decided_index: Index of that frame.
        arrived_s: When that frame came to the spotter, by `time.perf_counter`.
    """

    interval: Interval
    crops: Sequence[FaceCrop]
    decided_s: float
    decided_index: int
    arrived_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a candidate.

    Attributes:
        candidate: The same, its crops left out.
        result: An event, or the interval if it could not be sampled.
    """

    candidate: Candidate
    result: Event | Interval


class Classifier:
    """Candidates in, events out, in the same order.

    Belongs to one thread, which calls everything here. An error of the engine is raised where the events are
    collected, after those before it.

    Args:
        engine: Not owned; nobody else may use it until `close`.
        mode: Encoding of its clips.
        timing: Gets the stages "sample" and "classify", one duration a batch.
    """

    def __init__(self, engine: Engine, *, mode: InputMode, timing: Timing) -> None:
        self._engine = engine
        self._mode = mode
        self._timing = timing
        self._events = 0
        self._waiting: deque[Candidate] = deque()
        self._jobs: deque[Future[list[Outcome]]] = deque()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="classify")

    def add(self, candidate: Candidate) -> None:
        """Have a candidate classified; waits only while WAITING_MOST are on their way."""
        if len(self._jobs) >= WAITING_MOST:
            self._jobs[-WAITING_MOST].exception()
        self._waiting.append(candidate)
        self._jobs.append(self._worker.submit(self._run))

    @property
    def busy(self) -> bool:
        """Whether candidates are on their way of which nothing has come out yet."""
        return bool(self._jobs) and not self._jobs[-1].done()

    def finished(self) -> list[Outcome]:
        """Return, once each, the outcomes that are ready.

        Raises:
            MerError: If the engine failed and nothing can replace it.
        """
        outcomes: list[Outcome] = []
        while self._jobs and self._jobs[0].done():
            if outcomes and self._jobs[0].exception() is not None:
                break  # for the next call, so that nothing before it is lost
            outcomes += [self._completed(outcome) for outcome in self._jobs.popleft().result()]
        return outcomes

    def settled(self) -> list[Outcome]:
        """Wait for everything that is on its way and return what `finished` does."""
        if self._jobs:
            self._jobs[-1].exception()
        return self.finished()

    def close(self) -> None:
        """Stop the thread; what was not collected is lost; safe to call twice."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _completed(self, outcome: Outcome) -> Outcome:
        """Number an event and add up its latency, now that it comes out."""
        event = outcome.result
        if isinstance(event, Interval):
            return outcome
        self._events += 1
        compute_ms = 1000.0 * (time.perf_counter() - outcome.candidate.arrived_s)
        latency = replace(event.latency, compute_ms=compute_ms)
        return replace(outcome, result=replace(event, number=self._events, latency=latency))

    def _run(self) -> list[Outcome]:
        """Classify all that wait: a job of the thread. Those of a later job may be taken by an earlier one."""
        candidates = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not candidates:
            return []
        with self._timing.stage("sample"):
            clips = [_clip(candidate) for candidate in candidates]
            encoded = [encode(clip.images, self._mode) for clip in clips if clip is not None]
        started_s = time.perf_counter()
        if encoded:
            with self._timing.stage("classify"):
                rows = iter(self._engine.classify(np.stack(encoded)))
        engine_ms = 1000.0 * (time.perf_counter() - started_s)
        return [
            Outcome(
                replace(candidate, crops=()),
                replace(candidate.interval, verdict="rejected", reason="gap")
                if clip is None
                else self._event(candidate, clip, next(rows), engine_ms=engine_ms),
            )
            for candidate, clip in zip(candidates, clips)
        ]

    def _event(
        self, candidate: Candidate, clip: Clip, probabilities: NDArray[np.float32], *, engine_ms: float
    ) -> Event:
        interval, classes = candidate.interval, self._engine.classes
        best = int(np.argmax(probabilities))
        sure = float(probabilities[best]) >= self._engine.none_threshold
        return Event(
            number=0,
            interval=interval,
            label=classes[best] if sure else NONE_LABEL,
            probabilities={name: float(p) for name, p in zip(classes, probabilities)},
            quality=_quality(candidate, interpolated=clip.interpolated),
            latency=Latency(
                confirm_ms=1000.0 * (candidate.decided_s - interval.offset.time_s),
                compute_ms=0.0,
                engine_ms=engine_ms,
            ),
            engine=self._engine.name,
            clip=clip,
        )


def _clip(candidate: Candidate) -> Clip | None:
    """Return the pictures of a candidate, None if its crops do not cover it any more."""
    try:
        return make_clip(candidate.crops, candidate.interval)
    except MerError:
        return None


def _quality(candidate: Candidate, *, interpolated: bool) -> Quality:
    crops = [crop for crop in candidate.crops if crop.time_s >= candidate.interval.onset.time_s]
    steps = np.diff([crop.time_s for crop in crops])
    indices = np.diff([crop.index for crop in crops])
    usual_s = float(np.median(steps))
    missing = steps.sum() / usual_s - len(steps)  # a frame that only came late is caught up with
    return Quality(
        interpolated=interpolated,
        gap=bool((indices > 1).any() or ((steps > 1.8 * usual_s).any() and missing > 0.7)),
        tracking=min(crop.quality for crop in crops),
        rate_hz=1.0 / usual_s,
    )
