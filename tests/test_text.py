import csv
import io
import re

import pytest
from rich.table import Table
from test_imports import ROOT, modules

from mer.text import PlainConsole, cell, cell_value, csv_text, listed, printable

OSC_52 = "\x1b]52;c;aGk=\x07"


def shown(drawn: object, capsys: pytest.CaptureFixture[str]) -> str:
    PlainConsole(width=200).print(drawn)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OSC_52, "\\x1b]52;c;aGk=\\x07"),
        ("a\u202eb", "a\\u202eb"),
        ("a\x9b31m", "a\\x9b31m"),
        ("caf\udce9", "caf\\udce9"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("Gesichter, 顔 👀", "Gesichter, 顔 👀"),
    ],
)
def test_characters_that_act_are_escaped_and_others_are_not(text: str, expected: str) -> None:
    assert printable(text) == expected


@pytest.mark.parametrize("name", ["Talk [id].mp4", "[/y].mp4", "[bold]a[/bold].mp4", ":smile:.mp4"])
def test_a_console_shows_names_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert name in shown(name, capsys)
    table = Table("file", title=name)
    table.add_row(name)
    assert shown(table, capsys).count(name) == 2


def test_a_cell_of_a_table_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(f"head {OSC_52}", title=OSC_52)
    table.add_row(OSC_52)
    assert "\x1b]" not in shown(table, capsys)


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-x", "@SUM(A1)", "\t=1"])
def test_a_cell_cannot_be_a_formula(text: str) -> None:
    (row,) = csv.DictReader(io.StringIO(csv_text(["name"], [{"name": text}]), newline=""))
    assert row["name"] == f"'{text}"
    assert cell_value(row["name"]) == text


@pytest.mark.parametrize("value", [-1.5, "-1.5", "+3", "-1e-05", "a=b", "it's", "'quoted'", None, 7])
def test_numbers_and_other_text_stay(value: object) -> None:
    assert cell(value) == value


def test_a_cell_cannot_begin_a_line_of_its_own() -> None:
    assert csv_text(["name"], [{"name": "a\r=1+1"}]) == "name\na\\r=1+1\n"


def test_a_name_that_is_not_utf8_can_be_written() -> None:
    assert csv_text(["name"], [{"name": "caf\udce9"}]).encode() == b"name\ncaf\\udce9\n"


def test_a_long_list_is_cut_and_counted() -> None:
    assert listed([str(number) for number in range(20_000)])[-2:] == ["9", "and 19,990 more"]
    assert listed(["a", "b"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("what", "home"),
    [
        (r"(?<![\w.])(?:Plain)?Console\((?!quiet=True|\n|Console)", ("mer/terminal.py", "mer/text.py")),
        (r"csv\.(?:writer|DictWriter)\(", ("mer/text.py",)),
        (r"json\.loads?\(|tomllib\.loads?\(", ("mer/files.py",)),
        (r"TextColumn\((?!.*markup=False)", ("mer/synthesise.py",)),
        (r"(?<!\w)print_exc|traceback\.print", ()),
    ],
)
def test_what_leaves_or_enters_goes_through_one_function(what: str, home: tuple[str, ...]) -> None:
    paths = [path for package in ("mer", "engines", "realtime") for path in modules(package)]
    found = {path.relative_to(ROOT).as_posix() for path in paths if re.search(what, path.read_text(encoding="utf-8"))}
    assert found - set(home) == set()
