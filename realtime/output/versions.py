"""The versions of what shapes the results, and of what only some features need."""

import platform
from typing import Final

_PACKAGES: Final = (
    "mer-live",
    "mediapipe",
    "numpy",
    "onnxruntime",
    "opencv-python",
    "opencv-contrib-python",
    "av",
    "rich",
)
_OPTIONAL: Final = (
    "torch",
    "onnx",
    "tensorrt",
    "tensorrt-rtx",
    "cuda-python",
    "pylsl",
    "pyxdf",
    "edfio",
    "textual-image",
    "pympi-ling",
    "ray",
    "shtab",
)


def component_versions() -> dict[str, str]:
    """Return the versions of Python, the system and the packages that shape the results."""
    system = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    return system | {package: _version(package) for package in _PACKAGES}


def optional_versions() -> dict[str, str]:
    """Return the versions of the packages that only some features need."""
    return {package: _version(package) for package in _OPTIONAL}


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # late: brings the email package

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
