"""The documentation as a site: it builds without a warning, and a reader's browser fetches nothing from elsewhere."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import parsers
import pytest
from documentation import ROOT

PACKAGES = ("mer", "engines", "realtime")
MAX_README_WORDS = 700
LOADS = {
    "script": "src",
    "img": "src",
    "source": "src",
    "iframe": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
}
"""Elements that make a browser fetch an address, and where it stands. Links that are followed by a click are none."""


class Assets(HTMLParser):
    """Collects the addresses that a page makes a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and not {"canonical", "prev", "next", "alternate"} & set(given.get("rel", "").split()):
            self.found.append(given.get("href", ""))
        elif tag in LOADS:
            self.found.append(given.get(LOADS[tag], ""))


def is_elsewhere(address: str) -> bool:
    return re.match(r"(?:[a-z]+:)?//", address) is not None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return folder


def pages(site: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(site.rglob("*.html")):
        yield path.relative_to(site).as_posix(), path.read_text(encoding="utf-8")


def test_every_page_is_in_the_site(site: Path) -> None:
    written = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert {path for path in written if not (site / path).is_file()} == set()


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    for name, text in pages(site):
        assets = Assets()
        assets.feed(text)
        assert [address for address in assets.found if is_elsewhere(address)] == [], name


def test_no_style_fetches_anything_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.css"):
        found = re.findall(r"(?:url\(|@import )[\"']?([^\"')]+)", path.read_text(encoding="utf-8"))
        assert [address for address in found if is_elsewhere(address)] == [], path.name


def test_no_page_has_what_the_theme_would_fetch_a_library_for(site: Path) -> None:
    assert [name for name, text in pages(site) if re.search(r'class="[^"]*\b(?:mermaid|arithmatex)\b', text)] == []


def test_the_reference_shows_the_help_of_every_command(site: Path) -> None:
    text = (site / "reference/commands.html").read_text(encoding="utf-8")
    assert "{{" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    installed = [leaf for root in parsers.root_parsers() for leaf in parsers.leaves(root) if "-m" not in leaf.prog]
    assert text.count("show this help message and exit") == len(installed)


def test_the_readme_can_be_read_in_a_few_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= MAX_README_WORDS


def quoted_messages() -> list[str]:
    """Return the messages that the page of troubleshooting explains."""
    text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8").partition("## What you see")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]


@pytest.fixture(scope="module")
def said() -> str:
    """All that the program may say: its texts, with `...` for what is put into them."""
    texts = []
    for path in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                texts.append("".join(str(v.value) if isinstance(v, ast.Constant) else "..." for v in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


@pytest.mark.parametrize("message", quoted_messages())
def test_a_message_that_is_explained_is_one_of_the_program(message: str, said: str) -> None:
    parts = [part for part in message.split("...") if part.strip()]
    assert [part for part in parts if part.strip() not in said] == []
