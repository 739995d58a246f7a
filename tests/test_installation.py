"""What mer-doctor says about packages that do not fit, are broken or lack system libraries."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mer.missing import SYSTEM
from realtime.commands import installation

ROOT = Path(__file__).parent.parent


def with_versions(monkeypatch: pytest.MonkeyPatch, **versions: str) -> list[installation.Finding]:
    found = {name.replace("_", "-"): number for name, number in versions.items()}
    monkeypatch.setattr(installation, "_version", lambda name: found.get(name, ""))
    return [finding for finding in installation.look() if finding.topic == "OpenCV packages"]


def test_two_opencv_packages_of_different_versions_are_broken_and_the_remedy_is_one_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (found,) = with_versions(monkeypatch, opencv_python="5.0.0.93", opencv_contrib_python="5.1.0.95")
    assert found.state == "broken"
    assert "opencv-python 5.0.0.93, opencv-contrib-python 5.1.0.95" in found.found
    assert found.advice.endswith("--no-deps opencv-python==5.0.0.93 opencv-contrib-python==5.0.0.93")


def test_two_opencv_packages_of_one_version_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = with_versions(monkeypatch, opencv_python="5.0.0.93", opencv_contrib_python="5.0.0.93")
    assert found.state == "works"


def test_one_opencv_package_is_not_worth_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_versions(monkeypatch, opencv_python="4.13.0.92") == []


@pytest.mark.parametrize(
    "content",
    [
        "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')",
        "raise AttributeError('module cv2 has no attribute gapi')",
        "",
    ],
    ids=["library", "attribute", "empty"],
)
def test_a_broken_cv2_is_a_finding_and_no_crash(content: str, tmp_path: Path) -> None:
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2/__init__.py").write_text(content + "\n")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from realtime.commands.doctor import main; sys.exit(main(['--json']))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert answer.returncode == 1, answer.stderr
    told = json.loads(answer.stdout)
    assert told["ready"] is False
    assert {finding["topic"]: finding["state"] for finding in told["findings"]}["OpenCV"] == "broken"


def test_a_missing_cv2_is_a_finding_and_no_crash() -> None:
    program = (
        "import sys; sys.modules['cv2'] = None\nfrom realtime.commands.doctor import main; sys.exit(main(['--json']))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (answer.returncode, answer.stderr) == (1, "")


@pytest.mark.parametrize("hidden", sorted(SYSTEM))
def test_a_system_library_that_is_missing_is_named_with_its_package(hidden: str) -> None:
    def load(name: str) -> None:
        if name == hidden:
            raise OSError(f"{name}: cannot open shared object file: No such file or directory")

    found = installation.system_libraries(load)
    assert (found.state, found.found) == ("broken", f"{hidden} cannot be loaded")
    assert SYSTEM[hidden] in found.advice


def test_the_readme_names_every_system_package() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {package for package in SYSTEM.values() if package not in text} == set()
