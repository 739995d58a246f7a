"""How many pixels lie between the eyes: below some, micro-expressions do not show."""

from collections import Counter
from itertools import accumulate
from typing import Final

ADVISED_PX: Final = 40
"""Inter-ocular distance in source pixels below which users are warned."""


def median_and_minimum(frames_by_px: Counter[int]) -> tuple[int, int] | None:
    """Return median and minimum inter-ocular distance, None without a face.

    Args:
        frames_by_px: Frames with a face, by the inter-ocular distance in whole source pixels.
    """
    if not frames_by_px:
        return None
    ordered = sorted(frames_by_px)
    passed = accumulate(frames_by_px[distance] for distance in ordered)
    half = sum(frames_by_px.values()) / 2
    return next(distance for distance, frames in zip(ordered, passed) if frames >= half), ordered[0]


def notes(frames_by_px: Counter[int]) -> tuple[str, ...]:
    """Return a warning if the face is too small, as a sentence."""
    eyes = median_and_minimum(frames_by_px)
    if eyes is None or eyes[0] >= ADVISED_PX:
        return ()
    return (
        f"the face is small: {eyes[0]} pixels between the eyes (minimum {eyes[1]}), {ADVISED_PX} or more are needed, "
        "100 are good; move the camera closer, zoom in or record at a higher resolution",
    )
