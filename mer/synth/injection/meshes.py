"""The face mesh of every frame of a recording, smoothed in time so that what is drawn on it does not jitter."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from mer.face.pose import HeadPose, fit_pose

SMOOTHING_S: Final = 0.04
"""Standard deviation of the Gaussian over each landmark's path: about one frame of a webcam."""
MAX_JUMP_IOD: Final = 0.6
"""A face further away from the one of the frame before is another one, or the recording was cut."""
_REPEAT_SHARE: Final = 1 / 15
"""Of what changes between other frames. In recordings with repeats there is nothing between a 20th and a half."""
_FRONTAL_SHARE: Final = 0.1
_MAX_LOOKED_AT: Final = 400


class Meshes(Protocol):
    """Whatever finds face meshes; `mer.face.landmarker.Landmarker` in the product."""

    def detect(self, image_bgr: NDArray[np.uint8], time_s: float) -> list[NDArray[np.float32]]:
        """Return (478, 2) or (478, 3) meshes in pixels, the largest first."""


@dataclass(frozen=True, slots=True)
class MeshPath:
    """One face through a recording.

    Attributes:
        times_s: (n,) time of each frame, from the first.
        meshes_px: (n, 478, 2) smoothed mesh; NaN where the face was not found.
        runs: Half-open ranges of frames in which the face was followed without a gap.
        shown: (n,) index of the frame whose picture each shows: its own, or an earlier one if the camera repeated that.
    """

    times_s: NDArray[np.float64]
    meshes_px: NDArray[np.float64]
    runs: tuple[tuple[int, int], ...]
    shown: NDArray[np.intp]

    @property
    def tracked(self) -> NDArray[np.bool_]:
        """(n,) whether the face was found."""
        return np.isfinite(self.meshes_px[:, 0, 0])

    @property
    def iod_px(self) -> float:
        """Median distance between the eyes in pixels; 0 without a face."""
        found = self.meshes_px[self.tracked]
        return float(np.median([geometry.inter_ocular_px(mesh) for mesh in found])) if len(found) else 0.0

    def poses(self) -> list[HeadPose | None]:
        """Return the pose of each frame, position and scale in pixels; None without a face."""
        return [fit_pose(mesh) if found else None for mesh, found in zip(self.meshes_px, self.tracked)]


def follow(
    frames: Iterable[tuple[NDArray[np.uint8], float]],
    meshes: Meshes,
    *,
    progress: Callable[[int], None] | None = None,
) -> MeshPath:
    """Follow the largest face of a recording.

    Args:
        frames: (H, W, 3) uint8 BGR pictures and their times in seconds.
        meshes: Finder of face meshes.
        progress: Called with the number of frames done.
    """
    times: list[float] = []
    found: list[NDArray[np.float64]] = []
    nobody = np.full((478, 2), np.nan)
    last = nobody
    for image, time_s in frames:
        last = _same_face(meshes.detect(image, time_s), last)
        times.append(time_s)
        found.append(last)
        if progress:
            progress(len(times))
    times_s, raw = np.array(times), np.array(found).reshape(-1, 478, 2)
    runs = _runs(raw)
    smooth = np.full(raw.shape, np.nan)
    for begin, end in runs:
        smooth[begin:end] = smoothed(times_s[begin:end], raw[begin:end], width_s=SMOOTHING_S)
    return MeshPath(times_s, smooth, runs, np.arange(len(times_s)))


def shown_pictures(changes: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return, for each frame, the index of the frame whose picture it shows.

    A camera or a converter that repeats a picture leaves a change behind, because codecs are lossy, but a far smaller
    one than noise and motion make between other frames.

    Args:
        changes: (n,) mean absolute difference from the frame before, grey levels; that of the first is of no effect.
    """
    shown = np.arange(len(changes))
    if len(changes) > 1:
        limit = _REPEAT_SHARE * float(np.percentile(changes[1:], 75))
        for k in range(1, len(changes)):
            if changes[k] <= limit:
                shown[k] = shown[k - 1]
    return shown


def smoothed(times_s: NDArray[np.float64], values: NDArray[np.float64], *, width_s: float) -> NDArray[np.float64]:
    """Return (n, ...) values averaged over a Gaussian in time; straight lines stay straight, also at the ends.

    Args:
        times_s: (n,) increasing times.
        values: (n, ...) values.
        width_s: Standard deviation of the Gaussian.
    """
    flat = values.reshape(len(values), -1)
    result = np.empty_like(flat)
    for i, time_s in enumerate(times_s):
        near = slice(*np.searchsorted(times_s, (time_s - 3 * width_s, time_s + 3 * width_s)))
        apart = times_s[near] - time_s
        weight = np.exp(-0.5 * (apart / width_s) ** 2)
        total, first, second = weight.sum(), weight @ apart, weight @ apart**2
        determinant = total * second - first**2
        # Local line instead of local mean: a mean would lag behind at the ends of a run.
        weight = weight * (second - first * apart) / determinant if determinant > 1e-12 else weight / total
        result[i] = weight @ flat[near]
    return result.reshape(values.shape)


def at_rest(path: MeshPath) -> NDArray[np.float64]:
    """Return the (478, 2) mesh of the person in face coordinates: median of the frames that look into the camera most.

    Raises:
        ValueError: If no frame has a face.
    """
    found = np.flatnonzero(path.tracked)
    some = found[:: max(1, len(found) // _MAX_LOOKED_AT)]
    poses = [fit_pose(path.meshes_px[i]) for i in some]
    turned = np.array([np.hypot(pose.yaw, pose.pitch) for pose in poses])
    frontal = some[np.argsort(turned)[: max(1, round(_FRONTAL_SHARE * len(some)))]]
    return np.median([_in_face(path.meshes_px[i]) for i in frontal], axis=0)


def _in_face(mesh_px: NDArray[np.float64]) -> NDArray[np.float64]:
    eyes = np.array([[-0.5, 0.0], [0.5, 0.0]])
    return geometry.apply(geometry.fit_similarity(geometry.eye_centres(mesh_px), eyes), mesh_px)


def _same_face(faces: Sequence[NDArray[np.float32]], last: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(faces):
        return np.full((478, 2), np.nan)
    flat = [mesh[:, :2].astype(np.float64) for mesh in faces]
    if not np.isfinite(last[0, 0]):
        return flat[0]
    return min(flat, key=lambda mesh: float(np.linalg.norm(mesh.mean(axis=0) - last.mean(axis=0))))


def _runs(meshes: NDArray[np.float64]) -> tuple[tuple[int, int], ...]:
    runs: list[tuple[int, int]] = []
    begin: int | None = None
    for i, mesh in enumerate(meshes):
        here = bool(np.isfinite(mesh[0, 0]))
        jumped = here and begin is not None and i > begin and _apart(meshes[i - 1], mesh) > MAX_JUMP_IOD
        if begin is not None and (not here or jumped):
            runs.append((begin, i))
            begin = None
        if here and begin is None:
            begin = i
    return (*runs, (begin, len(meshes))) if begin is not None else tuple(runs)


def _apart(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(now.mean(axis=0) - before.mean(axis=0))) / max(geometry.inter_ocular_px(now), 1.0)
