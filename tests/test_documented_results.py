"""What the documents show beside commands is what these print: each is run as it stands, on the small set it makes."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from documentation import PAGES, ROOT, bare, with_results

SHOWN = [(page.relative_to(ROOT).as_posix(), *block) for page in PAGES for block in with_results(page)]
RELATIVE, ABSOLUTE = 0.05, 0.02
"""Numbers with a decimal point may differ so far, those with a sign (errors in ms) by SIGNED, others not at all."""
SIGNED = 34  # two frames at 60 frames/s
_NUMBER = re.compile(r"(?<![\w.])[+-]?\d+(?:\.\d+)?(?![\w.]*\d)")
TRAINED = "docs/how-to/train.md"


def differs(shown: str, printed: str) -> bool:
    """Return whether a line is not what a page shows; frames of tables and widths of columns do not count."""
    pattern, texts, values = _NUMBER, [], []
    for line in (shown, printed):
        plain = " ".join(re.sub(r"[│┃|]", " ", line).split())
        values.append(pattern.findall(plain))
        texts.append(pattern.sub("#", plain))
    return texts[0] != texts[1] or any(_far(one, other) for one, other in zip(*values))


def _far(shown: str, printed: str) -> bool:
    if shown[0] in "+-":
        return abs(float(shown) - float(printed)) > SIGNED
    if "." in shown:
        return abs(float(shown) - float(printed)) > max(ABSOLUTE, RELATIVE * abs(float(shown)))
    return shown != printed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all blocks are run: a page goes on with what it has made."""
    return tmp_path_factory.mktemp("shown")


@pytest.fixture(scope="module")
def printed(folder: Path) -> list[str]:
    """What the commands of each block print."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "100", "XDG_CACHE_HOME": str(folder / "cache")}
    texts = []
    for _, commands, _ in SHOWN:
        ended = [
            subprocess.run(["bash", "-uc", bare(command)], cwd=folder, env=environment, capture_output=True, text=True)
            for command in commands
        ]
        assert [one.returncode for one in ended] == [0] * len(ended), "".join(one.stderr for one in ended)
        texts.append("\n".join(one.stdout for one in ended))
    return texts


@pytest.mark.parametrize(
    "number", range(len(SHOWN)), ids=[f"{page}-{number}" for number, (page, *_) in enumerate(SHOWN)]
)
def test_commands_print_what_the_page_shows(number: int, printed: list[str]) -> None:
    left = printed[number].splitlines()
    for line in SHOWN[number][2]:
        found = next((place for place, text in enumerate(left) if not differs(line, text)), None)
        assert found is not None, (
            f"the page shows\n{line}\nwhich is not printed, or not after the line before it:\n" + (printed[number])
        )
        left = left[found + 1 :]


@pytest.mark.usefixtures("printed")
def test_the_default_input_learns_what_the_page_says(folder: Path) -> None:
    said = re.search(r"so chance is (\d+) %\. .* reach (\d+) % on it", (ROOT / TRAINED).read_text().replace("\n", " "))
    assert said is not None
    chance, reached = (int(number) / 100 for number in said.groups())
    [metrics] = json.loads((folder / "runs/small/metrics.json").read_text())
    accuracy = metrics["figures"]["accuracy"]["value"]
    assert accuracy >= chance + 0.4
    assert accuracy == pytest.approx(reached, abs=0.13)  # one of eight clips, on another processor


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("a  1.00 +17 4 of 4", "│ a │ 0.97 │ +0 │ 4 of 4", False),
        ("a 1.00", "a 0.90", True),
        ("a +17", "a -33", True),
        ("4 of 4 found", "3 of 4 found", True),
        ("AU12 hit", "AU6 hit", True),
        ("fear 0.91", "anger 0.91", True),
    ],
)
def test_a_stale_line_is_told_from_a_fresh_one(shown: str, printed: str, expected: bool) -> None:
    assert differs(shown, printed) is expected


def test_there_are_shown_results() -> None:
    pages: Sequence[str] = [page for page, *_ in SHOWN]
    assert {"docs/tutorial.md", TRAINED} <= set(pages)
