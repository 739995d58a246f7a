"""What a run will take, before it begins: folds, steps, memory and time, measured on a few clips of its own data."""

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from mer.augment import plan_copies
from mer.config import TrainSettings
from mer.jobs.clock import duration
from mer.models import networks
from mer.models.registry import SYSTEMS
from mer.splits import Fold
from mer.training.data import ClipData
from mer.training.forward import plan_forward
from mer.training.inputs import input_of
from mer.training.loop import Watch, one_epoch
from mer.training.steps import Examples

_ENCODED: Final = 3
"""Clips that are encoded to measure it."""
_STEPS: Final = 2
"""Steps that are timed, after one that is not: the first allocates and compiles."""
_FORWARD_SHARE: Final = 1 / 3
"""What a validation clip costs beside a training clip: the way forward, of a way there and twice as much back."""


@dataclass(frozen=True, slots=True)
class FoldSize:
    """Clips of each part of a fold.

    Attributes:
        train: Clips of the training subjects.
        augmented: Augmented samples made from them.
        validation: Clips of the validation subjects.
        test: Clips of the test subjects.
    """

    train: int
    augmented: int
    validation: int
    test: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured.

    Attributes:
        encode_s: Seconds to encode a clip.
        step_s: Seconds for a step of a whole batch; None for a system that is fitted at once.
        parameters: Numbers that training adjusts; None for a support vector machine.
        clip_bytes: Size of an encoded clip.
        peak_bytes: Memory that this process has needed so far; None where the system does not tell.
    """

    encode_s: float
    step_s: float | None
    parameters: int | None
    clip_bytes: int
    peak_bytes: int | None


def sizes(data: ClipData, truth: NDArray[np.int64], settings: TrainSettings, folds: Sequence[Fold]) -> list[FoldSize]:
    """Return how many clips the parts of each fold have."""
    found = []
    for number, fold in enumerate(folds):
        train, validation, test = (np.isin(data.subjects, part) for part in (fold.train, fold.validation, fold.test))
        augmented = plan_copies(truth[train], factor=settings.oversample, seed=(settings.seed, number))
        found.append(FoldSize(int(train.sum()), len(augmented), int(validation.sum()), int(test.sum())))
    return found


def measure(data: ClipData, truth: NDArray[np.int64], settings: TrainSettings, device: torch.device) -> Cost:
    """Encode a few clips and train a few steps on them."""
    encode = input_of(settings, cache=None)
    started = time.perf_counter()
    encoded = np.stack([encode(clip) for clip in data.clips[:_ENCODED]])
    encode_s = (time.perf_counter() - started) / len(encoded)
    step_s = parameters = None
    if SYSTEMS[settings.model].kind == "network" and settings.model != "elrcn":
        step_s, parameters = _step(encoded, truth, settings, device)
    return Cost(encode_s, step_s, parameters, encoded[0].nbytes, _peak_bytes())


def _peak_bytes() -> int | None:
    """Return the most main memory that this process ever held, None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _step(
    encoded: NDArray[Any], truth: NDArray[np.int64], settings: TrainSettings, device: torch.device
) -> tuple[float, int]:
    """Return the seconds of a step and the parameters of the network."""
    model = networks.create(settings.model, mode=settings.input, n_classes=len(settings.classes)).to(device)
    forward = plan_forward(model, device)
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=settings.lr, fused=True)
    places = np.arange(settings.batch) % len(encoded)
    batch = Examples(encoded[places], truth[places])
    nobody = Watch(lambda _done, _total: None, lambda _history: None)
    spent = []
    for number in range(1 + _STEPS):
        started = time.perf_counter()
        one_epoch(model, forward, optimiser, batch, settings, settings.lr, [settings.seed, number], nobody)
        spent.append(time.perf_counter() - started)
    return min(spent[1:]), networks.parameter_count(model)


def lines(settings: TrainSettings, folds: Sequence[FoldSize], cost: Cost, *, jobs: int, threads: int) -> list[str]:
    """Return in sentences what a run will take."""
    train, augmented, validation, test = (
        _range([getattr(fold, name) for fold in folds]) for name in ("train", "augmented", "validation", "test")
    )
    text = [
        f"protocol {settings.protocol}: {len(folds)} folds; training {train} clips and {augmented} augmented ones, "
        f"validation {validation}, test {test}",
        f"{settings.model}, input {settings.input}"
        + (f", {cost.parameters:,} parameters" if cost.parameters else "")
        + f"; {1000 * cost.encode_s:.0f} ms to encode a clip with one core",
    ]
    if cost.peak_bytes is not None:
        # All clips of the run, and those of the fold once more.
        clips = max(2 * (fold.train + fold.validation) + fold.augmented + fold.test for fold in folds)
        memory = cost.peak_bytes + clips * cost.clip_bytes
        text.append(f"memory: about {memory / 1e9:.1f} GB for each fold at a time, {jobs} at a time")
    if cost.step_s is None:
        return [*text, "time: not estimated for this model before its first fold has ended"]
    steps = [-(-(fold.train + fold.augmented) // settings.batch) for fold in folds]
    epochs_s = [cost.step_s * (n + _FORWARD_SHARE * fold.validation / settings.batch) for n, fold in zip(steps, folds)]
    longest_s = min(settings.epochs * max(epochs_s), 60.0 * (settings.max_minutes or math.inf))
    every_s = min(settings.epochs * sum(epochs_s), 60.0 * len(folds) * (settings.max_minutes or math.inf))
    encoding_s = (
        cost.encode_s * max(fold.train + fold.augmented + fold.validation + fold.test for fold in folds) / threads
    )
    whole_s = encoding_s + every_s / min(jobs, len(folds))
    text.append(
        f"at most {settings.epochs} epochs of {_range(steps)} steps, batch size {settings.batch}; "
        f"{cost.step_s:.2f} s a step with {threads} cores"
    )
    text.append(
        f"time: up to about {duration(longest_s)} a fold and {duration(whole_s)} for all, {jobs} at a time, with all "
        "epochs; early stopping ends most folds sooner"
    )
    return text


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
