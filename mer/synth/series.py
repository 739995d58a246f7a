"""A set of long synthetic recordings for measuring a spotter: many people, rates, clocks and codecs."""

import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from mer.errors import MerError, UsageError
from mer.files import write_atomically
from mer.synth.conditions import MOVING, Moving, log_uniform
from mer.synth.curves import MEASURED as CURVES
from mer.synth.head_path import MEASURED as HEAD_PATH
from mer.synth.pool import start_worker
from mer.synth.portrait import Portrait, load_portrait, packaged_portrait, vary
from mer.synth.recording import DISCLAIMER, render
from mer.synth.script import Settings

RATES_FPS: Final = (30.0, 60.0, 100.0, 200.0)
TURNS: Final = (("steady", "mjpeg"), ("variable", "mjpeg"), ("lossy", "mjpeg"), ("steady", "mp4v"))
"""Clock and codec, in turns over seeds and rates."""
JPEG_QUALITY: Final = (55, 92)
LIKE: Final = Settings(seconds=40.0, events=9, amplitude_percent=(0.3, 3.0), distractors="hard")
"""What a recording of a set is like unless told otherwise."""
SET_FILE: Final = "set.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """One recording of a set.

    Attributes:
        name: Of its files, without suffix.
        settings: What happens in it.
        codec: See `mer.synth.video_file.CODECS`.
        quality: JPEG quality.
        face: Portrait file; None for a variation of the packaged one.
        face_seed: Of that variation.
        key_every: H.264: frames from one key frame to the next.
    """

    name: str
    settings: Settings
    codec: str
    quality: int
    face: Path | None
    face_seed: int
    key_every: int = 12


def plan(
    seeds: Sequence[int],
    *,
    faces: Sequence[Path] = (),
    fps: Sequence[float] = RATES_FPS,
    like: Settings = LIKE,
    conditions: str = "script",
) -> list[Plan]:
    """Return one recording for each seed and rate.

    Args:
        seeds: Each decides everything about its recordings but who is shown.
        faces: Portraits, which take turns in an order drawn from the seed; none for variations of the packaged one.
        fps: Frame rates.
        like: Everything else; its rate, clock and seed are replaced.
        conditions: One of `conditions.SET_CONDITIONS`.

    Raises:
        UsageError: If something makes no sense.
    """
    if not seeds or not fps:
        raise UsageError("no seeds or no frame rates given; give at least one of each")
    plans = []
    for seed, (column, rate) in product(seeds, enumerate(fps)):
        clock, codec = TURNS[(seed - 1 + column) % len(TURNS)]
        settings = Settings(
            **{**asdict(like), "fps": rate, "clock": clock, "seed": 1000 * seed + round(rate)},
        )
        settings.check()
        draw = np.random.default_rng([seed, column])
        quality = int(draw.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
        order = np.random.default_rng(seed).permutation(len(faces)) if faces else np.zeros(0, int)
        face = faces[int(order[column % len(faces)])] if faces else None
        planned = Plan(f"s{seed:03d}-{rate:g}fps", settings, codec, quality, face, settings.seed)
        plans.append(_moving(planned, draw) if conditions == "moving" else planned)
    if len({p.name for p in plans}) < len(plans):
        raise UsageError("a seed or a frame rate is given twice; each may come once")
    return plans


def _moving(planned: Plan, generator: np.random.Generator, like: Moving = MOVING) -> Plan:
    """Return a plan with the head, face, camera and codec of real footage."""
    iod_px = log_uniform(generator, *like.iod_px)
    height = 2 * round(min(iod_px * generator.uniform(*like.heights_iod), like.max_height_px) / 2)
    repeats, most = like.duplicates
    settings = replace(
        planned.settings,
        iod_px=round(min(iod_px, 0.3 * height), 1),
        size_wh=(2 * round(height * 2 / 3), height),
        head_path=HEAD_PATH,
        curves=CURVES if generator.random() < like.speaks else None,
        duplicates=round(float(generator.uniform(0.0, most)), 3) if generator.random() < repeats else 0.0,
    )
    settings.check()
    return replace(
        planned,
        settings=settings,
        codec="h264",
        quality=int(generator.integers(*like.quality)),
        key_every=int(generator.integers(like.key_every[0], like.key_every[1] + 1)),
    )


def build(
    out: Path, plans: Sequence[Plan], *, jobs: int = 1, progress: Callable[[int, int], None] | None = None
) -> None:
    """Render what is missing of a set: `out`/NAME.mp4 with its truth NAME.json, and `set.json` with all settings.

    Args:
        out: Folder; made if need be. What a stopped call left is gone on with.
        plans: From `plan`.
        jobs: Processes.
        progress: Called with recordings done and recordings in all.

    Raises:
        MerError: If the folder holds another set, a portrait shows no face, or a file cannot be written.
    """
    if jobs < 1:
        raise UsageError(f"{jobs} jobs given; expected at least 1")
    about = json.dumps(
        {"synthetic": True, "note": DISCLAIMER, "recordings": [_record(p) for p in plans]}, indent=1, allow_nan=False
    )
    table = out / SET_FILE
    if table.exists() and table.read_text(encoding="utf-8") != about + "\n":
        raise MerError(f"{out} holds a set with other settings; give another folder or remove it first")
    write_atomically(table, about + "\n")
    missing = [p for p in plans if not _truth_file(out, p).is_file()]  # the truth is written last
    done = len(plans) - len(missing)
    for _ in _rendered(missing, out, jobs):
        done += 1
        if progress:
            progress(done, len(plans))


def _record(planned: Plan) -> dict[str, Any]:
    face = planned.face.name if planned.face else None
    return {**asdict(planned), "face": face, "settings": asdict(planned.settings)}


def _truth_file(out: Path, planned: Plan) -> Path:
    return out / f"{planned.name}.json"


def _rendered(plans: Sequence[Plan], out: Path, jobs: int) -> Iterator[str]:
    if jobs == 1:
        for planned in plans:
            _render(planned, out)
            yield planned.name
        return
    context = multiprocessing.get_context("spawn")  # mediapipe's threads do not survive a fork
    with ProcessPoolExecutor(jobs, context, initializer=start_worker) as pool:
        # The fastest cameras take longest: first, so that no process is left with one at the end.
        ordered = sorted(plans, key=lambda p: -p.settings.fps)
        waiting = {pool.submit(_render, planned, out): planned.name for planned in ordered}
        try:
            for future in as_completed(waiting):
                future.result()
                yield waiting[future]
        finally:
            pool.shutdown(cancel_futures=True)


def _render(planned: Plan, out: Path) -> None:
    path = out / f"{planned.name}.mp4"
    render(
        _portrait(planned),
        path,
        planned.settings,
        codec=planned.codec,
        quality=planned.quality,
        key_every=planned.key_every,
    )


def _portrait(planned: Plan) -> Portrait:
    if planned.face is not None:
        return load_portrait(planned.face)
    return vary(packaged_portrait(), np.random.default_rng(planned.face_seed))
