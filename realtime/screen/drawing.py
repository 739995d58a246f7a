"""Pictures and curves out of characters: half blocks, Braille dots and bars. Pure functions."""

from functools import cache, lru_cache
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

_RAMP: Final = " .:-=+*#%@"
_LEVELS: Final = 32
"""Shades of each colour; more cannot be told apart and would make runs of equal cells shorter."""
_BRAILLE: Final = 0x2800
# Unicode numbers the dots of a Braille cell down its left, then its right column, the lowest row last.
_DOTS: Final = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


def picture(image: NDArray[np.uint8]) -> list[list[Segment]]:
    """Draw a picture in half blocks, two pixels in each character cell, one above the other.

    Args:
        image: (2 * rows, columns, 3) uint8 RGB.

    Returns:
        A line of segments for each row; neighbours of equal colours share one.
    """
    levels = image.astype(np.int32) * _LEVELS // 256
    codes = (levels[..., 0] * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]
    lines = []
    for above, below in zip(codes[::2].tolist(), codes[1::2].tolist()):
        line: list[Segment] = []
        for pair, run in groupby(zip(above, below)):
            line.append(Segment("▀" * len(list(run)), _shades(*pair)))
        lines.append(line)
    return lines


def letters(image: NDArray[np.uint8]) -> list[str]:
    """Draw a (rows, columns) uint8 grey picture in letters, for terminals without colours."""
    shades = image.astype(int) * len(_RAMP) // 256
    return ["".join(_RAMP[s] for s in line) for line in shades]


@lru_cache(maxsize=65536)
def _shades(above: int, below: int) -> Style:
    return Style(color=_colour(above), bgcolor=_colour(below))


@cache
def _colour(code: int) -> Color:
    parts = (code // _LEVELS**2, code // _LEVELS % _LEVELS, code % _LEVELS)
    return Color.from_rgb(*(255 * part // (_LEVELS - 1) for part in parts))


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
