"""What an environment lacks, said in a sentence: Python modules of extras, broken packages, system libraries."""

import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mer.errors import MerError

_EXTRAS: Final = {
    "torch": ("PyTorch", "train"),
    "onnx": ("the package onnx", "train"),
    "onnxscript": ("the package onnxscript", "train"),
    "safetensors": ("the package safetensors", "train"),
    "sklearn": ("scikit-learn", "train"),
    "matplotlib": ("Matplotlib", "train"),
    "openpyxl": ("the package openpyxl", "train"),
    "pyarrow": ("the package pyarrow", "parquet"),
    "pypylon": ("pypylon, Basler's driver", "basler"),
    "harvesters": ("the package harvesters", "genicam"),
    "genicam": ("the package genicam", "genicam"),
}
"""Modules that only an extra brings: what they are called, and the extra."""
TRAINING: Final = ("torch", "safetensors", "sklearn", "matplotlib")
"""What training imports beyond the core installation."""
SYSTEM: Final = {
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libGL.so.1": "libgl1",
    "libxcb.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
}
"""System libraries that OpenCV and mediapipe are linked to, and Debian's packages with them."""
DEBIAN: Final = "apt-get install " + " ".join(sorted(set(SYSTEM.values())))


def sentence(error: Exception) -> str:
    """Return what is missing and what to do about it.

    Args:
        error: What an import, or the loading of a shared library, ended with; a damaged package may raise anything.
    """
    library = re.match(r"(?:/\S*/)?(lib[\w.+-]+\.so[.\d]*): ", str(error))
    if library:
        packages = f"Debian, Ubuntu: {DEBIAN}" if library[1] in SYSTEM else "see mer-doctor"
        return f"needs the system library {library[1]}, which is not installed or damaged; install it ({packages})"
    name = str(getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and name in _EXTRAS:
        what, extra = _EXTRAS[name]
        return f"needs {what}: pip install 'mer-live[{extra}]'"
    if isinstance(error, ModuleNotFoundError):
        return f"needs the Python module {error.name}, which is not installed; install mer-live again: pip install ."
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"cannot load {name or 'a Python package'} ({reason}); `mer-doctor` says what is wrong with the installation"


@contextmanager
def needed(what: str) -> Iterator[None]:
    """Say what is missing where modules beyond the core installation are imported.

    Args:
        what: What needs them; the message begins with it.

    Raises:
        MerError: If one of them, or a system library, is missing.
    """
    try:
        yield
    except ImportError as error:
        raise MerError(f"{what} {sentence(error)}") from error


def check(what: str, *modules: str) -> None:
    """Refuse work that would fail later, before anything is read or written.

    Args:
        what: What needs the modules.
        modules: Their names; they are looked up, not imported.

    Raises:
        MerError: If one is not installed.
    """
    for name in modules:
        if importlib.util.find_spec(name) is None:
            raise MerError(f"{what} {sentence(ModuleNotFoundError(name=name))}")
