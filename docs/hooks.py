"""Build hook of the documentation: puts the help of a command where a page says `{{ help mer-live }}`."""

import io
import os
import re
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import tomllib

_PLACE = re.compile(r"^\{\{ help (\S+)((?: \S+)*) \}\}$", re.MULTILINE)
_PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the text of a page with the help of its commands."""
    return _PLACE.sub(lambda place: f"```text\n{help_of(place[1], *place[2].split())}```", markdown)


def help_of(program: str, *subcommand: str) -> str:
    """Return what `PROGRAM SUBCOMMAND --help` prints in a terminal of 80 columns."""
    module, function = _PROJECT["scripts"][program].split(":")
    os.environ["COLUMNS"] = "80"
    printed = io.StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        getattr(import_module(module), function)([*subcommand, "--help"])
    return printed.getvalue()
