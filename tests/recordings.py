"""Tiny recordings for tests, made with OpenCV: the width of a white bar tells a frame's number."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE_WH = (64, 48)


def pictures(count: int, *, size_wh: tuple[int, int] = SIZE_WH) -> list[NDArray[np.uint8]]:
    """Return `count` (H, W, 3) pictures; in number n the first n % W columns are white."""
    width, height = size_wh
    columns = np.arange(width)
    rows = [np.where(columns < n % width, 235, 20).astype(np.uint8) for n in range(count)]
    return [np.repeat(np.tile(row, (height, 1))[..., np.newaxis], 3, axis=2) for row in rows]


def number_of(image: NDArray[np.uint8]) -> int:
    """Return the number of a picture, colour or grey, also after lossy compression."""
    return int((image.reshape(*image.shape[:2], -1).mean(axis=(0, 2)) > 128).sum())


def write_video(path: Path, images: list[NDArray[np.uint8]], *, fps: float = 50.0) -> Path:
    """Write an .mp4 (MPEG-4) or .avi (Motion JPEG)."""
    height, width = images[0].shape[:2]
    code = "mp4v" if path.suffix == ".mp4" else "MJPG"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), fps, (width, height))
    assert writer.isOpened()
    for image in images:
        writer.write(image)
    writer.release()
    return path


def write_folder(path: Path, images: list[NDArray[np.uint8]], *, suffix: str = ".png") -> Path:
    """Write a folder of frames named 1, 2, ... 10, ... without leading zeros."""
    path.mkdir()
    for n, image in enumerate(images, start=1):
        cv2.imwrite(str(path / f"{n}{suffix}"), image)
    return path
