"""Micro-expressions of known class, size and time in a real recording, with their truth."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer.errors import MerError, UsageError
from mer.face.pose import HeadPose, fit_pose
from mer.files import write_atomically
from mer.labels import CLASSES
from mer.synth import fields
from mer.synth.expressions import MAX_TOTAL_S, Expression, draw_expression, units_of
from mer.synth.injection.drawing import Skin, warp
from mer.synth.injection.measure import followed
from mer.synth.injection.meshes import MeshPath, at_rest
from mer.synth.injection.planes import CRF, Format, PlaneReader, open_writer
from mer.synth.profiles import EDGE
from mer.synth.recording import event_truth

DISCLAIMER: Final = "Synthetic: drawn into a real recording. The person never showed these micro-expressions."
NONE_NOTE: Final = "A real recording, copied by the code that draws micro-expressions; nothing was drawn."
FIRST_EVENT_S: Final = 1.5
"""Face time before the first event, and after each gap: a spotter has to see the face at rest first."""
LAST_PAUSE_S: Final = 0.5
MIN_DURATION_S: Final = 0.1
_FRAME: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Settings:
    """What to draw.

    Attributes:
        amplitude_percent: Least and largest peak displacement, percent of the IOD; drawn log-uniformly. 0 and 0 for
            events that are in the truth and move nothing.
        duration_s: Shortest and longest time from onset to offset.
        pause_s: Shortest and longest time from an offset to the next onset.
        events: Number of events; None for as many as there is room for.
        labels: Classes, in turns of a random order.
        none: Whether to draw nothing at all.
        crf: x264's quality, 0 (lossless) to 10.
        seed: Of everything random.
    """

    amplitude_percent: tuple[float, float] = (1.0, 3.0)
    duration_s: tuple[float, float] = (0.2, 0.5)
    pause_s: tuple[float, float] = (1.0, 2.0)
    events: int | None = None
    labels: tuple[str, ...] = CLASSES
    none: bool = False
    crf: int = CRF
    seed: int = 0

    def check(self) -> None:
        """Raise a UsageError if the settings make no sense."""
        (low, high), (shortest, longest), pause = self.amplitude_percent, self.duration_s, self.pause_s
        problem = ""
        if not 0.0 <= low <= high <= 10.0 or (low == 0.0) != (high == 0.0):
            problem = f"amplitude {low:g} to {high:g} % given; expected 0 < low <= high <= 10 % of the IOD, or 0 and 0"
        elif not MIN_DURATION_S <= shortest <= longest <= MAX_TOTAL_S:
            problem = (
                f"duration {shortest:g} to {longest:g} s given; expected {MIN_DURATION_S:g} <= low <= high <= "
                f"{MAX_TOTAL_S:g} s, the length of a micro-expression"
            )
        elif not 0.1 <= pause[0] <= pause[1] <= 3600.0:
            problem = f"pause {pause[0]:g} to {pause[1]:g} s given; expected 0.1 <= low <= high <= 3600 s"
        elif self.events is not None and self.events < 1:
            problem = f"{self.events} events given; expected 1 or more, or --none to draw nothing"
        elif not self.labels or set(self.labels) - set(CLASSES):
            problem = f"classes {', '.join(self.labels) or 'none'} given; expected some of {', '.join(CLASSES)}"
        elif self.seed < 0:
            problem = f"seed {self.seed} given; expected a whole number from 0"
        if problem:
            raise UsageError(problem)


def inject(
    source: Path,
    out: Path,
    settings: Settings,
    *,
    face: tuple[MeshPath, Format] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write a recording with micro-expressions drawn into it and, beside it with the suffix .json, its truth.

    Time stamps and rate stay, counted from the first frame. Frames without a face, and pixels that no skin moves under,
    reach the encoder as they were decoded; sound is left out.

    Args:
        source: A video file.
        out: An .mp4 file.
        settings: What to draw.
        face: From `measure.followed`, to draw into one recording more than once.
        progress: Called with frames done and frames in all; each frame counts twice, once when the face is found.

    Returns:
        The truth, as written.

    Raises:
        MerError: If the settings are impossible, the recording has no room for an event, or a file cannot be used.
    """
    settings.check()
    if out.resolve() == source.resolve():
        raise UsageError(f"{out} is the recording itself; give another output file")
    # The file is opened first: one that cannot be written is refused before the face is looked for.
    with PlaneReader(source) as reader, open_writer(out, reader.format, crf=settings.crf) as writer:
        path, format_ = face or followed(source, (lambda done: progress(done, 0)) if progress else None)
        expressions, skin, style = _plan(source, path, settings)
        n = len(path.times_s)
        for index, drawn, stamp in _drawn(reader, path, expressions, skin):
            writer.write(drawn, stamp)
            if progress:
                progress(n + index + 1, 2 * n)
    truth = {
        "synthetic": not settings.none,
        "note": NONE_NOTE if settings.none else DISCLAIMER,
        "generator": f"mer-live {version('mer-live')}",
        "video": out.name,
        "source": source.name,
        **_measured(path, format_),
        "seed": settings.seed,
        "crf": settings.crf,
        "amplitude_percent": list(settings.amplitude_percent),
        "edge": EDGE,
        "style": asdict(style),
        "events": [_truth(expression, path) for expression in expressions],
        "distractors": [],
    }
    write_atomically(out.with_suffix(".json"), json.dumps(truth, indent=1, allow_nan=False) + "\n")
    return truth


def _measured(path: MeshPath, format_: Format) -> dict[str, Any]:
    """Return what a truth file says of the recording itself."""
    n, span_s = len(path.times_s), path.times_s[-1] - path.times_s[0]
    return {
        "fps": round(float((n - 1) / span_s), 6) if n > 1 else float(format_.rate_hz),
        "frames": n,
        "seconds": round(float(path.times_s[-1] + 1.0 / format_.rate_hz), 6),
        "frames_with_face": int(path.tracked.sum()),
        "repeated_frames": np.flatnonzero(path.shown != np.arange(n)).tolist(),
        "size_wh": list(format_.size_wh),
        "iod_px": round(path.iod_px, 3),
    }


def place(
    path: MeshPath, settings: Settings, generator: np.random.Generator, basis: dict[fields.UnitSide, fields.Field]
) -> list[Expression]:
    """Return the events of a recording in order of time, each while the face is followed without a gap."""
    low, high = settings.amplitude_percent
    labels: list[str] = []
    placed: list[Expression] = []
    for begin, end in path.runs:
        at_s, last_s = path.times_s[begin] + FIRST_EVENT_S, path.times_s[end - 1] - LAST_PAUSE_S
        at_s += float(generator.uniform(0.0, 0.5))
        while at_s + settings.duration_s[1] <= last_s and len(placed) != settings.events:
            labels = labels or [str(label) for label in generator.permutation(settings.labels)]
            peak = 0.0 if high == 0.0 else float(np.exp(generator.uniform(np.log(low), np.log(high))))
            expression = draw_expression(
                generator,
                label=labels.pop(),
                start_s=at_s,
                peak_iod=peak / 100.0,
                fields=basis,
                duration_s=settings.duration_s,
            )
            placed.append(expression)
            at_s = expression.truth.offset_s + float(generator.uniform(*settings.pause_s))
    return placed


def _plan(source: Path, path: MeshPath, settings: Settings) -> tuple[list[Expression], Skin | None, fields.Style]:
    style_of, events_of = (np.random.default_rng(s) for s in np.random.SeedSequence([settings.seed, 17]).spawn(2))
    style = fields.draw_style(style_of)
    if settings.none:
        return [], None, style
    if not path.tracked.any():
        raise MerError(f"no face was found in {source}; give a recording of a face, or --none")
    landmarks = at_rest(path)
    basis = fields.build(landmarks, units_of(CLASSES), style)
    expressions = place(path, settings, events_of, basis)
    if not expressions:
        longest = max(path.times_s[end - 1] - path.times_s[begin] for begin, end in path.runs)
        needed = FIRST_EVENT_S + settings.duration_s[1] + LAST_PAUSE_S
        raise MerError(
            f"{source} has no room for a micro-expression: the face is in view for {longest:.1f} s at a time, "
            f"{needed:.1f} s are needed"
        )
    return expressions, Skin(landmarks, basis), style


def _drawn(
    reader: PlaneReader, path: MeshPath, expressions: list[Expression], skin: Skin | None
) -> Iterator[tuple[int, tuple[Any, Any, Any], int]]:
    """Yield index, planes and stamp of each frame as it is to be written."""
    amounts = [expression.movement.weights(path.times_s) for expression in expressions]
    sizes = [_peak_share(skin, expression) for expression in expressions]
    for index, picture in enumerate(reader):
        moment = path.shown[index]  # where the camera gave the same picture again, the movement stands still as well
        drawn = picture.planes
        for weights, size in zip(amounts, sizes):
            shown = {key: float(course[moment]) / size for key, course in weights.items() if course[moment] != 0.0}
            if skin is not None and shown and path.tracked[moment]:
                mesh = path.meshes_px[moment]
                shift = skin.shift(shown, mesh, fit_pose(mesh), picture.planes[0].shape[::-1])
                drawn = drawn if shift is None else warp(drawn, shift)
        yield index, drawn, picture.stamp


def _peak_share(skin: Skin | None, expression: Expression) -> float:
    return 1.0 if skin is None else skin.full_size(expression.movement.units)


def _truth(expression: Expression, path: MeshPath) -> dict[str, Any]:
    entry = event_truth(expression, path.times_s)
    return {**entry, "head_iod_s": round(_head_speed(path, expression), 4)}


def _head_speed(path: MeshPath, expression: Expression) -> float:
    """Return the median speed of the head during an event, IOD per second."""
    first, last = np.searchsorted(path.times_s, (expression.truth.onset_s, expression.truth.offset_s + _FRAME))
    times_s = path.times_s[first : last + 1]
    poses = [fit_pose(mesh) for mesh in path.meshes_px[first : last + 1] if np.isfinite(mesh[0, 0])]
    return float(np.median(speeds(times_s[: len(poses)], poses))) if len(poses) > 1 else 0.0


def speeds(times_s: NDArray[np.float64], poses: list[HeadPose]) -> NDArray[np.float64]:
    """Return the (n - 1,) speeds of the point between the eyes, IOD per second."""
    at = np.array([(pose.x, pose.y) for pose in poses])
    scale = np.array([pose.scale for pose in poses])
    result: NDArray[np.float64] = np.linalg.norm(np.diff(at, axis=0), axis=1) / scale[1:] / np.diff(times_s)
    return result
