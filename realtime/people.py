"""The people of a session: each has a spotter and counters of their own, as if there were nobody else."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import UsageError
from mer.face.crowd import MAX_PEOPLE, CrowdTracker
from mer.face.landmark_process import FACES
from mer.face.tracker import FaceTracker, Meshes
from mer.messages import FaceCrop
from realtime.messages import Totals
from realtime.quality.meter import QualityMeter
from realtime.spotting.spotter import Spotter, SpotterConfig, Spotting
from realtime.timing import Timing

ALL: Final = MAX_PEOPLE
"""Follows everybody, as far as the tracker can."""


def faces_of(people: int) -> int:
    """Return how many faces the landmarker should look for when so many people are followed.

    Raises:
        UsageError: If so many cannot be followed.
    """
    if not 1 <= people <= MAX_PEOPLE:
        raise UsageError(f"{people} people given; expected 1 to {MAX_PEOPLE}")
    return max(FACES, people)


def tracker_of(landmarker: Meshes, *, people: int) -> FaceTracker | CrowdTracker:
    """Return what follows one person, or several."""
    return FaceTracker(landmarker) if people == 1 else CrowdTracker(landmarker, most=people)


class Counted:
    """Counts frames and what was seen in them, whoever it was; several crops of one frame count as one.

    Attributes:
        totals: The counters.
    """

    def __init__(self) -> None:
        self.totals = Totals()
        self._index = self._index_with_face = -1
        self._seen_from = inf
        self._flagged: set[str] = set()

    def add(self, crop: FaceCrop, spotting: Spotting, flags: Sequence[str]) -> None:
        """Take one crop, what it told the spotter, and its quality flags."""
        totals = self.totals
        if totals.frames == 0:
            totals.first_time_s = crop.time_s
        totals.last_time_s = crop.time_s
        if crop.index != self._index:
            self._index, self._seen_from, self._flagged = crop.index, inf, set()
            totals.frames += 1
        if crop.state == "tracked":
            totals.eye_distances[round(crop.eye_distance_px)] += 1
            totals.frames_with_face += crop.index != self._index_with_face
            self._index_with_face = crop.index
        totals.flags.update(set(flags) - self._flagged)
        self._flagged.update(flags)
        if spotting.watchable is not None:
            for percent in totals.watchable:
                totals.watchable[percent] += spotting.watchable <= percent < self._seen_from
            self._seen_from = min(self._seen_from, spotting.watchable)


class Watch:
    """One person: what is spotted, and what is known so far.

    Args:
        person: Number.
        config: Thresholds of the spotter.
        alone: Whether nobody else is followed.

    Attributes:
        person: Number.
        before: The last crop.
        quality: What may be wrong with the pictures of the face.
        flags: That of the last crop.
    """

    def __init__(self, person: int, config: SpotterConfig, *, alone: bool) -> None:
        self.person = person
        self._alone = alone
        self.spotter = Spotter(config)
        self.before: FaceCrop | None = None
        self.quality = QualityMeter()
        self.flags: tuple[str, ...] = ()
        self._counted = Counted()

    @property
    def totals(self) -> Totals:
        """Counters of this person alone; `frames` counts from when they first came into view."""
        return self._counted.totals

    @property
    def regions(self) -> NDArray[np.float64] | None:
        """See `Spotter.regions`."""
        return self.spotter.regions

    def step(self, crop: FaceCrop, timing: Timing) -> tuple[Spotting, tuple[str, ...]]:
        """Take the next crop; return what it told the spotter, and the news about the face."""
        with timing.stage("spot"):
            spotting = self._signed(self.spotter.step(crop))
        with timing.stage("quality"):
            self.flags = self.quality.add(crop, self.spotter.head)
        self._counted.add(crop, spotting, self.flags)
        before, self.before = self.before, crop
        if self._alone:
            return spotting, (*face_news(before, crop), *crowd_news(before, crop))
        return spotting, tuple(f"person {self.person}: {notice}" for notice in face_news(before, crop))

    def finish(self) -> Spotting:
        """Decide what is still open at the end of the source."""
        return self._signed(self.spotter.finish())

    def _signed(self, spotting: Spotting) -> Spotting:
        if not spotting.intervals:
            return spotting
        return replace(spotting, intervals=tuple(replace(i, person=self.person) for i in spotting.intervals))


class People(dict[int, Watch]):
    """Everybody who has been in view, by number; whoever comes first into view is made up here.

    Args:
        config: Thresholds of the spotters.
        most: How many people are followed.
    """

    def __init__(self, config: SpotterConfig, *, most: int) -> None:
        super().__init__()
        self.most = most
        self._config = config

    def __missing__(self, person: int) -> Watch:
        self[person] = Watch(person, self._config, alone=self.most == 1)
        return self[person]

    @property
    def config(self) -> SpotterConfig:
        """Thresholds of the spotters; may be set at any time, from any thread."""
        return self._config

    @config.setter
    def config(self, config: SpotterConfig) -> None:
        self._config = config
        for watch in list(self.values()):
            watch.spotter.config = config

    def finish(self) -> Spotting:
        """Decide what is still open of anybody at the end of the source; there must be somebody."""
        spottings = [watch.finish() for watch in self.values()]
        return replace(spottings[0], intervals=tuple(i for spotting in spottings for i in spotting.intervals))


def face_news(before: FaceCrop | None, now: FaceCrop) -> tuple[str, ...]:
    """Return what a crop changes against the one before: whether the face is there."""
    was_tracked = before is not None and before.state == "tracked"
    if now.state == "tracked":
        return () if was_tracked else ("face found",)
    if was_tracked:
        return ("face lost",)
    return ("no face in view",) if before is None else ()


def crowd_news(before: FaceCrop | None, now: FaceCrop) -> tuple[str, ...]:
    """Return what to say of others in view while one person is followed."""
    if now.n_faces > 1 and (before is None or before.n_faces != now.n_faces):
        return (f"{now.n_faces} faces in view: following the one that was there first",)
    return ()
