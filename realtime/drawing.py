"""Pictures and curves out of characters: half blocks, Braille dots and bars. Pure functions."""

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style

_RAMP: Final = " .:-=+*#%@"
_GREYS: Final = 32
_BRAILLE: Final = 0x2800
# Unicode numbers the dots of a Braille cell down its left, then its right column, the lowest row last.
_DOTS: Final = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


def picture(image: NDArray[np.uint8], *, width: int, height: int, colour: bool) -> list[list[Segment]]:
    """Draw a grey picture with two pixels in each character cell, one above the other.

    Args:
        image: (H, W) uint8.
        width: Cells to fill.
        height: Cells to fill; a cell is about twice as high as wide.
        colour: False for a terminal without colours, where letters stand for shades.

    Returns:
        `height` lines of segments.
    """
    if not colour:
        shades = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(int) * len(_RAMP) // 256
        return [[Segment("".join(_RAMP[s] for s in line))] for line in shades]
    small = cv2.resize(image, (width, 2 * height), interpolation=cv2.INTER_AREA).astype(int) * _GREYS // 256
    return [[Segment("▀", _shades(int(a), int(b))) for a, b in zip(*small[2 * y : 2 * y + 2])] for y in range(height)]


@cache
def _shades(above: int, below: int) -> Style:
    top, bottom = (255 * level // (_GREYS - 1) for level in (above, below))
    return Style.parse(f"rgb({top},{top},{top}) on rgb({bottom},{bottom},{bottom})")


def curve(values: NDArray[np.float64], *, width: int, height: int, top: float) -> list[str]:
    """Draw a curve in Braille dots, 2 by 4 in each cell, its points joined.

    Args:
        values: (2 * width,) heights from 0 to `top`; NaN where there is nothing to draw.
        width: Cells.
        height: Cells.
        top: Value at the upper edge.

    Returns:
        `height` strings of `width` characters; U+2800 is an empty cell.
    """
    rows = 4 * height
    dots = np.zeros((rows, 2 * width), bool)
    levels = np.nan_to_num(np.clip(values / top, 0.0, 1.0) * (rows - 1), nan=-1.0).round().astype(int)
    before = -1
    for x, level in enumerate(levels):
        if level >= 0:
            low, high = (level, level) if before < 0 else (min(before, level), max(before, level))
            low += low < level  # the previous column already shows where it was
            dots[rows - 1 - high : rows - low, x] = True
        before = level
    cells = dots.reshape(height, 4, width, 2).transpose(0, 2, 1, 3)
    codes = (cells * _DOTS).sum(axis=(2, 3), dtype=np.int64) + _BRAILLE
    return ["".join(map(chr, line)) for line in codes]


def bar(share: float, width: int) -> str:
    """Return a horizontal bar of `width` cells filled to `share` (0 to 1), in eighths of a cell."""
    eighths = round(float(np.clip(share, 0.0, 1.0)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)
