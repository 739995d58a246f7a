"""Every command in the documentation is one that its program accepts."""

import argparse
import importlib
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
PAGES = sorted(
    p for top in (".", "mer", "engines", "realtime") for p in (ROOT / top).glob("**/*.md" if top != "." else "*.md")
)
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Return (page, command line) of every line that calls one of our programs, in order."""
    found = []
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r"; do |; |\| ", line):
                    words = part.strip().removeprefix(".venv/bin/")
                    if words.split(" ")[0] in SCRIPTS:
                        found.append((str(page.relative_to(ROOT)), words))
    return found


class Accepted(Exception):
    """The program has understood its options and would start."""


def test_the_documentation_names_every_program() -> None:
    assert {command.split(" ")[0] for _, command in commands()} == set(SCRIPTS)


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_documented_command_is_accepted(
    page: str, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "lab.toml").write_text('camera = "0"\n')  # what --save-config writes in the line before
    monkeypatch.chdir(tmp_path)
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self: argparse.ArgumentParser, *given: Any, **named: Any) -> Any:
        parse(self, *given, **named)
        raise Accepted

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    script, *options = shlex.split(command, comments=True)
    module, function = SCRIPTS[script].split(":")
    with pytest.raises(Accepted):
        getattr(importlib.import_module(module), function)([re.sub(r"\$\w+", "1", option) for option in options])


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text()))))
def test_a_documented_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
