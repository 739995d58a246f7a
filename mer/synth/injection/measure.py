"""Head paths measured in recordings, with the mesh that micro-expressions are drawn on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.face.landmarker import Landmarker
from mer.face.pose import HeadPose, fit_pose
from mer.synth.head_path import HeadPath, path_from_poses
from mer.synth.injection.meshes import MeshPath, follow, shown_pictures, smoothed
from mer.synth.injection.planes import Format, PlaneReader

SMOOTHING_S: Final = 0.06
"""The pose of single frames trembles by what the landmarks are wrong; heads tremble by less."""
MIN_S: Final = 1.0


def followed(source: Path, progress: Callable[[int], None] | None = None) -> tuple[MeshPath, Format]:
    """Return the face of a video file in every frame, and the format of the file.

    Raises:
        MerError: If the file cannot be decoded.
    """
    with PlaneReader(source) as reader, Landmarker(None) as landmarker:
        changes: list[float] = []
        path = follow(_seen(reader, changes), landmarker, progress=progress)
        return replace(path, shown=shown_pictures(np.array(changes))), reader.format


def _seen(reader: PlaneReader, changes: list[float]) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Yield each picture in colour and its time; note how much its luma differs from the one before."""
    before: NDArray[np.uint8] | None = None
    for picture in reader:
        luma = picture.planes[0]
        changes.append(0.0 if before is None else float(cv2.mean(cv2.absdiff(luma, before))[0]))
        before = luma
        yield picture.bgr(), picture.stamp * float(reader.format.time_base)


def head_path(source: Path, progress: Callable[[int], None] | None = None) -> HeadPath:
    """Return the path of the head in the longest stretch of a recording in which the face is in view.

    Raises:
        MerError: If the file cannot be decoded or the face is not in view for a second.
    """
    path, _ = followed(source, progress)
    begin, end = max(path.runs, key=lambda run: run[1] - run[0], default=(0, 0))
    times_s = path.times_s[begin:end]
    if end - begin < 2 or times_s[-1] - times_s[0] < MIN_S:
        raise MerError(f"{source} shows no face for {MIN_S:g} s at a time; give a recording of a face")
    poses = [fit_pose(mesh) for mesh in path.meshes_px[begin:end]]
    rows = np.array([(p.x, p.y, p.scale, p.yaw, p.pitch, p.roll) for p in poses])
    rows = smoothed(times_s, rows, width_s=SMOOTHING_S)
    return path_from_poses(times_s, [HeadPose(*map(float, row)) for row in rows], name=source.stem)
