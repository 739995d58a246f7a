"""What `mer-doctor` looks at first: whether the packages and system libraries that everything needs can be loaded."""

import ctypes
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal

from mer import missing
from realtime import namesake

State = Literal["works", "missing", "broken"]
_PACKAGES: Final = {
    "NumPy": "numpy",
    "SciPy": "scipy",
    "scikit-image": "skimage",
    "ONNX Runtime": "onnxruntime",
    "OpenCV": "cv2",
    "PyAV": "av",
}
_OPENCV: Final = (
    "opencv-python",
    "opencv-contrib-python",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
)
"""Distributions that write the same folder, `cv2`."""
NEEDED: Final = (*_PACKAGES, "mediapipe", "system libraries")
"""Topics without which neither live nor replay can start."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: What it is.
        state: "works"; "missing", which is normal; or "broken", which should be mended.
        found: What was found.
        advice: What to do, empty where nothing is to be done.
    """

    topic: str
    state: State
    found: str
    advice: str = ""


def look() -> Iterator[Finding]:
    """Look at the packages, the system libraries, and at what shares a folder with what."""
    for topic, module in _PACKAGES.items():
        yield _package(topic, module)
    yield from _opencv_distributions()
    yield _mediapipe()
    if sys.platform == "linux":
        yield system_libraries()
    if problem := namesake.problem():
        what, _, advice = problem.partition("; ")
        yield Finding("package realtime", "broken", what, advice)


def _package(topic: str, module: str) -> Finding:
    try:
        loaded: Any = importlib.import_module(module)
        return Finding(topic, "works", f"version {loaded.__version__}")
    except Exception as error:  # damaged packages end in whatever their code stumbles over
        advice = "install mer-live again: pip install --force-reinstall ."
        return Finding(topic, "broken", missing.sentence(error), advice)


def _opencv_distributions() -> Iterator[Finding]:
    found = {name: number for name in _OPENCV if (number := installed_version(name))}
    if len(found) < 2:
        return
    names = ", ".join(f"{name} {number}" for name, number in found.items())
    if len(set(found.values())) == 1:
        yield Finding("OpenCV packages", "works", f"{names}: of one version, as they share the folder cv2")
        return
    lowest = min(found.values(), key=lambda text: [int(part) for part in text.split(".") if part.isdigit()])
    pins = " ".join(f"{name}=={lowest}" for name in found)
    yield Finding(
        "OpenCV packages",
        "broken",
        f"{names}: of different versions, and both write the folder cv2, so that parts of it do not fit",
        f"pip install --force-reinstall --no-deps {pins}",
    )


def _mediapipe() -> Finding:
    number = installed_version("mediapipe")
    if number and importlib.util.find_spec("mediapipe"):
        return Finding("mediapipe", "works", f"version {number}")
    return Finding("mediapipe", "broken", "is not installed", "pip install mediapipe")


def system_libraries(load: Callable[[str], object] = ctypes.CDLL) -> Finding:
    """Look for the system libraries that OpenCV and mediapipe are linked to.

    Args:
        load: Loads a shared library by its name, and raises OSError if there is none.
    """
    absent = []
    for name in missing.SYSTEM:
        try:
            load(name)
        except OSError:
            absent.append(name)
    if absent:
        return Finding("system libraries", "broken", f"{', '.join(absent)} cannot be loaded", missing.DEBIAN)
    return Finding("system libraries", "works", ", ".join(missing.SYSTEM))


def installed_version(distribution: str) -> str:
    """Return the version of a distribution, empty if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
