"""The rules of who may import whom, held by reading the code and by starting it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from circles import tree

ROOT = Path(__file__).parent.parent
STARTING = (
    "realtime.commands.live",
    "realtime.commands.replay",
    "mer.preprocess",
    "mer.sampling",
    "mer.messages",
    "mer.labels",
    "mer.media.video",
    "mer.face.tracker",
    "mer.synthesise",
    "engines.select",
)
MAX_MODULES = 900
"""Loaded by all of these together, the libraries' own included: about 800 when this was written."""
MAX_MODULES_OF_MER_LIVE = 680
"""Likewise, 633 when this was written: its start is what a user waits for."""


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def offenders(packages: tuple[str, ...], forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in packages
        for path in modules(package)
        for name in imported(path)
        if any(name == root or name.startswith(f"{root}.") for root in forbidden)
    ]


def test_there_is_something_to_look_at() -> None:
    assert all(len(modules(package)) > 3 for package in ("mer", "engines", "realtime"))


def test_mer_imports_neither_engines_nor_realtime() -> None:
    assert offenders(("mer",), ("engines", "realtime")) == []


def test_engines_do_not_import_realtime() -> None:
    assert offenders(("engines",), ("realtime",)) == []


def test_tensorrt_is_imported_in_engines_only() -> None:
    assert offenders(("mer", "realtime"), ("tensorrt", "tensorrt_rtx", "cuda")) == []


def test_mediapipe_is_imported_in_its_own_process_only() -> None:
    found = offenders(("mer", "engines", "realtime"), ("mediapipe",))
    assert found != []
    assert all(line.startswith("mer/face/landmark_process.py ") for line in found)


def test_realtime_names_torch_only_where_the_spotter_is_trained() -> None:
    found = offenders(("realtime",), ("torch",))
    assert found
    assert all(line.startswith("realtime/spotting/training/") for line in found)


def test_nothing_that_runs_imports_the_training_of_the_spotter() -> None:
    found = offenders(("realtime", "engines", "mer"), ("realtime.spotting.training",))
    assert found
    assert all(line.startswith("realtime/spotting/training/") for line in found)


def test_what_runs_live_starts_without_heavy_libraries() -> None:
    heavy = ("torch", "onnx", "sklearn", "scipy", "skimage", "matplotlib", "mediapipe", "PIL", "ray", "tensorrt_rtx")
    program = f"import sys, importlib\nfor name in {STARTING}: importlib.import_module(name)\n"
    program += f"print([name for name in {heavy} if name in sys.modules], len(sys.modules) < {MAX_MODULES})"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert answer.stdout.strip() == "[] True"


def test_mer_live_shows_a_picture_before_it_loads_what_may_wait() -> None:
    late = ("email", "http.client", "importlib.metadata", "ssl", "urllib.request", "xml.etree", "unittest", "asyncio")
    program = "import sys, realtime.start, realtime.commands.live\n"
    program += f"print([name for name in {late} if name in sys.modules], len(sys.modules) < {MAX_MODULES_OF_MER_LIVE})"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert answer.stdout.strip() == "[] True"


@pytest.mark.parametrize("package", ["mer", "engines", "realtime"])
def test_every_folder_of_a_package_is_a_package(package: str) -> None:
    folders = {path.parent for path in modules(package)}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_importing_changes_nothing_in_the_process() -> None:
    program = (
        "import os, signal, sys, threading, cv2\n"
        "def state(): return (dict(os.environ), threading.active_count(), cv2.getNumThreads(),"
        " [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)])\n"
        "before = state()\n"
        "import realtime.recognition, realtime.commands.live, realtime.commands.replay\n"
        "import engines.evaluate, mer.synthesise\n"
        "print(state() == before)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert answer.stdout.strip() == "True"


OURS = "[name for name in sys.modules if name.split('.')[0] in ('mer', 'engines', 'realtime')]"


def loaded_by(program: str) -> list[str]:
    """Return the modules of ours that a program loads."""
    script = f"import sys\n{program}\nprint(*{OURS})"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    return answer.stdout.split()


def test_the_functions_of_the_library_load_nothing_before_they_are_called() -> None:
    assert len(loaded_by("from realtime import events, updates")) <= 10


def test_a_recording_loads_no_camera_no_screen_and_no_report() -> None:
    program = (
        "import realtime\n"
        "try: next(realtime.events('nothing.mp4'))\n"
        "except realtime.MerError: pass\n"
        "else: raise SystemExit('expected an error')"
    )
    loaded = loaded_by(program)
    assert "mer.media.video_file" in loaded
    backends = {path.stem for path in modules("realtime/capture/cameras")} - {"__init__", "base", "registry"}
    unwanted = ("realtime.screen", "realtime.output", "realtime.capture.stream")
    assert [name for name in loaded if name.startswith(unwanted)] == []
    assert [name for name in loaded if name.removeprefix("realtime.capture.cameras.") in backends] == []
