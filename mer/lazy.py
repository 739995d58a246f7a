"""How packages and registries name what they offer without loading it before it is used."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def load(implementation: str) -> Any:
    """Import and return what "module:name" names."""
    module, _, name = implementation.partition(":")
    return getattr(importlib.import_module(module), name)


def loaded_when_called(implementation: str, **options: Any) -> Callable[..., Any]:
    """Return a function that stands for another one, whose module is imported on the first call.

    Args:
        implementation: "module:name" of the function.
        options: Keyword arguments that it is always called with.
    """

    def call(*args: Any, **more: Any) -> Any:
        return load(implementation)(*args, **options, **more)

    return call


def loaded_when_used(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package (PEP 562).

    Args:
        package: Its name.
        names: Public names, each with the module that defines it.
    """

    def attribute(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return load(f"{names[name]}:{name}")

    return attribute
