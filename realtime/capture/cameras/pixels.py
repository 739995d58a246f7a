"""Pictures of laboratory cameras, from the pixel formats of the GenICam standard (PFNC) to what `Frame` holds."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_BAYER: Final = {
    "RG": cv2.COLOR_BayerRGGB2BGR,
    "GR": cv2.COLOR_BayerGRBG2BGR,
    "GB": cv2.COLOR_BayerGBRG2BGR,
    "BG": cv2.COLOR_BayerBGGR2BGR,
}
_COLOURS: Final = {
    "RGB8": cv2.COLOR_RGB2BGR,
    "RGB8Packed": cv2.COLOR_RGB2BGR,
    "BGR8": None,
    "BGR8Packed": None,
    "RGBa8": cv2.COLOR_RGBA2BGR,
}
_BITS: Final = (8, 10, 12, 14, 16)
_SENSORS: Final = ("Mono", *(f"Bayer{order}" for order in _BAYER))
FORMATS: Final = {
    **{f"{sensor}{bits}": bits for sensor in _SENSORS for bits in _BITS},
    **{f"{sensor}{bits}{packed}": bits for sensor in _SENSORS for bits in (10, 12) for packed in ("p", "Packed")},
    **dict.fromkeys(_COLOURS, 8),
}
"""Pixel formats that can be read, with the bits of each sample; those above 8 in two bytes, the lowest bits first.
Packed ones ("Mono12p", "Mono12Packed"), whose samples share bytes, come unpacked from pylon and harvesters."""


def image_of(samples: NDArray[np.uint8] | NDArray[np.uint16], pixel_format: str) -> NDArray[np.uint8]:
    """Return a picture as `Frame.image` holds it.

    Args:
        samples: (H, W) or (H, W, C), as the camera sent them.
        pixel_format: One of FORMATS.

    Returns:
        (H, W) grey or (H, W, 3) BGR, a new array or, where nothing had to be done, `samples`. Samples of more than
        8 bits are rounded to 8.
    """
    eight = samples if samples.dtype == np.uint8 else _eight_bits(samples, FORMATS[pixel_format])
    if pixel_format.startswith("Bayer"):
        return np.asarray(cv2.cvtColor(eight, _BAYER[pixel_format[5:7]]), np.uint8)
    conversion = _COLOURS.get(pixel_format)
    return np.asarray(eight if conversion is None else cv2.cvtColor(eight, conversion), np.uint8)


def _eight_bits(samples: NDArray[np.uint16] | NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(samples, alpha=2.0 ** (8 - bits)), np.uint8)  # rounds, and stops at 255
