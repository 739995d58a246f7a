"""The process that runs mediapipe's FaceLandmarker. The only module that names mediapipe.

`mer.face.landmarker` starts it with an environment in which nothing that mediapipe sends leaves the machine, puts
pictures into shared memory and sends one request a picture. Messages are fixed binary layouts in the machine's byte
order; nothing is pickled. The process ends when the other end of its channel is closed, also by a kill -9.

    python -m mer.face.landmark_process MODEL MIN_CONFIDENCE FACES CHANNEL_FD PICTURES_FD
"""

import mmap
import os
import struct
import sys
import time
import types
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FACES: Final = 3
"""Faces that are looked for in a picture if one of them is followed: others must be seen to be told from it."""
REQUEST: Final = struct.Struct("=qii")
"""Time stamp in milliseconds, strictly increasing, or `STILL`; height and width of the (H, W, 3) uint8 RGB picture."""
STILL: Final = -1
"""Instead of a time stamp: the picture stands alone and leaves no trace in what comes after it."""
ANSWER: Final = struct.Struct("=d")
"""Processor seconds this process has used; followed by the meshes, (N, 478, 3) float32: shares of the
width, of the height, and depth as a share of the width."""
READY: Final = b""
"""The first message if pictures can come; otherwise it says what went wrong, as UTF-8."""

_NOT_NEEDED: Final = ("cv2", "matplotlib", "matplotlib.pyplot", "sounddevice")
"""What mediapipe imports to draw and to record sound: left out, they cost half a second and 65 MB, and sounddevice
starts gcc, ld and ldconfig to find its library."""

Find = Callable[[NDArray[np.uint8], int], list[Any]]
"""Faces of an RGB picture and its time in milliseconds."""


def main(arguments: list[str]) -> None:
    """Answer requests until the channel is closed."""
    model, confidence, faces, channel_fd, pictures_fd = arguments
    channel = Connection(int(channel_fd))
    try:
        try:
            find = _face_finder(Path(model), float(confidence), int(faces))
        except Exception as error:  # told to the user by the process that asked
            channel.send_bytes(f"{type(error).__name__}: {error}".encode())
            return
        channel.send_bytes(READY)
        _serve(channel, int(pictures_fd), find)
    except (EOFError, OSError):
        # The landmarker is not closed: that is when mediapipe would send its usage data.
        os._exit(0)


def _serve(channel: Connection, pictures_fd: int, find: Find) -> None:
    pictures = np.zeros(0, np.uint8)
    while True:
        time_ms, height, width = REQUEST.unpack(channel.recv_bytes(REQUEST.size))
        size = height * width * 3
        if size > len(pictures):  # the file has grown
            pictures = np.frombuffer(mmap.mmap(pictures_fd, size, prot=mmap.PROT_READ), np.uint8)
        faces = find(pictures[:size].reshape(height, width, 3), time_ms)
        meshes = np.array([[(point.x, point.y, point.z) for point in face] for face in faces], np.float32)
        channel.send_bytes(ANSWER.pack(time.process_time()) + meshes.tobytes())


def _face_finder(model: Path, min_confidence: float, faces: int) -> Find:
    """Return mediapipe's face landmarker: its VIDEO mode, and its IMAGE mode once it is asked for."""
    for name in _NOT_NEEDED:
        sys.modules[name] = types.ModuleType(name)
    from mediapipe import Image, ImageFormat
    from mediapipe.tasks.python import BaseOptions, vision

    def landmarker(mode: Any) -> Any:
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=model.read_bytes()),
            running_mode=mode,
            num_faces=faces,
            min_face_detection_confidence=min_confidence,
            min_face_presence_confidence=min_confidence,
            min_tracking_confidence=min_confidence,
        )
        return vision.FaceLandmarker.create_from_options(options)

    video = landmarker(vision.RunningMode.VIDEO)
    still: Any = None

    def find(picture_rgb: NDArray[np.uint8], time_ms: int) -> list[Any]:
        nonlocal still
        picture = Image(image_format=ImageFormat.SRGB, data=picture_rgb)
        if time_ms != STILL:
            return list(video.detect_for_video(picture, time_ms).face_landmarks)
        still = still or landmarker(vision.RunningMode.IMAGE)
        return list(still.detect(picture).face_landmarks)

    find(np.zeros((64, 64, 3), np.uint8), 0)  # the first one is slow
    return find


if __name__ == "__main__":
    main(sys.argv[1:])
