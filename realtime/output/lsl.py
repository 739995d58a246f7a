"""Lab Streaming Layer: events, marks and the motion curve for LabRecorder and others, on the LSL clock.

Two outlets (https://labstreaminglayer.org): `NAME markers`, JSON texts stamped with the apex of each
event, and `NAME motion`, two channels in percent of the inter-ocular distance; of each further person who may be
followed there is a `NAME motion 2` and so on. Needs the extra `lsl`.
"""

import json
import math
from collections import deque
from types import TracebackType
from typing import Any, Final

from mer.errors import MerError
from mer.facs import codes
from mer.messages import FIRST_PERSON
from realtime.messages import Event, Mark
from realtime.output.lsl_network import LOOPBACK, kept_to
from realtime.spotting.motion_track import SMOOTHING_S
from realtime.update import Update

_BUCKET_S: Final = 1.0
_BUCKETS: Final = 30


class ClockMap:
    """Translates the source's clock into another one, without either being stopped or set.

    A frame arrives later than it was captured, never earlier, so the smallest difference between arrival and
    capture time seen lately is the closest to the true offset. The last half minute counts, so drift is followed.
    """

    def __init__(self) -> None:
        self._least: deque[tuple[float, float]] = deque(maxlen=_BUCKETS)

    def add(self, time_s: float, arrival_s: float) -> None:
        """Take the capture time of a frame on the one clock and its arrival on the other."""
        bucket_s, difference_s = time_s // _BUCKET_S, arrival_s - time_s
        if self._least and self._least[-1][0] == bucket_s:
            self._least[-1] = bucket_s, min(self._least[-1][1], difference_s)
        else:
            self._least.append((bucket_s, difference_s))

    def __call__(self, time_s: float) -> float:
        """Return a time of the source's clock on the other one; NaN before the first frame."""
        return time_s + min((least for _, least in self._least), default=math.nan)


class Outlets:
    """The two outlets of a session.

    Args:
        name: Start of their names.
        source: What is filmed, for the streams' descriptions.
        interface: Where they can be reached; see `realtime.output.lsl_network.interface_of`.
        people: How many people may be followed.

    Raises:
        MerError: If pylsl or its library is missing, or the streams cannot be kept to the interface.
    """

    def __init__(self, name: str, *, source: str, interface: str = LOOPBACK, people: int = 1) -> None:
        with kept_to(interface):
            self._open(name, source, people)

    def _open(self, name: str, source: str, people: int) -> None:
        try:
            import pylsl
        except (ImportError, RuntimeError, OSError) as error:  # the latter two without the shared library
            raise MerError(f"--lsl needs pylsl ({error}); install it with: pip install 'mer-live[lsl]'") from error
        self._clock = pylsl.local_clock
        self._map = ClockMap()
        self._last_s: dict[int, float] = {}
        markers = pylsl.StreamInfo(f"{name} markers", "Markers", 1, 0.0, pylsl.cf_string, f"{name}-markers")
        infos = {person: _motion_info(pylsl, name, person) for person in range(FIRST_PERSON, FIRST_PERSON + people)}
        for info in (markers, *infos.values()):
            info.desc().append_child_value("manufacturer", "mer-live")
            info.desc().append_child_value("source", source)
        self._markers: Any = pylsl.StreamOutlet(markers)
        self._motion: dict[int, Any] = {person: pylsl.StreamOutlet(info) for person, info in infos.items()}

    def update(self, update: Update) -> None:
        """Send the smoothed motion that one frame completes, at its time, and its events, each at its apex."""
        last_s = self._last_s.get(update.crop.person, -math.inf)
        if update.crop.time_s > last_s:  # not the same frame again, with news about the source or at the end
            self._send_motion(update)
        for event in update.events:
            self._markers.push_sample(
                [json.dumps(self._record(event), allow_nan=False)], self._map(event.interval.apex.time_s)
            )

    def _send_motion(self, update: Update) -> None:
        time_s, person, spotting = update.crop.time_s, update.crop.person, update.spotting
        self._last_s[person] = time_s
        self._map.add(time_s, self._clock())
        centre_s = time_s - 0.5 * SMOOTHING_S  # the smoothed motion of a frame is that of a moment earlier
        self._motion[person].push_sample([spotting.motion, spotting.threshold], self._map(centre_s))

    def mark(self, mark: Mark) -> None:
        """Send a mark of the space bar, now."""
        self._markers.push_sample(
            [json.dumps({"mark": mark.number, "time_s": round(mark.time_s, 6)}, allow_nan=False)], self._clock()
        )

    def close(self) -> None:
        """Take the streams off the network."""
        self._markers, self._motion = None, {}

    def __enter__(self) -> "Outlets":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _record(self, event: Event) -> dict[str, Any]:
        interval = event.interval
        moments = {"onset": interval.onset, "apex": interval.apex, "offset": interval.offset}
        times = {f"{name}_s": round(moment.time_s, 6) for name, moment in moments.items()}
        times |= {f"{name}_lsl_s": round(self._map(moment.time_s), 6) for name, moment in moments.items()}
        share = round(max(event.probabilities.values()), 4)
        head = {"event": event.number, "person": event.person, "label": event.label, "probability": share}
        return {**head, "facs": codes(event.units), **times}


def _motion_info(pylsl: Any, name: str, person: int) -> Any:
    """Return the description of the motion of one person."""
    number = () if person == FIRST_PERSON else (str(person),)
    parts = (name, "motion", *number)
    info = pylsl.StreamInfo(" ".join(parts), "FaceMotion", 2, 0.0, pylsl.cf_float32, "-".join(parts))
    channels = info.desc().append_child("channels")
    for label in ("motion", "threshold"):
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", "percent of inter-ocular distance")
    return info
