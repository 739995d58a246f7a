"""Code of a user's own: files and installed packages that register models, datasets, losses and augmentations.

A file is loaded because somebody named it on the command line or in a settings file, an installed package because it
has an entry point in the group `mer_live.plugins`. Checkpoints and engines name models, never code.
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mer.augment import make_copy
from mer.errors import MerError

GROUP: Final = "mer_live.plugins"
CROSS_ENTROPY: Final = "cross-entropy"
USUAL: Final = "usual"

Clip = NDArray[np.uint8]
Loss = Callable[[Any, Any], Any]
"""From (N, C) logits and targets to (N,) losses, torch tensors; targets are (N,) class indices, or with --backgrounds
(N, C) shares."""
Augmentation = Callable[[Clip, np.random.Generator], Clip]
"""From a clip, (13, 90, 90[, 3]) uint8 and not encoded, and what to draw from, to another one of the same shape."""

_losses: Final[dict[str, Loss]] = {}
_augmentations: Final[dict[str, Augmentation]] = {}
LOSSES: Final[Mapping[str, Loss]] = MappingProxyType(_losses)
"""Registered losses by name; cross-entropy is not among them."""
AUGMENTATIONS: Final[Mapping[str, Augmentation]] = MappingProxyType(_augmentations)
"""Registered augmentations by name; the usual one is not among them."""
_loaded: Final[set[Path]] = set()
_installed: Final[set[str]] = set()


def register_loss(name: str, function: Loss) -> None:
    """Add a loss for `mer-train --loss`; see `Loss`.

    Raises:
        ValueError: If the name is taken or would be hard to type.
    """
    _register(_losses, name, function, taken=CROSS_ENTROPY)


def register_augmentation(name: str, function: Augmentation) -> None:
    """Add a way to make the additional clips of rare classes, for `mer-train --augmentation`; see `Augmentation`.

    Raises:
        ValueError: If the name is taken or would be hard to type.
    """
    _register(_augmentations, name, function, taken=USUAL)


def load(files: Iterable[str | Path]) -> None:
    """Run Python files that register something, each once in a process, and installed packages that do.

    Raises:
        MerError: If a file is missing or fails.
    """
    _load_installed()
    for file in files:
        path = Path(file).resolve()
        if path not in _loaded:
            _load_file(path)
            _loaded.add(path)


def augmented(clip: Clip, seed: Sequence[int], name: str) -> Clip:
    """Return an augmented clip.

    Args:
        clip: (13, 90, 90[, 3]) uint8, not encoded.
        seed: The same seed makes the same clip.
        name: Of the augmentation.

    Raises:
        MerError: If an augmentation of the user's returns something else than a clip.
    """
    if name == USUAL:
        return make_copy(clip, seed)
    made = np.asarray(_augmentations[name](clip, np.random.default_rng(seed)))
    if made.shape != clip.shape or made.dtype != np.uint8:
        raise MerError(
            f"augmentation {name!r} returned {made.shape}, {made.dtype}; expected {clip.shape}, uint8, as it was given"
        )
    return np.ascontiguousarray(made)


def _register(table: dict[str, Any], name: str, function: Any, *, taken: str) -> None:
    if name == taken or table.get(name, function) is not function:
        raise ValueError(f"another one named {name!r} exists; choose another name")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
        raise ValueError(f"{name!r} cannot be a name; expected lower-case letters, digits, dots and hyphens")
    table[name] = function


def _load_file(path: Path) -> None:
    advice = "give a Python file that calls mer.register and the like (docs/how-to/extend.md)"
    if path.suffix != ".py" or not path.is_file():
        raise MerError(f"--plugin {path} is not a Python file; {advice}")
    name = path.stem
    if name in sys.modules or importlib.util.find_spec(name) is not None:
        where = getattr(importlib.import_module(name), "__file__", None)
        if where is not None and Path(where).resolve() == path:
            return  # found on Python's path as well
        raise MerError(f"--plugin {path}: a module {name!r} exists already; rename the file")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise MerError(f"--plugin {path} cannot be loaded; {advice}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that implementations of the form "module:name" are found
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise MerError(f"--plugin {path} failed ({type(error).__name__}: {error}); {advice}") from error


def _load_installed() -> None:
    for point in entry_points(group=GROUP):
        if point.value in _installed:
            continue
        try:
            point.load()
        except Exception as error:
            raise MerError(
                f"the plugin {point.name!r} ({point.value}) failed ({type(error).__name__}: {error}); "
                "mend it or uninstall its package"
            ) from error
        _installed.add(point.value)
