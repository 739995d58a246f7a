"""Toy clips for tests of training: a spot on a textured background, not faces."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

CLASSES = ("happiness", "disgust", "surprise")
CENTRES = ((70, 45), (45, 20), (20, 70))


def toy_clips(people: int = 6, each: int = 6, *, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return clips, labels and subjects: a class is a place where a spot brightens; onset frames say nothing."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:90, 0:90]
    rise = np.concatenate([np.linspace(0, 1, 7), np.linspace(1, 0, 7)[1:]])
    clips, labels, subjects = [], [], []
    for person in range(people):
        background = cv2.GaussianBlur(rng.normal(128, 250, (90, 90)), (0, 0), 3)
        for number in range(each):
            kind = number % len(CLASSES)
            row, column = CENTRES[kind]
            spot = rng.uniform(25, 45) * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 200)
            frames = background + rise[:, None, None] * spot + rng.normal(0, 1, (13, 90, 90))
            clips.append(np.clip(frames, 0, 255).astype(np.uint8))
            labels.append(CLASSES[kind])
            subjects.append(f"P{person}")
    return {"clips": np.stack(clips), "labels": np.array(labels), "subjects": np.array(subjects)}


def write_toy(path: Path, **changes: NDArray[Any]) -> Path:
    """Write toy clips as an .npz file, with some of its arrays exchanged."""
    arrays: dict[str, Any] = {**toy_clips(), **changes}
    np.savez(path, **arrays)
    return path
