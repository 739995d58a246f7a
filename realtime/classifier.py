"""Classifies what the spotter found, beside the main loop, so that spotting never waits for the network.

A candidate takes a hundred times as long as a frame. One thread samples and classifies them in the order in which they
came; those that wait while it is busy go to the engine as one batch. The hand-off is bounded: at most MAX_WAITING
candidates are on their way, then `add` waits. A candidate is worth more than a frame, and frames that the main
loop does not reach meanwhile are counted by the ring buffer.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
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
from realtime.quality.recording import rate_flags
from realtime.timing import Timing

MAX_WAITING: Final = 8
"""Candidates on their way at once; each holds the crops of its interval, 60 kB a frame."""


_MIN_PROBABILITY: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Candidate:
    """An interval that the spotter took for a micro-expression.

    Attributes:
        interval: Onset, apex and offset.
        crops: Those of the interval and of the rest before it, in order of time.
        decided_s: Time of the frame on which it was decided, on the source's clock.
        decided_index: Index of that frame.
        arrived_s: When that frame came to the spotter, by `time.perf_counter`.
        watchable: See `Quality`.
        flags: Those of its frames.
    """

    interval: Interval
    crops: Sequence[FaceCrop]
    decided_s: float
    decided_index: int
    arrived_s: float
    watchable: float | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a candidate.

    Attributes:
        decided_index: Index of the frame on which the spotter decided.
        result: An event, or the interval if it could not be sampled.
    """

    decided_index: int
    result: Event | Interval


@dataclass(frozen=True, slots=True)
class _Shares:
    """What a batch took, and when it began."""

    begun_s: float
    sample_ms: float
    engine_ms: float


@dataclass(frozen=True, slots=True)
class _Answer:
    """Everything of an event but its number and when it was handed out."""

    candidate: Candidate
    label: str
    probabilities: dict[str, float]
    quality: Quality
    engine: str
    shares: _Shares
    clip: Clip


class Classifier:
    """Candidates in, events out, in the same order.

    Belongs to one thread, which calls everything here. An error of the engine is raised where the events are
    collected, after those before it.

    Args:
        engine: Not owned; nobody else may use it until `close`.
        mode: Encoding of its clips.
        timing: Gets the stages "sample" and "classify", one duration a batch, and "evidence", "queue" and "event", one
            an event: from its offset to the frame of the decision, from there to its turn, and to the finished event.
    """

    def __init__(self, engine: Engine, *, mode: InputMode, timing: Timing) -> None:
        self._engine = engine
        self._mode = mode
        self._timing = timing
        self._events = 0
        self._waiting: deque[Candidate] = deque()
        self._jobs: deque[Future[list[_Answer | Outcome]]] = deque()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="classify")

    def add(self, candidate: Candidate) -> None:
        """Have a candidate classified; waits only while MAX_WAITING are on their way."""
        if len(self._jobs) >= MAX_WAITING:
            self._jobs[-MAX_WAITING].exception()
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
            outcomes += [self._outcome(answer) for answer in self._jobs.popleft().result()]
        return outcomes

    def settle(self) -> None:
        """Wait until everything that is on its way can be had from `finished`."""
        if self._jobs:
            self._jobs[-1].exception()

    def close(self) -> None:
        """Stop the thread; what was not collected is lost; safe to call twice."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _outcome(self, answer: _Answer | Outcome) -> Outcome:
        """Make the event, now that it is handed out: only now are its number and its latency known."""
        if isinstance(answer, Outcome):
            return answer
        self._events += 1
        candidate = answer.candidate
        event = Event(
            number=self._events,
            interval=candidate.interval,
            label=answer.label,
            probabilities=answer.probabilities,
            quality=answer.quality,
            latency=Latency(
                confirm_ms=1000.0 * (candidate.decided_s - candidate.interval.offset.time_s),
                compute_ms=1000.0 * (time.perf_counter() - candidate.arrived_s),
                queue_ms=1000.0 * (answer.shares.begun_s - candidate.arrived_s),
                sample_ms=answer.shares.sample_ms,
                engine_ms=answer.shares.engine_ms,
            ),
            engine=answer.engine,
            clip=answer.clip,
        )
        latency = event.latency
        self._timing.add("evidence", latency.confirm_ms / 1000.0)
        self._timing.add("queue", latency.queue_ms / 1000.0)
        self._timing.add("event", (latency.confirm_ms + latency.compute_ms) / 1000.0)
        return Outcome(candidate.decided_index, event)

    def _run(self) -> list[_Answer | Outcome]:
        """Classify all that wait: a job of the thread. Those of a later job may be taken by an earlier one."""
        candidates = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not candidates:
            return []
        begun_s = time.perf_counter()
        with self._timing.stage("sample"):
            clips = [_clip(candidate) for candidate in candidates]
            encoded = [encode(clip.images, self._mode) for clip in clips if clip is not None]
        started_s = time.perf_counter()
        if encoded:
            with self._timing.stage("classify"):
                rows = iter(self._engine.classify(np.stack(encoded)))
        ended_s = time.perf_counter()
        shares = _Shares(begun_s, 1000.0 * (started_s - begun_s), 1000.0 * (ended_s - started_s))
        return [
            Outcome(candidate.decided_index, replace(candidate.interval, verdict="rejected", reason="gap"))
            if clip is None
            else self._answer(candidate, clip, next(rows), shares)
            for candidate, clip in zip(candidates, clips)
        ]

    def _answer(self, candidate: Candidate, clip: Clip, probabilities: NDArray[np.float32], shares: _Shares) -> _Answer:
        classes = self._engine.classes
        weight = self._engine.manifest.spotter_weight
        probabilities = pooled(probabilities, classes, candidate.interval.expressions, weight=weight)
        best = int(np.argmax(probabilities))
        sure = float(probabilities[best]) >= self._engine.none_threshold
        return _Answer(
            candidate=replace(candidate, crops=()),
            label=classes[best] if sure else NONE_LABEL,
            probabilities={name: float(p) for name, p in zip(classes, probabilities)},
            quality=_quality(candidate, interpolated=clip.interpolated),
            engine=self._engine.name,
            shares=shares,
            clip=clip,
        )


def pooled(
    probabilities: NDArray[np.float32],
    classes: Sequence[str],
    spotted: Mapping[str, float] | None,
    *,
    weight: float,
) -> NDArray[np.float32]:
    """Return the engine's probabilities times the spotter's to the power of a weight, normalised.

    A logarithmic pool (Genest & Zidek 1986): both judge the same movement, but the spotter also sees what came before
    and after it, and what this face does anyway; the engine sees all of the skin.

    Args:
        probabilities: (C,) of the engine.
        classes: Its classes.
        spotted: Class name to probability by the spotter, None if it has none.
        weight: Of the spotter's.
    """
    if spotted is None or weight == 0.0 or set(spotted) != set(classes):
        return probabilities
    own = np.log(np.maximum(probabilities, _MIN_PROBABILITY))
    other = np.log(np.maximum([spotted[name] for name in classes], _MIN_PROBABILITY))
    joined = np.exp(own + weight * other)
    return np.asarray(joined / joined.sum(), np.float32)


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
        watchable=candidate.watchable,
        flags=(*candidate.flags, *rate_flags(1.0 / usual_s)),
    )
