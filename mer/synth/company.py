"""Several rendered people in one picture, who cross, leave and come back; the truth says whose each event is.

Everybody is rendered as in `mer.synth.recording`, on a tile of their own, and laid into one picture: the later one in
front. Micro-expressions come while people stay where they are; those of different people may coincide.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import UsageError
from mer.face import geometry
from mer.labels import CLASSES
from mer.synth import fields
from mer.synth import timeline as acts
from mer.synth.camera import Camera, Sensor
from mer.synth.expressions import Expression, draw_expression, units_of
from mer.synth.fields import smoothstep
from mer.synth.portrait import Portrait
from mer.synth.recording import DISCLAIMER, event_truth, write_truth
from mer.synth.scene import Scene
from mer.synth.timeline import Timeline
from mer.synth.video_file import open_video

STAY_S: Final = 4.5
"""How long people stay where they are, ..."""
MOVE_S: Final = 1.6
"""... and how long it takes to change places, to leave and to come back."""
EVENT_AFTER_S: Final = (2.3, 3.5)
"""When the micro-expression of each person begins within a stay: by then, spotters have warmed up."""
TILE_IOD: Final = (4.4, 5.2)
"""Width and height of the tile of one person."""
MOST: Final = 3
AWAY: Final = -1
"""Place of somebody who has left the picture."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to render.

    Attributes:
        fps: Frames per second.
        iod_px: Inter-ocular distance in pixels.
        amplitude_percent: Least and largest peak displacement, percent of the IOD; drawn log-uniformly.
        seed: Of everything random.
    """

    fps: float = 60.0
    iod_px: float = 60.0
    amplitude_percent: tuple[float, float] = (1.0, 3.0)
    seed: int = 0

    def check(self, people: int) -> None:
        """Raise a UsageError if the settings make no sense."""
        if not 2 <= people <= MOST:
            raise UsageError(f"{people} people given; expected 2 to {MOST}")
        if not 10.0 <= self.fps <= 1000.0:
            raise UsageError(f"frame rate {self.fps:g} given; expected 10 to 1000 frames per second")
        if not 20.0 <= self.iod_px <= 200.0:
            raise UsageError(f"{self.iod_px:g} pixels between the eyes given; expected 20 to 200")
        low, high = self.amplitude_percent
        if not 0.1 <= low <= high <= 10.0:
            raise UsageError(f"amplitude {low:g} to {high:g} % given; expected 0.1 <= low <= high <= 10 % of the IOD")


def places(people: int) -> list[tuple[int, ...]]:
    """Return where everybody is in each stay, from left to right from 0, or AWAY.

    The outer two change places, then each person in turn leaves and comes back, somewhere else if somebody moves over.
    """
    now = list(range(people))
    stays = [tuple(now)]
    now[0], now[-1] = now[-1], now[0]
    stays.append(tuple(now))
    for leaving in range(people):
        mine, next_one = now[leaving], (leaving + 1) % people
        now[leaving] = AWAY
        stays.append(tuple(now))
        now[next_one], now[leaving] = mine, now[next_one]
        stays.append(tuple(now))
    return stays


def render_company(
    portraits: Sequence[Portrait],
    path: Path,
    settings: Settings,
    *,
    stays: Sequence[tuple[int, ...]] | None = None,
    codec: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write a recording of several people and, beside it with the suffix .json, its truth.

    Args:
        portraits: Whom to show, from left to right at first: people 1, 2, ...
        path: A .mp4 or .avi file.
        settings: What to render.
        stays: Where everybody is in each stay, from left to right from 0, or AWAY; None for `places`.
        codec: See `video_file.CODECS`; None to choose by suffix.
        progress: Called with frames done and frames in all.

    Returns:
        The truth, as written.

    Raises:
        MerError: If the settings are impossible or the files cannot be written.
    """
    settings.check(len(portraits))
    generator = np.random.default_rng(settings.seed)
    stays = stays or places(len(portraits))
    n = round((len(stays) * STAY_S + (len(stays) - 1) * MOVE_S) * settings.fps)
    times_s = np.arange(n) / settings.fps
    actors = [
        _Actor(portrait, [stay[k] for stay in stays], times_s, settings, generator)
        for k, portrait in enumerate(portraits)
    ]
    stage = _Stage(len(portraits), settings, generator)
    truth = _truth(path, settings, actors, stage, times_s)
    camera = Camera(Sensor(read=0.8, shot=1.6), stage.picture(actors, 0), generator)
    with open_video(path, size_wh=stage.size_wh, fps=settings.fps, codec=codec) as video:
        for index in range(n):
            video.write(camera.expose(stage.picture(actors, index), 1.0))
            if progress:
                progress(index + 1, n)
    write_truth(path.with_suffix(".json"), truth)
    return truth


def _truth(
    path: Path, settings: Settings, actors: Sequence["_Actor"], stage: "_Stage", times_s: NDArray[np.float64]
) -> dict[str, Any]:
    """Return what the truth file says."""
    events = [
        event_truth(expression, times_s) | {"person": number}
        for number, actor in enumerate(actors, start=1)
        for expression in actor.expressions
    ]
    return {
        "synthetic": True,
        "note": DISCLAIMER,
        "generator": f"mer-live {version('mer-live')}",
        "video": path.name,
        "frames": len(times_s),
        "seconds": round(len(times_s) / settings.fps, 6),
        "size_wh": list(stage.size_wh),
        "people": [
            {"person": number, "portrait": actor.source, "places": actor.places}
            for number, actor in enumerate(actors, start=1)
        ],
        **asdict(settings),
        "events": sorted(events, key=lambda event: float(event["onset"]["time_s"])),
        "distractors": [],
    }


class _Actor:
    """One person: what the face does on its tile, and where the tile is."""

    def __init__(
        self,
        portrait: Portrait,
        places: Sequence[int],
        times_s: NDArray[np.float64],
        settings: Settings,
        generator: np.random.Generator,
    ) -> None:
        self.source = portrait.source
        self.places = list(places)
        landmarks = geometry.apply(portrait.face_from_image, portrait.landmarks_px)
        basis = fields.build(landmarks, units_of(CLASSES), fields.draw_style(generator))
        self.timeline = Timeline(times_s)
        acts.add_head_sway(self.timeline, generator, shift_iod=0.006, turn_rad=np.radians(0.25))
        self.expressions = _drawn(places, basis, settings, generator)
        for expression in self.expressions:
            self.timeline.add_units(expression.movement.weights(times_s))
        self.scene = Scene(portrait, basis, size_wh=_tile_wh(settings.iod_px), iod_px=settings.iod_px)
        self.mask = _head(self.scene)
        self.position = _positions(places, times_s)

    def shown(self, index: int) -> NDArray[np.float32]:
        """Return the tile of one frame."""
        return self.scene.render(*self.timeline.at(index))


class _Stage:
    """The picture that tiles are laid into.

    Attributes:
        size_wh: Its size in pixels.
    """

    def __init__(self, people: int, settings: Settings, generator: np.random.Generator) -> None:
        self._tile_wh = _tile_wh(settings.iod_px)
        self._step_px = TILE_IOD[0] * settings.iod_px
        self.size_wh = (people * self._tile_wh[0], self._tile_wh[1])
        width, height = self.size_wh
        rough = generator.uniform(70.0, 150.0, (6, 8 * people, 3)).astype(np.float32)
        self._background = np.asarray(cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)

    def picture(self, actors: Sequence[_Actor], index: int) -> NDArray[np.float32]:
        """Return (H, W, 3) float32 BGR of one frame."""
        picture = self._background.copy()
        for actor in actors:
            left = float(actor.position[index]) * self._step_px
            first, last = int(np.floor(left)), int(np.floor(left)) + self._tile_wh[0] + 1
            visible = slice(max(first, 0), min(last, self.size_wh[0]))
            if visible.start >= visible.stop:
                continue
            shift = np.array([[1.0, 0.0, left - visible.start], [0.0, 1.0, 0.0]])  # also parts of pixels
            size = (visible.stop - visible.start, self._tile_wh[1])
            tile = cv2.warpAffine(actor.shown(index), shift, size, borderMode=cv2.BORDER_REPLICATE)
            mask = np.asarray(cv2.warpAffine(actor.mask, shift, size), np.float32)[..., np.newaxis]
            picture[:, visible] += mask * (np.asarray(tile, np.float32) - picture[:, visible])
        return np.asarray(picture, np.float32)


def _drawn(
    places: Sequence[int],
    basis: Mapping[fields.UnitSide, fields.Field],
    settings: Settings,
    generator: np.random.Generator,
) -> list[Expression]:
    """Return one micro-expression for each stay in which a person is there."""
    low, high = np.log(np.array(settings.amplitude_percent) / 100)
    return [
        draw_expression(
            generator,
            label=str(generator.choice(CLASSES)),
            start_s=stay * (STAY_S + MOVE_S) + float(generator.uniform(*EVENT_AFTER_S)),
            peak_iod=float(np.exp(generator.uniform(low, high))),
            fields=basis,
        )
        for stay, place in enumerate(places)
        if place != AWAY
    ]


def _positions(places: Sequence[int], times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n,) where the left edge of a tile is, in tiles; whoever is away is beyond the right border."""
    beyond = {AWAY: MOST + 0.5}
    now = np.full(times_s.shape, float(places[0]))
    for number, (before, after) in enumerate(pairwise(places), start=1):
        start_s = number * (STAY_S + MOVE_S) - MOVE_S
        share = smoothstep((times_s - start_s) / MOVE_S)
        now += share * (beyond.get(after, float(after)) - beyond.get(before, float(before)))
    return np.asarray(now, np.float64)


def _tile_wh(iod_px: float) -> tuple[int, int]:
    width, height = (2 * round(side * iod_px / 2) for side in TILE_IOD)
    return width, height


def _head(scene: Scene) -> NDArray[np.float32]:
    """Return (H, W) how much of each pixel of a tile is head, 0 to 1."""
    width, height = scene.size_wh
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 2).astype(np.float64)
    face = geometry.apply(geometry.invert(scene.picture_from_face), pixels)
    radius = np.hypot(face[:, 0] / 1.6, (face[:, 1] - 0.2) / 2.1).reshape(height, width)
    return smoothstep((1.1 - radius) / 0.2).astype(np.float32)
