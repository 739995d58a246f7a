"""Quality flags of a recording as a whole: its rate and its compression."""

from collections.abc import Mapping
from typing import Any, Final

MIN_RATE_HZ: Final = 20.0
"""Frames a second below which spotting misses more."""
MIN_BITS_PER_PIXEL: Final = 0.01
"""Of the file, per pixel and frame; below it compression erases small movements."""
LOW_RATE: Final = "low-rate"
COMPRESSED: Final = "compressed"


def rate_flags(rate_hz: float) -> tuple[str, ...]:
    """Return the flag of a frame rate that is too low, if it is."""
    return (LOW_RATE,) if 0.0 < rate_hz < MIN_RATE_HZ else ()


def coding_fields(summary: Mapping[str, Any], *, size_bytes: int) -> dict[str, Any]:
    """Return what `summary.json` says of the coding of a recording; nothing of one that was not read to its end.

    Args:
        summary: The rest of it.
        size_bytes: Of the recording's files, sound included.
    """
    if not summary["complete"]:
        return {}
    width, height = summary["size_wh"]
    bits = 8.0 * size_bytes / max(1, summary["frames"] * width * height)
    compressed = (COMPRESSED,) if bits < MIN_BITS_PER_PIXEL else ()
    return {
        "bits_per_pixel": round(bits, 4),
        "recording_flags": [*rate_flags(summary["measured_fps"]), *compressed],
    }
