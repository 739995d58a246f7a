"""The layout of the repository and the promises its files make to one another."""

import ast
import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from circles import circles, imports, modules, rooms, tree

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PACKAGES = ("mer", "engines", "realtime")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAX_LINES = 350
MAX_FUNCTION_LINES = 60
TOP_LEVEL = {
    "mer",
    "docs",
    "examples",
    "engines",
    "realtime",
    "tests",
    "mkdocs.yml",
    "pyproject.toml",
    "README.md",
    "Makefile",
    "LICENSE",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "constraints.txt",
    "lock-core.txt",
    "lock-all.txt",
}
TARGETS = ("help", "install", "demo", "test", "test-environments", "check", "docs", "coverage", "bench", "lock", "sbom")


def tracked() -> list[str]:
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no git checkout")
    answer = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=True)
    return answer.stdout.splitlines()


def test_the_top_level_stays_as_it_was_agreed() -> None:
    top = {name.split("/")[0] for name in tracked()}
    assert {name for name in top if not name.startswith(".")} <= TOP_LEVEL


@pytest.mark.parametrize("script", sorted(PROJECT["project"]["scripts"].items()), ids=lambda script: script[0])
def test_every_console_script_can_be_started(script: tuple[str, str]) -> None:
    module, function = script[1].split(":")
    main = getattr(importlib.import_module(module), function)
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0


def test_help_names_every_target() -> None:
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    answer = subprocess.run(["make", "help"], capture_output=True, text=True, cwd=ROOT, check=True)
    assert all(f"make {target}" in answer.stdout for target in TARGETS)


def test_the_core_does_without_torch_and_tensorrt() -> None:
    core = " ".join(PROJECT["project"]["dependencies"])
    assert not re.search(r"torch|tensorrt|cuda", core)


def test_every_direct_dependency_is_pinned_for_development() -> None:
    pins = {
        re.split(r"==", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *extras["train"], *extras["dev"]]
    names = {
        re.split(r"[<>=~!\[; ]", line)[0].lower().replace("_", "-") for line in wanted if "python_version" not in line
    }
    assert names - pins == set()


def test_both_opencv_distributions_are_of_one_version() -> None:
    text = (ROOT / "constraints.txt").read_text()
    versions = set(re.findall(r"^opencv(?:-contrib)?-python==(\S+)$", text, flags=re.MULTILINE))
    assert len(versions) == 1


def test_every_package_explains_itself() -> None:
    assert [package for package in ("mer", "engines", "realtime") if not (ROOT / package / "README.md").is_file()] == []


def test_links_in_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [target for target in targets if target and not target.startswith(("http:", "https:"))]
    assert [target for target in local if not (ROOT / target).exists()] == []


def test_json_is_never_written_with_numbers_that_json_does_not_have() -> None:
    calls = {
        f"{path.relative_to(ROOT)}:{node.lineno}": any(
            keyword.arg == "allow_nan" and getattr(keyword.value, "value", True) is False for keyword in node.keywords
        )
        for package in ("mer", "engines", "realtime")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path != ROOT / "realtime" / "config.py"  # writes TOML, which has them
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("json.dump", "json.dumps")
    }
    assert [place for place, strict in calls.items() if not strict] == []


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(imports(modules(ROOT, PACKAGES))) == []


def test_no_folders_import_each_other_in_a_circle() -> None:
    files = modules(ROOT, PACKAGES)
    assert circles(rooms(imports(files), files, ROOT)) == []


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [["a", "b", "c"]]


def test_a_module_that_is_loaded_later_counts_as_imported(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('later = loaded_when_called("b:main")\n')
    (tmp_path / "b.py").write_text("import a\n")
    assert circles(imports({name: tmp_path / f"{name}.py" for name in "ab"})) == [["a", "b"]]


def code() -> list[Path]:
    return [path for folder in (*PACKAGES, "tests", "examples") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_files_can_be_read_in_one_go() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in code()}
    assert [str(path) for path, length in lengths.items() if length > MAX_LINES] == []


def test_functions_fit_on_a_screen() -> None:
    functions = [
        (path, node)
        for path in code()
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    lengths = {f"{path}: {node.name}": (node.end_lineno or 0) - node.lineno + 1 for path, node in functions}
    assert [name for name, length in lengths.items() if length > MAX_FUNCTION_LINES] == []
