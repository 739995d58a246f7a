"""PyPI has a distribution `realtime`, a database client, whose package takes this one's folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from realtime import namesake

ROOT = Path(__file__).parent.parent


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder of packages as pip leaves it when mer-live is installed first and `realtime` after it."""
    for package in ("mer", "engines", "realtime"):
        ignored = shutil.ignore_patterns("__pycache__", "*.png", "*.svg", "*.md")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    (tmp_path / "realtime/__init__.py").write_text("class AsyncRealtimeClient:\n    pass\n")
    (tmp_path / "realtime-2.7.0.dist-info").mkdir()
    return tmp_path


def python(site: Path, program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=site,
        check=False,
        env=os.environ | {"PYTHONPATH": str(site)},
    )


def test_a_command_says_that_its_package_was_overwritten(site: Path) -> None:
    answer = python(site, "from realtime.start import doctor; doctor(['--json'])")
    assert "the distribution realtime-2.7.0, another program's" in answer.stderr
    assert "environment of its own" in answer.stderr
    assert '"package realtime"' in answer.stdout


def test_importing_this_package_beside_the_other_warns(site: Path) -> None:
    shutil.copy(ROOT / "realtime/__init__.py", site / "realtime")  # mer-live was installed last
    answer = python(site, "import realtime; print('events' in realtime.__all__)")
    assert "RuntimeWarning: the distribution realtime-2.7.0" in answer.stderr
    assert answer.stdout.strip() == "True"


def test_what_the_other_leaves_behind_is_noticed(site: Path) -> None:
    shutil.rmtree(site / "realtime-2.7.0.dist-info")
    (site / "realtime/__init__.py").unlink()  # as `pip uninstall realtime` does
    alone = f"import sys; sys.path = [path for path in sys.path if path != {str(ROOT)!r}]\n"
    answer = python(site, alone + "from realtime.start import doctor; doctor(['--json'])")
    assert "is not the one of mer-live; install it again" in answer.stderr


def test_a_package_on_its_own_has_no_problem() -> None:
    assert namesake.problem() == ""
