"""What happens in a recording, and when: settings, frame times, micro-expressions, distractors, light."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import UsageError
from mer.labels import CLASSES
from mer.synth import fields
from mer.synth import timeline as acts
from mer.synth.camera import Light, Sensor
from mer.synth.expressions import Expression, draw_expression
from mer.synth.timeline import Timeline

FIRST_EVENT_S: Final = 2.5
"""Time for a spotter to learn what this face looks like at rest."""
LAST_PAUSE_S: Final = 1.0
MIN_PAUSE_S: Final = 1.0
EVENT_S: Final = (0.1, 0.48)
_EVENT_ROOM_S: Final = 0.5
LEVELS: Final = ("none", "standard", "hard")
CLOCKS: Final = ("steady", "variable", "lossy")


@dataclass(frozen=True, slots=True)
class Settings:
    """What to render.

    Attributes:
        fps: Frames per second.
        seconds: Length.
        events: Number of micro-expressions; from 5 on, each class occurs.
        size_wh: Width and height in pixels, even numbers.
        amplitude_percent: Least and largest peak displacement, in percent of the IOD; drawn log-uniformly.
        distractors: "none" (still head, faint noise), "standard" (blinks, breathing, noise, flicker) or "hard"
            (also double blinks, gaze, speech, macro-expressions, nods, turns, drifts, light steps, loss of focus).
        clock: "steady", "variable" (frames 1 / fps apart only on average) or "lossy" (1 % of the frames missing,
            another 1 % showing the picture before them).
        head_path: CSV file, name of a path of the package or "measured"; see `mer.synth.head_path`. None for a head
            that is held still. With a path, the small sway of a still head is left out.
        curves: CSV file, name of curves of the package or "measured"; see `mer.synth.curves`. None for none.
        iod_px: Inter-ocular distance in pixels; None for about a fifth of the height.
        duplicates: Share of the frames that repeat the one before, beside those of the clock.
        noise: Factor on the noise of the sensor. A camera that brightens the picture by itself has twice the noise in a
            quarter of the light.
        seed: Of everything random.
    """

    fps: float = 200.0
    seconds: float = 20.0
    events: int = 6
    size_wh: tuple[int, int] = (640, 480)
    amplitude_percent: tuple[float, float] = (0.5, 3.0)
    distractors: str = "standard"
    clock: str = "steady"
    head_path: str | None = None
    curves: str | None = None
    iod_px: float | None = None
    duplicates: float = 0.0
    noise: float = 1.0
    seed: int = 0

    def check(self) -> None:
        """Raise a UsageError if the settings make no sense."""
        low, high = self.amplitude_percent
        least = FIRST_EVENT_S + LAST_PAUSE_S + self.events * _EVENT_ROOM_S + (self.events - 1) * MIN_PAUSE_S
        problem = ""
        if not 10.0 <= self.fps <= 1000.0:
            problem = f"frame rate {self.fps:g} given; expected 10 to 1000 frames per second"
        elif self.events < 0:
            problem = f"{self.events} events given; expected 0 or more"
        elif not 0.5 <= self.seconds <= 3600.0:
            problem = f"length of {self.seconds:g} s given; expected 0.5 to 3600 s"
        elif self.events and self.seconds < least:
            problem = (
                f"{self.events} events need at least {least:g} s (the first comes after {FIRST_EVENT_S:g} s, with "
                f"pauses of {MIN_PAUSE_S:g} s); {self.seconds:g} s given: raise --seconds or lower --n-events"
            )
        elif min(self.size_wh) < 120 or max(self.size_wh) > 4096 or any(side % 2 for side in self.size_wh):
            problem = f"size {self.size_wh[0]}x{self.size_wh[1]} given; expected even sides of 120 to 4096 pixels"
        elif not 0.1 <= low <= high <= 10.0:
            problem = f"amplitude {low:g} to {high:g} % given; expected 0.1 <= low <= high <= 10 % of the IOD"
        elif self.distractors not in LEVELS:
            problem = f"distractors {self.distractors!r} given; choose one of {', '.join(LEVELS)}"
        elif self.clock not in CLOCKS:
            problem = f"clock {self.clock!r} given; choose one of {', '.join(CLOCKS)}"
        elif self.iod_px is not None and not 20.0 <= self.iod_px <= 0.35 * min(self.size_wh):
            problem = (
                f"{self.iod_px:g} pixels between the eyes given; expected 20 to {0.35 * min(self.size_wh):g} in a "
                f"picture of {self.size_wh[0]}x{self.size_wh[1]}"
            )
        elif not 0.0 <= self.duplicates <= 0.9:
            problem = f"{self.duplicates:g} given as share of duplicates; expected 0 to 0.9"
        elif not 0.0 <= self.noise <= 20.0:
            problem = f"noise {self.noise:g} given; expected a factor of 0 to 20"
        elif self.seed < 0:
            problem = f"seed {self.seed} given; expected a whole number from 0"
        if problem:
            raise UsageError(problem)


def frame_times(settings: Settings, generator: np.random.Generator) -> tuple[NDArray[np.float64], set[int]]:
    """Return the time of each frame that the file will hold, and the indices of those that repeat the one before."""
    times_s, repeated = _clock_times(settings, generator)
    again = np.random.default_rng([settings.seed, 23]).random(len(times_s)) < settings.duplicates
    return times_s, repeated | set((np.flatnonzero(again[1:]) + 1).tolist())


def _clock_times(settings: Settings, generator: np.random.Generator) -> tuple[NDArray[np.float64], set[int]]:
    n = max(1, round(settings.seconds * settings.fps))
    if settings.clock == "variable":
        gaps = np.clip(generator.normal(1.0, 0.2, n - 1), 0.4, 1.9) / settings.fps
        return np.concatenate([[0.0], np.cumsum(gaps)]), set()
    times_s = np.arange(n) / settings.fps
    if settings.clock == "steady":
        return times_s, set()
    kept = np.flatnonzero(np.append(True, generator.random(n - 1) >= 0.01))
    repeated = np.flatnonzero(np.append(False, generator.random(len(kept) - 1) < 0.01))
    return times_s[kept], set(repeated.tolist())


def draw_events(
    settings: Settings, generator: np.random.Generator, basis: dict[fields.UnitSide, fields.Field]
) -> list[Expression]:
    """Return the micro-expressions of a recording, in order, at least MIN_PAUSE_S apart."""
    n = settings.events
    if n == 0:
        return []
    labels = [str(label) for label in generator.permutation(CLASSES)[: min(n, len(CLASSES))]]
    labels += [str(generator.choice(CLASSES)) for _ in range(n - len(labels))]
    generator.shuffle(labels)
    room = settings.seconds - FIRST_EVENT_S - LAST_PAUSE_S - n * _EVENT_ROOM_S - (n - 1) * MIN_PAUSE_S
    slack = np.sort(generator.uniform(0.0, room, n))
    low, high = np.log(np.array(settings.amplitude_percent) / 100)
    return [
        draw_expression(
            generator,
            label=label,
            start_s=FIRST_EVENT_S + k * (_EVENT_ROOM_S + MIN_PAUSE_S) + slack[k],
            peak_iod=float(np.exp(generator.uniform(low, high))),
            fields=basis,
            duration_s=EVENT_S,
        )
        for k, label in enumerate(labels)
    ]


def draw_surroundings(settings: Settings, generator: np.random.Generator) -> tuple[Light, Sensor]:
    """Return light and sensor noise for a level of distractors."""
    if settings.distractors == "none":
        return Light(), Sensor(read=0.4 * settings.noise, shot=0.8 * settings.noise)
    light = Light(
        beat=generator.uniform(0.002, 0.008),
        beat_hz=float(generator.choice((100.0, 120.0))) + generator.normal(0.0, 0.03),
        slow=generator.uniform(0.003, 0.012),
        slow_hz=generator.uniform(0.1, 0.5),
        phase=generator.uniform(0, 2 * np.pi),
    )
    read, shot = generator.uniform(0.5, 1.2), generator.uniform(1.0, 2.2)
    return light, Sensor(read=read * settings.noise, shot=shot * settings.noise)


def add_distractors(
    timeline: Timeline,
    generator: np.random.Generator,
    settings: Settings,
    expressions: list[Expression],
    light: Light,
) -> Light:
    """Add distractors, none of them during a micro-expression; return the light with its steps."""
    hard = settings.distractors == "hard"
    taken = [(e.truth.onset_s - 0.05, e.truth.offset_s + 0.05) for e in expressions]
    between = (1.5, settings.seconds - 0.2)

    def place(length_s: float) -> float | None:
        return acts.free_start(generator, taken, length_s=length_s, between_s=between)

    def note(act: acts.Distractor) -> None:
        taken.append((act.start_s, act.end_s))

    steps: list[tuple[float, float]] = []
    if hard:
        if not timeline.head:
            acts.add_head_sway(timeline, generator, shift_iod=0.01, turn_rad=np.radians(0.6))
        for _ in range(max(1, round(settings.seconds / 15))):
            for add, shortest, longest in (
                (acts.add_speech, 0.8, 2.5),
                (acts.add_macro, 0.5, 4.0),
                (acts.add_nod, 0.6, 1.4),
                (acts.add_turn, 0.7, 1.8),
                (acts.add_drift, 0.5, 2.5),
                (acts.add_focus_loss, 0.3, 1.0),
            ):
                length = generator.uniform(shortest, longest)
                if (start := place(length)) is not None:
                    note(add(timeline, generator, start_s=start, length_s=length))
            if (start := place(0.1)) is not None:
                brighter = len(steps) % 2 == 0  # taking turns, so that many steps do not end in white or black
                steps.append((start, 1.0 + (1 if brighter else -1) * float(generator.uniform(0.05, 0.12))))
                note(acts.Distractor("light-step", start, start + 0.04))
                timeline.distractors.append(acts.Distractor("light-step", start, start + 0.04))
        for _ in range(round(settings.seconds / 5)):
            if (start := place(1.4)) is not None:
                note(acts.add_gaze(timeline, generator, start_s=start))
    elif not timeline.head:
        acts.add_head_sway(timeline, generator, shift_iod=0.006, turn_rad=np.radians(0.25))
    for _ in range(max(1, round(settings.seconds / generator.uniform(3.0, 5.0)))):
        times = 2 if hard and generator.random() < 0.3 else 1
        if (start := place(0.32 * times + 0.15 * (times - 1))) is not None:
            note(acts.add_blink(timeline, generator, start_s=start, times=times))
    return Light(light.beat, light.beat_hz, light.slow, light.slow_hz, tuple(sorted(steps)), light.phase)
