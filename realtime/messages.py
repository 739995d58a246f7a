"""What the pipeline hands to overlay and sinks. `mer.messages` holds what the science shares with it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mer.messages import Clip, FaceState, Interval

SpotterState = Literal["warming-up", "idle", "rising", "apex", "falling", "no-face"]


@dataclass(frozen=True, slots=True)
class Latency:
    """Where the time between the true offset of an event and its report went, in milliseconds.

    Attributes:
        confirm_ms: From the offset frame to the frame on which the spotter decided (source time).
        compute_ms: From the arrival of that frame to the finished event (wall clock).
        engine_ms: The classifier's share of it (wall clock).
    """

    confirm_ms: float
    compute_ms: float
    engine_ms: float


@dataclass(frozen=True, slots=True)
class Quality:
    """How far an event can be trusted.

    Attributes:
        interpolated: Pictures were blended because the rate is too low for 13 distinct frames.
        gap: Frames are missing inside the interval.
        tracking: Lowest share of consistent tracking points inside the interval, 0 to 1.
        rate_hz: Measured frame rate around the interval.
    """

    interpolated: bool
    gap: bool
    tracking: float
    rate_hz: float


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
class Update:
    """What one frame changed: yielded by the pipeline for every frame, read by overlay and sinks.

    Attributes:
        time_s: Capture time of the frame.
        index: Its index in the source.
        face: State of the face.
        n_faces: Faces in view on the last key frame.
        crop: (240, 240) uint8 grey face crop, zero without a face.
        motion: Strongest regional motion relative to the nose, in percent of the inter-ocular distance.
        threshold: What `motion` must exceed to be a candidate, in the same unit.
        spotter: State of the spotter.
        rejected: Candidates turned down on this frame, each with its reason.
        events: Events finished on this frame.
        notices: Plain sentences about what changed ("face lost", "the face lies on its side ...").
        dropped: Frames lost so far.
        landmarks_px: (478, 2) float32 face mesh of the anchor frame in crop pixels; None if not known.
        head: (2, 3) float64 similarity from the anchor frame's crop pixels to those of this frame.
        eye_distance_px: Inter-ocular distance in source pixels, 0 without a face.
        regions: (13, 2) motion of each of `realtime.spotting.motion.REGIONS` since the rest, percent of the
            inter-ocular distance; None without a face.
        sensitivity: Where the dial of the spotter stands, 1 is normal.
    """

    time_s: float
    index: int
    face: FaceState
    n_faces: int
    crop: NDArray[np.uint8]
    motion: float
    threshold: float
    spotter: SpotterState
    rejected: tuple[Interval, ...] = ()
    events: tuple[Event, ...] = ()
    notices: tuple[str, ...] = ()
    dropped: int = 0
    landmarks_px: NDArray[np.float32] | None = None
    head: NDArray[np.float64] | None = None
    eye_distance_px: float = 0.0
    regions: NDArray[np.float64] | None = None
    sensitivity: float = 1.0


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
    """

    frames: int = 0
    frames_with_face: int = 0
    eye_distances: Counter[int] = field(default_factory=Counter)
    dropped: int = 0
    first_time_s: float = 0.0
    last_time_s: float = 0.0
    events: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
