"""What one frame showed and what was decided on it: composed by the pipeline, handed to every sink."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mer.messages import FaceCrop, Interval
from realtime.messages import Event
from realtime.spotting.spotter import Spotting


@dataclass(frozen=True, slots=True)
class Update:
    """What one frame changed.

    Attributes:
        crop: The face in it.
        spotting: What it told the spotter.
        regions: (13, 2) float64 motion of each of `realtime.spotting.motion.REGIONS` since the rest, percent of the
            inter-ocular distance, x to the right and y down; None without a face.
        flags: What a study may exclude the frame by, see `realtime.quality.meter`.
        sensitivity: That of the spotter, 1 is normal.
        events: Events finished on this frame.
        rejected: Candidates rejected on this frame, each with its reason.
        notices: What became known with it, as sentences ("face lost", "the face lies on its side ...").
        lost: Frames lost so far between capture and spotting.
    """

    crop: FaceCrop
    spotting: Spotting
    regions: NDArray[np.float64] | None = None
    flags: tuple[str, ...] = ()
    sensitivity: float = 1.0
    events: tuple[Event, ...] = ()
    rejected: tuple[Interval, ...] = ()
    notices: tuple[str, ...] = ()
    lost: int = 0


def with_results(update: Update, results: Sequence[Event | Interval]) -> Update:
    """Return an update with what came of candidates: events, and intervals that could not be sampled."""
    if not results:
        return update
    events = tuple(result for result in results if isinstance(result, Event))
    rejected = tuple(result for result in results if isinstance(result, Interval))
    return replace(update, events=(*update.events, *events), rejected=(*update.rejected, *rejected))


def without_frame(update: Update, *, notices: tuple[str, ...]) -> Update:
    """Return what there is to say while no frame comes, after the last one; with news the face counts as lost.

    Args:
        update: Of the last frame.
        notices: News, such as that the source went away.
    """
    crop, spotting = update.crop, replace(update.spotting, intervals=())
    if notices:
        crop, spotting = replace(crop, state="lost"), replace(spotting, state="no-face")
    return replace(update, crop=crop, spotting=spotting, events=(), rejected=(), notices=notices)
