"""Folders of results as `mer-replay --explain` leaves them, made of numbers: no recording is rendered for a study."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mer.text import csv_text
from realtime.output.explain import COLUMNS
from realtime.quality.meter import FRAME_FLAGS

FPS = 10.0


def event(number: int, onset_s: float, *, label: str = "fear", watchable: float | None = 1.0) -> dict[str, Any]:
    """Return a line of `events.jsonl`; a third of a second long."""
    quality = {"interpolated": False, "gap": False, "tracking": 1.0, "rate_hz": FPS, "flags": []}
    return {
        "schema": 1,
        "source": "a.mp4",
        "number": number,
        "label": label,
        "probabilities": {"fear": 0.7, "happiness": 0.3},
        "onset_s": onset_s,
        "apex_s": onset_s + 0.1,
        "offset_s": onset_s + 0.3,
        "onset_frame": round(onset_s * FPS),
        "apex_frame": round(onset_s * FPS) + 1,
        "offset_frame": round(onset_s * FPS) + 3,
        "duration_ms": 300.0,
        "score": 9.0,
        "quality": {**quality, "watchable": watchable},
        "latency": {"confirm_ms": 200.0, "compute_ms": 1.0, "engine_ms": 1.0},
        "engine": "fake",
    }


def write_results(
    folder: Path,
    source: Path,
    events: Sequence[dict[str, Any]] = (),
    *,
    seconds: float = 60.0,
    watched_from_s: float = 0.0,
    face: float = 1.0,
    explain: bool = True,
    **more: Any,
) -> Path:
    """Write what a replay leaves of a recording in which a movement of 2 % would have been found from a time on."""
    folder.mkdir(parents=True)
    frames = round(seconds * FPS)
    share = round(1.0 - watched_from_s / seconds, 4)
    summary = {
        "schema": 1,
        "source": str(source.resolve()),
        "complete": True,
        "frames": frames,
        "seconds": seconds,
        "size_wh": [640, 480],
        "measured_fps": FPS,
        "face_coverage": face,
        "eye_distance_px": {"median": 80, "minimum": 70},
        "watchable": {"0.5": 0.0, "1": 0.0, "2": share, "3": share},
        "flags": dict.fromkeys(FRAME_FLAGS, 0.0),
        "dropped": 0,
        "missing": 0,
        "bits_per_pixel": 0.5,
        "recording_flags": [],
        "engine": {"name": "fake", "classes": ["fear", "happiness"], "training_data": "nothing"},
        "settings": {},
        **more,
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "events.jsonl").write_text("".join(json.dumps(record) + "\n" for record in events))
    if explain:
        rows = [
            {
                "frame": k,
                "time_s": f"{k / FPS:.6f}",
                "face": "tracked" if k < face * frames else "lost",
                "watchable": "1.5" if k / FPS >= watched_from_s else "",
                "flags": "",
            }
            for k in range(frames)
        ]
        (folder / "explain.csv").write_text(csv_text(COLUMNS, rows))
    return folder
