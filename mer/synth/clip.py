"""One short clip of a corpus: a micro-expression between two rests, under conditions drawn at random."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from mer.face import geometry
from mer.synth import fields
from mer.synth import timeline as acts
from mer.synth.camera import Camera, Light
from mer.synth.conditions import CONDITIONS, Conditions, draw_sensor, draw_tone, log_uniform
from mer.synth.expressions import draw_expression, units_of
from mer.synth.portrait import Portrait, vary
from mer.synth.scene import Scene
from mer.synth.timeline import Timeline
from mer.synth.video_file import CODECS, open_video

BEFORE_S: Final = 0.25
AFTER_S: Final = 0.15
IOD_PX: Final = (45.0, 130.0)
RADIUS: Final = (0.6, 1.8)
DURATION_S: Final = (0.09, 0.49)
_MP4V_MIN_PX: Final = 1.0
"""MPEG-4 part 2 at OpenCV's bit rate erases smaller movements, and with them the label."""


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """Everything that decides a clip.

    Attributes:
        index: Position in the corpus.
        subject: Whose portrait.
        label: Class.
        seed: Of everything random in the clip; it does not depend on other clips.
        fps_choices: Frame rates to draw from.
        amplitude_percent: Least and largest peak displacement in percent of the IOD.
        conditions: Name in `mer.synth.conditions.CONDITIONS`.
    """

    index: int
    subject: str
    label: str
    seed: np.random.SeedSequence
    fps_choices: tuple[float, ...]
    amplitude_percent: tuple[float, float]
    conditions: str = "usual"


def render_clip(plan: ClipPlan, portrait: Portrait, out: Path) -> dict[str, Any]:
    """Render a clip to `out`/SUBJECT/CLIP and return its row of the manifest, with more columns than that needs.

    Raises:
        MerError: If the file cannot be written.
    """
    conditions = CONDITIONS[plan.conditions]
    draw, noise_of, acts_of = (np.random.default_rng(seed) for seed in plan.seed.spawn(3))
    person = vary(portrait, draw, strength=0.5)
    style = _style(plan, draw, conditions)
    landmarks = geometry.apply(person.face_from_image, person.landmarks_px)
    basis = fields.build(landmarks, units_of([plan.label]), style)
    fps = float(draw.choice(plan.fps_choices))
    low, high = np.log(np.array(plan.amplitude_percent) / 100)
    peak_iod = float(np.exp(draw.uniform(low, high)))
    shown = draw_expression(
        draw, label=plan.label, start_s=BEFORE_S, peak_iod=peak_iod, fields=basis, duration_s=DURATION_S
    )
    n = int(np.ceil((shown.truth.offset_s + AFTER_S) * fps)) + 1
    timeline = Timeline(np.arange(n) / fps)
    timeline.add_units(shown.movement.weights(timeline.times_s))
    _disturb(timeline, acts_of, conditions)
    scene = _scene(person, basis, draw)
    codec, quality = _codec(draw, peak_iod * scene.iod_px, conditions)
    sensor, tone = draw_sensor(draw, conditions), draw_tone(draw, conditions)
    gain = _light(draw, n / fps).gain(timeline.times_s) * draw.uniform(0.75, 1.1)
    camera = Camera(sensor, scene.render(*Timeline(np.zeros(1)).at(0)), noise_of, tone=tone)
    path = Path(plan.subject) / f"c{plan.index:05d}{CODECS[codec]}"
    with open_video(out / path, size_wh=scene.size_wh, fps=fps, codec=codec, quality=quality) as video:
        for index in range(n):
            video.write(camera.expose(scene.render(*timeline.at(index)), float(gain[index])))
    return {
        "index": plan.index,
        "subject": plan.subject,
        "clip": path.stem,
        "path": path.as_posix(),
        "fps": f"{fps:g}",
        "onset": round(shown.truth.onset_s * fps),
        "apex": round(shown.truth.apex_s * fps),
        "offset": round(shown.truth.offset_s * fps),
        "label": plan.label,
        "frames": n,
        "amplitude_percent": round(100 * peak_iod, 4),
        "units": sorted({unit for unit, _ in shown.movement.units}),
        "family": style.family,
        "radius": round(style.radius, 3),
        "iod_px": round(scene.iod_px, 2),
        "size_wh": list(scene.size_wh),
        "codec": codec,
        "quality": quality if codec == "mjpeg" else None,
        "noise": round(float(np.hypot(sensor.read, sensor.shot)), 2),
        "distractors": [act.kind for act in timeline.distractors],
    }


def _scene(person: Portrait, basis: dict[fields.UnitSide, fields.Field], draw: np.random.Generator) -> Scene:
    """Place a face in front of the camera: size, place, tilt and focus."""
    iod_px = float(np.exp(draw.uniform(*np.log(IOD_PX))))
    size_wh = tuple(2 * round(iod_px * draw.uniform(a, b) / 2) for a, b in ((3.4, 5.2), (3.7, 4.8)))
    origin = np.array([0.5, 0.40]) * size_wh + iod_px * draw.uniform(-0.25, 0.25, 2)
    return Scene(
        person,
        basis,
        size_wh=(size_wh[0], size_wh[1]),
        iod_px=iod_px,
        origin_px=(float(origin[0]), float(origin[1])),
        roll=float(np.radians(draw.uniform(-8, 8))),
        blur_px=float(draw.uniform(0.0, 0.012) * iod_px),
    )


def _style(plan: ClipPlan, generator: np.random.Generator, conditions: Conditions) -> fields.Style:
    """Return the subject's way of moving, with a family and some freedom of the clip's own."""
    own = np.random.default_rng(list(plan.subject.encode()))
    subject = fields.draw_style(own, radius=(0.75, 1.45))
    clip = fields.draw_style(generator, families=conditions.families)
    return replace(
        subject,
        family=clip.family,
        radius=float(np.clip(subject.radius * clip.radius, *RADIUS)),
        exponent=clip.exponent,
        slit=clip.slit,
    )


def _disturb(timeline: Timeline, generator: np.random.Generator, conditions: Conditions) -> None:
    end_s = float(timeline.times_s[-1])
    acts.add_head_sway(
        timeline,
        generator,
        shift_iod=log_uniform(generator, *conditions.sway_iod),
        turn_rad=log_uniform(generator, *conditions.sway_rad),
    )
    if generator.random() < conditions.drift:
        start = generator.uniform(-0.2, 0.5 * end_s)
        acts.add_drift(timeline, generator, start_s=start, length_s=generator.uniform(0.4, 1.5))
    if generator.random() < conditions.blink:
        acts.add_blink(timeline, generator, start_s=generator.uniform(0.05, max(0.06, end_s - 0.2)))
    if generator.random() < 0.08:
        acts.add_gaze(timeline, generator, start_s=generator.uniform(0.05, max(0.06, end_s - 0.2)))


def _light(generator: np.random.Generator, length_s: float) -> Light:
    steps: tuple[tuple[float, float], ...] = ()
    if generator.random() < 0.06:
        steps = ((float(generator.uniform(0.0, length_s)), float(generator.uniform(0.93, 1.07))),)
    return Light(
        beat=generator.uniform(0.0, 0.012),
        beat_hz=float(generator.choice((100.0, 120.0))) + generator.normal(0.0, 0.05),
        slow=generator.uniform(0.0, 0.03),
        slow_hz=generator.uniform(0.1, 1.5),
        steps=steps,
        phase=generator.uniform(0, 2 * np.pi),
    )


def _codec(generator: np.random.Generator, peak_px: float, conditions: Conditions) -> tuple[str, int]:
    kind, quality = generator.random(), int(generator.integers(*conditions.jpeg))
    if kind < 0.15 and peak_px > _MP4V_MIN_PX:
        return "mp4v", quality
    return ("ffv1" if kind > 1.0 - conditions.lossless else "mjpeg"), quality
