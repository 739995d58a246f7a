"""Which modules of the packages import each other in a circle, and which rooms.

A room is a folder, or a module that lies beside the folders of its package.
"""

import ast
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

Graph = Mapping[str, set[str]]


@functools.cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file, read once."""
    return ast.parse(path.read_text(encoding="utf-8"))


def modules(root: Path, packages: Iterable[str]) -> dict[str, Path]:
    """Return the names of all modules of some packages, and their files."""
    found = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports(files: Mapping[str, Path]) -> Graph:
    """Return which of the modules each imports, wherever in it, or names as "module:name" to load it later."""
    return {name: _imported(path, files) - {name} for name, path in files.items()}


def rooms(graph: Graph, files: Mapping[str, Path], root: Path) -> Graph:
    """Return which rooms import which."""

    def room(name: str) -> str:
        folder = files[name].parent.relative_to(root)
        return str(folder) if len(folder.parts) > 1 else name

    found: dict[str, set[str]] = {}
    for name, others in graph.items():
        found.setdefault(room(name), set()).update(room(other) for other in others)
    return {name: others - {name} for name, others in found.items()}


def circles(graph: Graph) -> list[list[str]]:
    """Return the sets of nodes of which each can be reached from each, with two or more (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            part = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(part) > 1:
                found.append(sorted(part))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def _imported(path: Path, known: Mapping[str, Path]) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names |= {name if name in known else node.module for name in whole}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            module, colon, _ = node.value.partition(":")
            names |= {module} if colon else set()
    return names & known.keys()
