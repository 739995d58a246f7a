"""What mer-doctor says about packages that do not fit, are broken or lack system libraries."""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mer.missing import SYSTEM
from realtime.commands import installation

ROOT = Path(__file__).parent.parent


def with_versions(monkeypatch: pytest.MonkeyPatch, **versions: str) -> list[installation.Finding]:
    found = {name.replace("_", "-"): number for name, number in versions.items()}
    monkeypatch.setattr(installation, "installed_version", lambda name: found.get(name, ""))
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


def hidden(library: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command where a system library is an empty file, as in a container that lacks it."""
    if os.geteuid() != 0:
        pytest.skip("this user is not root")
    ctypes.CDLL(library)
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").split()
    path = next(word for word in maps if Path(word).name.startswith(library))
    shell = 'mount --bind /dev/null "$1" || exit 99; shift; exec "$@"'
    answer = subprocess.run(
        ["unshare", "--mount", "sh", "-c", shell, "sh", path, *command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if answer.returncode == 99 or "unshare failed" in answer.stderr:
        pytest.skip("no mount namespace can be made here")
    return answer


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are of Linux")
@pytest.mark.parametrize("library", ["libEGL.so.1", "libGLESv2.so.2", "libGL.so.1", "libgthread-2.0.so.0"])
def test_mer_doctor_names_a_library_that_is_really_missing(library: str) -> None:
    answer = hidden(library, sys.executable, "-c", "from realtime.start import doctor; exit(doctor(['--json']))")
    assert answer.returncode == 1
    findings = {finding["topic"]: finding for finding in json.loads(answer.stdout)["findings"]}
    assert f"{library} cannot be loaded" in findings["system libraries"]["found"]
    assert "apt-get install" in findings["system libraries"]["advice"]


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are of Linux")
@pytest.mark.parametrize("command", ["live", "replay"])
def test_a_command_names_a_library_that_opencv_really_misses(command: str) -> None:
    program = f"from realtime import start; exit(start.{command}(['x.mp4']))"
    answer = hidden("libGL.so.1", sys.executable, "-c", program)
    assert answer.returncode == 1
    assert "needs the system library libGL.so.1" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_readme_names_every_system_package() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {package for package in SYSTEM.values() if package not in text} == set()
