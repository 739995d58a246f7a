"""The science: labels, sampling, preprocessing, datasets, models, training. See README.md.

Public are the messages (`Frame`, `FaceCrop`, `Moment`, `Interval`, `Clip`), the errors (`MerError`, `UsageError`), the
classes (`CLASSES`), the encoding of a clip (`encode`), the datasets in `mer.data`, the table of models (`SYSTEMS`,
`System`, `register`), and what else can be one's own (`register_loss`, `register_augmentation`, `mer.data.register`).
"""

from typing import TYPE_CHECKING

from mer.lazy import loaded_when_used

if TYPE_CHECKING:
    from mer.errors import MerError, UsageError
    from mer.labels import CLASSES
    from mer.messages import Clip, FaceCrop, Frame, Interval, Moment
    from mer.models.registry import SYSTEMS, System, register
    from mer.plugins import register_augmentation, register_loss
    from mer.preprocess import encode

__version__ = "0.2.0"

__all__ = [
    "CLASSES",
    "SYSTEMS",
    "Clip",
    "FaceCrop",
    "Frame",
    "Interval",
    "MerError",
    "Moment",
    "System",
    "UsageError",
    "__version__",
    "encode",
    "register",
    "register_augmentation",
    "register_loss",
]

__getattr__ = loaded_when_used(
    __name__,
    {
        "CLASSES": "mer.labels",
        "SYSTEMS": "mer.models.registry",
        "Clip": "mer.messages",
        "FaceCrop": "mer.messages",
        "Frame": "mer.messages",
        "Interval": "mer.messages",
        "MerError": "mer.errors",
        "Moment": "mer.messages",
        "System": "mer.models.registry",
        "UsageError": "mer.errors",
        "encode": "mer.preprocess",
        "register": "mer.models.registry",
        "register_augmentation": "mer.plugins",
        "register_loss": "mer.plugins",
    },
)
