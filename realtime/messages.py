"""Events, marks and the counters of a session. `mer.messages` holds what the science shares."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from mer.messages import Clip, Interval

WATCHABLE_PERCENT: Final = (0.5, 1.0, 2.0, 3.0)
"""Amplitudes, in percent of the inter-ocular distance, for which a session counts when they could have been seen."""

SpotterState = Literal["warming-up", "idle", "rising", "apex", "falling", "no-face"]


@dataclass(frozen=True, slots=True)
class Latency:
    """Where the time between the true offset of an event and its report went, in milliseconds.

    Attributes:
        confirm_ms: From the offset frame to the frame on which the spotter decided (source time).
        compute_ms: From the arrival of that frame to the finished event (wall clock).
        queue_ms: Share of it before the sampling began: of the spotter, and of events that came before.
        sample_ms: Share of it for sampling and encoding the frames.
        engine_ms: Share of it for the classifier.
    """

    confirm_ms: float
    compute_ms: float
    queue_ms: float
    sample_ms: float
    engine_ms: float


@dataclass(frozen=True, slots=True)
class Quality:
    """How far an event can be trusted.

    Attributes:
        interpolated: Pictures were blended because the rate is too low for 13 distinct frames.
        gap: Frames are missing inside the interval.
        tracking: Lowest share of consistent tracking points inside the interval, 0 to 1.
        rate_hz: Measured frame rate around the interval.
        watchable: Smallest micro-expression that would have been found there, see `realtime.spotting.spotter.Spotting`.
        flags: What a study may exclude it by: those of `realtime.quality.meter` of any frame inside, and "low-rate".
    """

    interpolated: bool
    gap: bool
    tracking: float
    rate_hz: float
    watchable: float | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One micro-expression, spotted and classified: one line of `events.jsonl`.

    Attributes:
        number: Running number within the session, from 1.
        interval: Onset, apex and offset, all included.
        label: The most probable class, or "none" below the engine's threshold.
        probabilities: Class name to probability, in the engine's class order, summing to 1.
        quality: What to bear in mind.
        latency: How late it came.
        engine: Name of the engine that classified it.
        clip: The 13 pictures; never written to disk unless asked for.
    """

    number: int
    interval: Interval
    label: str
    probabilities: dict[str, float]
    quality: Quality
    latency: Latency
    engine: str
    clip: Clip


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that somebody marked with the space bar.

    Attributes:
        number: Counts marks from 1.
        time_s: Of the latest frame then, on the session's time line.
        utc: The same by the computer's clock.
    """

    number: int
    time_s: float
    utc: datetime


@dataclass(slots=True)
class Totals:
    """Counters of one session, filled while it runs; `summary.json` is made from them.

    Attributes:
        frames: Frames processed.
        frames_with_face: Those in which the face was tracked.
        dropped: Frames lost between capture and spotting, plus gaps that the source reported.
        eye_distances: Frames with a face, by the inter-ocular distance in whole source pixels.
        first_time_s: Capture time of the first frame.
        last_time_s: Capture time of the last frame.
        events: Events found.
        rejected: Rejected candidates by reason.
        watchable: Frames in which a micro-expression of each of WATCHABLE_PERCENT would have been found.
        flags: Frames with each flag of `realtime.quality.meter`.
    """

    frames: int = 0
    frames_with_face: int = 0
    eye_distances: Counter[int] = field(default_factory=Counter)
    dropped: int = 0
    first_time_s: float = 0.0
    last_time_s: float = 0.0
    events: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    watchable: dict[float, int] = field(default_factory=lambda: dict.fromkeys(WATCHABLE_PERCENT, 0))
    flags: Counter[str] = field(default_factory=Counter)
