"""A whole run: folds, networks, calibration, reports; goes on where it was interrupted.

A run's folder holds run.json (settings and data), folds.json, log.csv, curves.png, metrics.json,
table.md, confusion.png, reliability.png, best.safetensors, and for each fold a folder with
best.safetensors, predictions.csv and result.json.
"""

import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from mer import checkpoint, models, splits
from mer.augment import Copy, plan_copies
from mer.checkpoint import Configuration
from mer.config import TrainSettings, to_json
from mer.errors import MerError
from mer.evaluation import predictions
from mer.evaluation.predictions import Predictions
from mer.files import write_atomically
from mer.preprocess import check_mode
from mer.splits import Fold
from mer.training import calibrate
from mer.training.data import ClipData, encode_all, select
from mer.training.forward import plan_forward
from mer.training.loop import Examples, History, predict, train_fold
from mer.training.watching import batches_shown, counted

_PREDICT_PART: Final = 4
_FIT_TO_RESUME: Final = ("settings", "data")


@dataclass(frozen=True, slots=True)
class Job:
    """All that a fold needs.

    Attributes:
        data: Clips of the chosen classes, not encoded.
        encoded: The same clips as the network sees them.
        truth: (N,) class indices.
        settings: See `TrainSettings`.
        out: Folder of the run.
        device: Where to train.
        threads: Processor cores to use.
        console: Where progress goes.
    """

    data: ClipData
    encoded: NDArray[np.uint8]
    truth: NDArray[np.int64]
    settings: TrainSettings
    out: Path
    device: torch.device
    threads: int
    console: Console


def run(
    given: ClipData,
    settings: TrainSettings,
    out: Path,
    *,
    folds_file: Path | None = None,
    device: torch.device,
    threads: int,
    console: Console,
) -> Path:
    """Train and report on all folds.

    Args:
        given: Clips of any classes.
        settings: See `TrainSettings`.
        out: Folder of the run; an unfinished run of the same settings and data goes on.
        folds_file: Folds of an earlier run to use again.
        device: Where to train.
        threads: Processor cores to use.
        console: Where progress goes.

    Returns:
        The run's best.safetensors: of several folds the one with the least loss on its stopping
        subjects, which are never the reported ones.

    Raises:
        MerError: If the data do not fit the settings, or `out` holds another run.
    """
    mode = check_mode(settings.input)
    data, truth = select(given, settings.classes)
    _claim(out, data, settings)
    folds = _folds(out, data, settings, folds_file)
    console.print(
        f"{data.name}: {len(truth)} clips of {len(set(data.subjects.tolist()))} subjects, "
        + ", ".join(f"{name} {int((truth == i).sum())}" for i, name in enumerate(settings.classes))
    )
    with counted(console, "encoding") as progress:
        own = [Copy(i, ()) for i in range(len(truth))]
        encoded = encode_all(data.clips, own, mode, threads=threads, progress=progress)
    job = Job(data, encoded, truth, settings, out, device, threads, console)
    results = [_fold(job, fold, number) for number, fold in enumerate(folds)]
    best = min(range(len(folds)), key=lambda i: float(results[i]["stop_loss"]))
    path = out / "best.safetensors"
    write_atomically(path, (out / folds[best].name / "best.safetensors").read_bytes())
    return path


def _claim(out: Path, data: ClipData, settings: TrainSettings) -> None:
    """Write run.json, or check that the run in the folder is this one."""
    path = out / "run.json"
    described = {
        "settings": to_json(settings),
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint(),
            "clips": len(data.labels),
            "subjects": len(set(data.subjects.tolist())),
        },
        "software": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
    }
    if not path.exists():
        write_atomically(path, json.dumps(described, indent=1) + "\n")
        return
    try:
        before = json.loads(path.read_text())
        known = {(part, name): before[part][name] for part in _FIT_TO_RESUME for name in before[part]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MerError(f"{path} cannot be used ({error!r}); give another --out folder") from error
    now: dict[str, Any] = described
    for part, name in known:
        if now[part].get(name) != known[part, name]:
            raise MerError(
                f"{out} holds a run whose {name} is {known[part, name]}, now it is {now[part].get(name)}; "
                "give the same settings and data to go on, or another --out folder"
            )


def _folds(out: Path, data: ClipData, settings: TrainSettings, given: Path | None) -> list[Fold]:
    subjects, labels = data.subjects.tolist(), data.labels.tolist()
    path = out / "folds.json"
    source = path if path.exists() else given
    if source is None:
        protocol: Any = settings.protocol
        folds = splits.make_folds(subjects, labels, protocol, seed=settings.seed)
    else:
        folds, protocol = splits.load(source)
        if protocol != settings.protocol:
            raise MerError(f"{source} holds folds of protocol {protocol!r}, but {settings.protocol!r} is wanted")
        splits.check(folds, subjects, labels)
    if not path.exists():
        splits.save(path, folds, protocol=settings.protocol, seed=settings.seed)
    return folds


def _fold(job: Job, fold: Fold, number: int) -> dict[str, Any]:
    """Train, calibrate and report one fold, unless that is done; return its result.json."""
    folder = job.out / fold.name
    result_file = folder / "result.json"
    if result_file.exists():
        job.console.print(f"{fold.name}: done before")
        done: dict[str, Any] = json.loads(result_file.read_text())
        return done
    settings = job.settings
    seed = (settings.seed, number)
    torch.manual_seed(int(np.random.default_rng(seed).integers(2**31)))
    model = models.create(settings.model, mode=settings.input, n_classes=len(settings.classes)).to(job.device)
    forward = plan_forward(model, job.device)
    job.console.print(f"{fold.name}: {models.parameter_count(model):,} parameters; {forward.description}")
    train, stop = _training_part(job, fold, seed), _part(job, fold.stop)
    state = folder / "state.safetensors"
    with batches_shown(job.console, fold.name, settings, job.out) as watch:
        history = train_fold(
            model,
            forward,
            train=train,
            stop=Examples(job.encoded[stop], job.truth[stop]),
            settings=settings,
            seed=seed,
            state=state,
            watch=watch,
        )
    result = _finish(job, fold, model, history)
    write_atomically(result_file, json.dumps(result, indent=1) + "\n")
    state.unlink(missing_ok=True)
    return result


def _part(job: Job, subjects: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the positions of the clips of some subjects."""
    return np.flatnonzero(np.isin(job.data.subjects, subjects)).astype(np.int64)


def _training_part(job: Job, fold: Fold, seed: tuple[int, int]) -> Examples:
    """Return the clips of the training subjects and the copies made from these and no others."""
    own = _part(job, fold.train)
    planned = plan_copies(job.truth[own], factor=job.settings.oversample, seed=seed)
    if not planned:
        return Examples(job.encoded[own], job.truth[own])
    copies = [Copy(int(own[copy.source]), copy.seed) for copy in planned]
    with counted(job.console, f"{fold.name}: copies") as progress:
        mode = check_mode(job.settings.input)
        made = encode_all(job.data.clips, copies, mode, threads=job.threads, progress=progress)
    truth = job.truth[[copy.source for copy in copies]]
    return Examples(np.concatenate([job.encoded[own], made]), np.concatenate([job.truth[own], truth]))


def _finish(job: Job, fold: Fold, model: torch.nn.Module, history: History) -> dict[str, Any]:
    """Calibrate on the stopping subjects, answer for the reported ones, save."""
    settings, stop = job.settings, _part(job, fold.stop)
    logits = predict(model, model, job.encoded[stop], part=_PREDICT_PART)
    temperature = calibrate.fit_temperature(logits, job.truth[stop])
    threshold = calibrate.none_threshold(calibrate.softmax(logits, temperature=temperature), job.truth[stop])
    reported = _part(job, fold.test) if fold.test else stop
    if fold.test:
        logits = predict(model, model, job.encoded[reported], part=_PREDICT_PART)
    best = history.epochs[history.best_epoch - 1]
    result = {
        "fold": fold.name,
        "best_epoch": history.best_epoch,
        "epochs": len(history.epochs),
        "ended_by": history.ended_by,
        "stop_loss": best.stop_loss,
        "stop_accuracy": best.stop_accuracy,
        "temperature": temperature,
        "none_threshold": threshold,
        "parameters": models.parameter_count(model),
        "seconds_per_epoch": float(np.median([epoch.seconds for epoch in history.epochs])),
    }
    training = {
        "data": job.data.name,
        "fingerprint": job.data.fingerprint(),
        "fold": fold.name,
        "settings": to_json(settings),
        **{name: result[name] for name in ("best_epoch", "epochs", "ended_by", "stop_loss", "stop_accuracy")},
        "software": {"torch": torch.__version__},
    }
    configuration = Configuration(settings.model, settings.input, settings.classes, temperature, threshold, training)
    folder = job.out / fold.name
    checkpoint.save(folder / "best.safetensors", model, configuration)
    answers = Predictions(
        settings.classes,
        job.truth[reported],
        calibrate.softmax(logits, temperature=temperature),
        job.data.subjects[reported],
        np.full(len(reported), fold.name),
        reported,
        np.full(len(reported), threshold),
    )
    predictions.save(folder / "predictions.csv", answers)
    return result
