"""The settings file that is written beside the results: the options, and what the numbers were made with and from."""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from mer.errors import MerError
from mer.files import from_toml
from realtime.config import PROVENANCE, toml
from realtime.output.explain import EXPLAIN_CSV
from realtime.study.analysis import Watched
from realtime.study.design import FIRST

STUDY_TOML: Final = "study.toml"
_SHAPING: Final = ("mer-live", "numpy", "scipy")
"""Packages that the numbers depend on, beside what replayed the recordings."""
_HEAD: Final = (
    "# Settings of mer-study; `mer-study --config THIS-FILE --out ANOTHER-FOLDER`, in the folder it was run in, gives\n"
    "# the same tables again, and says what differs from what is written under [provenance].\n"
)


def provenance(design: Path, watched: Sequence[Watched]) -> dict[str, str]:
    """Return versions and hashes (SHA-256) of everything that the numbers were made from.

    Args:
        design: The table of the study.
        watched: Its rows.
    """
    made = {"python": platform.python_version(), **{name: version(name) for name in _SHAPING}}
    made["study"] = _sha256(design)
    for one in watched:
        name = one.part.recording if one.part.person == FIRST else f"{one.part.recording} person {one.part.person}"
        made[f"results {name}"] = one.result.sha256
        if one.frames is not None:
            made[f"frames {name}"] = _sha256(one.result.folder / EXPLAIN_CSV)
    return made


def settings_text(options: Mapping[str, Any], made: Mapping[str, str]) -> str:
    """Return the content of the settings file.

    Args:
        options: Long names without dashes to values, as `--config` reads them.
        made: See `provenance`.
    """
    lines = [f"{name} = {toml(value)}\n" for name, value in options.items()]
    table = [f"{toml(name)} = {toml(value)}\n" for name, value in made.items()]
    return "".join([_HEAD, *lines, f"\n[{PROVENANCE}]\n", *table])


def differences(earlier: Path, made: Mapping[str, str]) -> list[str]:
    """Return what differs from what an earlier settings file says, one sentence each.

    Raises:
        MerError: If the file cannot be read.
    """
    try:
        then = from_toml(earlier.read_text(encoding="utf-8")).get(PROVENANCE, {})
    except (OSError, ValueError) as error:
        raise MerError(f"{earlier} cannot be read ({error}); give the {STUDY_TOML} of an earlier study") from error
    if not isinstance(then, dict):
        return []
    found = []
    for name in dict.fromkeys((*then, *made)):
        if then.get(name) == made.get(name) or not then:
            continue
        if name in made and name in then:
            shown = json.dumps([str(then[name])[:12], made[name][:12]], ensure_ascii=False, allow_nan=False)
            found.append(f"{name} has changed: {shown}")
        else:
            found.append(f"{name} is {'new' if name in made else 'missing'}")
    return found


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise MerError(f"{path} cannot be read ({error.strerror}); may you open it?") from error
