"""Real checkpoints with random weights, exported as users' are."""

from pathlib import Path

import torch

from engines.export import export_network
from engines.manifest import Manifest, Precision
from mer import checkpoint
from mer.checkpoint import Configuration
from mer.labels import CLASSES
from mer.models import networks


def random_network(model="conv3d", *, mode="gray", classes=CLASSES, temperature=1.0, none_threshold=0.3, seed=1):
    torch.manual_seed(seed)
    network = networks.create(model, mode=mode, n_classes=len(classes)).eval()
    training = {"data": "none: random weights"}
    return network, Configuration(model, mode, tuple(classes), temperature, none_threshold, training)


def export_random(path: Path, *, precision: Precision = "fp32", **options) -> Manifest:
    network, configuration = random_network(**options)
    return export_network(network, configuration, path, precision=precision)


def save_random(path: Path, **options) -> Path:
    network, configuration = random_network(**options)
    checkpoint.save(path, network, configuration)
    return path
