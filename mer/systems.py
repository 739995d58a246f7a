"""The systems that can be trained and compared: ours and the rest of the paper's Table 1. Torch-free."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from mer.preprocess import InputMode


@dataclass(frozen=True, slots=True)
class System:
    """What is known of a system before anything is trained.

    Attributes:
        kind: A network trained by epochs, or features with a support vector machine, fitted at once.
        own_input: The input mode it makes its own input from; None if `--input` chooses.
        lr: Learning rate unless another is given; 0 for a support vector machine.
        paper: Parameters in the paper's Table 1, empty where the paper has none.
    """

    kind: Literal["network", "svm"]
    own_input: InputMode | None = None
    lr: float = 1e-3
    paper: str = ""


SYSTEMS: Final[Mapping[str, System]] = {
    "conv3d": System("network", paper="28 M"),
    "conv2d": System("network", paper="55 M"),
    "convlstm": System("network", paper="6 M"),
    "lbp-top": System("svm", "gray", 0.0),
    "mdmo": System("svm", "flow", 0.0),
    "elrcn": System("network", "flow", 1e-5, "134 M"),
    "dtscnn": System("network", "flow", paper="63 M"),
    "tlcnn": System("network", "gray", 1e-4, "62 M"),
    "htnet": System("network", "flow", 5e-5),
    "shallow-convlstm": System("network"),
}
"""By name, as `mer-train --model` takes them."""

OURS: Final = ("conv3d", "conv2d", "convlstm")
"""Those that are exported as engines."""
EPOCHS_ONLY: Final = ("epochs", "batch", "lr", "warmup", "halve_after", "patience", "max_minutes")
"""Settings that mean nothing to a support vector machine."""
