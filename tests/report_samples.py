"""Reports of invented recordings, for the tests that read them and the test that opens them in a browser."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from fakes import event, interval, update

from mer.errors import MerError
from mer.labels import CLASSES
from mer.messages import Clip, FaceState
from realtime.messages import Event, Quality
from realtime.output.fields import record_from_event
from realtime.output.found import Found
from realtime.output.report.gather import Gatherer
from realtime.recordings.inputs import Recording
from realtime.recordings.tally import Outcome


def summary(**fields: Any) -> dict[str, Any]:
    engine = {
        "name": "fake",
        "input": "gray",
        "classes": list(CLASSES),
        "none_threshold": 0.7,
        "training_data": "synthetic data only",
    }
    return {
        "complete": True,
        "frames": 800,
        "size_wh": [64, 48],
        "nominal_fps": 200.0,
        "measured_fps": 200.0,
        "seconds": 4.0,
        "dropped": 0,
        "missing": 0,
        "repaired_stamps": 0,
        "notes": ["the header lies"],
        "face_coverage": 0.98,
        "eye_distance_px": {"median": 92, "minimum": 88},
        "events": 2,
        "labels": {"happiness": 1, "fear": 1},
        "rejected": {"blink": 1},
        "engine": engine,
        "settings": {"engine": "fake", "fps": None},
        "versions": {"mer-live": "0.1.0"},
        **fields,
    }


def moving(number: int, *, first: int, last: int, label: str) -> Event:
    """Return an event whose pictures show a bright spot that grows and shrinks."""
    made = event(number, first=first, last=last, label=label)
    y, x = np.mgrid[0:90, 0:90]
    sizes = [*range(6), 6, *range(5, -1, -1)]
    images = np.stack([(90 + 100 * (np.hypot(x - 45, y - 60) < 8 + size)).astype(np.uint8) for size in sizes])
    return replace(made, clip=Clip(images, made.clip.times_s, made.interval, False))


def gathered() -> Gatherer:
    """Return two events at 1.5 and 3 s and a blink in 4 s at 200 frames/s."""
    gatherer = Gatherer()
    first = moving(1, first=300, last=360, label="happiness")
    second = moving(2, first=600, last=640, label="fear")
    second = replace(second, quality=Quality(interpolated=True, gap=True, tracking=0.5, rate_hz=30.0))
    for index in range(800):
        motion = 0.05 + 0.8 * np.exp(-(((index - 330) / 15.0) ** 2)) + 0.6 * np.exp(-(((index - 620) / 10.0) ** 2))
        found = tuple(e for e in (first, second) if e.interval.offset.index + 10 == index)
        turned_down = (interval(450, 490, reason="blink"),) if index == 500 else ()
        state: FaceState = "absent" if 100 <= index < 120 else "tracked"
        gatherer.update(update(index, index / 200, motion=motion, events=found, rejected=turned_down, face=state))
    return gatherer


def found(source: Path, folder: Path, gatherer: Gatherer, **fields: Any) -> Found:
    records = [record_from_event(finding.event, source=source.name) for finding in gatherer.findings]
    return Found(source, folder, records, [], summary(**fields))


def outcomes(out: Path) -> list[Outcome]:
    """Return three recordings done and one failed."""
    done = [
        Outcome(Recording(out.parent / f"{name}.mp4", out / name), "done", summary=summary(seconds=seconds, events=n))
        for name, seconds, n in (("b", 9.0, 1), ("a", 10.0, 12), ("<i>c", 2.0, 3))
    ]
    lost = Outcome(Recording(out.parent / "d.mp4", out / "d"), "failed", error=MerError("d.mp4 is <b>no</b> video"))
    return [*done, lost]
