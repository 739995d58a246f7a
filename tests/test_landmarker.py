"""mediapipe's process: what it finds, that it may die, that nothing is left of it. With the real library."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from mer.errors import MerError
from mer.face import geometry, landmarker
from mer.face.landmarker import MAX_DEATHS, Borrowed, Landmarker, detect_once

PORTRAIT = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
ROOT = Path(__file__).parent.parent


@pytest.fixture
def finder() -> Any:
    with Landmarker() as finder:
        yield finder


def kill(finder: Any) -> None:
    """End mediapipe's process and return once it is gone."""
    finder.wait()
    gone = os.pidfd_open(finder.pid)
    os.kill(finder.pid, signal.SIGKILL)
    select.select([gone], [], [])
    os.close(gone)


def test_a_face_is_found_where_it_is(finder: Any) -> None:
    (mesh,) = finder.detect(PORTRAIT, 0.0)

    right, left = geometry.eye_centres(mesh)
    assert mesh.shape == (478, 3)
    assert right == pytest.approx([204, 102], abs=4)
    assert left == pytest.approx([245, 104], abs=4)


def test_pictures_may_grow_and_shrink(finder: Any) -> None:
    large = cv2.resize(PORTRAIT, (1024, 1024))

    eyes = [geometry.inter_ocular_px(finder.detect_still(picture)[0]) for picture in (PORTRAIT, large, PORTRAIT)]

    assert eyes[0] == eyes[2] == pytest.approx(eyes[1] / 2, rel=0.02)


def test_a_still_picture_leaves_no_trace_in_those_that_follow_one_another() -> Any:
    def meshes(*, between: bool) -> Any:
        with Landmarker() as finder:
            found = []
            for index in range(6):
                found += finder.detect(np.roll(PORTRAIT, index, axis=1), index / 10)
                if between:
                    finder.detect_still(np.ascontiguousarray(PORTRAIT[:, ::-1]))
        return np.array(found)

    assert np.array_equal(meshes(between=True), meshes(between=False))


def test_recordings_that_borrow_a_landmarker_get_what_a_fresh_one_finds() -> Any:
    def meshes(finder: Any, shift: Any) -> Any:
        return np.array([finder.detect(np.roll(PORTRAIT, shift + k, axis=1), k / 30)[0] for k in range(4)])

    with Landmarker() as fresh:
        alone = meshes(fresh, 0)
    with Landmarker() as shared:
        pid = shared.pid
        before = Borrowed(shared)
        meshes(before, 60)
        before.close()
        again = meshes(Borrowed(shared), 0)

        assert shared.pid == pid
    assert np.array_equal(alone, again)


def test_a_picture_with_too_many_pixels_is_averaged_down(finder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = finder.detect_still(PORTRAIT)[0]
    monkeypatch.setattr(landmarker, "MAX_PIXELS", 100_000)

    reduced = finder.detect_still(PORTRAIT)[0]

    assert not np.array_equal(reduced, usual)
    assert reduced == pytest.approx(usual, abs=3.0)


def test_when_mediapipe_dies_the_picture_has_no_face_and_the_next_one_has(finder: Any) -> None:
    kill(finder)

    assert finder.detect(PORTRAIT, 0.0) == []
    assert finder.news() == ("the face landmarker was ended by signal 9 and was started again",)
    assert len(finder.detect(PORTRAIT, 0.1)) == 1
    assert finder.news() == ()


def test_a_mediapipe_that_dies_again_and_again_is_an_error(finder: Any) -> None:
    for _ in range(MAX_DEATHS):
        kill(finder)
        assert finder.detect(PORTRAIT, 0.0) == []
    kill(finder)

    with pytest.raises(MerError, match=r"died 4 times within 10 s .* was ended by signal 9"):
        finder.detect(PORTRAIT, 0.0)


def test_closing_ends_the_process_and_can_be_done_twice() -> None:
    finder = Landmarker()
    finder.wait()
    gone = os.pidfd_open(finder.pid)

    finder.close()
    finder.close()

    assert select.select([gone], [], [], 0)[0]
    os.close(gone)


def test_the_process_ends_when_its_parent_is_killed() -> None:
    program = (
        "from mer.face.landmarker import Landmarker\nf = Landmarker()\nf.wait()\nprint(f.pid, flush=True)\ninput()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with parent:
        assert parent.stdout is not None
        gone = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()

    assert select.select([gone], [], [], 60.0)[0]
    os.close(gone)


def test_the_keys_of_a_terminal_do_not_reach_the_process(finder: Any) -> None:
    assert os.getsid(finder.pid) != os.getsid(0)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc, which tells a process's environment")
def test_all_connections_of_the_process_are_led_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "play.googleapis.com")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")

    with Landmarker() as finder:
        finder.wait()
        content = Path(f"/proc/{finder.pid}/environ").read_bytes().decode()

    environment = dict(line.split("=", 1) for line in content.split("\0") if line)
    proxies = {name: value for name, value in environment.items() if name.lower().endswith("_proxy")}
    assert set(proxies.values()) == {"http://127.0.0.1:9"}
    assert {"http_proxy", "https_proxy", "HTTPS_PROXY"} <= set(proxies)
    assert os.environ["HTTPS_PROXY"] == "http://proxy.example:3128"


def test_it_works_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "numpy.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(tmp_path)

    assert detect_once(PORTRAIT) is not None


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (
            "raise OSError('libEGL.so.1: cannot open shared object file: No such file or directory')",
            r"needs the system library libEGL\.so\.1, which is missing; install it .*apt install libegl1 libgles2",
        ),
        ("raise ModuleNotFoundError(\"No module named 'mediapipe'\")", "is not installed; `pip install mediapipe`"),
        ("Image = 1", "cannot be started .ImportError: .*--force-reinstall mediapipe"),
        ("import os; os.abort()", "was ended by signal 6 as it started; .*--force-reinstall mediapipe"),
    ],
    ids=["no EGL", "not installed", "broken", "crash"],
)
def test_what_keeps_mediapipe_from_starting_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, words: Any
) -> None:
    (tmp_path / "mediapipe.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)

    with Landmarker() as finder, pytest.raises(MerError, match=words) as caught:
        finder.wait()

    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc, which tells what is open")
def test_pictures_in_memory_are_freed() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        assert detect_once(PORTRAIT) is not None

    assert len(list(Path("/proc/self/fd").iterdir())) == before
