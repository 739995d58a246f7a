"""The parsers of all commands, as their own `main` makes them; run as a program, prints options with two meanings."""

import argparse
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from test_house import PROJECT

from mer.parser import Parser

ALSO = ("engines.export", "realtime.spotting.training.command")
"""Modules with a command line that is not installed as a script."""


class _Made(BaseException):
    """The command has made its parser."""

    def __init__(self, parser: Parser) -> None:
        super().__init__()
        self.parser = parser


def _main(module: str) -> Any:
    return importlib.import_module(module).main


def root_parsers() -> list[Parser]:
    """Return the parser of each command."""
    scripts = PROJECT["project"]["scripts"].values()
    start = importlib.import_module("realtime.start")
    modules = [getattr(start, script.split(":")[1]).args[1] for script in scripts]
    parse = argparse.ArgumentParser.parse_args

    def stop(self: Parser, *_given: object, **_named: object) -> Any:
        raise _Made(self)

    found = []
    argparse.ArgumentParser.parse_args = stop  # type: ignore[assignment, method-assign]
    try:
        for module in (*modules, *ALSO):
            try:
                _main(module)([])
            except _Made as made:
                found.append(made.parser)
    finally:
        argparse.ArgumentParser.parse_args = parse  # type: ignore[method-assign]
    return found


def leaves(parser: Parser) -> Iterator[Parser]:
    """Yield a parser, or those of its subcommands."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for group in groups:
        for below in group.choices.values():
            yield from leaves(below)
    if not groups:
        yield parser


def actions(parser: Parser) -> list[argparse.Action]:
    """Return the options and arguments of a parser but for --help."""
    return [action for action in parser._actions if action.dest != "help"]


def long_name(action: argparse.Action) -> str:
    """Return the long name of an option, or the metavar of an argument."""
    return next((name for name in action.option_strings if name.startswith("--")), str(action.metavar or action.dest))


def meaning(action: argparse.Action) -> str:
    """Return the help of an option without its default and the choices of a command."""
    return re.sub(r" ?\(default: .*\)$", "", action.help or "").strip()


def meanings(parsers: Sequence[Parser]) -> dict[str, dict[str, str]]:
    """Return what each option means, by its name and the command."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for parser in parsers:
        for action in actions(parser):
            if action.option_strings:
                found[long_name(action)][parser.prog] = meaning(action)
    return found


def main() -> None:
    """Print how many options have two meanings, and which."""
    found = meanings([leaf for root in root_parsers() for leaf in leaves(root)])
    double = {name: texts for name, texts in found.items() if len(set(texts.values())) > 1}
    print(f"{len(found)} options, {len(double)} with two meanings")
    for name, texts in sorted(double.items()):
        print(name, *(f"  {program}: {text}" for program, text in texts.items()), sep="\n")


if __name__ == "__main__":
    main()
