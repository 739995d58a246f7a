"""One fold of a run, whatever the system; can be called in any process that sees the run's folder."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from mer import checkpoint
from mer.augment import Copy, plan_copies
from mer.checkpoint import Configuration
from mer.config import TrainSettings, to_json
from mer.errors import MerError
from mer.evaluation import predictions
from mer.evaluation.predictions import Predictions
from mer.files import from_json, write_atomically
from mer.models.registry import EXPORTED
from mer.splits import Fold
from mer.training import calibrate, systems
from mer.training.backgrounds import Backgrounds, mix, read_backgrounds
from mer.training.counting import counted
from mer.training.data import ClipData, encode_all
from mer.training.inputs import Encode, input_of
from mer.training.loop import Examples
from mer.training.systems import Fitted, Task

_TIMED_CLIPS: Final = 5


@dataclass(frozen=True, slots=True)
class Job:
    """All that a fold needs. Can be pickled.

    Attributes:
        data: Clips of the chosen classes, not encoded.
        encoded: The same clips as the system sees them.
        truth: (N,) class indices.
        settings: See `TrainSettings`.
        out: Folder of the run.
        cache: Folder that keeps inputs that take time to make.
        device: Where to train.
        threads: Processor cores to use.
        backgrounds: Clips of ordinary motion to mix in; None for none.
    """

    data: ClipData
    encoded: NDArray[Any]
    truth: NDArray[np.int64]
    settings: TrainSettings
    out: Path
    cache: Path
    device: torch.device
    threads: int
    backgrounds: Backgrounds | None = None


def make_job(
    data: ClipData,
    truth: NDArray[np.int64],
    settings: TrainSettings,
    out: Path,
    *,
    cache: Path | None,
    device: torch.device,
    threads: int,
    console: Console,
) -> Job:
    """Encode all clips and return what the folds of a run share; see `mer.training.run.run`."""
    kept = cache or out / "features"
    with counted(console, "encoding") as progress:
        own = [Copy(i, ()) for i in range(len(truth))]
        encode = input_of(settings, cache=kept)
        encoded = encode_all(data.clips, own, encode, threads=threads, progress=progress)
    backgrounds = (
        read_backgrounds(Path(settings.backgrounds), encode, threads=threads) if settings.backgrounds else None
    )
    return Job(data, encoded, truth, settings, out, kept, device, threads, backgrounds)


def run_fold(job: Job, fold: Fold, number: int, console: Console | None = None) -> dict[str, Any]:
    """Train, calibrate and report one fold, unless that is done.

    Args:
        job: What all folds of a run share.
        fold: Who trains, stops and is reported.
        number: Position of the fold in the run, from 0; part of the seed.
        console: Where progress goes; None for nowhere.

    Returns:
        What its result.json says.

    Raises:
        MerError: If the system cannot learn from the fold.
    """
    console = console or Console(quiet=True)
    folder = job.out / fold.name
    result_file = folder / "result.json"
    if result_file.exists():
        console.print(f"{fold.name}: done before")
        return _result(result_file)
    torch.set_num_threads(job.threads)
    cv2.setNumThreads(1)  # clips are encoded side by side
    seed = (job.settings.seed, number)
    encode, system = systems.create(job.settings, cache=job.cache)
    stop = _stop_part(job, fold, seed)
    task = Task(
        _training_part(job, fold, seed, encode, console),
        stop,
        job.settings,
        seed,
        fold.name,
        job.out,
        job.device,
        console,
    )
    result = _finish(job, fold, system.fit(task), stop)
    write_atomically(result_file, json.dumps(result, indent=1, allow_nan=False) + "\n")
    (folder / systems.STATE_FILE).unlink(missing_ok=True)
    if job.settings.model not in EXPORTED:
        _drop_weights(job.out)
    return result


def _result(path: Path) -> dict[str, Any]:
    """Return what a finished fold left.

    Raises:
        MerError: If it is damaged.
    """
    try:
        return dict(from_json(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise MerError(f"{path} is damaged ({error!r}); remove it, and the fold is trained again") from error


def _drop_weights(out: Path) -> None:
    """Leave of all finished folds only the weights of the best, which is what the run ends with.

    Networks that are there to compare with have up to 0.9 GB each, and folds may be many.
    """
    losses = {}
    for path in out.glob("*/result.json"):
        if (path.parent / "best.safetensors").exists():
            losses[path.parent] = float(_result(path)["stop_loss"])
    for folder in sorted(losses, key=lambda folder: (losses[folder], folder.name))[1:]:
        (folder / "best.safetensors").unlink(missing_ok=True)  # another process may have been quicker


def _part(job: Job, subjects: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the positions of the clips of some subjects."""
    return np.flatnonzero(np.isin(job.data.subjects, subjects)).astype(np.int64)


def _stop_part(job: Job, fold: Fold, seed: tuple[int, int]) -> Examples:
    """Return the clips of the validation subjects, mixed with ordinary motion of recordings kept for that."""
    own = _part(job, fold.stop)
    clips, truth = job.encoded[own], job.truth[own]
    if job.backgrounds is not None:
        classes = len(job.settings.classes)
        clips = mix(clips, truth, job.backgrounds.stop, n_classes=classes, seed=[*seed, 0, 2], none_share=0.0).clips
    return Examples(clips, truth)


def _training_part(job: Job, fold: Fold, seed: tuple[int, int], encode: Encode, console: Console) -> Examples:
    """Return the clips of the training subjects and the copies made from these and no others."""
    own = _part(job, fold.train)
    planned = plan_copies(job.truth[own], factor=job.settings.oversample, seed=seed)
    ordinary = job.backgrounds.train if job.backgrounds is not None else None
    if not planned:
        return Examples(job.encoded[own], job.truth[own], ordinary)
    copies = shared_by_folds([int(own[copy.source]) for copy in planned], job.settings.seed)
    with counted(console, f"{fold.name}: copies") as progress:
        made = encode_all(job.data.clips, copies, encode, threads=job.threads, progress=progress)
    truth = job.truth[[copy.source for copy in copies]]
    return Examples(np.concatenate([job.encoded[own], made]), np.concatenate([job.truth[own], truth]), ordinary)


def shared_by_folds(sources: Sequence[int], seed: int) -> list[Copy]:
    """Return copies of clips that are the same in every fold, so that what is seen of them is worked out once."""
    number: Counter[int] = Counter()
    copies = []
    for source in sources:
        copies.append(Copy(source, (seed, 1, source, number[source])))
        number[source] += 1
    return copies


def _finish(job: Job, fold: Fold, fitted: Fitted, stop: Examples) -> dict[str, Any]:
    """Calibrate on the validation subjects, answer for the reported ones, save."""
    settings = job.settings
    logits = fitted.logits(stop.clips)
    temperature = calibrate.fit_temperature(logits, stop.truth)
    threshold = calibrate.none_threshold(calibrate.softmax(logits, temperature=temperature), stop.truth)
    reported = _part(job, fold.test or fold.stop)
    if fold.test:
        logits = fitted.logits(job.encoded[reported])
    result = {
        "fold": fold.name,
        **fitted.course,
        "temperature": temperature,
        "none_threshold": threshold,
        "parameters": fitted.parameters,
        "ms_per_clip": _ms_per_clip(fitted, input_of(settings, cache=None), job.data.clips[reported[:_TIMED_CLIPS]]),
    }
    folder = job.out / fold.name
    if fitted.save is not None:
        training = {
            "data": _trained_on(job),
            "fingerprint": job.data.fingerprint(),
            "settings": to_json(settings),
            **{name: value for name, value in result.items() if name == "fold" or name in fitted.course},
            "software": {"torch": torch.__version__},
        }
        configuration = Configuration(
            settings.model, settings.input, settings.classes, temperature, threshold, training
        )
        fitted.save(folder / "best.safetensors", configuration)
    answers = Predictions(
        settings.classes,
        job.truth[reported],
        calibrate.softmax(logits, temperature=temperature),
        job.data.datasets[reported],
        job.data.subjects[reported],
        job.data.names[reported],
        np.full(len(reported), fold.name),
        reported,
        np.full(len(reported), threshold),
    )
    predictions.save(folder / "predictions.csv", answers)
    return result


def _trained_on(job: Job) -> str:
    """Return what all weights of a network were trained on, those it began with included."""
    init = job.settings.init
    if not init or job.settings.model == "elrcn":
        return job.data.name
    before = str(checkpoint.read(Path(init), "weights")[1].get("training", {}).get("data", "not stated"))
    return job.data.name if before == job.data.name else f"{job.data.name}, after {before}"


def _ms_per_clip(fitted: Fitted, encode: Encode, clips: NDArray[np.uint8]) -> float:
    """Return the median time to encode and answer one clip at a time, nothing cached, in milliseconds."""
    spent = []
    for clip in clips:
        started = time.perf_counter()
        fitted.logits(encode(clip)[None])
        spent.append(time.perf_counter() - started)
    return 1000.0 * float(np.median(spent))
