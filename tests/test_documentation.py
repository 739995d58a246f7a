"""Every command and example of the documentation works: it is run, or stands with its reason in a list."""

import argparse
import importlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import documentation
import forked
import pytest
from documentation import LANGUAGES, NOT_RUN, PAGES, ROOT, bare, blocks, commands, reason_not_to_run, shorter
from mjpeg_server import serve

from mer.synthesise import main as synthesise
from realtime import config
from realtime.commands import live

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EVERYTHING = [command for page in PAGES for command in commands(page)]
NEEDS = {
    "mer-train": "torch",
    "mer-build-trt": "tensorrt_rtx",
    "--cluster local": "ray",
    "--lsl": "pylsl",
    "eaf": "pympi",
    "engines.export": "onnx",
}
LSL_ON_LOOPBACK = "[ports]\nIPv6 = disable\n[multicast]\nResolveScope = machine\n[lab]\nKnownPeers = {127.0.0.1}\n"
PATIENCE_S = 600.0
SIMPLE = re.compile(r"mer-[\w-]+( +(\$STREAM|[\w./:=,+-]+))*")
"""A command in which a shell has nothing to do but to fill in the address of the camera."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


WITH_COMMANDS = [page for page in PAGES if any(not reason_not_to_run(command) for command in commands(page))]
WITH_PYTHON = [page for page in PAGES if any(block.language == "python" for block in blocks(page))]
WITH_TOML = [page for page in PAGES if any(block.language == "toml" for block in blocks(page))]
EVALUATION = "docs/evaluation"


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of a face with one micro-expression."""
    path = tmp_path_factory.mktemp("documentation") / "recording.mp4"
    short = ("--fps", "60", "--seconds", "4", "--n-events", "1", "--size", "320x240", "--distractors", "none")
    assert synthesise(["recording", str(path), *short]) == 0
    return path


@pytest.fixture(scope="session")
def stream(recording: Path) -> Iterator[str]:
    """The address of that face as Motion JPEG, a camera that never ends."""
    with serve(documentation.face_pictures(recording), fps=30.0, rounds=20) as url:
        yield url


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's home folder. All pages share it, so that a command that several of them name is run once."""
    path = tmp_path_factory.mktemp("home")
    (path / "lsl_api.cfg").write_text(LSL_ON_LOOPBACK)
    (path / "work").mkdir()
    return path


@pytest.fixture(scope="session")
def already_run() -> set[str]:
    """Commands, as they are run, that have worked in that home."""
    return set()


@pytest.fixture(scope="session")
def environment(home: Path, stream: str) -> dict[str, str]:
    """Of a shell with our programs in its path and a camera."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "LSLAPICFG": str(home / "lsl_api.cfg"),
        "STREAM": stream,
    }


@pytest.mark.timeout(3600)  # a page holds up to a dozen commands, and the machine may be busy
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_the_commands_of_a_page_work_one_after_the_other(
    page: Path, recording: Path, environment: dict[str, str], home: Path, already_run: set[str]
) -> None:
    wanted = [command for command in commands(page) if not reason_not_to_run(command)]
    for words, module in NEEDS.items():
        if any(words in command for command in wanted):
            pytest.importorskip(module, reason=f"{module} is not installed")
    folder = home / "work"
    documentation.prepare(folder, page.read_text(encoding="utf-8"), recording)
    for command in wanted:
        run = shorter(command)
        if run in already_run:
            continue
        endless = run.startswith("mer-live") and not re.search("--save-config|--completion", run)
        # Each program is started as users do once; later it is spared loading its libraries again.
        again = SIMPLE.fullmatch(run) and run.split(" ")[0] in {earlier.split(" ")[0] for earlier in already_run}
        code, output = (forked_and_watched if again else watched if endless else finished)(run, folder, environment)
        expected = 130 if endless else 0
        assert code == expected, f"{command}\nwas run as\n{run}\n{output}"
        assert "Traceback" not in output
        already_run.add(run)


def finished(command: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a command to its end; return its exit code and all that it said."""
    ended = subprocess.run(
        ["bash", "-uc", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    return ended.returncode, ended.stdout


def watched(command: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a live session until it has found the face, then press Ctrl-C; return as `finished` does."""
    with subprocess.Popen(
        ["bash", "-uc", f"exec {command}"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        output = ""
        for line in process.stdout:
            output += line
            if "face found" in line:
                process.send_signal(signal.SIGINT)
        return process.wait(PATIENCE_S), output


def forked_and_watched(command: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Do as `finished` and `watched`, without a shell and without the start of Python."""

    def interrupt(line: str, process: int) -> None:
        if command.startswith("mer-live") and "face found" in line:
            os.kill(process, signal.SIGINT)

    script, *arguments = command.replace("$STREAM", environment["STREAM"]).split()
    entry = PROJECT["scripts"][script]
    return forked.run(entry, arguments, folder, environment, on_line=interrupt, patience_s=PATIENCE_S)


class Accepted(BaseException):
    """The program has understood its options and would start."""


@pytest.mark.parametrize("command", [c for c in map(bare, EVERYTHING) if c.startswith("mer-") and reason_not_to_run(c)])
def test_a_command_that_is_not_run_is_accepted_at_least(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self: argparse.ArgumentParser, *given: Any, **named: Any) -> Any:
        parse(self, *given, **named)
        raise Accepted

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    script, *options = command.split(" ")
    module, function = PROJECT["scripts"][script].split(":")
    with pytest.raises(Accepted):
        getattr(importlib.import_module(module), function)(options)


def test_make_demo_finds_what_the_documents_say(tmp_path: Path, environment: dict[str, str]) -> None:
    """With the environment that is there in place of the one it installs."""
    folder = tmp_path / "checkout"
    (folder / ".venv").mkdir(parents=True)
    (folder / ".venv/bin").symlink_to(Path(sys.executable).parent)
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "lock-core.txt"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
        os.utime(folder / name, (0, 0))  # older than the installation
    (folder / ".venv/.core-installed").touch()
    code, output = finished("make demo", folder, environment)
    assert code == 0, output
    page = (ROOT / EVALUATION / "index.md").read_text()
    [said] = re.findall(r"\| `make demo` .*\| (\d+ of \d+ found, .* false) \|", page)
    [printed] = re.findall(r"\d+ of \d+ found.* false", output)
    assert printed.replace(" (IoU >= 0.5)", "") == said


def test_the_figures_of_the_readme_stand_beside_their_commands() -> None:
    """Those of more than one digit."""
    table = (ROOT / "README.md").read_text().split("## How well it works")[1].split("## What it cannot do")[0]
    results = [line.split("|")[3] for line in table.splitlines() if line.startswith("|")][2:]
    shown = [re.findall(r"(?<![\d,.])[\d,.]*\d[\d,.]*\d", result) for result in results]
    assert len(shown) == 5
    assert all(shown)
    pages = "\n".join(page.read_text() for page in sorted((ROOT / EVALUATION).glob("*.md")))
    there = set(re.findall(r"[\d,.]*\d", pages))
    assert {figure for figures in shown for figure in figures} - there == set()


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_the_python_examples_of_a_page_work(
    page: Path, recording: Path, environment: dict[str, str], home: Path
) -> None:
    folder = home / "work"
    documentation.prepare(folder, page.read_text(encoding="utf-8"), recording)
    for program in documentation.python_examples(page):
        ended = subprocess.run(
            [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("page", WITH_TOML, ids=name_of)
def test_settings_in_the_documentation_are_accepted(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.language == "toml":
            (tmp_path / "a.toml").write_text(block.text)
            args = config.parse(live._parser(), ["--config", str(tmp_path / "a.toml")])
            assert {name: getattr(args, name.replace("-", "_")) for name in tomllib.loads(block.text)} == tomllib.loads(
                block.text
            )


def test_the_documentation_names_every_program() -> None:
    named = {bare(command).split(" ")[0] for command in EVERYTHING}
    assert set(PROJECT["scripts"]) - named == set()


def test_no_command_hides_in_a_block_of_another_kind() -> None:
    assert {block.language for page in PAGES for block in blocks(page)} <= set(LANGUAGES)


@pytest.mark.parametrize("pattern", NOT_RUN)
def test_what_is_not_run_is_still_documented(pattern: str) -> None:
    assert any(re.fullmatch(pattern, bare(command)) for command in EVERYTHING)


@pytest.mark.parametrize(
    "extra", sorted(set(re.findall(r"mer-live\[(\w+)\]", "\n".join(p.read_text() for p in PAGES))))
)
def test_a_documented_extra_exists(extra: str) -> None:
    assert extra in PROJECT["optional-dependencies"]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text()))))
def test_a_documented_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "script", sorted(set(re.findall(r"\btests/benchmarks/(\w+\.py)", "\n".join(p.read_text() for p in PAGES))))
)
def test_a_benchmark_that_is_named_exists(script: str) -> None:
    assert (ROOT / "tests" / "benchmarks" / script).is_file()


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`(?:tests/)?(test_\w+\.py)`", "\n".join(p.read_text() for p in PAGES))))
)
def test_a_test_that_is_named_exists(name: str) -> None:
    assert (ROOT / "tests" / name).is_file()
