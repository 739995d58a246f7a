"""One long synthetic recording with micro-expressions, distractors, and the truth about both."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError
from mer.face import geometry
from mer.face.pose import HeadPose
from mer.labels import CLASSES
from mer.synth import fields, script
from mer.synth import timeline as acts
from mer.synth.camera import Camera, Light, Sensor
from mer.synth.curves import find_curves
from mer.synth.expressions import Expression, units_of
from mer.synth.head import draw_relief
from mer.synth.head_path import MAX_SHIFT_IOD, find_path
from mer.synth.portrait import Portrait
from mer.synth.profiles import EDGE
from mer.synth.scene import Scene
from mer.synth.timeline import Timeline
from mer.synth.video_file import FrameWriter, open_video

SPEED_STEP_S: Final = 0.5
DISCLAIMER: Final = "Synthetic: a still portrait, warped by facial-action-unit displacement fields. Not a recording."


def render(
    portrait: Portrait,
    path: Path,
    settings: script.Settings,
    *,
    codec: str | None = None,
    quality: int = 80,
    key_every: int = 12,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write a recording and, beside it with the suffix .json, its truth.

    The same portrait, settings and codec give the same bytes.

    Args:
        portrait: Whom to show.
        path: A .mp4 or .avi file.
        settings: What to render.
        codec: See `video_file.CODECS`; None to choose by suffix.
        quality: Of Motion JPEG and H.264, 1 to 100.
        key_every: H.264: frames from one key frame to the next.
        progress: Called with frames done and frames in all.

    Returns:
        The truth, as written.

    Raises:
        MerError: If the settings are impossible or the files cannot be written.
    """
    settings.check()
    plan = _plan(portrait, settings)
    truth = _truth(plan, portrait, video=path.name)
    with open_video(
        path, size_wh=settings.size_wh, fps=settings.fps, codec=codec, quality=quality, key_every=key_every
    ) as video:
        _expose(plan, video, progress)
    write_truth(path.with_suffix(".json"), truth)
    return truth


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a recording will show, with everything drawn at random.

    Attributes:
        settings: What was asked for.
        style: The face's way of moving.
        times_s: (N,) time of each frame.
        repeated: Indices of the frames that repeat the one before.
        timeline: What face and head do.
        moves: What the truth says of real motion.
        expressions: The micro-expressions.
        light: Its changes.
        sensor: Noise of the camera.
        noise_of: Draws that noise.
        scene: The face in front of the camera.
    """

    settings: script.Settings
    style: fields.Style
    times_s: NDArray[np.float64]
    repeated: set[int]
    timeline: Timeline
    moves: dict[str, Any]
    expressions: list[Expression]
    light: Light
    sensor: Sensor
    noise_of: np.random.Generator
    scene: Scene


def _plan(portrait: Portrait, settings: script.Settings) -> _Plan:
    seeds = np.random.SeedSequence(settings.seed).spawn(7)
    style_of, events_of, acts_of, light_of, noise_of, clock_of, motion_of = (np.random.default_rng(s) for s in seeds)
    style = fields.draw_style(style_of)
    landmarks = geometry.apply(portrait.face_from_image, portrait.landmarks_px)
    basis = fields.build(landmarks, units_of(CLASSES) | set(acts.SPEECH_UNITS), style)
    times_s, repeated = script.frame_times(settings, clock_of)
    timeline = Timeline(times_s)
    moves = _move(timeline, settings, motion_of)
    expressions = script.draw_events(settings, events_of, basis)
    for expression in expressions:
        timeline.add_units(expression.movement.weights(timeline.times_s))
    light, sensor = script.draw_surroundings(settings, light_of)
    if settings.distractors != "none":
        light = script.add_distractors(timeline, acts_of, settings, expressions, light)
    height = settings.size_wh[1]
    iod_px = settings.iod_px or float(np.clip(portrait.iod_px, 0.19 * height, 0.23 * height))
    reach_iod = MAX_SHIFT_IOD if timeline.head else 0.0
    relief = draw_relief(motion_of)
    scene = Scene(portrait, basis, size_wh=settings.size_wh, iod_px=iod_px, reach_iod=reach_iod, relief=relief)
    return _Plan(settings, style, times_s, repeated, timeline, moves, expressions, light, sensor, noise_of, scene)


def _truth(plan: _Plan, portrait: Portrait, *, video: str) -> dict[str, Any]:
    """Return the truth file of a recording as JSON values."""
    settings, times_s = plan.settings, plan.times_s
    return {
        "synthetic": True,
        "note": DISCLAIMER,
        "generator": f"mer-live {version('mer-live')}",
        "video": video,
        "fps": settings.fps,
        "frames": len(times_s),
        "seconds": round(float(times_s[-1]) + 1.0 / settings.fps, 6),
        "clock": settings.clock,
        "repeated_frames": sorted(plan.repeated),
        "seed": settings.seed,
        "portrait": portrait.source,
        "size_wh": list(settings.size_wh),
        "iod_px": round(plan.scene.iod_px, 3),
        "amplitude_percent": list(settings.amplitude_percent),
        "distractor_level": settings.distractors,
        **plan.moves,
        "edge": EDGE,
        "style": asdict(plan.style),
        "events": [event_truth(expression, times_s) for expression in plan.expressions],
        "distractors": [
            {
                "kind": act.kind,
                "start": _moment(act.start_s, times_s),
                "end": _moment(act.end_s, times_s),
            }
            for act in sorted(plan.timeline.distractors, key=lambda act: act.start_s)
        ],
    }


def _expose(plan: _Plan, video: FrameWriter, progress: Callable[[int, int], None] | None) -> None:
    """Render every frame and write it."""
    scene, timeline, times_s = plan.scene, plan.timeline, plan.times_s
    n, frame_s = len(times_s), 1.0 / plan.settings.fps
    gain = plan.light.gain(timeline.times_s)
    camera = Camera(plan.sensor, scene.render(*Timeline(np.zeros(1)).at(0)), plan.noise_of)
    for index in range(n):
        if index not in plan.repeated:
            picture = camera.expose(_focused(scene, timeline, index), float(gain[index]))
        if plan.settings.clock == "steady":
            video.write(picture)
        else:
            following = times_s[index + 1] if index + 1 < n else times_s[index] + frame_s
            video.write(picture, float(following - times_s[index]))
        if progress:
            progress(index + 1, n)


def _move(timeline: Timeline, settings: script.Settings, generator: np.random.Generator) -> dict[str, Any]:
    """Give a timeline the motion of real heads and faces that is asked for; return what the truth says of it."""
    path_of, stretch_of, curves_of, play_of = generator.spawn(4)
    about: dict[str, Any] = {}
    if settings.head_path is not None:
        path = find_path(settings.head_path, path_of)
        timeline.head = path.stretch(timeline.times_s, stretch_of)
        about["head_path"] = path.name
        about["head_speeds_iod_s"] = _speeds(timeline.head, settings.fps)
    if settings.curves is not None:
        curves = find_curves(settings.curves, curves_of)
        curves.play(timeline, play_of)
        about["curves"] = curves.name
    return about


def _speeds(poses: Sequence[HeadPose], fps: float) -> list[float]:
    """Return the mean speed of the point between the eyes in each SPEED_STEP_S, IOD per second."""
    steps = np.hypot(*np.diff([(pose.x, pose.y) for pose in poses], axis=0).T) * fps
    length = max(1, round(SPEED_STEP_S * fps))
    return [round(float(steps[k : k + length].mean()), 3) for k in range(0, len(steps), length)]


def _focused(scene: Scene, timeline: Timeline, index: int) -> NDArray[np.float32]:
    picture = scene.render(*timeline.at(index))
    blur = float(timeline.blur_px[index])
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.float32) if blur > 0.1 else picture


def event_truth(expression: Expression, times_s: NDArray[np.float64]) -> dict[str, Any]:
    """Return the entry of a micro-expression in a truth file, given the time of each frame."""
    truth, peaks = expression.truth, expression.movement.units
    largest = max(peaks.values()) or 1.0  # an event of no size has no shares
    return {
        "label": expression.label,
        "onset": _moment(truth.onset_s, times_s),
        "apex": _moment(truth.apex_s, times_s),
        "offset": _moment(truth.offset_s, times_s),
        "amplitude_percent": round(100 * truth.peak_iod, 4),
        "units": {
            f"AU{unit}": {side: round(peaks[unit, k] / largest, 3) for side, k in (("left", -1), ("right", 1))}
            for unit in sorted({unit for unit, _ in peaks})
        },
    }


def _moment(time_s: float, times_s: NDArray[np.float64]) -> dict[str, float]:
    index = int(np.abs(times_s - time_s).argmin())
    return {"index": index, "time_s": round(float(times_s[index]), 6)}


def write_truth(path: Path, truth: dict[str, Any]) -> None:
    """Write the truth about a recording.

    Raises:
        MerError: If it cannot be written.
    """
    try:
        path.write_text(json.dumps(truth, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise MerError(f"cannot write {path}: {error.strerror}; choose another place or free some space") from error
