"""LBP-TOP: how often each local binary pattern occurs on the three planes of a clip.

From the source: grey clips of 112 x 112, radius 3, 8 points, uniform patterns (59 bins), 8 x 8 blocks
that overlap by 0.7, one histogram a block and plane, side by side.
Assumed: our 13 pictures are used as they are (the source interpolates to 10 at least); 0.7 is the share
of a block's side that its neighbour shares, so a block is 34 pixels wide of the 106 that have all their
neighbours; each histogram sums to 1.

Reference: Zhao & Pietikainen, "Dynamic texture recognition using local binary patterns with an
application to facial expressions", TPAMI 29(6), 2007, section 4.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.feature import local_binary_pattern

SIDE: Final = 112
RADIUS: Final = 3
POINTS: Final = 8
BINS: Final = POINTS * (POINTS - 1) + 3
"""59: one for each uniform pattern, one for all others."""
GRID: Final = 8
OVERLAP: Final = 0.7
N_FEATURES: Final = GRID * GRID * 3 * BINS


def lbp_top(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (11328,) float32 features of one clip: 8 x 8 blocks in reading order, planes XY, XT, YT, 59 bins.

    Args:
        images: (T, H, W) uint8 grey, T at least 7.
    """
    volume = np.stack([cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for image in images])
    codes = plane_codes(volume)  # (3, T - 6, 106, 106)
    features = np.empty((GRID, GRID, 3, BINS), np.float32)
    for i, rows in enumerate(blocks(codes.shape[2])):
        for j, columns in enumerate(blocks(codes.shape[3])):
            for plane in range(3):
                found = codes[plane, :, rows, columns]
                features[i, j, plane] = np.bincount(found.ravel(), minlength=BINS) / found.size
    return features.ravel()


def plane_codes(volume: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the pattern of each voxel on the planes XY, XT and YT.

    Args:
        volume: (T, H, W) uint8 grey, each side at least 7.

    Returns:
        (3, T - 6, H - 6, W - 6) uint8, 0 to 58; only voxels whose neighbours all lie inside.
    """
    codes = np.empty((3, *volume.shape), np.uint8)
    for t in range(volume.shape[0]):
        codes[0, t] = _patterns(volume[t])
    for y in range(volume.shape[1]):
        codes[1, :, y] = _patterns(volume[:, y])
    for x in range(volume.shape[2]):
        codes[2, :, :, x] = _patterns(volume[:, :, x])
    return codes[:, RADIUS:-RADIUS, RADIUS:-RADIUS, RADIUS:-RADIUS]


def blocks(length: int) -> list[slice]:
    """Return where the 8 blocks along a side of `length` pixels lie; neighbours share 0.7 of their side."""
    side = round(length / (1 + (GRID - 1) * (1 - OVERLAP)))
    starts = np.rint(np.linspace(0, length - side, GRID)).astype(int)
    return [slice(start, start + side) for start in starts.tolist()]


def _patterns(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    found = local_binary_pattern(plane, POINTS, RADIUS, method="nri_uniform")  # type: ignore[no-untyped-call]
    codes: NDArray[np.uint8] = found.astype(np.uint8)
    return codes
