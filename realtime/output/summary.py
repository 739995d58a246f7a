"""The figures of one session: what came in, what was found, how long each stage took."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engines.protocol import Engine
from mer.media.video import FrameReader
from mer.text import listed
from realtime.capture.cadence import Rhythm
from realtime.face_size import median_and_minimum
from realtime.messages import Totals
from realtime.output.fields import SCHEMA
from realtime.output.versions import component_versions
from realtime.quality.meter import FRAME_FLAGS
from realtime.spotting.network import shipped
from realtime.timing import Timing


def summarise(
    source: Path,
    *,
    frames: FrameReader,
    totals: Totals,
    timing: Timing,
    engine: Engine,
    wall_s: float,
    complete: bool,
    rhythm: Rhythm,
    face_notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what `summary.json` holds; the fields are documented in `realtime/README.md`.

    Args:
        source: Full path of the recording.
        frames: The reader, after reading.
        totals: Counters of the pipeline.
        timing: Durations of its stages.
        engine: What classified.
        wall_s: Seconds the work took.
        complete: False if it was interrupted.
        rhythm: How evenly frames came.
        face_notes: What was odd about the faces.
    """
    return {
        "schema": SCHEMA,
        "source": str(source),
        "complete": complete,
        "frames": totals.frames,
        "claimed_frames": frames.claimed_frames,
        "size_wh": list(frames.size_wh),
        "nominal_fps": round(frames.nominal_fps, 4),
        "measured_fps": round(frames.measured_fps, 4),
        "seconds": round(totals.last_time_s - totals.first_time_s, 6),
        "dropped": totals.dropped,
        "missing": missing_frames(frames, rhythm),
        "undecodable": frames.undecodable,
        "rhythm": {name: round(value, 4) for name, value in asdict(rhythm).items()},
        "repaired_stamps": frames.repaired_stamps,
        "notes": listed([*frames.notes, *face_notes]),
        **_seen(totals, frames=totals.frames),
        "watchable_steepness": round(shipped().visibility.amplitude, 4),
        "stages": timing.summary(),
        "wall_seconds": round(wall_s, 3),
        "frames_per_second": round(totals.frames / wall_s, 1) if wall_s > 0 else 0.0,
        "engine": {
            "name": engine.name,
            "input": engine.mode,
            "classes": list(engine.classes),
            "none_threshold": engine.none_threshold,
            "training_data": engine.manifest.training_data,
        },
        "versions": component_versions(),
    }


def _seen(totals: Totals, *, frames: int) -> dict[str, Any]:
    """Return what was seen of the face in so many frames."""
    eyes = median_and_minimum(totals.eye_distances)
    return {
        "face_coverage": _share(totals.frames_with_face, frames),
        "eye_distance_px": {"median": eyes[0], "minimum": eyes[1]} if eyes else None,
        "watchable": {f"{percent:g}": _share(seen, frames) for percent, seen in totals.watchable.items()},
        "flags": {name: _share(totals.flags[name], totals.frames_with_face) for name in FRAME_FLAGS},
        "events": totals.events,
        "rejected": dict(sorted(totals.rejected.items())),
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def missing_frames(frames: FrameReader, rhythm: Rhythm) -> int:
    """Return how many frames a recording lacks.

    Gaps between time stamps, damaged packets and the difference to the number in the header are three views of the
    same frames, each blind to some of them, so the largest counts.
    """
    return max(rhythm.missing, frames.undecodable, frames.absent)
