"""Options from a TOML file, and options written to one: `--config` and `--save-config`.

A file holds long option names without their dashes: `camera = "0"`, `fps = 60`, `no-overlay = true`. What the
command line says wins. Relative paths are those of the current folder, as on the command line.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mer.errors import MerError, UsageError
from mer.files import from_toml
from mer.media.source_name import holds_secret

PROVENANCE: Final = "provenance"
"""Table of a file that `mer-study` wrote: what its numbers were made from, not options."""
_NOT_IN_FILES: Final = frozenset({"help", "version", "config", "save-config", "completion", "list-cameras"})


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line together with the file that its `--config` names.

    Errors end the program like those of argparse, with exit code 2.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        return parser.parse_args(_with_file(parser, given))
    except UsageError as error:
        parser.error(str(error))


def chosen(parser: argparse.ArgumentParser, args: argparse.Namespace) -> dict[str, Any]:
    """Return the options that differ from their defaults, by long name without dashes, in order of the names."""
    values = {}
    for name, action in reversed(_options(parser).items()):
        value = getattr(args, action.dest, None)
        if value is not None and value != action.default and action.nargs != 0:
            values[action.dest] = (name, value)
        elif value is True and action.nargs == 0:
            values[action.dest] = (name, True)
    return dict(sorted(values.values()))


def save(parser: argparse.ArgumentParser, args: argparse.Namespace, path: Path) -> list[str]:
    """Write the options that differ from their defaults to a new TOML file, but none that holds a password.

    Args:
        parser: What parsed them.
        args: The options.
        path: Must not exist yet.

    Returns:
        Names of the options that were left out because of what is secret in them.

    Raises:
        MerError: If it exists or cannot be written.
    """
    options = chosen(parser, args)
    left_out = [name for name, value in options.items() if isinstance(value, str) and holds_secret(value)]
    text = "".join(f"# {name} was left out: it holds a password or token\n" for name in left_out)
    text += "".join(f"{name} = {toml(value)}\n" for name, value in options.items() if name not in left_out)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise MerError(f"{path} exists already; remove it, or give another --save-config") from error
    except OSError as error:
        raise MerError(f"{path} cannot be written ({error.strerror}); give another --save-config") from error
    return left_out


def _with_file(parser: argparse.ArgumentParser, given: list[str]) -> list[str]:
    """Return the command line with the options of the file after it, but for those that it has itself."""
    path = _config_path(given)
    if path is None:
        return given
    by_string = parser._option_string_actions
    said = {by_string[token.split("=")[0]].dest for token in given if token.split("=")[0] in by_string}
    options = _options(parser)
    added: list[str] = []
    for key, value in _read(path).items():
        if key == PROVENANCE and isinstance(value, dict):
            continue
        action = options.get(key.replace("_", "-"))
        if action is None:
            raise UsageError(
                f"{path} has {key!r}, which is not an option; expected one of {', '.join(sorted(options))}"
            )
        if action.dest not in said:
            added += _tokens(path, key, value, action)
    end = given.index("--") if "--" in given else len(given)
    return [*given[:end], *added, *given[end:]]


def _config_path(given: Sequence[str]) -> Path | None:
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--config", type=Path)
    try:
        found, _ = finder.parse_known_args(list(given))
    except argparse.ArgumentError:  # said better by the program's own parser
        return None
    path: Path | None = found.config
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = from_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {path} cannot be read ({error.strerror}); give a TOML file") from error
    except ValueError as error:  # also for what is no UTF-8
        raise UsageError(f"--config {path} is not TOML: {error}; write lines such as fps = 60") from error
    return values


def _options(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Return the options by their long names without dashes."""
    found = {}
    for string, action in parser._option_string_actions.items():
        name = string[2:]
        if string.startswith("--") and name not in _NOT_IN_FILES:
            found[name] = action
    return found


def _tokens(path: Path, key: str, value: object, action: argparse.Action) -> list[str]:
    option = f"--{key.replace('_', '-')}"
    if isinstance(value, bool) and (action.nargs in (0, "?") or action.const is not None):
        return [option] if value else []
    if action.nargs == 0 or isinstance(value, (bool, dict)):
        expected = "true or false" if action.nargs == 0 else "a value, such as a text or a number"
        raise UsageError(f"{path} has {key} = {_shown(value)}; give {expected}")
    if isinstance(value, list):
        if action.nargs not in ("+", "*"):
            raise UsageError(f"{path} has a list for {key}; give one value")
        return [option, *map(str, value)]
    return [f"{option}={value}"]


def _shown(value: object) -> str:
    return "[...]" if isinstance(value, (dict, list)) else json.dumps(value, default=str)


def toml(value: object) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)
