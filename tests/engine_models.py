"""Real checkpoints with random weights, exported as users' are."""

from pathlib import Path
from typing import Any

import torch

from engines.export import export_network
from engines.manifest import Manifest, Precision
from mer import checkpoint
from mer.checkpoint import Configuration
from mer.labels import CLASSES
from mer.models import networks


def random_network(
    model: Any = "conv3d",
    *,
    mode: Any = "gray",
    classes: Any = CLASSES,
    temperature: Any = 1.0,
    none_threshold: Any = 0.3,
    seed: Any = 1,
) -> Any:
    torch.manual_seed(seed)
    network = networks.create(model, mode=mode, n_classes=len(classes)).eval()
    training = {"data": "none: random weights"}
    return network, Configuration(model, mode, tuple(classes), temperature, none_threshold, training)


def export_random(path: Path, *, precision: Precision = "fp32", **options: Any) -> Manifest:
    network, configuration = random_network(**options)
    return export_network(network, configuration, path, precision=precision)


def save_random(path: Path, **options: Any) -> Path:
    network, configuration = random_network(**options)
    checkpoint.save(path, network, configuration)
    return path
