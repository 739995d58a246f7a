"""GenTL producers: the libraries by which camera makers give access to their cameras, files ending in .cti."""

import os
import platform
import sys
from pathlib import Path
from typing import Final

from mer.errors import MerError

PATH_VARIABLE: Final = "GENICAM_GENTL64_PATH"
"""Folders with producers; makers' installers set it."""
_ELF: Final = b"\x7fELF"
_MACHINES: Final = {3: "x86", 40: "arm", 62: "x86_64", 183: "aarch64"}
"""e_machine of an ELF file's header, little-endian at byte 18, as `platform.machine` calls it."""


def producers(cti: Path | None) -> list[Path]:
    """Return the producers to load.

    Args:
        cti: The one that was named, None for all in the folders of PATH_VARIABLE.

    Raises:
        MerError: If there is none, or the one that was named is not one for this machine.
    """
    if cti is not None:
        _refuse_unloadable(cti)
        return [cti]
    folders = [Path(text) for text in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if text]
    found = [path for folder in folders for path in sorted(folder.glob("*.cti"))]
    if not found:
        where = f"the folders of {PATH_VARIABLE} hold none" if folders else f"{PATH_VARIABLE} is not set"
        raise MerError(
            f"no GenTL producer: {where}; install the camera maker's software, or give --cti FILE with its .cti file"
        )
    for path in found:
        _refuse_unloadable(path)
    return found


def _refuse_unloadable(path: Path) -> None:
    """Say in words why a producer cannot be loaded, before the loader says it in its own.

    Raises:
        MerError: If it does not exist or is for another system or processor.
    """
    try:
        with path.open("rb") as file:
            head = file.read(20)
    except OSError as error:
        raise MerError(
            f"the GenTL producer {path} cannot be read ({error.strerror}); give --cti the .cti file of the camera "
            "maker's software"
        ) from None
    if not sys.platform.startswith("linux"):
        return
    if head[:4] != _ELF or len(head) < 20:
        raise MerError(f"{path} is not a GenTL producer for Linux; install the maker's software for this system")
    machine = _MACHINES.get(int.from_bytes(head[18:20], "little"), "another processor")
    if machine != platform.machine():
        raise MerError(
            f"{path} is for {machine}, and this is {platform.machine()}; install the camera maker's software for this "
            "processor"
        )
