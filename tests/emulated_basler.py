"""Basler's own emulator of two cameras, which plays pictures: real pylon, without a camera."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.capture.cameras.base import Laboratory, Region

SIZE_WH = (64, 48)
SECOND = "0815-0001"
"""Serial number of the second camera."""


def emulate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pylon emulate two cameras."""
    pytest.importorskip("pypylon", reason="pypylon is not installed")
    monkeypatch.setenv("PYLON_CAMEMU", "2")


def settings(
    folder: Path, images: list[NDArray[np.uint8]], *, pixel_format: str = "Mono8", size_wh: tuple[int, int] = SIZE_WH
) -> Laboratory:
    """Return what lets an emulated camera play pictures, again and again from the first."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for number, image in enumerate(images):
        cv2.imwrite(str(pictures / f"{number:05d}.bmp"), image)
    saved = folder / "camera.pfs"
    saved.write_text(
        "# {05D8C294-F295-4dfb-9D01-096BD04049F4}\n"
        f"TestImageSelector\tOff\nImageFilename\t{pictures}\nImageFileMode\tOn\nPixelFormat\t{pixel_format}\n"
    )
    return Laboratory(roi=Region(0, 0, *size_wh), camera_settings=saved)
