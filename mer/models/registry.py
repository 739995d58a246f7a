"""The one list of systems that can be trained and compared: ours and the rest of the paper's Table 1. Torch-free.

A new system is a file in this folder and a line in `_SYSTEMS`; one of a user's is a file elsewhere and a call of
`register`, loaded by `mer.plugins`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from mer.lazy import load
from mer.preprocess import InputMode


@dataclass(frozen=True, slots=True)
class System:
    """What is known of a system before anything is trained.

    Attributes:
        kind: A network trained by epochs, or features with a support vector machine, fitted at once.
        implementation: What implements it, or "module:name" of that. Of a network its class, built with `n_classes`,
            and with `mode` where `own_input` is None; of a support vector machine the function that makes the features
            of one clip: (13, 90, 90) uint8 frames where `own_input` is "gray", else the (12, 90, 90, 2) flow in
            pixels.
        own_input: The input mode it makes its own input from; None if `--input` chooses.
        lr: Learning rate unless another is given; 0 for a support vector machine.
        paper: Parameters in the paper's Table 1, empty where the paper has none.
        exported: Whether it becomes an engine: ours are written node by node, a user's by torch's exporter.
    """

    kind: Literal["network", "svm"]
    implementation: str | Callable[..., Any]
    own_input: InputMode | None = None
    lr: float = 1e-3
    paper: str = ""
    exported: bool = False

    def load(self) -> Callable[..., Any]:
        """Import and return the implementation."""
        if not isinstance(self.implementation, str):
            return self.implementation
        loaded: Callable[..., Any] = load(self.implementation)
        return loaded


_SYSTEMS: Final[dict[str, System]] = {
    "lbp-top": System("svm", "mer.models.lbp_top:lbp_top", "gray", 0.0),
    "mdmo": System("svm", "mer.models.mdmo:features_from_flow", "flow", 0.0),
    "elrcn": System("network", "mer.models.elrcn:Elrcn", "flow", 1e-5, "134 M"),
    "dtscnn": System("network", "mer.models.dtscnn:Dtscnn", "flow", paper="63 M"),
    "tlcnn": System("network", "mer.models.tlcnn:Tlcnn", "gray", 1e-4, "62 M"),
    "htnet": System("network", "mer.models.htnet:Htnet", "flow", 5e-5),
    "shallow-convlstm": System("network", "mer.models.shallow_convlstm:ShallowConvLstm"),
    "conv3d": System("network", "mer.models.conv3d:Conv3d", paper="28 M", exported=True),
    "conv2d": System("network", "mer.models.conv2d:Conv2d", paper="55 M", exported=True),
    "convlstm": System("network", "mer.models.convlstm:ConvLstm", paper="6 M", exported=True),
}
SYSTEMS: Final[Mapping[str, System]] = MappingProxyType(_SYSTEMS)
"""By name, as `mer-train --model` takes them; in the order of the paper's Table 1, the two it cites before its own."""

OURS: Final = tuple(SYSTEMS)
"""Names of those that come with this software."""
EXPORTED: Final = tuple(name for name, system in SYSTEMS.items() if system.exported)
"""Names of those of ours that become engines: the paper's own three."""
EPOCHS_ONLY: Final = ("epochs", "batch", "lr", "warmup", "halve_after", "patience", "max_minutes", "loss")
"""Settings that mean nothing to a support vector machine."""


def register(name: str, system: System) -> None:
    """Add a system of your own, under which `mer-train`, `mer-evaluate` and checkpoints know it from then on.

    Doing it again changes nothing.

    Args:
        name: As `--model` takes it.
        system: Its implementation must be importable in every process that trains or evaluates it.

    Raises:
        ValueError: If the name is taken or would be hard to type.
    """
    if SYSTEMS.get(name, system) != system:
        raise ValueError(f"another system named {name!r} exists; choose another name")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
        raise ValueError(f"{name!r} cannot be a name; expected lower-case letters, digits, dots and hyphens")
    _SYSTEMS[name] = system


def networks() -> tuple[str, ...]:
    """Return the names of all networks."""
    return tuple(name for name, system in SYSTEMS.items() if system.kind == "network")
