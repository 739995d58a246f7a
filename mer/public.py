"""How a package offers its public names without loading what they need before they are used."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def loaded_when_used(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package (PEP 562).

    Args:
        package: Its name.
        names: Public names, each with the module that defines it.
    """

    def attribute(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(names[name]), name)

    return attribute
