"""Follows one face from frame to frame: landmarks on key frames, point tracking in between.

The crop's transform is set when the face is found (an anchoring) and stays the same until the head
has moved noticeably; how the head moves inside the crop is tracked against the anchor frame itself,
so it does not drift. A face at rest therefore yields crops without any jitter.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.face import geometry
from mer.face.cutting import Cutter
from mer.face.geometry import CROP_SIZE, IOD_PX, Similarity
from mer.media.jpeg import in_colour
from mer.messages import FaceCrop, FaceState, Frame

KEY_INTERVAL_S: Final = 0.5
"""Seconds between key frames while a face is tracked."""
SEARCH_INTERVAL_S: Final = 0.1
"""Seconds between key frames while no face is in view."""
LANDMARK_DELAY_S: Final = 0.1
"""A key frame's landmarks take effect this much later, on the source's clock, live and in replay
alike: ten times what mediapipe needs, so the capture thread does not wait and results agree."""
LOST_S: Final = 1.0
"""A face that has just gone is "lost" for this long, then "absent"."""

MAX_SHIFT: Final = 0.2 * IOD_PX
"""Crop pixels the head may move before the crop is anchored again (its margin is 30)."""
MAX_TURN: Final = 0.1
"""Change of scale or rotation (radians) before the crop is anchored again."""
MIN_QUALITY: Final = 0.35
"""Share of consistent points below which the track is given up and landmarks are asked at once."""
CONSISTENT_PX: Final = 0.03 * IOD_PX
"""Distance from the head's motion, in crop pixels, up to which a point counts as consistent."""

_HALF: Final = 2
_MAX_POINTS: Final = 60
_WINDOW: Final = (11, 11)
_LEAST_SCALE_PX: Final = 0.05
_FACE_OVAL: Final = (10, 297, 284, 389, 454, 361, 397, 379, 152, 150, 172, 132, 234, 162, 54, 67)
_RIGHT_EYE: Final = (226, 29, 27, 56, 190, 243, 22, 24)
_LEFT_EYE: Final = (446, 259, 257, 286, 414, 463, 252, 254)
_MOUTH: Final = (57, 40, 37, 0, 267, 270, 287, 321, 314, 17, 84, 91)


class Meshes(Protocol):
    """Whatever finds face meshes; `mer.face.landmarker.Landmarker` in the product."""

    def detect(self, image_bgr: NDArray[np.uint8], time_s: float) -> list[NDArray[np.float32]]:
        """Return (478, 3) meshes in pixels, the third column depth, the largest first."""

    def close(self) -> None:
        """Free what is held."""


@dataclass(slots=True)
class _Anchor:
    number: int
    crop_from_source: Similarity
    cutter: Cutter
    landmarks_px: NDArray[np.float32]
    depth_iod: NDArray[np.float32]
    half: NDArray[np.uint8]
    points: NDArray[np.float32]
    moved: NDArray[np.float32]
    motion: Similarity


@dataclass(slots=True)
class _Request:
    due_s: float
    motion: Similarity
    anchor: int
    answer: Future[list[NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class CutAhead:
    """The crop of a frame under a transform that may have been replaced when the frame's turn comes."""

    cutter: Cutter
    image: NDArray[np.uint8]


class FaceTracker:
    """Turns frames into crops of the largest face.

    Not safe for use from two threads at once, but for `cut_ahead`. Use as a context manager, or call `close`.

    Args:
        meshes: Finder of face meshes; owned, and closed with the tracker.
    """

    def __init__(self, meshes: Meshes) -> None:
        self._meshes = meshes
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="landmarks")
        self._anchor: _Anchor | None = None
        self._request: _Request | None = None
        self._anchorings = 0
        self._next_key_s = -np.inf
        self._gone_since_s = -np.inf
        self._n_faces = 0
        self._last: tuple[float, tuple[int, ...]] = (-np.inf, ())

    def cut_ahead(self, frame: Frame) -> CutAhead | None:
        """Cut the crop of a frame before its turn, in another thread; None while there is no face to cut out."""
        anchor = self._anchor
        if anchor is None or frame.image.shape != self._last[1]:
            return None
        return CutAhead(anchor.cutter, anchor.cutter.cut(frame.image))

    def crop(self, frame: Frame, ahead: CutAhead | None = None) -> FaceCrop:
        """Return the face of one frame; frames must come in order of time.

        Without a face the crop is black and its state "lost" or "absent".

        Args:
            frame: The next frame.
            ahead: From `cut_ahead`; saves time and changes nothing.
        """
        if self._anchor is not None and self._interrupted(frame):
            self._drop_request()
            self._anchor = None
            self._next_key_s = frame.time_s
        self._last = (frame.time_s, frame.image.shape)
        if self._anchor is None:
            return self._search(frame)
        self._collect(frame)
        image, quality = self._track(frame, self._anchor, ahead)
        if quality < MIN_QUALITY or self._off_crop(self._anchor.motion):
            return self._find_again(frame)
        if frame.time_s >= self._next_key_s and self._request is None:
            self._ask(frame, self._anchor)
        return self._tracked(frame, self._anchor, image, quality)

    def close(self) -> None:
        """Stop the landmark thread and free mediapipe."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._meshes.close()

    def __enter__(self) -> "FaceTracker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _interrupted(self, frame: Frame) -> bool:
        """Whether a hole in time, or pictures of another size, make the track worthless."""
        last_s, shape = self._last
        return frame.time_s - last_s > LOST_S or frame.image.shape != shape

    def _search(self, frame: Frame) -> FaceCrop:
        if frame.time_s < self._next_key_s:
            return self._faceless(frame)
        return self._detect_now(frame)

    def _find_again(self, frame: Frame) -> FaceCrop:
        """The track broke: look for landmarks in this very frame."""
        self._drop_request()
        self._anchor = None
        self._gone_since_s = frame.time_s
        return self._detect_now(frame)

    def _detect_now(self, frame: Frame) -> FaceCrop:
        faces = self._worker.submit(self._meshes_of, frame).result()
        self._n_faces = len(faces)
        if not faces:
            self._next_key_s = frame.time_s + SEARCH_INTERVAL_S
            return self._faceless(frame)
        self._next_key_s = frame.time_s + KEY_INTERVAL_S
        return self._set_anchor(frame, faces[0])

    def _ask(self, frame: Frame, anchor: _Anchor) -> None:
        answer = self._worker.submit(self._meshes_of, frame)
        self._request = _Request(frame.time_s + LANDMARK_DELAY_S, anchor.motion, anchor.number, answer)
        self._next_key_s = frame.time_s + KEY_INTERVAL_S

    def _meshes_of(self, frame: Frame) -> list[NDArray[np.float32]]:
        return self._meshes.detect(in_colour(frame), frame.time_s)

    def _drop_request(self) -> None:
        if self._request is not None:
            self._request.answer.result()
            self._request = None

    def _collect(self, frame: Frame) -> None:
        """Let a key frame's landmarks take effect once they are due."""
        request, anchor = self._request, self._anchor
        if request is None or anchor is None or frame.time_s < request.due_s:
            return
        self._request = None
        faces = request.answer.result()
        self._n_faces = len(faces)
        if not faces:
            self._anchor = None
            self._gone_since_s = frame.time_s
            self._next_key_s = frame.time_s
            return
        moved_since = geometry.compose(anchor.motion, geometry.invert(request.motion))
        in_source = geometry.compose(
            geometry.invert(anchor.crop_from_source), geometry.compose(moved_since, anchor.crop_from_source)
        )
        mesh = faces[0].copy()
        mesh[:, :2] = geometry.apply(in_source, mesh[:, :2])
        if self._should_anchor_again(anchor, mesh):
            self._set_anchor(frame, mesh)

    def _should_anchor_again(self, anchor: _Anchor, mesh: NDArray[np.float32]) -> bool:
        off = geometry.compose(geometry.crop_from_landmarks(mesh[:, :2]), geometry.invert(anchor.crop_from_source))
        return _displacement(geometry.invert(off)) > MAX_SHIFT or _turn(off) > MAX_TURN

    def _off_crop(self, motion: Similarity) -> bool:
        return _displacement(motion) > 2.0 * MAX_SHIFT or _turn(motion) > 2.0 * MAX_TURN

    def _set_anchor(self, frame: Frame, mesh: NDArray[np.float32]) -> FaceCrop:
        crop_from_source = geometry.crop_from_landmarks(mesh[:, :2])
        height, width = frame.image.shape[:2]
        cutter = Cutter.of(crop_from_source, size_wh=(width, height))
        image = cutter.cut(frame.image)
        landmarks = geometry.apply(crop_from_source, mesh[:, :2]).astype(np.float32)
        depth = geometry.depth_behind_eyes(mesh)
        half = _halve(image)
        points = _points(half, landmarks)
        self._anchor = _Anchor(
            self._anchorings,
            crop_from_source,
            cutter,
            landmarks,
            depth,
            half,
            points,
            points.copy(),
            geometry.identity(),
        )
        self._anchorings += 1
        for array in (crop_from_source, landmarks, depth):
            array.flags.writeable = False
        return self._tracked(frame, self._anchor, image, 1.0)

    def _track(self, frame: Frame, anchor: _Anchor, ahead: CutAhead | None) -> tuple[NDArray[np.uint8], float]:
        """Cut the crop and find the head's motion in it; return the crop and the track's quality."""
        ready = ahead is not None and ahead.cutter is anchor.cutter
        image = ahead.image if ahead is not None and ready else anchor.cutter.cut(frame.image)
        if len(anchor.points) < 8:
            return image, 0.0
        moved, found, _ = cv2.calcOpticalFlowPyrLK(
            anchor.half,
            _halve(image),
            anchor.points,
            anchor.moved.copy(),
            winSize=_WINDOW,
            maxLevel=2,
            criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.01),
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        good = found.ravel() == 1
        if good.sum() < 8:
            return image, 0.0
        motion, distance = geometry.fit_similarity_robustly(
            _full(anchor.points[good]), _full(moved[good]), least_scale=_LEAST_SCALE_PX
        )
        predicted = (geometry.apply(motion, _full(anchor.points)) - 0.5) / _HALF
        anchor.moved = predicted.astype(np.float32).reshape(-1, 1, 2)
        motion.flags.writeable = False
        anchor.motion = motion
        return image, float((distance < CONSISTENT_PX).sum()) / len(anchor.points)

    def _tracked(self, frame: Frame, anchor: _Anchor, image: NDArray[np.uint8], quality: float) -> FaceCrop:
        image.flags.writeable = False
        return FaceCrop(
            image=image,
            crop_from_source=anchor.crop_from_source,
            motion=anchor.motion,
            landmarks_px=anchor.landmarks_px,
            time_s=frame.time_s,
            index=frame.index,
            anchor=anchor.number,
            state="tracked",
            quality=quality,
            n_faces=self._n_faces,
            depth_iod=anchor.depth_iod,
        )

    def _faceless(self, frame: Frame) -> FaceCrop:
        state: FaceState = "lost" if frame.time_s - self._gone_since_s < LOST_S else "absent"
        return FaceCrop(
            image=_BLACK,
            crop_from_source=_IDENTITY,
            motion=_IDENTITY,
            landmarks_px=_NO_LANDMARKS,
            time_s=frame.time_s,
            index=frame.index,
            anchor=-1,
            state=state,
            quality=0.0,
            n_faces=0,
        )


_BLACK: Final = np.zeros((CROP_SIZE, CROP_SIZE), np.uint8)
_IDENTITY: Final = geometry.identity()
_NO_LANDMARKS: Final = np.zeros((478, 2), np.float32)
for _constant in (_BLACK, _IDENTITY, _NO_LANDMARKS):
    _constant.flags.writeable = False


def _halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = CROP_SIZE // _HALF
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _full(points: NDArray[np.float32]) -> NDArray[np.float64]:
    return points.reshape(-1, 2).astype(np.float64) * _HALF + 0.5


def _points(half: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Corners of the face outside eyes and mouth, which move by themselves."""
    mask = np.zeros_like(half)
    for polygon, value in ((_FACE_OVAL, 255), (_RIGHT_EYE, 0), (_LEFT_EYE, 0), (_MOUTH, 0)):
        outline = np.rint((landmarks[list(polygon)] - 0.5) / _HALF).astype(np.int32)
        cv2.fillPoly(mask, [outline], value)
    points = cv2.goodFeaturesToTrack(half, _MAX_POINTS, qualityLevel=0.005, minDistance=5, mask=mask, blockSize=5)
    return np.zeros((0, 1, 2), np.float32) if points is None else points.astype(np.float32)


def _displacement(motion: Similarity) -> float:
    centre = np.full((1, 2), CROP_SIZE / 2)
    return float(np.hypot(*(geometry.apply(motion, centre) - centre)[0]))


def _turn(motion: Similarity) -> float:
    return abs(complex(motion[0, 0], motion[1, 0]) - 1.0)
