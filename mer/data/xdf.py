"""XDF recordings of LabRecorder (https://github.com/sccn/xdf): the events of a session on the clock of all its streams.

`mer-live --lsl` sends each event with its times of the session and of its machine's LSL clock. pyxdf moves the stamps
of all streams of a recording to one clock; the same shift moves the events. Needs the extra `xdf`.
"""

import gzip
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.files import from_json

MOMENTS: Final = ("onset", "apex", "offset")
_PACKED: Final = (".xdfz", ".xdf.gz")
_DRIFT_SPAN_S: Final = 60.0
"""Two clocks are only taken to run at different speeds if pairs of their times span more than this."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What one stream of a recording is.

    Attributes:
        name: Of the stream.
        type: Of its content.
        samples: How many.
        first_s: Stamp of the first on the recording's clock, None without samples.
        last_s: Of the last.
    """

    name: str
    type: str
    samples: int
    first_s: float | None
    last_s: float | None


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker of mer-live.

    Attributes:
        stream: Name of its stream.
        stamp_s: On the recording's clock.
        said: The JSON that it holds: an event, or a mark of the space bar.
    """

    stream: str
    stamp_s: float
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Alignment:
    """From times of a session to the recording's clock: `offset_s + rate * time_s`.

    Attributes:
        offset_s: Where time 0 of the session lies.
        rate: Seconds of the recording's clock per second of the session.
        residual_s: Median distance of the events' stamps from this line.
        pairs: How many there are.
    """

    offset_s: float
    rate: float
    residual_s: float
    pairs: int

    def __call__(self, time_s: float) -> float:
        """Return a time of the session on the recording's clock."""
        return self.offset_s + self.rate * time_s


def read_xdf(path: Path) -> tuple[list[Stream], list[Marker]]:
    """Read the streams of a recording and the markers that mer-live sent.

    Raises:
        MerError: If pyxdf is missing, the file cannot be read, or no stream of it is one of mer-live.
    """
    try:
        import pyxdf  # of the extra "xdf"
    except ImportError as error:
        raise MerError(f"reading {path} needs pyxdf ({error}); install it with: pip install 'mer-live[xdf]'") from error
    logging.getLogger("pyxdf").setLevel(logging.CRITICAL)
    try:
        with (
            gzip.open(path) if path.name.endswith(_PACKED) else path.open("rb") as file
        ):  # pyxdf would leave it open where it fails
            found, _ = pyxdf.load_xdf(file)
    except Exception as error:  # pyxdf meets a damaged file with whatever its parsers raise
        reason = getattr(error, "strerror", None) or error or type(error).__name__
        raise MerError(f"{path} is not a readable XDF recording ({reason}); give the .xdf of LabRecorder") from error
    streams = [_stream(one) for one in found]
    markers = [marker for one in found for marker in _markers(one)]
    if not markers:
        names = ", ".join(stream.name for stream in streams) or "none"
        raise MerError(f"{path} has no events of mer-live (streams: {names}); record the stream 'mer-live markers'")
    return streams, sorted(markers, key=lambda marker: marker.stamp_s)


def _text(stream: Mapping[str, Any], name: str) -> str:
    return str((stream["info"].get(name) or [""])[0])


def _stream(found: Mapping[str, Any]) -> Stream:
    stamps = found["time_stamps"]
    ends = (float(stamps[0]), float(stamps[-1])) if len(stamps) else (None, None)
    return Stream(_text(found, "name"), _text(found, "type"), len(stamps), *ends)


def _markers(found: Mapping[str, Any]) -> list[Marker]:
    if _text(found, "type") != "Markers":
        return []
    markers = []
    for stamp_s, sample in zip(found["time_stamps"], found["time_series"]):
        try:
            said = from_json(sample[0])
        except (ValueError, TypeError, IndexError):
            continue  # of another program
        if isinstance(said, dict) and ("event" in said or "mark" in said):
            markers.append(Marker(_text(found, "name"), float(stamp_s), said))
    return markers


def align(markers: Sequence[Marker]) -> Alignment:
    """Return where times of a session lie on the recording's clock, by the apexes of its events.

    The stamps follow the session's clock to within its drift (some ppm), so their median decides, and the slope by
    Theil and Sen if they span more than a minute.

    Raises:
        MerError: If there is no event with an apex.
    """
    pairs = np.array([(m.said["apex_s"], m.stamp_s) for m in markers if _is_number(m.said.get("apex_s"))], np.float64)
    if not len(pairs):
        raise MerError("the recording has no event whose time of the session is known; it cannot be aligned")
    times_s, stamps_s = pairs.T
    rate = 1.0
    if np.ptp(times_s) > _DRIFT_SPAN_S and len(pairs) > 2:
        rate = _slope(times_s, stamps_s)
    offsets = stamps_s - rate * times_s
    offset_s = float(np.median(offsets))
    return Alignment(offset_s, rate, float(np.median(np.abs(offsets - offset_s))), len(pairs))


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    from scipy import stats  # only here: it takes a quarter of a second to load

    return float(stats.theilslopes(y, x).slope)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def rows_from_markers(markers: Sequence[Marker]) -> list[dict[str, Any]]:
    """Return the markers as rows on the recording's clock, in order of time.

    An event's moments are shifted as pyxdf shifted its stamp, which is that of its apex.
    """
    rows = []
    for marker in markers:
        said = marker.said
        row: dict[str, Any] = {"stream": marker.stream, "kind": "event" if "event" in said else "mark"}
        row["number"] = said.get("event", said.get("mark"))
        row |= {name: said.get(name) for name in ("label", "probability")}
        apex_s = said.get("apex_lsl_s")
        for moment in MOMENTS:
            own_s = said.get(f"{moment}_lsl_s")
            known = _is_number(own_s) and _is_number(apex_s)
            row[f"{moment}_xdf_s"] = round(marker.stamp_s + own_s - apex_s, 6) if known else None  # type: ignore[operator]
        if row["kind"] == "mark":
            row["apex_xdf_s"] = round(marker.stamp_s, 6)
        rows.append(row | {f"{moment}_s": said.get(f"{moment}_s") for moment in MOMENTS})
    return rows


def rows_from_events(path: Path, alignment: Alignment, *, stream: str) -> list[dict[str, Any]]:
    """Return the events of another look at the same session, such as a replay of it, as rows on the recording's clock.

    Args:
        path: An `events.jsonl`, with times on the session's time line.
        alignment: Of that time line.
        stream: What to call it.

    Raises:
        MerError: If it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        records = [from_json(line) for line in lines if line.strip()]
        return [_row(record, alignment, stream) for record in records if "mark" not in record]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MerError(f"{path} is not an events.jsonl of mer-live or mer-replay ({error}); give one") from error


def _row(record: Mapping[str, Any], alignment: Alignment, stream: str) -> dict[str, Any]:
    times = {moment: float(record[f"{moment}_s"]) for moment in MOMENTS}
    return {
        "stream": stream,
        "kind": "event",
        "number": record["number"],
        "label": record["label"],
        "probability": max(record["probabilities"].values()),
        **{f"{moment}_xdf_s": round(alignment(time_s), 6) for moment, time_s in times.items()},
        **{f"{moment}_s": time_s for moment, time_s in times.items()},
    }
