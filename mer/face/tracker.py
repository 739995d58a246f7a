"""Follows one face from frame to frame: landmarks on key frames, point tracking in between.

The crop's transform is set when the face is found and stays the same until the head
has moved noticeably; how the head moves inside the crop is tracked against the anchor frame itself,
so it does not drift. A face at rest therefore yields crops without any jitter.

The face that is followed first is kept: others in view do not take its place, however large they are.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mer.face import geometry, orientation
from mer.face.anchor import Anchor
from mer.face.crops import faceless, tracked
from mer.face.cutting import Cutter, cut
from mer.face.geometry import Similarity
from mer.face.identity import NOT_SAME, SAME, Person, look_of
from mer.face.mosaic import is_pixelated
from mer.face.tracker_notes import TrackerNotes
from mer.face.turning import Turning
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
CROWD_S: Final = 2.0
"""Another face was in view within this time before the tracked one went: it may be hidden behind the other, ..."""
PATIENCE_S: Final = 3.0
"""... and is waited for so long before somebody else is followed."""

MIN_QUALITY: Final = 0.35
"""Share of consistent points below which the track is given up and landmarks are asked at once."""


class Meshes(Protocol):
    """Whatever finds face meshes; `mer.face.landmarker.Landmarker` in the product."""

    def detect(self, image_bgr: NDArray[np.uint8], time_s: float) -> list[NDArray[np.float32]]:
        """Return (478, 3) meshes in pixels, the third column depth, the largest first."""

    def detect_still(self, image_bgr: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Return those of a picture that has nothing to do with the others."""

    def news(self) -> tuple[str, ...]:
        """Return what has gone wrong since the last call."""

    def close(self) -> None:
        """Free what is held."""


@dataclass(slots=True)
class _Request:
    frame: Frame
    motion: Similarity
    answer: Future[list[NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class Precrop:
    """The crop of a frame under a transform that may have been replaced when the frame's turn comes."""

    cutter: Cutter
    image: NDArray[np.uint8]


class FaceTracker:
    """Turns frames into crops of one face: of the largest at first, of the same person afterwards.

    Not safe for use from two threads at once, but for `precrop`. Use as a context manager, or call `close`.

    Args:
        meshes: Finder of face meshes; owned, and closed with the tracker.

    Attributes:
        notes: What was odd about the faces so far.
    """

    def __init__(self, meshes: Meshes) -> None:
        self.notes = TrackerNotes()
        self._meshes = meshes
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="landmarks")
        self._anchor: Anchor | None = None
        self._request: _Request | None = None
        self._turning = Turning(self._worker, meshes.detect_still)
        self._person: Person | None = None
        self._anchorings = 0
        self._next_key_s = -np.inf
        self._gone_since_s = -np.inf
        self._hidden_until_s = -np.inf
        self._n_faces = 0
        self._last: tuple[float, tuple[int, ...]] = (-np.inf, ())

    def precrop(self, frame: Frame) -> Precrop | None:
        """Cut the crop of a frame before its turn, in another thread; None while there is no face to cut out."""
        anchor = self._anchor
        if anchor is None or frame.image.shape != self._last[1]:
            return None
        return Precrop(anchor.cutter, anchor.cutter.cut(frame.image))

    def crop(self, frame: Frame, ahead: Precrop | None = None) -> FaceCrop:
        """Return the face of one frame; frames must come in order of time.

        Without a face the crop is black and its state "lost" or "absent".

        Args:
            frame: The next frame.
            ahead: From `precrop`; saves time and changes nothing.
        """
        if self._anchor is not None and self._interrupted(frame):
            self._drop_request()
            self._lose(frame)
        self._last = (frame.time_s, frame.image.shape)
        learned = self._turning.learn(frame.time_s, self.notes.turned)
        if learned and self._anchor is not None and not self._turning.believable([self._anchor.mesh()]):
            self._drop_request()
            self._lose(frame)
        if self._anchor is not None:
            self._collect(frame)
        anchor = self._anchor
        if anchor is None:
            return self._search(frame)
        ready = ahead is not None and ahead.cutter is anchor.cutter
        image = ahead.image if ahead is not None and ready else anchor.cutter.cut(frame.image)
        quality = anchor.follow(image)
        if quality < MIN_QUALITY or anchor.has_left():
            return self._find_again(frame)
        if frame.time_s >= self._next_key_s and self._request is None:
            self._ask(frame, anchor)
        return self._tracked(frame, anchor, image, quality)

    def crops(self, frame: Frame, ahead: Precrop | None = None) -> tuple[FaceCrop, ...]:
        """Return the same for those who may follow several people: the crop of the only one."""
        return (self.crop(frame, ahead),)

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
        """Whether a gap in time, or pictures of another size, make the track worthless."""
        last_s, shape = self._last
        return frame.time_s - last_s > LOST_S or frame.image.shape != shape

    def _search(self, frame: Frame) -> FaceCrop:
        if frame.time_s < self._next_key_s:
            return self._faceless(frame)
        return self._detect_now(frame)

    def _find_again(self, frame: Frame) -> FaceCrop:
        """The track broke: look for landmarks in this very frame."""
        self._drop_request()
        self._lose(frame)
        return self._detect_now(frame)

    def _lose(self, frame: Frame) -> None:
        """Give the track up; landmarks are looked for at once."""
        if self._anchor is not None and self._person is not None:
            self._person.is_at(self._anchor.mesh())
        self._anchor = None
        self._gone_since_s = self._next_key_s = frame.time_s
        crowded = frame.time_s - self.notes.crowd_s < CROWD_S
        self._hidden_until_s = frame.time_s + PATIENCE_S if crowded else -np.inf

    def _detect_now(self, frame: Frame) -> FaceCrop:
        faces = self._credible(frame, self._worker.submit(self._meshes_of, frame).result())
        mesh = self._recognised(frame, faces)
        if mesh is None:
            self._next_key_s = frame.time_s + SEARCH_INTERVAL_S
            if not faces and frame.time_s - self._gone_since_s >= LOST_S:
                self._turning.look_at(frame)
            return self._faceless(frame)
        self._next_key_s = frame.time_s + KEY_INTERVAL_S
        return self._set_anchor(frame, mesh)

    def _recognised(self, frame: Frame, faces: list[NDArray[np.float32]]) -> NDArray[np.float32] | None:
        """Return the mesh of the person that was followed, or of whom to follow now; None to wait."""
        person = self._person
        if person is None or not faces:
            return faces[0] if faces else None
        alike = [person.likeness(look_of(cut(frame.image, geometry.crop_from_landmarks(mesh)))) for mesh in faces]
        best = int(np.argmax(alike))
        near = person.nearest(faces) if frame.time_s - self._gone_since_s < LOST_S else None
        if alike[best] >= SAME:
            return faces[best]
        if len(faces) > 1 or frame.time_s < self._hidden_until_s:
            if frame.time_s < self._gone_since_s + PATIENCE_S:
                return None  # hidden behind somebody else
        elif near is not None and alike[near] >= NOT_SAME:
            return faces[near]
        self._person = None
        self.notes.person_may_have_changed(frame.time_s)
        return faces[0]

    def _ask(self, frame: Frame, anchor: Anchor) -> None:
        answer = self._worker.submit(self._meshes_of, frame)
        self._request = _Request(frame, anchor.motion, answer)
        self._next_key_s = frame.time_s + KEY_INTERVAL_S

    def _meshes_of(self, frame: Frame) -> list[NDArray[np.float32]]:
        return self._meshes.detect(in_colour(frame), frame.time_s)

    def _drop_request(self) -> None:
        if self._request is not None:
            self._request.answer.result()
            self._request = None

    def _collect(self, frame: Frame) -> None:
        """Let a key frame's landmarks take effect once they are due."""
        request, anchor, person = self._request, self._anchor, self._person
        if (
            request is None
            or anchor is None
            or person is None
            or frame.time_s < request.frame.time_s + LANDMARK_DELAY_S
        ):
            return
        self._request = None
        faces = self._credible(request.frame, request.answer.result())
        moved = anchor.moved_since(request.motion)
        meshes = [geometry.apply(moved, mesh).astype(np.float32) for mesh in faces]
        person.is_at(anchor.mesh())
        mine = person.nearest(meshes)
        if mine is None:
            self._lose(frame)
            self._turning.look_at(frame)
        elif anchor.is_off(meshes[mine]):
            self._anchor_again(frame, meshes[mine], person)

    def _anchor_again(self, frame: Frame, mesh: NDArray[np.float32], person: Person) -> None:
        if self._n_faces > 1:
            look = look_of(cut(frame.image, geometry.crop_from_landmarks(mesh)))
            if person.likeness(look) < NOT_SAME:  # somebody else is in front
                self._lose(frame)
                return
        self._set_anchor(frame, mesh)

    def _set_anchor(self, frame: Frame, mesh: NDArray[np.float32]) -> FaceCrop:
        self._anchor, image = Anchor.at(mesh, frame.image, number=self._anchorings)
        self._anchorings += 1
        if self._person is None:
            self._person = Person.of(mesh)
        self._person.is_at(mesh)
        self._person.looks.append(look_of(image))
        if orientation.looks_wrong(mesh):
            self._turning.look_at(frame)
        return self._tracked(frame, self._anchor, image, 1.0)

    def _credible(self, frame: Frame, meshes: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return the meshes of a frame that are on faces, and take note of how many those are."""
        clear = [mesh for mesh in meshes if not is_pixelated(frame.image, mesh)]
        if len(clear) < len(meshes):
            self.notes.pixelated(frame.time_s)
        faces = self._turning.believable(clear)
        self._n_faces = len(faces)
        self.notes.faces(len(faces), frame.time_s)
        for notice in self._meshes.news():
            self.notes.happened(notice)
        return faces

    def _tracked(self, frame: Frame, anchor: Anchor, image: NDArray[np.uint8], quality: float) -> FaceCrop:
        return tracked(frame, anchor, image, quality=quality, n_faces=self._n_faces, notices=self.notes.fresh())

    def _faceless(self, frame: Frame) -> FaceCrop:
        state: FaceState = "lost" if frame.time_s - self._gone_since_s < LOST_S else "absent"
        return faceless(frame, state, notices=self.notes.fresh())
