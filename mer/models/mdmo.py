"""MDMO: the main direction of motion in each of 36 regions of the face.

From the source: flow of each picture against the first, after the head's motion is taken out; 36 regions;
in each the flow vectors are sorted into 8 directions, and the mean of the fullest one counts; averaged
over the pictures in Cartesian coordinates; lengths divided by the longest; lengths weigh 0.8, angles 0.2.
Assumed: the head's motion is a robust similarity, not an affinity over 13 landmarks, and the flow is DIS
(`mer.preprocess.encode_flow`); the regions are a 6 x 6 grid over the aligned crop, because clips carry no
landmarks (the source draws them along 66 landmarks); angles are divided by pi;
the first of the eight directions is centred on +x.

Reference: Liu et al., "A main directional mean optical flow feature for spontaneous micro-expression
recognition", IEEE Transactions on Affective Computing 7(4), 2016, section 3.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.preprocess import FLOW_STEPS_PER_PX, encode_flow

GRID: Final = 6
DIRECTIONS: Final = 8
LENGTH_WEIGHT: Final = 0.8
N_FEATURES: Final = 2 * GRID * GRID


def mdmo(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (72,) float32 features of one (13, 90, 90) uint8 grey clip; see `features_from_flow`."""
    return features_from_flow((encode_flow(images)[1:, ..., :2] - 128.0) / FLOW_STEPS_PER_PX)


def features_from_flow(flow: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return (72,) float32: the weighted lengths of the 36 regions in reading order, then their angles.

    Args:
        flow: (T, H, W, 2) u and v in pixels of each picture against the first.
    """
    vectors = np.mean([[main_motion(region) for region in _regions(field)] for field in flow], axis=0)  # (36, 2)
    lengths = np.hypot(vectors[:, 0], vectors[:, 1])
    angles = np.arctan2(vectors[:, 1], vectors[:, 0])
    longest = lengths.max()
    shares = lengths / longest if longest > 0 else lengths
    return np.concatenate([LENGTH_WEIGHT * shares, (1 - LENGTH_WEIGHT) * angles / np.pi]).astype(np.float32)


def main_motion(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the (2,) mean of the vectors in the fullest of 8 directions, the first of which is centred on +x.

    Args:
        vectors: (N, 2) flow, N at least 1.
    """
    step = 2 * np.pi / DIRECTIONS
    bins = np.rint(np.arctan2(vectors[:, 1], vectors[:, 0]) / step).astype(int) % DIRECTIONS
    mean: NDArray[np.float64] = vectors[bins == np.bincount(bins, minlength=DIRECTIONS).argmax()].mean(0)
    return mean


def _regions(field: NDArray[np.floating]) -> list[NDArray[np.floating]]:
    rows = np.array_split(field, GRID, axis=0)
    return [cell.reshape(-1, 2) for row in rows for cell in np.array_split(row, GRID, axis=1)]
