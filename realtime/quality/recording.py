"""Quality flags of a recording as a whole: its rate and its compression."""

from typing import Any, Final

MIN_RATE_HZ: Final = 20.0
"""Frames a second below which spotting misses more."""
MIN_BITS_PER_PIXEL: Final = 0.02
"""Of the file, per pixel and frame; below it compression erases small movements."""
LOW_RATE: Final = "low-rate"
COMPRESSED: Final = "compressed"


def rate_flags(rate_hz: float) -> tuple[str, ...]:
    """Return the flag of a frame rate that is too low, if it is."""
    return (LOW_RATE,) if 0.0 < rate_hz < MIN_RATE_HZ else ()


def coding_fields(*, size_bytes: int, frames: int, size_wh: tuple[int, int], rate_hz: float) -> dict[str, Any]:
    """Return what `summary.json` says of the recording as a whole.

    Args:
        size_bytes: Of its files, sound included.
        frames: How many were decoded.
        size_wh: Their width and height in pixels.
        rate_hz: Measured.
    """
    bits = 8.0 * size_bytes / max(1, frames * size_wh[0] * size_wh[1])
    compressed = (COMPRESSED,) if bits < MIN_BITS_PER_PIXEL else ()
    return {"bits_per_pixel": round(bits, 4), "recording_flags": [*rate_flags(rate_hz), *compressed]}
