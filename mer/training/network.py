"""Networks as systems: trained by epochs, resumable, kept as safetensors."""

from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from mer import checkpoint, models
from mer.checkpoint import Configuration
from mer.training.forward import plan_forward
from mer.training.loop import predict, train_fold
from mer.training.systems import STATE_FILE, Fitted, Task
from mer.training.watching import batches_shown

_PREDICT_PART: Final = 4


class NetworkSystem:
    """The networks of `mer.models`."""

    def fit(self, task: Task) -> Fitted:
        """Train until the stopping subjects gain nothing any more; keeps the best epoch."""
        settings = task.settings
        torch.manual_seed(int(np.random.default_rng(task.seed).integers(2**31)))
        model = models.create(settings.model, mode=settings.input, n_classes=len(settings.classes)).to(task.device)
        forward = plan_forward(model, task.device)
        task.console.print(f"{task.fold}: {models.parameter_count(model):,} parameters; {forward.description}")
        with batches_shown(task.console, task.fold, settings, task.out) as watch:
            history = train_fold(
                model,
                forward,
                train=task.train,
                stop=task.stop,
                settings=settings,
                seed=task.seed,
                state=task.out / task.fold / STATE_FILE,
                watch=watch,
            )
        best = history.epochs[history.best_epoch - 1]
        course = {
            "best_epoch": history.best_epoch,
            "epochs": len(history.epochs),
            "ended_by": history.ended_by,
            "stop_loss": best.stop_loss,
            "stop_accuracy": best.stop_accuracy,
            "seconds_per_epoch": float(np.median([epoch.seconds for epoch in history.epochs])),
            "train_seconds": sum(epoch.seconds for epoch in history.epochs),
        }
        return Fitted(
            partial(predict, model, model, part=_PREDICT_PART),
            models.parameter_count(model),
            partial(_save, model),
            course,
        )


def _save(model: nn.Module, path: Path, configuration: Configuration) -> None:
    checkpoint.save(path, model, configuration)
