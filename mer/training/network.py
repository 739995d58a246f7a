"""Networks as systems: trained by epochs, resumable, kept as safetensors."""

from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from mer import checkpoint
from mer.checkpoint import Configuration
from mer.config import TrainSettings
from mer.errors import MerError
from mer.models import networks
from mer.models.elrcn import Elrcn
from mer.training.counting import counted
from mer.training.forward import FastForward, multiplies_bfloat16, plan_forward
from mer.training.loop import predict, train_fold
from mer.training.steps import Examples
from mer.training.system import STATE_FILE, Fitted, Task
from mer.training.watching import batches_shown

_PREDICT_PART: Final = 4


class NetworkSystem:
    """The networks of `mer.models`."""

    def fit(self, task: Task) -> Fitted:
        """Train until the validation subjects gain nothing any more; keeps the best epoch."""
        settings, device = task.context.settings, torch.device(task.context.device)
        torch.manual_seed(int(np.random.default_rng(task.seed).integers(2**31)))
        model = networks.create(settings.model, mode=settings.input, n_classes=len(settings.classes)).to(device)
        forward, train, validation = plan_forward(model, device), task.train, task.validation
        task.console.print(f"{task.fold}: {networks.parameter_count(model):,} parameters; {forward.description}")
        if isinstance(model, Elrcn):
            _say(task, _initialise(model, settings.init))
            forward = FastForward(model.trained, model.clips_at_once, "frozen convolutions worked out once")
            train, validation = (_frozen(model, part, task) for part in (train, validation))
        elif settings.init:
            _say(task, _begin_with(model, settings))
        with batches_shown(task.console, task.fold, settings, task.context.out) as watch:
            history = train_fold(
                model,
                forward,
                train=train,
                validation=validation,
                settings=settings,
                seed=task.seed,
                state=task.context.out / task.fold / STATE_FILE,
                watch=watch,
            )
        best = history.epochs[history.best_epoch - 1]
        course = {
            "best_epoch": history.best_epoch,
            "epochs": len(history.epochs),
            "ended_by": history.ended_by,
            "validation_loss": best.loss if best.validation_loss is None else best.validation_loss,
            "validation_accuracy": best.accuracy if best.validation_accuracy is None else best.validation_accuracy,
            "seconds_per_epoch": float(np.median([epoch.seconds for epoch in history.epochs])),
            "train_seconds": sum(epoch.seconds for epoch in history.epochs),
        }
        return Fitted(
            partial(predict, model, model, part=_PREDICT_PART),
            networks.parameter_count(model),
            partial(_save, model),
            course,
        )


def _initialise(model: Elrcn, path: str) -> str:
    """Give the frozen convolutions their weights; return where they come from, for the log."""
    if not path:
        return "the frozen convolutions are random, as no --init FILE was given"
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise MerError(f"--init {path} cannot be read ({error}); give torchvision's vgg16 as safetensors") from None
    model.take_over(weights, f"--init {path}")
    return f"the frozen convolutions are those of {path}"


def _begin_with(model: nn.Module, settings: TrainSettings) -> str:
    """Give a network the weights of a checkpoint; return where they come from, for the log."""
    path = Path(settings.init)
    given, configuration = checkpoint.load(path)
    checkpoint.require(path, configuration, model=settings.model, mode=settings.input, classes=configuration.classes)
    weights = given.state_dict()
    same = configuration.classes == settings.classes
    if not same:
        last = [name for name, _ in model.named_parameters()][-2:]  # weight and bias
        weights = {name: tensor for name, tensor in weights.items() if name not in last}
    model.load_state_dict(weights, strict=False)
    return f"begins with the weights of {path}" + ("" if same else ", but for the last layer: other classes")


def _say(task: Task, text: str) -> None:
    task.console.print(f"{task.fold}: {text}", soft_wrap=True, highlight=False)


def _frozen(model: Elrcn, examples: Examples, task: Task) -> Examples:
    """Return examples as the frozen layers show them: half precision, worked out once and not every epoch."""
    model.eval()
    step, parts = model.clips_at_once, []
    device = torch.device(task.context.device)
    quick = device.type == "cpu" and multiplies_bfloat16()
    with counted(task.console, f"{task.fold}: frozen layers") as progress:
        for at in range(0, len(examples.truth), step):
            clips = torch.from_numpy(examples.clips[at : at + step]).to(device)
            with torch.autocast("cpu", torch.bfloat16, enabled=quick):
                parts.append(model.frozen(clips).half().cpu().numpy())
            progress(min(at + step, len(examples.truth)), len(examples.truth))
    if device.type == "cuda":
        torch.cuda.empty_cache()  # gigabytes that the folds at a time want
    return Examples(np.concatenate(parts), examples.truth)


def _save(model: nn.Module, path: Path, configuration: Configuration) -> None:
    checkpoint.save(path, model, configuration)
