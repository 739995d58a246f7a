"""The cameras of this machine and what they offer (Linux; elsewhere systems name no devices)."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CLASS = Path("/sys/class/video4linux")
_DEVICES = Path("/dev")


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A video device.

    Attributes:
        device: Its path, to be given to `--camera`.
        name: As its driver calls it.
        readable: Whether this user may read it.
    """

    device: Path
    name: str
    readable: bool


def find(*, described: Path = _CLASS, devices: Path = _DEVICES) -> list[CameraDevice]:
    """Return the video devices by number.

    Args:
        described: Where the kernel describes them.
        devices: Where they are.
    """
    found = []
    numbered = [(int(path.name[5:]), path) for path in devices.glob("video*") if path.name[5:].isdigit()]
    for _, device in sorted(numbered):
        name = described / device.name / "name"
        text = name.read_text(encoding="utf-8", errors="replace").strip() if name.is_file() else "unnamed"
        found.append(CameraDevice(device, text, os.access(device, os.R_OK)))
    return found


def advice() -> str:
    """Return what to say to somebody whose camera cannot be opened."""
    found = find()
    if not found:
        return "no camera was found on this machine; connect one, or name a file or a stream address instead"
    named = ", ".join(f"{camera.device} ({camera.name})" for camera in found)
    return f"this machine has {named}; is another program using it? see mer-doctor"


def modes(device: Path) -> tuple[list[str], str]:
    """Ask a camera for its modes.

    Returns:
        Lines such as "MJPG 640x480, up to 90 fps", the fastest first, and advice where they could not be had.
    """
    try:
        from linuxpy.video.device import Device
    except ImportError:
        return [], "pip install 'mer-live[camera]' to see its modes"
    try:
        with Device(device) as camera:
            sizes = list(camera.info.frame_types)
    except (OSError, ValueError, AttributeError) as error:
        return [], f"its modes cannot be read ({error}); is another program using it?"
    return mode_lines(sizes), ""


def mode_lines(sizes: list[Any]) -> list[str]:
    """Return modes as text, each once, the fastest first; a device that captures nothing has none.

    Args:
        sizes: With pixel_format, width, height and max_fps each, as linuxpy's FrameType.
    """
    rates: dict[tuple[str, int, int], float] = {}
    for size in sizes:
        key = (size.pixel_format.name, int(size.width), int(size.height))
        rates[key] = max(rates.get(key, 0.0), float(size.max_fps))
    ordered = sorted(rates.items(), key=lambda item: (-item[1], -item[0][1]))
    return [f"{form} {width}x{height}, up to {rate:g} fps" for (form, width, height), rate in ordered]


def lines() -> list[str]:
    """Return the video devices and their modes, one a line, as `--camera` takes them."""
    said = []
    for camera in find():
        if not camera.readable:
            said.append(f"{camera.device}  {camera.name}: no permission to read it; add yourself to its group (video)")
            continue
        offered, advice_ = modes(camera.device)
        said.append(f"{camera.device}  {camera.name}{f' ({advice_})' if advice_ else ''}")
        said += [f"  {mode}" for mode in offered]
    return said
