"""One fold: epochs until the validation subjects gain nothing any more, resumable."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor, nn

from mer import checkpoint, plugins
from mer.config import TrainSettings
from mer.errors import MerError
from mer.training.calibrate import cross_entropy
from mer.training.forward import FastForward
from mer.training.steps import Examples, parts_of

QUICK_BYTES: Final = 512 * 2**20
"""A state up to this size is kept after each epoch."""
SAVE_EVERY_S: Final = 600.0
"""A larger one is kept this often, and not at the end: gigabytes take longer to write than an epoch to compute."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of the log.

    Attributes:
        epoch: From 1.
        loss: Mean loss while training, with dropout.
        accuracy: While training, with dropout.
        validation_loss: Cross-entropy on the validation subjects; None where there are none.
        validation_accuracy: Accuracy on the validation subjects; None where there are none.
        lr: Learning rate of the epoch.
        seconds: For training and the look at the validation subjects.
        clips_per_s: Training speed.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    lr: float
    seconds: float
    clips_per_s: float


@dataclass(slots=True)
class History:
    """How far a fold has come; all that decides what happens next, beside the weights.

    Attributes:
        lr: Learning rate of the next epoch.
        best_epoch: Epoch with the least loss on the validation subjects, 0 before the first; the last without any.
        halved_at: Last epoch that improved or halved the learning rate.
        epochs: Everything so far.
        ended_by: Why it ended, empty while it goes on: "patience", "epochs" or "time".
    """

    lr: float
    best_epoch: int = 0
    halved_at: int = 0
    epochs: list[Epoch] = field(default_factory=list)
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who wants to know how training goes.

    Attributes:
        batch: Called with (clips done, clips in the epoch) after each update.
        epoch: Called with the history after each epoch.
    """

    batch: Callable[[int, int], None]
    epoch: Callable[[History], None]


def train_fold(
    model: nn.Module,
    forward: FastForward,
    *,
    train: Examples,
    validation: Examples,
    settings: TrainSettings,
    seed: Sequence[int],
    state: Path,
    watch: Watch,
) -> History:
    """Train a network; afterwards it holds the weights of its best epoch.

    Args:
        model: With fresh weights; overwritten from `state` if that file exists.
        forward: How to run it.
        train: What changes the weights, augmented samples included.
        validation: What decides the learning rate, the best epoch and the end; empty for a fixed number of epochs.
        settings: See `TrainSettings`.
        seed: Of order and dropout; the epoch is added to it, so resuming changes nothing.
        state: Where the state is kept, after each epoch or, if it is large, every ten minutes.
        watch: Who wants to know.

    Raises:
        MerError: If the loss is not finite any more, or `state` belongs to something else.
    """
    learning = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(learning, lr=settings.lr, fused=True)
    best = _weights(model)
    history = History(settings.lr)
    if state.exists():
        history, best = _load_state(state, model, optimiser)
    # Of each weight: itself, at its best, and Adam's two moments, in four bytes each.
    quick, saved_s = 16 * sum(p.numel() for p in model.parameters()) <= QUICK_BYTES, time.monotonic()
    while not history.ended_by:
        number = len(history.epochs) + 1
        started = time.perf_counter()
        loss, accuracy = one_epoch(model, forward, optimiser, train, settings, history.lr, [*seed, number], watch)
        trained = time.perf_counter()
        validation_loss, validation_accuracy = _on_validation_set(model, forward, validation)
        row = Epoch(
            epoch=number,
            loss=loss,
            accuracy=accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            lr=history.lr,
            seconds=time.perf_counter() - started,
            clips_per_s=len(train.truth) / (trained - started),
        )
        if advance(history, row, settings):
            best = _weights(model)
        if quick or (not history.ended_by and time.monotonic() - saved_s >= SAVE_EVERY_S):
            save_state(state, model, optimiser, history, best)
            saved_s = time.monotonic()
        watch.epoch(history)
    model.load_state_dict(best)
    return history


def predict(
    model: nn.Module, logits: Callable[[Tensor], Tensor], clips: NDArray[np.uint8], *, part: int
) -> NDArray[np.float64]:
    """Return (N, C) float64 logits of encoded clips, without dropout and gradients.

    Args:
        model: Put into evaluation mode.
        logits: The network itself or a quicker way through it.
        clips: (N, 13, 90, 90[, 3]) uint8.
        part: Clips at a time.
    """
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        parts = [logits(torch.from_numpy(clips[i : i + part]).to(device)) for i in range(0, len(clips), part)]
    answer: NDArray[np.float64] = torch.cat(parts).double().cpu().numpy()
    return answer


def _on_validation_set(
    model: nn.Module, forward: FastForward, validation: Examples
) -> tuple[float | None, float | None]:
    """Return cross-entropy and accuracy, None if there is no validation set."""
    if not len(validation.truth):
        return None, None
    logits = predict(model, forward.logits, validation.clips, part=forward.part)
    return cross_entropy(logits, validation.truth), float((logits.argmax(1) == validation.truth).mean())


def loss_of(logits: Tensor, targets: Tensor, name: str) -> Tensor:
    """Return the sum of the losses of some clips.

    Args:
        logits: (N, C).
        targets: (N,) class indices or (N, C) shares.
        name: "cross-entropy", or one of `mer.plugins.LOSSES`.

    Raises:
        MerError: If a loss of the user's does not return one number a clip.
    """
    if name == plugins.CROSS_ENTROPY:
        return functional.cross_entropy(logits, targets, reduction="sum")
    each: Tensor = plugins.LOSSES[name](logits, targets)
    if tuple(each.shape) != (len(logits),):
        raise MerError(
            f"loss {name!r} returned shape {tuple(each.shape)} for {len(logits)} clips; expected one number a clip, "
            f"({len(logits)},): leave averages out (reduction='none')"
        )
    return each.sum()


def set_rate(optimiser: torch.optim.Optimizer, lr: float, *, update: int, warmup: int) -> None:
    """Give an optimiser the learning rate of an update, counted from 0; it rises linearly during the warm-up."""
    for group in optimiser.param_groups:
        group["lr"] = lr * min(1.0, (update + 1) / max(warmup, 1))


def one_epoch(
    model: nn.Module,
    forward: FastForward,
    optimiser: torch.optim.Optimizer,
    train: Examples,
    settings: TrainSettings,
    lr: float,
    seed: Sequence[int],
    watch: Watch,
) -> tuple[float, float]:
    """Train on each clip once, in an order drawn from `seed`; return mean loss and accuracy, with dropout."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(int(rng.integers(2**31)))  # for dropout
    order = rng.permutation(len(train.truth))
    device = next(model.parameters()).device
    model.train()
    update = (seed[-1] - 1) * -(-len(order) // settings.batch)  # those of earlier epochs; the seed ends with the epoch
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    right = torch.zeros((), dtype=torch.int64, device=device)
    for part in parts_of(train, order, settings, seed, at_once=forward.part, device=device):
        if part.begins:
            set_rate(optimiser, lr, update=update, warmup=settings.warmup)
            optimiser.zero_grad()
        truth = part.truth.to(device, non_blocking=True)
        logits = forward.logits(part.clips.to(device, non_blocking=True))
        loss = loss_of(logits, part.targets.to(device, non_blocking=True), settings.loss)
        (loss / part.batch).backward()  # type: ignore[no-untyped-call]
        loss_sum += loss.detach().double()
        right += (logits.detach().argmax(1) == truth).sum()
        if not part.ends:
            continue
        # A look at the sum makes the processor wait for a GPU, so that is done once an epoch there.
        if (device.type == "cpu" or part.done == len(order)) and not bool(torch.isfinite(loss_sum)):
            raise MerError(
                f"the loss became {float(loss_sum)} at learning rate {lr:g}; "
                "start again with a lower --lr, in another folder"
            )
        optimiser.step()
        update += 1
        watch.batch(part.done, len(order))
    return float(loss_sum) / len(order), int(right) / len(order)


def advance(history: History, row: Epoch, settings: TrainSettings) -> bool:
    """Add an epoch, halve the learning rate or end if it is time; return whether it is the best so far."""
    least = history.epochs[history.best_epoch - 1].validation_loss if history.best_epoch else float("inf")
    history.epochs.append(row)
    improved = row.validation_loss is None or least is None or row.validation_loss < least
    if improved:
        history.best_epoch = history.halved_at = row.epoch
    elif row.epoch - history.halved_at >= settings.halve_after:
        history.lr, history.halved_at = history.lr / 2.0, row.epoch
    minutes = sum(past.seconds for past in history.epochs) / 60.0
    if row.epoch - history.best_epoch >= settings.patience:
        history.ended_by = "patience"
    elif row.epoch >= settings.epochs:
        history.ended_by = "epochs"
    elif settings.max_minutes and minutes >= settings.max_minutes:
        history.ended_by = "time"
    return improved


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def save_state(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, history: History, best: dict[str, Tensor]
) -> None:
    """Keep what a fold needs to go on after an interruption, whole or not at all."""
    tensors = {f"model.{name}": tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    tensors |= {f"best.{name}": tensor.cpu() for name, tensor in best.items()}
    for i, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"adam.{i}.{name}": torch.as_tensor(value).cpu() for name, value in moments.items()}
    checkpoint.write(path, tensors, "state", {"history": asdict(history)})


def _load_state(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[History, dict[str, Tensor]]:
    tensors, stored = checkpoint.read(path, "state")
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "adam": {}}
    for name, tensor in tensors.items():
        group, _, rest = name.partition(".")
        groups.setdefault(group, {})[rest] = tensor
    moments: dict[int, dict[str, Any]] = {}
    for name, tensor in groups["adam"].items():
        number, _, rest = name.partition(".")
        moments.setdefault(int(number), {})[rest] = tensor
    try:
        model.load_state_dict(groups["model"])
        optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
        epochs = [Epoch(**row) for row in stored["history"].pop("epochs")]
        history = History(**stored["history"], epochs=epochs)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise MerError(f"{path} is the state of another model or damaged; delete it to start the fold again") from error
    return history, groups["best"]
