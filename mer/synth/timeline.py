"""Everything a face does in one recording, frame by frame, and what of it is not a micro-expression."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.face.pose import HeadPose
from mer.synth.expressions import COMBINATIONS, Movement
from mer.synth.fields import UnitSide, smoothstep
from mer.synth.profiles import Profile, draw_profile
from mer.synth.scene import Expressed, Pose

Series = NDArray[np.float64]
SPEECH_UNITS: Final = (18, 20, 25, 26)
_LID_LIMIT_IOD: Final = 0.05
"""Lids carry no larger displacement without looking torn."""


@dataclass(frozen=True, slots=True)
class Distractor:
    """Something that moves or changes and is not a micro-expression.

    Attributes:
        kind: "blink", "double-blink", "gaze", "speech", "macro", "nod", "turn", "drift", "focus" or "light-step".
        start_s: Begin.
        end_s: End.
    """

    kind: str
    start_s: float
    end_s: float


@dataclass(slots=True)
class Timeline:
    """What the face and head do at each frame; filled by the functions below.

    Attributes:
        times_s: (n,) time of each frame.
        units: Displacement in IOD of each unit and side, (n,) each.
        closure: (n, 2) how far each eye is closed, 0 to 1.
        gaze: (n, 2) shift of the irises in IOD.
        shift: (n, 2) translation of the head in IOD.
        roll: (n,) radians.
        scale: (n,) factor.
        yaw: (n,) radians.
        pitch: (n,) radians.
        blur_px: (n,) standard deviation of the lens blur in picture pixels.
        head: (n,) path of a real head, position and scale in IOD of the portrait; empty without one.
        distractors: What was put in, in order of insertion.
    """

    times_s: Series
    units: dict[UnitSide, Series] = field(default_factory=dict)
    closure: Series = field(init=False)
    gaze: Series = field(init=False)
    shift: Series = field(init=False)
    roll: Series = field(init=False)
    scale: Series = field(init=False)
    yaw: Series = field(init=False)
    pitch: Series = field(init=False)
    blur_px: Series = field(init=False)
    head: Sequence[HeadPose] = ()
    distractors: list[Distractor] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = len(self.times_s)
        self.closure, self.gaze, self.shift = (np.zeros((n, 2)) for _ in range(3))
        self.roll, self.yaw, self.pitch, self.blur_px = (np.zeros(n) for _ in range(4))
        self.scale = np.ones(n)

    def at(self, index: int) -> tuple[Expressed, Pose | HeadPose]:
        """Return what to render for one frame."""
        units = {key: float(series[index]) for key, series in self.units.items() if series[index] != 0.0}
        left, right = (float(v) for v in self.closure[index])
        across, down = (float(v) for v in self.gaze[index])
        x, y = (float(v) for v in self.shift[index])
        pose = Pose(
            (x, y),
            float(self.roll[index]),
            float(self.scale[index]),
            float(self.yaw[index]),
            float(self.pitch[index]),
        )
        expressed = Expressed(units, (left, right), (across, down))
        return expressed, _together(self.head[index], pose) if self.head else pose

    def add_units(self, weights: Mapping[UnitSide, Series]) -> None:
        """Add displacements to those that are there."""
        for key, series in weights.items():
            self.units[key] = self.units[key] + series if key in self.units else series


def _together(path: HeadPose, pose: Pose) -> HeadPose:
    """Return a head path's pose with what a script adds to it."""
    return HeadPose(
        path.x + pose.shift[0],
        path.y + pose.shift[1],
        path.scale * pose.scale,
        path.yaw + pose.yaw,
        path.pitch + pose.pitch,
        path.roll + pose.roll,
    )


def add_head_sway(timeline: Timeline, generator: np.random.Generator, *, shift_iod: float, turn_rad: float) -> None:
    """Add the motion of a head that is held still: breathing (0.2 to 0.35 Hz), sway and a small tremor.

    Args:
        timeline: To be added to.
        generator: Source of all random choices.
        shift_iod: Typical translation in IOD.
        turn_rad: Typical rotation in radians.
    """

    def wander(size: float) -> Series:
        rates = np.append(generator.uniform(0.05, 0.6, 4), generator.uniform(1.0, 2.5))
        sizes = np.append(generator.uniform(0.3, 1.0, 4) / np.sqrt(4), 0.04) * size
        phases = generator.uniform(0, 2 * np.pi, 5)
        waves = sizes[:, None] * np.sin(2 * np.pi * rates[:, None] * timeline.times_s + phases[:, None])
        total: Series = waves.sum(axis=0)
        return total

    breath = np.sin(2 * np.pi * generator.uniform(0.2, 0.35) * timeline.times_s + generator.uniform(0, 2 * np.pi))
    timeline.shift[:, 0] += wander(shift_iod)
    timeline.shift[:, 1] += wander(shift_iod) + 0.6 * shift_iod * breath
    timeline.roll += wander(0.5 * turn_rad)
    timeline.scale *= 1.0 + wander(0.2 * shift_iod)
    timeline.yaw += wander(turn_rad)
    timeline.pitch += wander(turn_rad) + 0.4 * turn_rad * breath


def add_blink(timeline: Timeline, generator: np.random.Generator, *, start_s: float, times: int = 1) -> Distractor:
    """Close the eyes once or twice, 150 to 300 ms each time; down faster than up."""
    begin = start_s
    for _ in range(times):
        total = generator.uniform(0.15, 0.3)
        rise = total * generator.uniform(0.3, 0.42)
        profile = Profile(begin + rise, rise, 0.92 * total - rise, 0.08 * total, "raised-cosine", "raised-cosine")
        course = generator.uniform(0.8, 1.0) * profile(timeline.times_s)
        timeline.closure += course[:, None] * generator.uniform(0.94, 1.0, 2)
        begin += total + generator.uniform(0.04, 0.15)
    end_s = begin - 0.04
    np.clip(timeline.closure, 0.0, 1.0, out=timeline.closure)
    return _noted(timeline, "blink" if times == 1 else "double-blink", start_s, end_s)


def add_gaze(timeline: Timeline, generator: np.random.Generator, *, start_s: float) -> Distractor:
    """Look aside with a saccade of 30 to 60 ms and back after 0.3 to 1.2 s."""
    angle = generator.uniform(0, 2 * np.pi)
    target = generator.uniform(0.03, 0.08) * np.array([np.cos(angle), 0.6 * np.sin(angle)])
    there, stay, back = generator.uniform(0.03, 0.06), generator.uniform(0.3, 1.2), generator.uniform(0.03, 0.06)
    go = smoothstep((timeline.times_s - start_s) / there)
    come = smoothstep((timeline.times_s - start_s - there - stay) / back)
    timeline.gaze += (go - come)[:, None] * target
    return _noted(timeline, "gaze", start_s, start_s + there + stay + back)


def add_speech(timeline: Timeline, generator: np.random.Generator, *, start_s: float, length_s: float) -> Distractor:
    """Move the mouth as in speech: syllables at 3 to 6 a second, each of other lips and jaw."""
    end_s = start_s + length_s
    level = generator.uniform(0.02, 0.05)
    at = start_s
    while at < end_s - 0.12:
        syllable = min(generator.uniform(0.16, 0.33), end_s - at)
        rise = 0.45 * syllable
        profile = draw_profile(generator, apex_s=at + rise, rise_s=rise, fall_s=syllable - rise)
        course = profile(timeline.times_s)
        for unit in generator.choice(SPEECH_UNITS, 2, replace=False):
            size = level * generator.uniform(0.3, 1.0)
            timeline.add_units({(int(unit), side): size * course for side in (-1, 1)})
        at += syllable * generator.uniform(0.75, 1.1)
    return _noted(timeline, "speech", start_s, end_s)


def add_macro(timeline: Timeline, generator: np.random.Generator, *, start_s: float, length_s: float) -> Distractor:
    """Show a macro-expression of some class: 0.5 s to 4 s long, 4 to 10 % of the IOD."""
    label = str(generator.choice(list(COMBINATIONS)))
    combinations = COMBINATIONS[label]
    units = combinations[int(generator.integers(len(combinations)))]
    rise = length_s * generator.uniform(0.25, 0.4)
    hold = length_s * generator.uniform(0.0, 0.3)
    profile = draw_profile(generator, apex_s=start_s + rise, rise_s=rise, fall_s=length_s - rise - hold, hold_s=hold)
    peak = generator.uniform(0.04, 0.1)
    peaks = {
        (unit, side): min(peak * generator.uniform(0.7, 1.0), _LID_LIMIT_IOD if unit in (5, 7) else 1.0)
        for unit in units
        for side in (-1, 1)
    }
    timeline.add_units(Movement(peaks, dict.fromkeys(units, profile)).weights(timeline.times_s))
    return _noted(timeline, "macro", start_s, start_s + length_s)


def add_nod(timeline: Timeline, generator: np.random.Generator, *, start_s: float, length_s: float) -> Distractor:
    """Nod: the head tips by 2 to 6 degrees and comes back."""
    course = _there_and_back(timeline.times_s, start_s, length_s) * np.radians(generator.uniform(2, 6))
    timeline.pitch += course
    timeline.shift[:, 1] += 0.6 * course
    return _noted(timeline, "nod", start_s, start_s + length_s)


def add_turn(timeline: Timeline, generator: np.random.Generator, *, start_s: float, length_s: float) -> Distractor:
    """Turn the head to the side by 3 to 8 degrees and back."""
    angle = np.radians(generator.uniform(3, 8)) * generator.choice((-1, 1))
    course = _there_and_back(timeline.times_s, start_s, length_s) * angle
    timeline.yaw += course
    timeline.shift[:, 0] += 0.5 * course
    timeline.roll += 0.1 * course
    return _noted(timeline, "turn", start_s, start_s + length_s)


def add_drift(timeline: Timeline, generator: np.random.Generator, *, start_s: float, length_s: float) -> Distractor:
    """Move the head to another place, 3 to 12 % of the IOD away, and leave it there."""
    angle = generator.uniform(0, 2 * np.pi)
    target = generator.uniform(0.03, 0.12) * np.array([np.cos(angle), np.sin(angle)])
    timeline.shift += smoothstep((timeline.times_s - start_s) / length_s)[:, None] * target
    return _noted(timeline, "drift", start_s, start_s + length_s)


def add_focus_loss(
    timeline: Timeline, generator: np.random.Generator, *, start_s: float, length_s: float
) -> Distractor:
    """Let the lens hunt for focus: a blur of up to 1 to 2.5 pixels that comes and goes."""
    timeline.blur_px += _there_and_back(timeline.times_s, start_s, length_s) * generator.uniform(1.0, 2.5)
    return _noted(timeline, "focus", start_s, start_s + length_s)


def free_start(
    generator: np.random.Generator,
    taken: Iterable[tuple[float, float]],
    *,
    length_s: float,
    between_s: tuple[float, float],
    pause_s: float = 0.3,
) -> float | None:
    """Return a random start for something of `length_s` that keeps `pause_s` from all taken intervals, or None."""
    busy = list(taken)
    first, last = between_s[0], between_s[1] - length_s
    for _ in range(40 if last > first else 0):
        start = float(generator.uniform(first, last))
        if all(start + length_s + pause_s <= a or start >= b + pause_s for a, b in busy):
            return start
    return None


def _there_and_back(times_s: Series, start_s: float, length_s: float) -> Series:
    inside = np.clip((times_s - start_s) / length_s, 0.0, 1.0)
    course: Series = 0.5 - 0.5 * np.cos(2 * np.pi * inside)
    return course


def _noted(timeline: Timeline, kind: str, start_s: float, end_s: float) -> Distractor:
    distractor = Distractor(kind, float(start_s), float(end_s))
    timeline.distractors.append(distractor)
    return distractor
