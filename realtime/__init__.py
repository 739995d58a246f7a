"""From camera to overlay, and as a library.

`events` and `updates` find the micro-expressions of a recording, a camera or a stream:

    import realtime

    for event in realtime.events("interview.mp4"):
        print(event.interval.apex.time_s, event.label)

They yield an `Event` (with its `Interval`, `Quality`, `Latency` and the `Clip` that was classified) and an `Update`
(with the `FaceCrop` and the `Spotting` of a frame). `SpotterConfig` holds the thresholds; what cannot be used raises
`MerError`. Everything is loaded when it is first used, and importing changes nothing in the process.
"""

import warnings
from typing import TYPE_CHECKING

from mer import __version__
from mer.lazy import loaded_when_used
from realtime.namesake import problem

if TYPE_CHECKING:
    from mer.errors import MerError
    from mer.messages import Clip, FaceCrop, Interval, Moment
    from realtime.library import events, updates
    from realtime.messages import Event, Latency, Quality
    from realtime.spotting.spotter import SpotterConfig, Spotting
    from realtime.update import Update

__all__ = [
    "Clip",
    "Event",
    "FaceCrop",
    "Interval",
    "Latency",
    "MerError",
    "Moment",
    "Quality",
    "SpotterConfig",
    "Spotting",
    "Update",
    "__version__",
    "events",
    "updates",
]

__getattr__ = loaded_when_used(
    __name__,
    {
        "Clip": "mer.messages",
        "Event": "realtime.messages",
        "FaceCrop": "mer.messages",
        "Interval": "mer.messages",
        "Latency": "realtime.messages",
        "MerError": "mer.errors",
        "Moment": "mer.messages",
        "Quality": "realtime.messages",
        "SpotterConfig": "realtime.spotting.spotter",
        "Spotting": "realtime.spotting.spotter",
        "Update": "realtime.update",
        "events": "realtime.library",
        "updates": "realtime.library",
    },
)

if _problem := problem():
    warnings.warn(_problem, RuntimeWarning, stacklevel=2)
