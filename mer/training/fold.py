"""One fold of a run, whatever the system; can be called in any process that sees the run's folder."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from mer import checkpoint
from mer.augment import Copy, plan_copies
from mer.checkpoint import Configuration
from mer.config import to_json
from mer.errors import MerError
from mer.files import from_json, write_atomically
from mer.process import settle
from mer.splits import Fold
from mer.training import calibrate, predictions, systems
from mer.training.backgrounds import Backgrounds, mix, read_backgrounds
from mer.training.context import RunContext
from mer.training.counting import counted
from mer.training.data import ClipData, encode_all
from mer.training.inputs import Encode, input_of
from mer.training.predictions import Predictions
from mer.training.steps import Examples
from mer.training.system import STATE_FILE, Fitted, Task

_TIMED_CLIPS: Final = 5
_GPU_FULL: Final = (
    "the memory of the GPU ran out, which folds side by side share; repeat the command with fewer --jobs or a smaller "
    "--batch"
)


@dataclass(frozen=True, slots=True)
class RunData:
    """The clips of a run as its folds need them.

    Attributes:
        context: The run.
        data: Clips of the chosen classes, not encoded.
        encoded: The same clips as the system sees them.
        truth: (N,) class indices.
        backgrounds: Clips of ordinary motion to mix in; None for none.
    """

    context: RunContext
    data: ClipData
    encoded: NDArray[Any]
    truth: NDArray[np.int64]
    backgrounds: Backgrounds | None = None


def prepare(context: RunContext, data: ClipData, truth: NDArray[np.int64], *, console: Console) -> RunData:
    """Encode all clips of a run.

    Args:
        context: The run.
        data: Clips of the chosen classes.
        truth: (N,) class indices.
        console: Where progress goes.
    """
    settings = context.settings
    encode = input_of(settings, cache=context.features)
    with counted(console, "encoding") as progress:
        own = [Copy(i, ()) for i in range(len(truth))]
        encoded = encode_all(data.clips, own, encode, threads=context.threads, progress=progress)
    backgrounds = (
        read_backgrounds(Path(settings.backgrounds), encode, threads=context.threads) if settings.backgrounds else None
    )
    return RunData(context, data, encoded, truth, backgrounds)


def run_fold(run: RunData, fold: Fold, number: int, console: Console | None = None) -> dict[str, Any]:
    """Train, calibrate and report one fold, unless that is done.

    Args:
        run: The clips of all folds, and what holds for them.
        fold: Training, validation and test set.
        number: Position of the fold in the run, from 0; part of the seed.
        console: Where progress goes; None for nowhere.

    Returns:
        What its result.json says.

    Raises:
        MerError: If the system cannot learn from the fold, or the GPU is too small for it.
    """
    console = console or Console(quiet=True)
    folder = run.context.out / fold.name
    result_file = folder / "result.json"
    if result_file.exists():
        console.print(f"{fold.name}: done before")
        return _result(result_file)
    torch.set_num_threads(run.context.threads)
    settle()  # clips are encoded side by side
    seed = (run.context.settings.seed, number)
    encode, system = systems.create(run.context.settings, cache=run.context.features)
    validation = _validation_part(run, fold, seed)
    task = Task(
        _training_part(run, fold, seed, encode, console),
        validation,
        run.context,
        seed,
        fold.name,
        console,
    )
    try:
        fitted = system.fit(task)
    except torch.cuda.OutOfMemoryError as error:
        raise MerError(_GPU_FULL) from error
    result = _finish(run, fold, fitted, validation)
    write_atomically(result_file, json.dumps(result, indent=1, allow_nan=False) + "\n")
    (folder / STATE_FILE).unlink(missing_ok=True)
    if not run.context.keep_weights:
        _drop_weights(run.context.out)
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

    A network has 25 MB to 0.9 GB, and folds may be as many as subjects.
    """
    losses = {}
    for path in out.glob("*/result.json"):
        if (path.parent / "best.safetensors").exists():
            losses[path.parent] = float(_result(path)["validation_loss"])
    for folder in sorted(losses, key=lambda folder: (losses[folder], folder.name))[1:]:
        (folder / "best.safetensors").unlink(missing_ok=True)  # another process may have been quicker


def _part(run: RunData, subjects: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the positions of the clips of some subjects."""
    return np.flatnonzero(np.isin(run.data.subjects, subjects)).astype(np.int64)


def _validation_part(run: RunData, fold: Fold, seed: tuple[int, int]) -> Examples:
    """Return the clips of the validation subjects, mixed with ordinary motion of recordings kept for that."""
    own = _part(run, fold.validation)
    clips, truth = run.encoded[own], run.truth[own]
    if run.backgrounds is not None:
        classes = len(run.context.settings.classes)
        clips = mix(
            clips, truth, run.backgrounds.validation, n_classes=classes, seed=[*seed, 0, 2], none_share=0.0
        ).clips
    return Examples(clips, truth)


def _training_part(run: RunData, fold: Fold, seed: tuple[int, int], encode: Encode, console: Console) -> Examples:
    """Return the clips of the training subjects and augmented samples made from these and no others."""
    own = _part(run, fold.train)
    planned = plan_copies(run.truth[own], factor=run.context.settings.oversample, seed=seed)
    ordinary = run.backgrounds.train if run.backgrounds is not None else None
    if not planned:
        return Examples(run.encoded[own], run.truth[own], ordinary)
    copies = shared_by_folds([int(own[copy.source]) for copy in planned], run.context.settings.seed)
    with counted(console, f"{fold.name}: augmented samples") as progress:
        made = encode_all(
            run.data.clips,
            copies,
            encode,
            augmentation=run.context.settings.augmentation,
            threads=run.context.threads,
            progress=progress,
        )
    truth = run.truth[[copy.source for copy in copies]]
    return Examples(np.concatenate([run.encoded[own], made]), np.concatenate([run.truth[own], truth]), ordinary)


def shared_by_folds(sources: Sequence[int], seed: int) -> list[Copy]:
    """Return augmented samples that are the same in every fold, so that they are encoded once."""
    number: Counter[int] = Counter()
    copies = []
    for source in sources:
        copies.append(Copy(source, (seed, 1, source, number[source])))
        number[source] += 1
    return copies


def _finish(run: RunData, fold: Fold, fitted: Fitted, validation: Examples) -> dict[str, Any]:
    """Calibrate on the validation subjects, if there are any, predict the test set, save."""
    settings = run.context.settings
    temperature, threshold = 1.0, 0.0
    if len(validation.truth):
        logits = fitted.logits(validation.clips)
        temperature = calibrate.fit_temperature(logits, validation.truth)
        threshold = calibrate.none_threshold(calibrate.softmax(logits, temperature=temperature), validation.truth)
    tested = _part(run, fold.test or fold.validation)
    if fold.test:
        logits = fitted.logits(run.encoded[tested])
    result = {
        "fold": fold.name,
        **fitted.course,
        "temperature": temperature,
        "none_threshold": threshold,
        "parameters": fitted.parameters,
        "ms_per_clip": ms_per_clip(fitted, input_of(settings, cache=None), run.data.clips[tested[:_TIMED_CLIPS]]),
    }
    folder = run.context.out / fold.name
    if fitted.save is not None:
        training = {
            "data": _trained_on(run),
            "fingerprint": run.data.fingerprint(),
            "settings": to_json(settings),
            **{name: value for name, value in result.items() if name == "fold" or name in fitted.course},
            "software": {"torch": torch.__version__},
        }
        configuration = Configuration(
            settings.model, settings.input, settings.classes, temperature, threshold, training
        )
        fitted.save(folder / "best.safetensors", configuration)
    predicted = Predictions(
        settings.classes,
        run.truth[tested],
        calibrate.softmax(logits, temperature=temperature),
        run.data.datasets[tested],
        run.data.subjects[tested],
        run.data.names[tested],
        np.full(len(tested), fold.name),
        tested,
        np.full(len(tested), threshold),
    )
    predictions.save(folder / "predictions.csv", predicted)
    return result


def _trained_on(run: RunData) -> str:
    """Return what all weights of a network were trained on, those it began with included."""
    init = run.context.settings.init
    if not init or run.context.settings.model == "elrcn":
        return run.data.name
    before = str(checkpoint.read(Path(init), "weights")[1].get("training", {}).get("data", "not stated"))
    return run.data.name if before == run.data.name else f"{run.data.name}, after {before}"


def ms_per_clip(fitted: Fitted, encode: Encode, clips: NDArray[np.uint8]) -> float:
    """Return the median time to encode and classify one clip at a time, nothing cached, in milliseconds."""
    spent = []
    for clip in clips:
        started = time.perf_counter()
        fitted.logits(encode(clip)[None])
        spent.append(time.perf_counter() - started)
    return 1000.0 * float(np.median(spent))
