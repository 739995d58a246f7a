"""The figures of one session: what came in, what was found, how long each stage took."""

import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from engines.protocol import Engine
from mer.media.video import FrameReader
from mer.text import listed
from realtime.capture.cadence import Rhythm
from realtime.messages import Totals
from realtime.output.sinks import SCHEMA
from realtime.timing import Timing

_PACKAGES: Final = ("mer-live", "mediapipe", "numpy", "onnxruntime", "opencv-python", "rich")
_OPTIONAL: Final = (
    "torch",
    "onnx",
    "tensorrt",
    "tensorrt-rtx",
    "cuda-python",
    "pylsl",
    "textual-image",
    "pympi-ling",
    "ray",
    "shtab",
)


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
        "rhythm": {name: round(value, 4) for name, value in asdict(rhythm).items()},
        "repaired_stamps": frames.repaired_stamps,
        "notes": listed(frames.notes),
        "face_coverage": round(totals.frames_with_face / totals.frames, 4) if totals.frames else 0.0,
        "events": totals.events,
        "rejected": dict(sorted(totals.rejected.items())),
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


def component_versions() -> dict[str, str]:
    """Return the versions of Python, the system and the packages that shape the results."""
    system = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    return system | {package: _version(package) for package in _PACKAGES}


def optional_versions() -> dict[str, str]:
    """Return the versions of the packages that only some features need."""
    return {package: _version(package) for package in _OPTIONAL}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
