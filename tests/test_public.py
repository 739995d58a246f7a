"""The public interface: what each package offers, and that a user's type checker sees it in the installed wheel."""

import importlib
import subprocess
import sys
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("mer", "engines", "realtime")
USER = """\
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import engines
import mer.data
import realtime
from mer import CLASSES, Clip, MerError, System, register
from realtime import Event, Interval, SpotterConfig, Update


def apexes(path: Path) -> list[float]:
    return [event.interval.apex.time_s for event in realtime.events(path, spotter=SpotterConfig(floor=0.2))]


def strongest(updates: list[Update]) -> float:
    return max(update.spotting.motion for update in updates if update.crop.state == "tracked")


def label(clip: Clip) -> str:
    with engines.open_engine("auto") as engine:
        answer: NDArray[np.float32] = engine.classify(mer.encode(clip.images, engine.mode)[None])
    return engine.classes[int(answer.argmax())]


def reasons(update: Update) -> list[str]:
    rejected: tuple[Interval, ...] = update.rejected
    return [interval.reason for interval in rejected]


def samples(root: Path) -> int:
    try:
        return len(mer.data.only(mer.data.load("mmew", root)))
    except MerError:
        return 0


register("mine", System("network", "mine:Mine"))
first: Event = next(realtime.events(0))
names: tuple[str, ...] = CLASSES
"""
WRONG = "import realtime\nx: int = next(realtime.events(0)).label\n"


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_public_is_there(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__doc__
    assert [name for name in module.__all__ if getattr(module, name, None) is None] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_not_public_is_no_attribute(package: str) -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = importlib.import_module(package).nothing


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment into which the wheel was installed, beside the libraries of this one."""
    if find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed")
    folder = tmp_path_factory.mktemp("user")
    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)
    venv.create(folder / "venv", with_pip=False)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries))
    return folder / "venv/bin/python"


def checked(program: str, installed: Path) -> str:
    """Return what mypy says of a user's program, in strict mode."""
    folder = installed.parents[2]
    (folder / "user.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(installed), "user.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_a_typed_program_of_a_user_is_checked_against_the_wheel(installed: Path) -> None:
    assert checked(USER, installed) == "Success: no issues found in 1 source file\n"


def test_a_wrong_program_of_a_user_is_found(installed: Path) -> None:
    assert 'has type "str", variable has type "int"' in checked(WRONG, installed)
