"""Follows several faces at once and knows each person again: after crossings, absences and cuts.

Each face is followed as `mer.face.tracker` follows one: by its own anchor, between key frames whose landmarks are
looked for once for all. A key frame's faces are given to people jointly, by where each was, how large, and what it
looks like (`mer.face.identity.matched`). Somebody whom nobody knows becomes the next person once two key frames in a
row show them, and while there is room.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.face import geometry, orientation
from mer.face.anchor import Anchor
from mer.face.crops import faceless, tracked
from mer.face.cutting import cut
from mer.face.identity import LIKELY, NOT_SAME, Look, Person, look_of, matched
from mer.face.mosaic import is_pixelated
from mer.face.tracker import (
    KEY_INTERVAL_S,
    LANDMARK_DELAY_S,
    LOST_S,
    MIN_QUALITY,
    SEARCH_INTERVAL_S,
    Meshes,
    Precrop,
)
from mer.face.tracker_notes import TrackerNotes
from mer.face.turning import Turning
from mer.media.jpeg import in_colour
from mer.messages import FIRST_PERSON, FaceCrop, Frame

MAX_PEOPLE: Final = 6
"""People who can be followed at once."""
RETURN_INTERVAL_S: Final = 0.25
"""Seconds between key frames while somebody who was there a moment ago is missing."""
MISSED_S: Final = 10.0
"""How long that is."""
STRANGE_S: Final = 1.0
"""While somebody is missing, a face that looks like nobody is somebody new only after this long: where one person
passes in front of another, landmarks are found on parts of both."""
NO_ROOM: Final = "more people are in view than are followed; raise --people to follow them"

Mesh = NDArray[np.float32]


@dataclass(slots=True)
class _Track:
    """One person, followed or missing."""

    number: int
    person: Person
    anchor: Anchor | None = None
    image: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    quality: float = 0.0
    anchorings: int = 0
    gone_since_s: float = -np.inf

    def follow(self, frame: Frame) -> bool:
        """Follow the face into the next frame; return whether that worked."""
        if self.anchor is None:
            return True
        self.image = self.anchor.cutter.cut(frame.image)
        self.quality = self.anchor.follow(self.image)
        if self.quality >= MIN_QUALITY and not self.anchor.has_left():
            return True
        self.lose(frame.time_s)
        return False

    def lose(self, time_s: float) -> None:
        """Give the face up."""
        if self.anchor is not None:
            self.person.is_at(self.anchor.mesh())
            self.anchor, self.gone_since_s = None, time_s

    def anchor_at(self, mesh: Mesh, frame: Frame) -> None:
        """Cut the face out of a frame anew."""
        self.anchor, self.image = Anchor.at(mesh, frame.image, number=self.anchorings)
        self.anchorings += 1
        self.quality = 1.0
        self.person.is_at(mesh)


@dataclass(frozen=True, slots=True)
class _Stranger:
    """A face that is nobody's, as a key frame showed it, and since when it has been there."""

    person: Person
    look: Look
    since_s: float

    def is_at(self, mesh: Mesh, look: Look) -> bool:
        """Whether a face of the next key frame is this one."""
        return self.person.off(mesh) < 1.0 and float(self.look @ look) >= NOT_SAME


@dataclass(frozen=True, slots=True)
class _Key:
    """A key frame: who was followed into it, where everybody was is in `Person`."""

    frame: Frame
    answer: Future[list[Mesh]]
    followed: Mapping[int, tuple[Anchor, geometry.Similarity]]


class CrowdTracker:
    """Turns frames into crops of several faces.

    Not safe for use from two threads at once, but for `precrop`. Use as a context manager, or call `close`.

    Args:
        meshes: Finder of face meshes; owned, and closed with the tracker.
        most: Maximum number of people. Whoever comes later is not followed, also while one of them is away.

    Attributes:
        notes: What was odd about the faces so far.
    """

    def __init__(self, meshes: Meshes, *, most: int = MAX_PEOPLE) -> None:
        self.notes = TrackerNotes()
        self._meshes = meshes
        self._most = most
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="landmarks")
        self._turning = Turning(self._worker, meshes.detect_still)
        self._tracks: list[_Track] = []
        self._strangers: list[_Stranger] = []
        self._key: _Key | None = None
        self._next_key_s = -np.inf
        self._n_faces = 0
        self._full = False
        self._last: tuple[float, tuple[int, ...]] = (-np.inf, ())

    def precrop(self, _frame: Frame) -> None:
        """Nothing is cut ahead: who is where is known only when a frame has its turn."""

    def crops(self, frame: Frame, _ahead: Precrop | None = None) -> tuple[FaceCrop, ...]:
        """Return a crop of everybody known so far, in the order of their numbers; frames must come in order of time.

        Of somebody whose face is not in view the crop is black and its state "lost" or "absent"; that of the first
        person is there from the first frame on.
        """
        last_s, shape = self._last
        if frame.time_s - last_s > LOST_S or frame.image.shape != shape:
            self._lose_all(frame)
        self._last = (frame.time_s, frame.image.shape)
        self._learn_which_way_up(frame)
        broken = [track for track in self._tracks if not track.follow(frame)]
        self._collect(frame)
        if broken or (frame.time_s >= self._next_key_s and not any(self._followed())):
            self._look_now(frame)
        elif frame.time_s >= self._next_key_s and self._key is None:
            self._key = self._ask(frame)
        return tuple(self._crops(frame))

    def close(self) -> None:
        """Stop the landmark thread and free mediapipe."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._meshes.close()

    def __enter__(self) -> "CrowdTracker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _followed(self) -> Iterator[_Track]:
        return (track for track in self._tracks if track.anchor is not None)

    def _crops(self, frame: Frame) -> Iterator[FaceCrop]:
        notices = self.notes.fresh()
        if not self._tracks:
            yield faceless(frame, "absent", notices=notices)
        for track in self._tracks:
            its_own = notices if track.number == FIRST_PERSON else ()
            about = {"n_faces": self._n_faces, "notices": its_own, "person": track.number}
            if track.anchor is not None:
                yield tracked(frame, track.anchor, track.image, quality=track.quality, **about)  # type: ignore[arg-type]
            else:
                state = "lost" if frame.time_s - track.gone_since_s < LOST_S else "absent"
                yield faceless(frame, state, **about)  # type: ignore[arg-type]

    def _lose_all(self, frame: Frame) -> None:
        self._drop_key()
        for track in self._tracks:
            track.lose(frame.time_s)
        self._next_key_s = frame.time_s

    def _learn_which_way_up(self, frame: Frame) -> None:
        if self._turning.learn(frame.time_s, self.notes.turned):
            for track in self._tracks:
                if track.anchor is not None and not self._turning.believable([track.anchor.mesh()]):
                    track.lose(frame.time_s)

    def _drop_key(self) -> None:
        if self._key is not None:
            self._key.answer.result()
            self._key = None

    def _ask(self, frame: Frame) -> _Key:
        """Have the faces of a frame looked for, and take note of where everybody is in it."""
        followed = {}
        for track in self._tracks:
            if track.anchor is not None:
                track.person.is_at(track.anchor.mesh())
                followed[track.number] = (track.anchor, track.anchor.motion)
        missed = any(track.anchor is None and frame.time_s - track.gone_since_s < MISSED_S for track in self._tracks)
        searching = RETURN_INTERVAL_S if missed or self._strangers else KEY_INTERVAL_S
        self._next_key_s = frame.time_s + (searching if followed else SEARCH_INTERVAL_S)
        answer = self._worker.submit(lambda: self._meshes.detect(in_colour(frame), frame.time_s))
        return _Key(frame, answer, followed)

    def _look_now(self, frame: Frame) -> None:
        self._drop_key()
        self._take(self._ask(frame), frame)

    def _collect(self, frame: Frame) -> None:
        key = self._key
        if key is not None and frame.time_s >= key.frame.time_s + LANDMARK_DELAY_S:
            self._key = None
            self._take(key, frame)

    def _take(self, key: _Key, frame: Frame) -> None:
        """Let the faces of a key frame take effect."""
        meshes = self._credible(key.frame, key.answer.result())
        looks = [look_of(cut(key.frame.image, geometry.crop_from_landmarks(mesh))) for mesh in meshes]
        expected = [
            track.number in key.followed or key.frame.time_s - track.gone_since_s < LOST_S for track in self._tracks
        ]
        pairs = matched([track.person for track in self._tracks], meshes, looks, expected=expected)
        for place, track in enumerate(self._tracks):
            if place in pairs:
                self._place(track, meshes[pairs[place]], looks[pairs[place]], key, frame)
            else:
                track.lose(frame.time_s)
        others = [number for number in range(len(meshes)) if number not in pairs.values()]
        taken = [meshes[number] for number in pairs.values()]
        others = [number for number in others if not any(_same_place(meshes[number], mesh) for mesh in taken)]
        self._greet([meshes[n] for n in others], [looks[n] for n in others], key, frame)
        if not meshes and all(frame.time_s - track.gone_since_s >= LOST_S for track in self._tracks):
            self._turning.look_at(frame)

    def _place(self, track: _Track, mesh: Mesh, look: Look, key: _Key, frame: Frame) -> None:
        """Go on following somebody at a mesh of the key frame."""
        track.person.remember(look)
        before = key.followed.get(track.number)
        if before is None or before[0] is not track.anchor or track.person.off(mesh) >= 1.0:
            self._anchor_at(track, _carried(mesh, key.frame, frame), frame)
            return
        anchor, motion = before
        now = geometry.apply(anchor.moved_since(motion), mesh).astype(np.float32)
        if anchor.is_off(now):
            self._anchor_at(track, now, frame)

    def _anchor_at(self, track: _Track, mesh: Mesh | None, frame: Frame) -> None:
        if mesh is None:
            track.lose(frame.time_s)
            return
        track.anchor_at(mesh, frame)
        if orientation.looks_wrong(mesh):
            self._turning.look_at(frame)

    def _greet(self, meshes: Sequence[Mesh], looks: Sequence[Look], key: _Key, frame: Frame) -> None:
        """Give a number to faces that are nobody's, once they have been seen for the second time in a row."""
        before, self._strangers = self._strangers, []
        first = not self._tracks
        for number in sorted(range(len(meshes)), key=lambda n: float(meshes[n][:, 0].mean())):
            mesh, look = meshes[number], looks[number]
            known = next((stranger for stranger in before if stranger.is_at(mesh, look)), None)
            stranger = _Stranger(Person.of(mesh), look, known.since_s if known else key.frame.time_s)
            track = self._whom(stranger, key.frame.time_s) if first or known else None
            if track is None:
                self._strangers.append(stranger)
            else:
                track.person.remember(look)
                self._anchor_at(track, _carried(mesh, key.frame, frame), frame)

    def _whom(self, stranger: "_Stranger", now_s: float) -> _Track | None:
        """Return the missing person that a face belongs to best, else a new one; None to wait, or without room."""
        room = len(self._tracks) < self._most
        missing = [track for track in self._tracks if track.anchor is None]
        best = max(missing, key=lambda track: track.person.likeness(stranger.look), default=None)
        if best is not None and best.person.likeness(stranger.look) >= (LIKELY if room else NOT_SAME):
            return best
        if missing and now_s - stranger.since_s < STRANGE_S:
            return None
        if room:
            self._tracks.append(_Track(len(self._tracks) + FIRST_PERSON, Person(np.zeros(2), 1.0)))
            return self._tracks[-1]
        if not missing and not self._full:  # else it may be one of them, half hidden
            self._full = True
            self.notes.happened(NO_ROOM)
        return None

    def _credible(self, frame: Frame, meshes: list[Mesh]) -> list[Mesh]:
        """Return the meshes of a frame that are on faces, each face once."""
        clear = [mesh for mesh in meshes if not is_pixelated(frame.image, mesh)]
        if len(clear) < len(meshes):
            self.notes.pixelated(frame.time_s)
        faces: list[Mesh] = []
        for mesh in self._turning.believable(clear):
            if not any(_same_place(mesh, other) for other in faces):
                faces.append(mesh)
        self._n_faces = len(faces)
        for notice in self._meshes.news():
            self.notes.happened(notice)
        return faces


def _same_place(mesh: NDArray[np.floating], other: NDArray[np.floating]) -> bool:
    """Whether two meshes lie on one face: closer than two faces side by side can be."""
    apart = geometry.eye_centres(mesh).mean(axis=0) - geometry.eye_centres(other).mean(axis=0)
    return float(np.hypot(*apart)) < 0.5 * max(geometry.inter_ocular_px(mesh), geometry.inter_ocular_px(other))


def _carried(mesh: Mesh, earlier: Frame, now: Frame) -> Mesh | None:
    """Return a mesh of an earlier frame where its face is now, by following the face from there; None if it is lost."""
    if earlier is now:
        return mesh
    anchor, _ = Anchor.at(mesh, earlier.image, number=0)
    if anchor.follow(anchor.cutter.cut(now.image)) < MIN_QUALITY:
        return None
    return geometry.apply(anchor.moved_since(geometry.identity()), mesh).astype(np.float32)
