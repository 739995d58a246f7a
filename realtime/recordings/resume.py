"""Whether a recording has been done already: the same recording, the same settings, everything that is wanted."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from mer.errors import MerError
from mer.files import from_json, read_at_most
from realtime.output.fields import EVENTS_CSV, EVENTS_JSONL, FILES, REJECTED_CSV, SCHEMA, SUMMARY_JSON
from realtime.output.folder import MAX_SUMMARY_BYTES

SETTINGS: Final = "settings"
RECORDING: Final = "recording"
OUTPUTS: Final = "outputs"
"""Fields of `summary.json` that decide whether it still holds."""


def fingerprint(recording: Path) -> dict[str, Any]:
    """Return what changes when a recording does: its size and the time of its last change.

    Raises:
        MerError: If it cannot be looked at.
    """
    try:
        pictures = [entry for entry in recording.iterdir() if entry.is_file()] if recording.is_dir() else [recording]
        status = [picture.stat() for picture in pictures]
    except OSError as error:
        raise MerError(f"{recording} cannot be read ({error.strerror}); give a video file or a folder") from error
    return {
        "files": len(status),
        "bytes": sum(one.st_size for one in status),
        "modified_ns": max((one.st_mtime_ns for one in status), default=0),
    }


def finished_summary(
    folder: Path, *, source: Path, settings: dict[str, Any], wanted: Iterable[str] = ()
) -> dict[str, Any] | None:
    """Return the summary of an earlier result if nothing about it would change now, else None.

    Args:
        folder: Of the results.
        source: Full path of the recording.
        settings: What shapes the results: engine, rates, thresholds.
        wanted: What was asked for beyond the usual four files.

    Raises:
        MerError: If the recording cannot be looked at.
    """
    try:
        summary = from_json(read_at_most(folder / SUMMARY_JSON, MAX_SUMMARY_BYTES))
    except (OSError, ValueError):
        return None
    expected = {
        "schema": SCHEMA,
        "source": str(source),
        "complete": True,
        SETTINGS: settings,
        RECORDING: fingerprint(source),
    }
    if not isinstance(summary, dict) or any(summary.get(key) != value for key, value in expected.items()):
        return None
    if not _has_figures(summary):
        return None
    outputs, files = summary.get(OUTPUTS, []), summary.get(FILES, [])
    if not (isinstance(outputs, list) and isinstance(files, list) and set(wanted) <= set(map(str, outputs))):
        return None
    files = (EVENTS_JSONL, EVENTS_CSV, REJECTED_CSV, *map(str, files))
    return summary if all((folder / name).exists() for name in files) else None


def _has_figures(summary: dict[str, Any]) -> bool:
    """Whether a summary holds what tables and pages show of it: somebody may have edited it."""
    numbers = [summary.get(name) for name in ("seconds", "measured_fps", "face_coverage", "events")]
    counts = [summary.get(name) for name in ("rejected", "labels")]
    engine = summary.get("engine")
    return (
        all(isinstance(number, int | float) for number in numbers)
        and all(isinstance(count, dict) and all(isinstance(n, int) for n in count.values()) for count in counts)
        and isinstance(engine, dict)
        and isinstance(engine.get("classes"), list)
        and isinstance(engine.get("training_data"), str)
    )
