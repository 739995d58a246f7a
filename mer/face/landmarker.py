"""mediapipe's FaceLandmarker behind two small functions. The only module that names mediapipe."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face.model_file import find_face_model

N_LANDMARKS: Final = 478
MAX_FACES: Final = 3


class Landmarker:
    """Face meshes of pictures that follow one another in time (mediapipe's VIDEO mode).

    Not safe for use from two threads at once. Use as a context manager, or call `close`.

    Args:
        model: A face_landmarker.task, or None to look for one as `find_face_model` says.
        min_confidence: mediapipe's detection, presence and tracking confidence, 0 to 1.

    Raises:
        MerError: If no genuine model file can be found.
    """

    def __init__(self, model: Path | None = None, *, min_confidence: float = 0.5) -> None:
        path = find_face_model(model)
        with _quiet_stderr():
            from mediapipe import Image, ImageFormat
            from mediapipe.tasks.python import BaseOptions, vision

            options = vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_buffer=path.read_bytes()),
                running_mode=vision.RunningMode.VIDEO,
                num_faces=MAX_FACES,
                min_face_detection_confidence=min_confidence,
                min_face_presence_confidence=min_confidence,
                min_tracking_confidence=min_confidence,
            )
            self._mesh: Any = vision.FaceLandmarker.create_from_options(options)
            blank = Image(image_format=ImageFormat.SRGB, data=np.zeros((64, 64, 3), np.uint8))
            self._mesh.detect_for_video(blank, 0)
        self._image = Image
        self._rgb = ImageFormat.SRGB
        self._last_ms = 0

    def detect(self, image_bgr: NDArray[np.uint8], time_s: float) -> list[NDArray[np.float32]]:
        """Return the (478, 2) meshes in pixels of all faces found, the largest face first.

        Args:
            image_bgr: (H, W, 3) uint8.
            time_s: Capture time; mediapipe wants whole, increasing milliseconds and gets them.
        """
        self._last_ms = max(self._last_ms + 1, round(time_s * 1000))
        height, width = image_bgr.shape[:2]
        picture = self._image(image_format=self._rgb, data=cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB))
        faces = self._mesh.detect_for_video(picture, self._last_ms).face_landmarks
        scale = np.array([width, height], np.float32)
        meshes = [np.array([(p.x, p.y) for p in face], np.float32) * scale - np.float32(0.5) for face in faces]
        return sorted(meshes, key=_area, reverse=True)

    def close(self) -> None:
        """Free mediapipe's threads and memory; safe to call twice."""
        mesh, self._mesh = self._mesh, None
        if mesh is not None:
            mesh.close()

    def __enter__(self) -> "Landmarker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def detect_once(image_bgr: NDArray[np.uint8], *, model: Path | None = None) -> NDArray[np.float32] | None:
    """Return the (478, 2) mesh in pixels of the largest face of one picture, or None without a face."""
    with Landmarker(model) as landmarker:
        faces = landmarker.detect(image_bgr, 0.0)
    return faces[0] if faces else None


def _area(mesh: NDArray[np.float32]) -> float:
    return float(np.prod(mesh.max(axis=0) - mesh.min(axis=0)))


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Silence the C++ start-up chatter of mediapipe, which no logging option reaches."""
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
