"""Every option of every command: explained, with its default, one meaning for one name; examples that parse."""

import re
import shlex
from pathlib import Path

import parsers
import pytest

from mer.config import load_settings
from mer.parser import Parser, has_default, shown

ROOTS = {parser.prog: parser for parser in parsers.root_parsers()}
LEAVES = [leaf for root in ROOTS.values() for leaf in parsers.leaves(root)]
ALL = {parser.prog: parser for parser in (*ROOTS.values(), *LEAVES)}
OPTIONS = parsers.meanings(LEAVES)

each_parser = pytest.mark.parametrize("parser", LEAVES, ids=lambda parser: parser.prog)


def help_of(parser: Parser, monkeypatch: pytest.MonkeyPatch) -> str:
    """The help on one line for each option."""
    monkeypatch.setenv("COLUMNS", "100")
    return re.sub(r"\s+", " ", parser.format_help())


@each_parser
def test_every_option_is_explained(parser: Parser) -> None:
    assert [parsers.long_name(action) for action in parsers.actions(parser) if not action.help] == []


@each_parser
def test_every_default_is_shown(parser: Parser, monkeypatch: pytest.MonkeyPatch) -> None:
    text = help_of(parser, monkeypatch)
    for action in parsers.actions(parser):
        if has_default(action) and "(default: " not in str(action.help):
            assert f"(default: {shown(action.default)})" in text


@each_parser
def test_help_shows_no_value_of_python(parser: Parser, monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.findall(r"\bNone\b|==SUPPRESS==|PosixPath|\[\]|default: \)", help_of(parser, monkeypatch)) == []


@each_parser
def test_help_of_a_long_command_is_in_groups(parser: Parser) -> None:
    options = [action for action in parsers.actions(parser) if action.option_strings]
    assert len(options) <= 5 or len(parser._action_groups) >= 3


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_an_option_means_the_same_in_all_commands(name: str) -> None:
    assert len(set(OPTIONS[name].values())) == 1, OPTIONS[name]


@pytest.mark.parametrize("parser", ALL.values(), ids=lambda parser: parser.prog)
def test_help_ends_with_two_examples(parser: Parser) -> None:
    assert len(parser.examples) == 2
    assert parser.format_help().endswith("examples:\n  {}\n  {}\n".format(*parser.examples))


@pytest.mark.parametrize("example", sorted({example for parser in ALL.values() for example in parser.examples}))
def test_an_example_is_accepted(example: str) -> None:
    program = max((program for program in ROOTS if example.startswith(program)), key=len)
    ROOTS[program].parse_args(shlex.split(example.removeprefix(program)))


def test_options_are_not_abbreviated() -> None:
    with pytest.raises(SystemExit):
        ROOTS["mer-synth"].parse_args(["recording", "out.mp4", "--ampl", "1", "2"])


def test_a_file_of_training_settings_takes_the_long_names_of_options(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("halve-after = 2\n")
    assert load_settings(tmp_path / "settings.toml", {}).halve_after == 2
