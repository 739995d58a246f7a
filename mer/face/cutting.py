"""Cuts the grey crop of a face out of a picture; everything that depends on the transform alone is worked out once."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from mer.face.geometry import CROP_SIZE, Similarity


@dataclass(frozen=True, slots=True)
class Cutter:
    """Cuts crops under one transform out of pictures of one size.

    Attributes:
        rows: Rows of the picture that the crop shows.
        columns: Columns of the picture that the crop shows.
        factor: Whole factor by which large faces are averaged down first, so that fine texture does not alias.
        crop_from_part: (2, 3) float64 similarity from the averaged part to the crop.
    """

    rows: slice
    columns: slice
    factor: int
    crop_from_part: Similarity

    @staticmethod
    def of(crop_from_source: Similarity, *, size_wh: tuple[int, int]) -> "Cutter":
        """Return the cutter for a (2, 3) transform from source to crop pixels."""
        width, height = size_wh
        corners = np.array([[0, 0], [CROP_SIZE, 0], [0, CROP_SIZE], [CROP_SIZE, CROP_SIZE]], np.float64)
        source = geometry.apply(geometry.invert(crop_from_source), corners)
        factor = max(1, int(1.0 / np.hypot(*crop_from_source[:, 0])))
        x0, y0 = np.clip(np.floor(source.min(axis=0)).astype(int) - factor, 0, [width - factor, height - factor])
        x1, y1 = np.clip(np.ceil(source.max(axis=0)).astype(int) + factor, [x0 + factor, y0 + factor], [width, height])
        x1, y1 = x1 - (x1 - x0) % factor, y1 - (y1 - y0) % factor
        half_pixel = (factor - 1) / 2
        source_from_part = np.array([[factor, 0.0, x0 + half_pixel], [0.0, factor, y0 + half_pixel]])
        return Cutter(
            slice(int(y0), int(y1)),
            slice(int(x0), int(x1)),
            factor,
            geometry.compose(crop_from_source, source_from_part),
        )

    def cut(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the (CROP_SIZE, CROP_SIZE) grey crop of a BGR or grey picture; only the part it shows is touched."""
        part = image[self.rows, self.columns]
        grey = part if part.ndim == 2 else cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
        if self.factor > 1:
            grey = cv2.resize(grey, None, fx=1 / self.factor, fy=1 / self.factor, interpolation=cv2.INTER_AREA)
        crop = cv2.warpAffine(grey, self.crop_from_part, (CROP_SIZE, CROP_SIZE), borderMode=cv2.BORDER_REPLICATE)
        return crop.astype(np.uint8, copy=False)


def cut(image: NDArray[np.uint8], crop_from_source: Similarity) -> NDArray[np.uint8]:
    """Return the (CROP_SIZE, CROP_SIZE) grey crop of one BGR or grey picture under a (2, 3) transform."""
    height, width = image.shape[:2]
    return Cutter.of(crop_from_source, size_wh=(width, height)).cut(image)
