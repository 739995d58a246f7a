"""Pixel formats whose samples share bytes, unpacked by pylon and by harvesters."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.capture.cameras.pixels import image_of

SAMPLES = np.array([[0.0, 0.25, 0.5, 1.0], [1.0, 0.75, 0.1, 0.0]])
"""Shares of white."""


def levels(bits: int) -> NDArray[np.uint16]:
    return np.asarray(np.rint(SAMPLES * (2**bits - 1)), np.uint16)


def stream_of_bits(samples: NDArray[np.uint16], bits: int) -> bytes:
    """Pack as USB3 Vision does (Mono10p, Mono12p): the lowest bits first."""
    total = sum(int(sample) << bits * place for place, sample in enumerate(samples.ravel()))
    return total.to_bytes(samples.size * bits // 8, "little")


def three_bytes(samples: NDArray[np.uint16], bits: int) -> bytes:
    """Pack as GigE Vision does (Mono10Packed, Mono12Packed): the byte in the middle has the lowest bits of both."""
    low = bits - 8
    mask = (1 << low) - 1
    pairs = samples.reshape(-1, 2).tolist()
    return bytes(byte for a, b in pairs for byte in (a >> low, (a & mask) | (b & mask) << 4, b >> low))


def packed(pixel_format: str) -> tuple[bytes, int]:
    bits = 10 if "10" in pixel_format else 12
    pack = three_bytes if pixel_format.endswith("Packed") else stream_of_bits
    return pack(levels(bits), bits), bits


def by_pylon(pixel_format: str) -> NDArray[Any]:
    pylon = pytest.importorskip("pypylon.pylon", reason="pypylon is not installed")
    data, _ = packed(pixel_format)
    name = pixel_format.replace("Packed", "packed") if pixel_format.startswith("Mono") else pixel_format
    picture = pylon.PylonImage()
    height, width = SAMPLES.shape
    picture.AttachMemoryView(memoryview(data), getattr(pylon, f"PixelType_{name}"), width, height, 0)
    return np.asarray(picture.Array)


def by_harvesters(pixel_format: str) -> NDArray[Any]:
    pfnc = pytest.importorskip("harvesters.util.pfnc", reason="harvesters is not installed")
    data, _ = packed(pixel_format)
    unpacked = pfnc.Dictionary.get_proxy(symbolic=pixel_format).expand(np.frombuffer(data, np.uint8))
    return np.asarray(unpacked.reshape(SAMPLES.shape))


@pytest.mark.parametrize("unpack", [by_pylon, by_harvesters])
@pytest.mark.parametrize("pixel_format", ["Mono10p", "Mono12p", "Mono10Packed", "Mono12Packed"])
def test_packed_grey_ends_in_eight_bits(unpack: Any, pixel_format: str) -> None:
    image = image_of(unpack(pixel_format), pixel_format)
    assert image.dtype == np.uint8
    assert np.abs(image - 255.0 * SAMPLES).max() <= 1.0


@pytest.mark.parametrize("unpack", [by_pylon, by_harvesters])
@pytest.mark.parametrize("pixel_format", ["BayerRG10p", "BayerGB12p", "BayerBG12Packed"])
def test_packed_colour_filters_end_in_colours(unpack: Any, pixel_format: str) -> None:
    image = image_of(unpack(pixel_format), pixel_format)
    assert image.shape == (*SAMPLES.shape, 3)
