"""What a crop shows of a face: whether something is before it, whether it is sharp, and how it is lit.

All of it is seen in a small picture of the face that lies as the average face does, so it costs little and does not
depend on the resolution of the recording.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.face import geometry
from mer.face.geometry import CROP_SIZE, Similarity

SIDE: Final = 60
"""Side of the small picture in pixels: a quarter of the crop's, 17 to the inter-ocular distance."""
AVERAGE_FACE: Final = Path(geometry.__file__).with_name("average_look.png")
"""Mean of 36 neutral frontal portraits (Face Research Lab London Set, DeBruine & Jones 2017, CC BY 4.0), brightness and
contrast made equal, as a small picture; those with even numbers, so that the others could tell how well it works."""

Picture = NDArray[np.float32]
Part = tuple[slice, slice]

NOSE: Final[Part] = (slice(27, 36), slice(22, 38))
MOUTH: Final[Part] = (slice(32, 43), slice(20, 40))
_PLAY: Final = 1
"""Pixels that nose and mouth may lie off."""
_DETAIL_PX: Final = 2.5
_FACE: Final[Part] = (slice(12, 52), slice(12, 48))
_GRID: Final = (5, 4)
_FINE_PX: Final = 1.0
_COARSE_PX: Final = 2.0
_STRONG: Final = 0.95
"""Sharpness is that of the strongest edges, which noise changes least."""
_LEAST_LEVELS: Final = 0.1
WHITE: Final = 250
"""Grey level from which a pixel counts as overexposed."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is measured on one crop.

    Attributes:
        cells: (20, 72) float32 detail of the cells of the face, row by row from the forehead to the chin.
        likeness: Mean correlation of nose and mouth with those of the average face, -1 to 1.
        sharpness: Strength of edges as fine as 6 % of the inter-ocular distance over that of coarser ones.
        brightness: Mean grey level of the face, 0 to 255.
        white: Share of the face that is overexposed, 0 to 1.
    """

    cells: Picture
    likeness: float
    sharpness: float
    brightness: float
    white: float


def look_at(image: NDArray[np.uint8], motion: Similarity) -> Look:
    """Measure a crop.

    Args:
        image: (CROP_SIZE, CROP_SIZE) uint8 grey crop of a tracked face.
        motion: (2, 3) how far the head has moved in it since it was anchored.
    """
    small = _small(image, motion)
    detail = small - cv2.GaussianBlur(small, (0, 0), _DETAIL_PX)
    face = small[_FACE]
    return Look(
        cells=_cells(detail[_FACE]),
        likeness=float(np.mean([_likeness(detail, part, pattern) for part, pattern in _patterns()])),
        sharpness=_sharpness(face),
        brightness=float(face.mean()),
        white=float((face >= WHITE).mean()),
    )


def _small(image: NDArray[np.uint8], motion: Similarity) -> Picture:
    """Return the (SIDE, SIDE) picture of the face, as if the head had not moved since it was anchored."""
    factor = CROP_SIZE // SIDE
    reduced = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    if not np.array_equal(motion, geometry.identity()):
        shrink = np.array([[1 / factor, 0.0, 0.5 / factor - 0.5], [0.0, 1 / factor, 0.5 / factor - 0.5]])
        moved = geometry.compose(geometry.compose(shrink, motion), geometry.invert(shrink))
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        reduced = cv2.warpAffine(reduced, moved, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return reduced.astype(np.float32)


def _cells(detail: Picture) -> Picture:
    rows, columns = _GRID
    height, width = detail.shape[0] // rows, detail.shape[1] // columns
    cells: Picture = detail.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(rows * columns, height * width)
    return cells


def _likeness(detail: Picture, part: Part, pattern: Picture) -> float:
    """Return the best correlation of a part with a pattern of mean 0 and norm 1, wherever it lies within _PLAY."""
    rows, columns = (slice(side.start - _PLAY, side.stop + _PLAY) for side in part)
    windows = np.lib.stride_tricks.sliding_window_view(detail[rows, columns], pattern.shape)
    places = windows.reshape(-1, pattern.size)  # OpenCV's matchTemplate takes ten times as long for so small ones
    places = places - places.mean(axis=1, keepdims=True)
    norms = np.sqrt(np.square(places).sum(axis=1))
    return float((places @ pattern.ravel() / np.maximum(norms, _LEAST_LEVELS)).max())


def _sharpness(face: Picture) -> float:
    soft = cv2.GaussianBlur(face, (0, 0), _FINE_PX)
    softer = cv2.GaussianBlur(soft, (0, 0), _COARSE_PX)
    fine, coarse = _strong(np.abs(face - soft)), _strong(np.abs(soft - softer))
    return fine / max(coarse, _LEAST_LEVELS)


def _strong(edges: NDArray[np.floating]) -> float:
    place = int(_STRONG * edges.size)
    return float(np.partition(edges.ravel(), place)[place])


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[Part, Picture], ...]:
    picture = cv2.imread(str(AVERAGE_FACE), cv2.IMREAD_GRAYSCALE)
    if picture is None or picture.shape != (SIDE, SIDE):
        raise MerError(f"{AVERAGE_FACE} is missing or damaged; install mer-live again")
    average = picture.astype(np.float32)
    detail = average - cv2.GaussianBlur(average, (0, 0), _DETAIL_PX)
    return tuple((part, _normal(detail[part])) for part in (NOSE, MOUTH))


def _normal(pattern: Picture) -> Picture:
    centred = pattern - pattern.mean()
    normal: Picture = centred / np.linalg.norm(centred)
    return normal
