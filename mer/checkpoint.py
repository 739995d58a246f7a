"""Trained networks on disk: safetensors with their whole configuration, never pickles. Needs torch.

A file holds tensors and one JSON text under the metadata key `mer`. Two kinds exist: weights, which
say all that is needed to use them, and the state of an unfinished training run.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as bytes_from_tensors
from torch import Tensor, nn

from mer import plugins
from mer.errors import MerError
from mer.files import from_json, read_at_most, write_atomically
from mer.models import networks, registry
from mer.preprocess import check_mode

FORMAT: Final = 1
"""Raised when older code could misread a file."""

Kind = Literal["weights", "state"]
_PICKLE_STARTS: Final = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_MAX_BYTES: Final = 8 << 30
"""Networks to compare with have up to 0.9 GB, with the state of their training three times that."""
_LONGEST_HEADER: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that is needed to use a network's weights.

    Attributes:
        model: One of `mer.models.registry.networks()`.
        mode: Input mode, gray, rgb, residual or flow.
        classes: Class names in the order of the logits.
        temperature: What logits are divided by before softmax.
        none_threshold: Least probability of the best class; below it the prediction is "none".
        training: Where the weights come from: data, protocol, seed, epochs. For people to read.
    """

    model: str
    mode: str
    classes: tuple[str, ...]
    temperature: float = 1.0
    none_threshold: float = 0.0
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def training_data(self) -> str:
        """What the weights were trained on, "not stated" if the file does not say."""
        return str(self.training.get("data", "not stated"))


def save(path: Path, model: nn.Module, configuration: Configuration) -> None:
    """Write weights and configuration, leaving the previous file whole until the new one is complete.

    Args:
        path: The file, by convention `*.safetensors`.
        model: A network from `mer.models.networks.create`.
        configuration: What describes it.

    Raises:
        MerError: If a weight is not finite, the configuration makes no sense or the disk is full.
    """
    _check(configuration, path)
    weights = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    _refuse_nan(weights, path)
    write(path, weights, "weights", asdict(configuration))


def load(path: Path) -> tuple[nn.Module, Configuration]:
    """Read a network for use.

    Args:
        path: A file written by `save`.

    Returns:
        The network in evaluation mode, and its configuration.

    Raises:
        MerError: If the file is missing, a pickle, damaged, something else's, or holds weights that
            are not finite or do not fit the model it names.
    """
    weights, stored = read(path, "weights")
    configuration = _configuration_from_json(path, stored)
    model = networks.create(configuration.model, mode=configuration.mode, n_classes=len(configuration.classes))
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != given:
        name = sorted(set(expected.items()) ^ set(given.items()))[0][0]
        raise MerError(
            f"{path}: tensor {name!r} is {given.get(name, 'missing')}, but model {configuration.model!r} with input "
            f"{configuration.mode!r} expects {expected.get(name, 'none')}; this is another model's checkpoint"
        )
    _refuse_nan(weights, path)
    model.load_state_dict(weights)
    return model.eval(), configuration


def require(path: Path, configuration: Configuration, *, model: str, mode: str, classes: tuple[str, ...]) -> None:
    """Raise unless a checkpoint is of the model, input and classes that are wanted.

    Raises:
        MerError: If it is not; names what differs.
    """
    for name, wanted in (("model", model), ("mode", mode), ("classes", classes)):
        given = getattr(configuration, name)
        if given != wanted:
            raise MerError(
                f"{path} holds {name} {given!r}, but {wanted!r} is wanted; give the checkpoint of that {name}"
            )


def write(path: Path, tensors: Mapping[str, Tensor], kind: Kind, description: Mapping[str, Any]) -> None:
    """Write tensors and a JSON description in one step; see `mer.files.write_atomically`."""
    text = json.dumps({"format": FORMAT, "kind": kind, **description}, sort_keys=True, allow_nan=False)
    data = bytes_from_tensors({name: tensor.contiguous() for name, tensor in tensors.items()}, {"mer": text})
    write_atomically(path, data)


def read(path: Path, kind: Kind) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write` wrote.

    Args:
        path: The file.
        kind: What it must hold.

    Returns:
        Tensors by name, and the description.

    Raises:
        MerError: If the file is missing, a pickle, damaged, of another program or of the other kind.
    """
    try:
        data = read_at_most(path, _MAX_BYTES)
    except OSError as error:
        raise MerError(f"{path} cannot be read: {error.strerror}; give a checkpoint, *.safetensors") from error
    except ValueError as error:
        raise MerError(f"{path} cannot be used: {error}; give a checkpoint, *.safetensors") from error
    if data.startswith(_PICKLE_STARTS):
        raise MerError(
            f"{path} is a pickle, which can run any code when it is read; refused. Give a *.safetensors file"
        )
    description = _description(path, data)
    if description.get("kind") != kind:
        raise MerError(f"{path} holds {description.get('kind')!r}, but {kind!r} was expected")
    try:
        return tensors_from_bytes(data), description
    except SafetensorError as error:
        raise MerError(f"{path} is damaged: {error}; train again or fetch it again") from error


def _description(path: Path, data: bytes) -> dict[str, Any]:
    length = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    try:
        header = from_json(data[8 : 8 + length]) if 0 < length < min(_LONGEST_HEADER, len(data)) else None
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise MerError(f"{path} is not a safetensors file, or a damaged one; expected one written by mer-train")
    try:
        description = from_json(header["__metadata__"]["mer"])
        version = description["format"]
    except (KeyError, TypeError, ValueError):
        raise MerError(f"{path} is a safetensors file of another program; expected one written by mer-train") from None
    if version != FORMAT:
        raise MerError(f"{path} has format {version}, this program reads {FORMAT}; use the version that wrote it")
    return dict(description)


def _configuration_from_json(path: Path, stored: Mapping[str, Any]) -> Configuration:
    try:
        configuration = Configuration(
            model=str(stored["model"]),
            mode=str(stored["mode"]),
            classes=tuple(str(name) for name in stored["classes"]),
            temperature=float(stored["temperature"]),
            none_threshold=float(stored["none_threshold"]),
            training=dict(stored["training"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MerError(f"{path}: the configuration is damaged ({error!r}); expected one written by mer-train") from None
    _check(configuration, path)
    return configuration


def _check(configuration: Configuration, path: Path) -> None:
    if configuration.model not in registry.networks():
        plugins.load(())  # one of an installed package
    if configuration.model not in registry.networks():
        raise MerError(
            f"{path}: model {configuration.model!r} is not known; known: {', '.join(registry.networks())}; if it is "
            "your own, name the file that registers it with --plugin"
        )
    check_mode(configuration.mode)
    if len(set(configuration.classes)) != len(configuration.classes) or len(configuration.classes) < 2:
        raise MerError(f"{path}: classes {configuration.classes} given; expected at least two different names")
    if not 0.0 < configuration.temperature < float("inf"):
        raise MerError(f"{path}: temperature {configuration.temperature} given; expected a positive number")
    if not 0.0 <= configuration.none_threshold <= 1.0:
        raise MerError(f"{path}: none_threshold {configuration.none_threshold} given; expected 0 to 1")


def _refuse_nan(weights: Mapping[str, Tensor], path: Path) -> None:
    for name, tensor in weights.items():
        if not bool(torch.isfinite(tensor).all()):
            raise MerError(f"{path}: weight {name!r} holds NaN or infinity; training diverged, lower the learning rate")
